//! The scripts that run on the servers, and their answers.

use redis::{Script, Value};

use crate::store::StoreError;

use super::link::text;

/// A script with its text: the client's own keeps it to itself.
pub(super) struct Code {
    pub script: Script,
    pub text: &'static str,
    /// It changes nothing, and may run twice.
    pub reads: bool,
}

macro_rules! scripts {
    (
        takes_in { $($name:ident = $file:literal;)+ }
        works { $($other:ident = $other_file:literal;)+ }
        reads { $($read:ident = $read_file:literal;)+ }
    ) => {
        /// Every script, each with what all share put before it. Where there is no memory left nothing is taken in; what was
        /// goes on, since only that makes room.
        pub(super) struct Scripts { $(pub $name: Code,)+ $(pub $other: Code,)+ $(pub $read: Code,)+ }

        impl Scripts {
            pub fn new() -> Self {
                Scripts {
                    $($name: Code::writes(concat!(include_str!("scripts/lib.lua"), include_str!($file))),)+
                    $($other: Code::writes(concat!(
                        "#!lua flags=allow-oom\n", include_str!("scripts/lib.lua"), include_str!($other_file)
                    )),)+
                    $($read: Code::reads(concat!(
                        "#!lua flags=no-writes\n", include_str!("scripts/lib.lua"), include_str!($read_file)
                    )),)+
                }
            }
        }
    };
}

impl Code {
    fn writes(text: &'static str) -> Self {
        Code { script: Script::new(text), text, reads: false }
    }

    fn reads(text: &'static str) -> Self {
        Code { reads: true, ..Code::writes(text) }
    }
}

scripts! {
    takes_in {
        accept = "scripts/accept.lua";
        import = "scripts/import.lua";
        reserve = "scripts/reserve.lua";
    }
    works {
        bury = "scripts/bury.lua";
        claim = "scripts/claim.lua";
        commit = "scripts/commit.lua";
        cursor = "scripts/cursor.lua";
        extend = "scripts/extend.lua";
        held = "scripts/held.lua";
        line = "scripts/line.lua";
        meter = "scripts/meter.lua";
        migration = "scripts/migration.lua";
        newest = "scripts/newest.lua";
        pause = "scripts/pause.lua";
        permit = "scripts/permit.lua";
        pulse = "scripts/pulse.lua";
        rate = "scripts/rate.lua";
        remember = "scripts/remember.lua";
        spent = "scripts/spent.lua";
        turn = "scripts/turn.lua";
    }
    reads {
        depths = "scripts/depths.lua";
    }
}

/// What a script answered.
pub(super) struct Reply {
    pub word: String,
    pub rest: Vec<Value>,
}

/// What a script tells first: the time, and how much is here.
pub(super) const DONE_WORDS: usize = 4;

impl Reply {
    pub fn read(value: Value) -> Result<Self, StoreError> {
        let mut rest: Vec<Value> =
            redis::from_redis_value(value).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if rest.is_empty() {
            return Err(StoreError::Unavailable("a script said nothing".to_owned()));
        }
        let word = text(&rest.remove(0))?;
        Ok(Reply { word, rest })
    }
}
