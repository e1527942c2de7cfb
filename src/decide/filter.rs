//! Noise or work, and in which lane.

use crate::domain::Lane;

use super::pattern::Selector;

/// One rule; the first that fits decides.
#[derive(Debug)]
pub struct Rule<C> {
    pub selector: Selector,
    /// A further condition on the event, in whatever form the caller evaluates.
    pub condition: Option<C>,
    pub fate: Fate,
}

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Take(Lane),
    /// Answered 200 and dropped, with the reason told and counted.
    Ignore {
        reason: String,
    },
}

/// The fate of an event of `event_type` from `source`. `holds` evaluates a condition; its error ends the search, and
/// the caller keeps the event: a signed event is never thrown away because a condition is wrong.
///
/// # Errors
/// What `holds` failed with.
pub fn fate<'r, C, E>(
    rules: &'r [Rule<C>],
    otherwise: &'r Fate,
    source: &str,
    event_type: &str,
    mut holds: impl FnMut(&C) -> Result<bool, E>,
) -> Result<&'r Fate, E> {
    for rule in rules {
        if !rule.selector.selects(source, event_type) {
            continue;
        }
        let fits = match &rule.condition {
            Some(condition) => holds(condition)?,
            None => true,
        };
        if fits {
            return Ok(&rule.fate);
        }
    }
    Ok(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::pattern::TypePattern;

    fn rule(types: &str, condition: Option<bool>, fate: Fate) -> Rule<bool> {
        Rule {
            selector: Selector { types: vec![TypePattern::new(types)], sources: Vec::new() },
            condition,
            fate,
        }
    }

    #[test]
    fn the_first_fitting_rule_decides() {
        let rules = [
            rule("a.*", Some(false), Fate::Take(Lane::Critical)),
            rule("a.b", None, Fate::Take(Lane::Normal)),
            rule("*", Some(true), Fate::Take(Lane::Bulk)),
        ];
        let otherwise = Fate::Ignore { reason: "no rule".to_owned() };
        let fate_of = |t: &str| fate::<_, ()>(&rules, &otherwise, "s", t, |c| Ok(*c)).cloned();
        assert_eq!(fate_of("a.b"), Ok(Fate::Take(Lane::Normal)));
        assert_eq!(fate_of("a.c"), Ok(Fate::Take(Lane::Bulk)));
        assert_eq!(fate(&rules[..2], &otherwise, "s", "a.c", |c| Ok::<_, ()>(*c)), Ok(&otherwise));
        assert_eq!(fate(&rules, &otherwise, "s", "a.b", |_| Err("broken")), Err("broken"));
    }
}
