//! `config/routes.toml`: which events go where, and what is done about them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::RetryTable;

/// `config/routes.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutesFile {
    /// `[route.NAME]`: every route that fits an event gets a job of its own.
    pub route: IndexMap<String, RouteTable>,
    /// `[[example]]`: an event, and what is expected of it; run by `hookyard check`.
    pub example: Vec<ExampleTable>,
}

/// One route.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// Event types; `*` at the end stands for anything.
    pub types: Vec<String>,
    /// Only from these sources; from every sender if left out. The service's own events (`hookyard.dead_letters` and the
    /// like) come from `hookyard` and go only to routes that name it here.
    #[serde(default)]
    pub sources: Vec<String>,
    /// A further condition on the event.
    pub when: Option<String>,
    /// The `[classifier.NAME]` that reads the event; without one the actions follow directly.
    pub classifier: Option<String>,
    /// `[[route.NAME.action]]`: what is done, each action as a job of its own.
    #[serde(default)]
    pub action: Vec<RouteActionTable>,
    /// The `[action.NAME]` to perform when the route's own job dies.
    pub on_dead: Option<String>,
    /// How attempts at its own job are repeated, where that is not as for the workers in general.
    #[serde(default)]
    pub retry: RetryTable,
    /// Jobs of this route under way at one time, its actions aside; without it only the workers' number limits them.
    pub concurrency: Option<u32>,
    /// A template over the event: events with the same outcome are worked on one at a time, actions included, in the
    /// order they were accepted.
    pub order_by: Option<String>,
    /// What an event that is parked, waits for a person or is dead does to those behind it in its line.
    #[serde(default)]
    pub on_stuck: OnStuckChoice,
    /// A template over the event: of the waiting events with the same outcome only the newest is worked on.
    pub coalesce_by: Option<String>,
    /// Time in ms for which the first of them waits for newer ones.
    #[serde(default)]
    pub coalesce_ms: u64,
}

/// What a stuck event does to those behind it in its line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStuckChoice {
    /// They wait until it ends, if need be by a person's hand.
    #[default]
    Block,
    /// They pass it by.
    Skip,
}

/// One action of a route.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteActionTable {
    /// Its id within the route; later actions see its receipt as `receipts.ID`.
    pub id: String,
    /// The `[action.NAME]` to perform.
    #[serde(rename = "use")]
    pub uses: String,
    /// A condition on event and verdict; the action is planned where it holds.
    pub when: Option<String>,
    /// Ids of actions of this route that must be done first.
    #[serde(default)]
    pub after: Vec<String>,
    /// Time in ms to wait before it is done.
    #[serde(default)]
    pub delay_ms: u64,
    /// The `[action.NAME]` to perform when this one dies.
    pub on_dead: Option<String>,
}

/// An event in, and the routes and actions expected of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleTable {
    pub name: String,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's body.
    #[serde(default)]
    pub body: Value,
    /// The label to assume for routes with a classifier; without it the offline judges decide.
    pub verdict: Option<String>,
    /// Expected lane, or `ignore`.
    pub lane: Option<String>,
    /// Exactly the routes that fit, each with exactly the actions planned.
    #[serde(default)]
    pub expect: Vec<ExpectedRoute>,
}

/// One expected route of an example.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRoute {
    pub route: String,
    /// Ids of the actions planned, in the route's order.
    #[serde(default)]
    pub actions: Vec<String>,
}
