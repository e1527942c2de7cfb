//! Whether an object has a key twice, at little cost for small objects and no great cost for hostile ones.

use std::borrow::Cow;

/// Up to so many keys each new one is compared with all before it; beyond, they are sorted once at the
/// object's end. Senders' objects are mostly smaller. Sorting keeps a million keys at n log n, and unlike a
/// hash set needs no random seed to be safe from chosen keys.
const COMPARED_MAX: usize = 32;

/// The keys of the objects now open, outermost first: one allocation for a whole document.
#[derive(Default)]
pub(super) struct Keys<'b>(Vec<Cow<'b, str>>);

impl<'b> Keys<'b> {
    /// Where the keys of an object that opens now will begin.
    pub(super) fn open(&self) -> usize {
        self.0.len()
    }

    /// Notes a key of the innermost object; hands it back if it is seen to be there already.
    pub(super) fn add(&mut self, start: usize, key: Cow<'b, str>) -> Result<(), Cow<'b, str>> {
        let before = self.0.get(start..).unwrap_or_default();
        if before.len() < COMPARED_MAX && before.contains(&key) {
            return Err(key);
        }
        self.0.push(key);
        Ok(())
    }

    /// Forgets the keys of the innermost object; hands back one that was there twice and not yet seen to be.
    pub(super) fn close(&mut self, start: usize) -> Result<(), Cow<'b, str>> {
        let keys = self.0.get_mut(start..).unwrap_or_default();
        if keys.len() > COMPARED_MAX {
            keys.sort_unstable();
            let twice = keys.windows(2).find_map(|pair| match pair {
                [one, next] if one == next => Some(one.clone()),
                _ => None,
            });
            if let Some(key) = twice {
                return Err(key);
            }
        }
        self.0.truncate(start);
        Ok(())
    }
}
