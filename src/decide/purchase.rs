//! Whether a paid question may be asked, given what the record says of it.

use crate::domain::{Answer, Purchase, PurchaseState};

/// Times one question may be begun without an answer on record: the first, and one more.
pub const MAYBE_BILLED_MAX: usize = 2;

/// What to do about a question.
#[derive(Debug, PartialEq)]
pub enum Buy<'a> {
    /// Record it as begun, then ask.
    Ask,
    /// It was answered: read that.
    Reuse(&'a Purchase),
    /// It may have been paid for as often as allowed: do not ask again.
    Refuse,
}

/// `record` holds the job's purchases so far; `digest` names the question put to `judge`.
pub fn buy<'a>(record: &'a [Purchase], judge: &str, digest: &str) -> Buy<'a> {
    let same = || record.iter().filter(|p| &*p.judge == judge && p.digest == digest);
    if let Some(bought) = same().find(|p| p.state == PurchaseState::Answered) {
        return Buy::Reuse(bought);
    }
    let unanswered = same().filter(|p| p.state == PurchaseState::MaybeBilled).count();
    if unanswered >= MAYBE_BILLED_MAX { Buy::Refuse } else { Buy::Ask }
}

/// The answer on record to the question that `digest` names, if there is one.
pub fn answer<'a>(record: &'a [Purchase], judge: &str, digest: &str) -> Option<&'a Answer> {
    match buy(record, judge, digest) {
        Buy::Reuse(bought) => bought.answer.as_ref(),
        Buy::Ask | Buy::Refuse => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn purchase(digest: &str, state: PurchaseState) -> Purchase {
        Purchase {
            judge: "j".into(),
            digest: digest.to_owned(),
            begun_at: Timestamp::default(),
            state,
            cost: crate::domain::Money::default(),
            answer: None,
        }
    }

    #[test]
    fn an_answer_is_never_bought_twice_and_a_doubtful_one_at_most_once_more() {
        let [answered, doubtful, unbilled] =
            [PurchaseState::Answered, PurchaseState::MaybeBilled, PurchaseState::NotBilled]
                .map(|s| purchase("d", s));
        assert_eq!(buy(&[], "j", "d"), Buy::Ask);
        assert_eq!(buy(&[purchase("other", PurchaseState::Answered)], "j", "d"), Buy::Ask);
        assert_eq!(buy(&[doubtful.clone(), answered.clone()], "j", "d"), Buy::Reuse(&answered));
        assert_eq!(buy(std::slice::from_ref(&answered), "other judge", "d"), Buy::Ask);
        assert_eq!(buy(std::slice::from_ref(&doubtful), "j", "d"), Buy::Ask);
        assert_eq!(buy(&[unbilled.clone(), unbilled.clone(), doubtful.clone()], "j", "d"), Buy::Ask);
        assert_eq!(buy(&[doubtful.clone(), doubtful], "j", "d"), Buy::Refuse);
    }
}
