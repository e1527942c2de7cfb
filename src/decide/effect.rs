//! What an attempt whose outcome is unknown means for the next one.

use std::time::Duration;

use crate::domain::{EffectClass, Timestamp};

/// How to go on after an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterUnknown {
    /// Send the same bytes and key again.
    SendAgain,
    /// Look for our marker first.
    LookFirst,
    /// A person decides.
    Ask,
}

/// `begun_at` is when the first attempt began; `retry_anyway` is the user's `on_unknown = "retry"`.
pub fn after_unknown(
    class: EffectClass,
    begun_at: Timestamp,
    now: Timestamp,
    retry_anyway: bool,
) -> AfterUnknown {
    match class {
        EffectClass::Natural => AfterUnknown::SendAgain,
        EffectClass::Marked => AfterUnknown::LookFirst,
        EffectClass::Keyed { life_ms } if now.since(begun_at) < Duration::from_millis(life_ms) => {
            AfterUnknown::SendAgain
        }
        EffectClass::Keyed { .. } | EffectClass::Bare if retry_anyway => AfterUnknown::SendAgain,
        EffectClass::Keyed { .. } | EffectClass::Bare => AfterUnknown::Ask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_goes_on_in_its_own_way() {
        let begun = Timestamp::from_millis(0);
        let keyed = EffectClass::Keyed { life_ms: 1_000 };
        for (class, now_ms, anyway, want) in [
            (EffectClass::Natural, 9_999, false, AfterUnknown::SendAgain),
            (EffectClass::Marked, 9_999, false, AfterUnknown::LookFirst),
            (keyed, 999, false, AfterUnknown::SendAgain),
            (keyed, 1_000, false, AfterUnknown::Ask),
            (keyed, 1_000, true, AfterUnknown::SendAgain),
            (EffectClass::Bare, 0, false, AfterUnknown::Ask),
            (EffectClass::Bare, 0, true, AfterUnknown::SendAgain),
        ] {
            assert_eq!(
                after_unknown(class, begun, Timestamp::from_millis(now_ms), anyway),
                want,
                "{class:?} {now_ms}"
            );
        }
    }
}
