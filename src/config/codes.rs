//! The stable code of every problem a configuration can have. A code never changes its meaning and is never
//! used again for another.
//!
//! 00xx files and TOML · 01xx settings and sources · 02xx routes and filter · 03xx classifiers, judges, prompts
//! and schemas · 04xx actions and destinations · 05xx eval cases and suites. To add one, add a line below.

/// Declares each code as a documented constant and lists them all in [`ALL`].
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code with its meaning, ascending.
        pub const ALL: &[(&str, &str)] = &[$(($code, concat!($($doc),+))),+];
    };
}

codes! {
    /// A file or folder could not be read.
    UNREADABLE = "HY0001";
    /// A file's text or path is not UTF-8.
    NOT_UTF8 = "HY0002";
    /// A file is too large, or there are too many.
    TOO_LARGE = "HY0003";
    /// A file is not TOML. Nothing else of that file is looked at.
    SYNTAX = "HY0004";
    /// A file in `config/` that nothing reads.
    UNKNOWN_FILE = "HY0005";
    /// A table or field that does not exist.
    UNKNOWN_FIELD = "HY0006";
    /// A field that must be there is not.
    MISSING_FIELD = "HY0007";
    /// A value of the wrong type.
    WRONG_TYPE = "HY0008";
    /// A value that is none of those allowed.
    WRONG_VALUE = "HY0009";
    /// A number outside of its bounds, or a list too long.
    OUT_OF_BOUNDS = "HY0010";
    /// A name that is not `[a-z0-9][a-z0-9_-]{0,63}`.
    BAD_NAME = "HY0011";
    /// A text or list that must not be empty is.
    EMPTY = "HY0012";

    /// A secret written into a file instead of a reference to it.
    LITERAL_SECRET = "HY0101";
    /// A reference that is neither `${NAME}` nor `file:PATH`, or a `${…}` that does not close.
    BAD_REFERENCE = "HY0102";
    /// A listen address that is not IP:PORT, or is used twice.
    BAD_ADDRESS = "HY0103";
    /// The admin listener can be reached from other machines and demands no token.
    ADMIN_OPEN = "HY0104";
    /// A source's scheme that does not exist.
    BAD_SCHEME = "HY0105";

    /// A variable or file that is referred to is not there.
    UNSET = "HY0106";
    /// A signing secret that cannot be used as a key.
    BAD_KEY = "HY0107";
    /// A proxy that is neither an IP address nor a network of them.
    BAD_NETWORK = "HY0108";

    /// A lane that does not exist.
    BAD_LANE = "HY0201";
    /// An event type with `*` elsewhere than at its end, or with white space.
    BAD_TYPE = "HY0202";

    /// A name that nothing has.
    UNKNOWN_NAME = "HY0203";
    /// A condition that does not parse.
    BAD_CONDITION = "HY0204";
    /// Two rows, or two actions of one route, with the same id.
    DUPLICATE_ID = "HY0205";
    /// Actions that wait for each other.
    CYCLE = "HY0206";
    /// An example that did not come out as expected.
    BAD_EXAMPLE = "HY0207";
    /// A type that a route waits for and the filter drops: a warning.
    UNREACHED = "HY0208";

    /// A judge with the name of one that is built in.
    BUILT_IN_JUDGE = "HY0301";
    /// Two of a classifier's label, confidence and reason are the same field.
    SAME_FIELD = "HY0302";

    /// A prompt that is missing, does not parse, or does not render.
    BAD_PROMPT = "HY0303";
    /// A schema that is missing or cannot be used.
    BAD_SCHEMA = "HY0304";
    /// A judge that cannot be set up.
    BAD_JUDGE = "HY0305";
    /// What rules or fill give would not satisfy the schema.
    BAD_FILL = "HY0306";
    /// A budget that cannot pay for one question of the largest size: a warning.
    UNAFFORDABLE = "HY0307";
    /// Prompts that there was no event of some source or type to try on: a warning.
    UNTRIED = "HY0308";
    /// A gate on what a mail server found, where no source names that server: a warning.
    UNHEARD = "HY0309";
    /// A judge that works, though perhaps not as meant: a warning.
    DOUBTFUL_JUDGE = "HY0310";
    /// A classifier that asks a paid language model and bounds no sender's share of its budget: a warning.
    NO_SENDER_BUDGET = "HY0311";

    /// The parameters of an action are not what its kind wants.
    BAD_PARAMETERS = "HY0401";

    /// A destination that cannot be used, or not for this kind of action.
    BAD_DESTINATION = "HY0402";

    /// A labelled case that is not one JSON object with the right fields.
    BAD_CASE = "HY0501";
    /// Two cases with one id.
    DUPLICATE_CASE = "HY0502";
    /// The same body in two cases: a warning, or an error where the labels differ.
    SAME_BODY = "HY0503";
    /// There are no cases, or none in a split that needs some.
    NO_CASES = "HY0504";
    /// A suite measures the cases that `local` was trained on.
    TRAIN_MEASURED = "HY0505";
    /// A recorded answer that cannot be read, or none where there should be some.
    BAD_RECORDING = "HY0506";
    /// A `baseline.json` that is none.
    BAD_BASELINE = "HY0507";
    /// A `calibration.json` that is none.
    BAD_CALIBRATION = "HY0508";
    /// A test case that is not as it was locked.
    UNLOCKED = "HY0509";
    /// Cases of two splits that are nearly the same.
    NEAR_DUPLICATE = "HY0510";
    /// A suite that misses a gate, or cannot be measured.
    SUITE_MISSED = "HY0511";
    /// A suite that speaks of something that does not exist.
    BAD_SUITE = "HY0512";
    /// Prompts are not those of a suite's baseline, and none of the judges measured reads prompts.
    PROMPTS_UNREAD = "HY0513";
    /// A cluster with cases in two splits: a warning.
    TORN_CLUSTER = "HY0514";
    /// A judge has changed since its confidence was measured: a warning.
    OUTDATED_CALIBRATION = "HY0515";
}

/// What a code means, for `hookyard check` and the docs.
pub fn meaning(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == code).map(|(_, meaning)| meaning.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_unique_ascending_and_explained() {
        assert!(ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, _) in ALL {
            assert!(code.len() == 6 && code.starts_with("HY"), "{code}");
            assert!(meaning(code).is_some_and(|meaning| meaning.ends_with('.')), "{code}");
        }
        assert_eq!(meaning(UNREADABLE), Some("A file or folder could not be read."));
    }
}
