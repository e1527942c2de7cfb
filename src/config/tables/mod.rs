//! The raw tables of the configuration files, one file per concern. Unknown fields are refused everywhere.
//!
//! These types say what a user may write and what it means when left out; what it compiles to is
//! [`crate::engine`]'s business. Their doc comments become the JSON Schema that editors show.

mod actions;
mod classifiers;
mod filter;
mod judges;
mod models;
mod patience;
mod routes;
mod settings;
mod sources;

pub use actions::{ActionTable, ActionsFile, AskedMode, DestinationTable, OnUnknown};
pub use classifiers::{
    ClassifierTable, ClassifiersFile, GateTable, RuleTable, RungTable, SHADOW, SenderBudgetTable,
    SensitiveKind, VariantTable,
};
pub use filter::{FilterFile, FilterRule, Otherwise};
pub use judges::{Api, BudgetTable, JudgeKind, JudgeTable, JudgesFile};
pub use models::{CacheKind, Effort, LongPriceTable, ModelTable, ModelsFile, OutputLimit, PriceTable};
pub use patience::{BreakerTable, RetryTable};
pub use routes::{ExampleTable, ExpectedRoute, OnStuckChoice, RouteActionTable, RouteTable, RoutesFile};
pub use settings::{
    AlertsTable, RedisTable, RetentionTable, ServerTable, SettingsFile, StoreTable, WorkerTable,
};
pub use sources::{LimitTable, SameBody, SourceRetention, SourceTable, SourcesFile, WhenUnset};
