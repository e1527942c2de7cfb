//! Whether there is room for more: measured now and then, asked for every delivery.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::decide::room::Full;

/// Shared by who measures and who asks; to ask costs one load from memory.
#[derive(Debug, Default)]
pub struct Pressure(AtomicU8);

impl Pressure {
    /// What there is too much of; `None` while there is room.
    pub fn get(&self) -> Option<Full> {
        let at = usize::from(self.0.load(Ordering::Relaxed)).checked_sub(1)?;
        Full::ALL.get(at).copied()
    }

    pub fn set(&self, full: Option<Full>) {
        let at = full.and_then(|full| Full::ALL.iter().position(|one| *one == full));
        let stored = at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or_default();
        self.0.store(stored, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_measured_last() {
        let pressure = Pressure::default();
        assert_eq!(pressure.get(), None);
        for full in Full::ALL.iter().copied().map(Some).chain([None]) {
            pressure.set(full);
            assert_eq!(pressure.get(), full);
        }
    }
}
