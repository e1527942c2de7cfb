//! Nobody else draws on this store's rates: they are kept in memory.

pub(super) use crate::store::rates::Rates;
