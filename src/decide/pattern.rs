//! Which events a filter rule or route speaks of.

use crate::domain::OWN_SOURCE;

/// Matches event types: exactly, or by a prefix where it ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    Exact(String),
    Prefix(String),
}

impl TypePattern {
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => TypePattern::Prefix(prefix.to_owned()),
            None => TypePattern::Exact(text.to_owned()),
        }
    }

    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            TypePattern::Exact(exact) => exact == event_type,
            TypePattern::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
        }
    }
}

/// Sources and types together: what can be told without reading the body.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    pub types: Vec<TypePattern>,
    /// Empty stands for every sender. The service's own events are nobody's delivery: they must be asked for by name.
    pub sources: Vec<String>,
}

impl Selector {
    pub fn selects(&self, source: &str, event_type: &str) -> bool {
        let named = self.sources.iter().any(|s| s == source);
        (named || self.sources.is_empty() && source != OWN_SOURCE)
            && self.types.iter().any(|t| t.matches(event_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_by_source_and_type() {
        let selector = Selector {
            types: vec![TypePattern::new("invoice.paid"), TypePattern::new("customer.*")],
            sources: vec!["stripe".to_owned()],
        };
        for (source, event_type, want) in [
            ("stripe", "invoice.paid", true),
            ("stripe", "invoice.paid.late", false),
            ("stripe", "customer.deleted", true),
            ("stripe", "customers", false),
            ("github", "invoice.paid", false),
        ] {
            assert_eq!(selector.selects(source, event_type), want, "{source} {event_type}");
        }
    }

    #[test]
    fn the_services_own_events_go_only_where_they_are_asked_for() {
        let any = |sources: &[&str]| Selector {
            types: vec![TypePattern::new("*")],
            sources: sources.iter().map(|s| (*s).to_owned()).collect(),
        };
        for (sources, own, stripe) in
            [(&[][..], false, true), (&["stripe"], false, true), (&["hookyard"], true, false)]
        {
            let selector = any(sources);
            assert_eq!(selector.selects(OWN_SOURCE, "hookyard.dead_letters"), own, "{sources:?}");
            assert_eq!(selector.selects("stripe", "invoice.paid"), stripe, "{sources:?}");
        }
    }
}
