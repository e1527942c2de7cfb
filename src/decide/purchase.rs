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
    /// Another job of the event has asked it and waits for the answer: wait for that too.
    Wait,
    /// It may have been paid for as often as allowed: do not ask again.
    Refuse,
}

/// `record` holds what the event's jobs bought so far, each with whether another job than the one that asks bought it and is still
/// being worked on; `digest` names the question put to `judge`.
pub fn buy<'a>(record: impl IntoIterator<Item = (&'a Purchase, bool)>, judge: &str, digest: &str) -> Buy<'a> {
    let (mut unanswered, mut is_under_way) = (0, false);
    let same = |one: &(&Purchase, bool)| &*one.0.judge == judge && one.0.digest == digest;
    for (purchase, of_another) in record.into_iter().filter(same) {
        match purchase.state {
            PurchaseState::Answered => return Buy::Reuse(purchase),
            PurchaseState::MaybeBilled if of_another => is_under_way = true,
            PurchaseState::MaybeBilled => unanswered += 1,
            PurchaseState::NotBilled => {}
        }
    }
    match (is_under_way, unanswered >= MAYBE_BILLED_MAX) {
        (true, _) => Buy::Wait,
        (false, true) => Buy::Refuse,
        (false, false) => Buy::Ask,
    }
}

/// The answer on record to the question that `digest` names, if there is one.
pub fn answer<'a>(record: &'a [Purchase], judge: &str, digest: &str) -> Option<&'a Answer> {
    match buy(alone(record), judge, digest) {
        Buy::Reuse(bought) => bought.answer.as_ref(),
        Buy::Ask | Buy::Wait | Buy::Refuse => None,
    }
}

/// A record that no job but the one that asks is adding to.
pub fn alone(record: &[Purchase]) -> impl Iterator<Item = (&Purchase, bool)> {
    record.iter().map(|purchase| (purchase, false))
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
    fn what_another_job_has_asked_is_waited_for_and_not_counted_as_lost() {
        let [answered, open] =
            [PurchaseState::Answered, PurchaseState::MaybeBilled].map(|state| purchase("d", state));
        assert_eq!(super::buy([(&open, true)], "j", "d"), Buy::Wait);
        assert_eq!(super::buy([(&open, false), (&open, true), (&open, false)], "j", "d"), Buy::Wait);
        assert_eq!(super::buy([(&open, true), (&answered, false)], "j", "d"), Buy::Reuse(&answered));
        assert_eq!(super::buy([(&answered, true)], "j", "d"), Buy::Reuse(&answered));
        assert_eq!(super::buy([(&open, true)], "j", "other"), Buy::Ask);
    }

    #[test]
    fn an_answer_is_never_bought_twice_and_a_doubtful_one_at_most_once_more() {
        let [answered, doubtful, unbilled] =
            [PurchaseState::Answered, PurchaseState::MaybeBilled, PurchaseState::NotBilled]
                .map(|s| purchase("d", s));
        assert_eq!(buy(alone(&[]), "j", "d"), Buy::Ask);
        assert_eq!(buy(alone(&[purchase("other", PurchaseState::Answered)]), "j", "d"), Buy::Ask);
        assert_eq!(buy(alone(&[doubtful.clone(), answered.clone()]), "j", "d"), Buy::Reuse(&answered));
        assert_eq!(buy(alone(std::slice::from_ref(&answered)), "other judge", "d"), Buy::Ask);
        assert_eq!(buy(alone(std::slice::from_ref(&doubtful)), "j", "d"), Buy::Ask);
        assert_eq!(buy(alone(&[unbilled.clone(), unbilled.clone(), doubtful.clone()]), "j", "d"), Buy::Ask);
        assert_eq!(buy(alone(&[doubtful.clone(), doubtful]), "j", "d"), Buy::Refuse);
    }
}
