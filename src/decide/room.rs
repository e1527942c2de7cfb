//! Whether there is room for more events.

use crate::domain::words;

/// What a sender is told where too many jobs are open.
pub const JOBS_FULL: &str = "too many jobs are waiting";

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Full {
    /// Too few bytes are free on the disk of the data directory.
    Disk,
    /// Too many bytes of payload are kept.
    Bytes,
}

words!(Full { Disk = "disk", Bytes = "bytes" });

impl Full {
    /// What a sender is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Full::Disk => "too little of the disk is free",
            Full::Bytes => "too many bytes are kept",
        }
    }
}

/// What is there, and what is allowed; a bound of 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes free on the disk; `None` if that cannot be told, which closes no door.
    pub free: Option<u64>,
    pub free_min: u64,
    /// Bytes of payload kept.
    pub kept: u64,
    pub kept_max: u64,
}

impl Room {
    /// What there is too much of. What `was` full before needs a tenth more room than it takes to be full: senders are
    /// not to be let in and turned away by turns.
    pub fn full(&self, was: Option<Full>) -> Option<Full> {
        let margin = |full, bound: u64| if was == Some(full) { bound / 10 } else { 0 };
        let free_min = self.free_min.saturating_add(margin(Full::Disk, self.free_min));
        let kept_max = self.kept_max.saturating_sub(margin(Full::Bytes, self.kept_max));
        if self.free_min > 0 && self.free.is_some_and(|free| free < free_min) {
            Some(Full::Disk)
        } else if self.kept_max > 0 && self.kept >= kept_max {
            Some(Full::Bytes)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_full_needs_a_tenth_more_room() {
        let room = |free, kept| Room { free, free_min: 100, kept, kept_max: 1_000 };
        let (disk, bytes) = (Some(Full::Disk), Some(Full::Bytes));
        for (room, was, want) in [
            (room(Some(100), 999), None, None),
            (room(Some(99), 0), None, disk),
            (room(Some(109), 0), disk, disk),
            (room(Some(110), 0), disk, None),
            (room(Some(109), 0), bytes, None),
            (room(Some(500), 1_000), None, bytes),
            (room(Some(500), 901), bytes, bytes),
            (room(Some(500), 899), bytes, None),
            (room(Some(0), 2_000), None, disk),
            (room(None, 0), None, None),
            (Room { free: Some(0), kept: u64::MAX, ..Room::default() }, None, None),
        ] {
            assert_eq!(room.full(was), want, "{room:?} after {was:?}");
        }
    }
}
