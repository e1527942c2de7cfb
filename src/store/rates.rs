//! Rates that one process counts by itself: they are kept in memory, and are full again at the next start.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{domain::Timestamp, rate::Level};

use super::{RateDraw, RateDrawn};

/// So many are held before those that are full again are dropped, which loses nothing.
const RATES_MAX: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<String, (Level, Timestamp)>>);

impl Rates {
    /// As [`super::Store::draw_rate`].
    pub fn draw(&self, now: Timestamp, draw: &RateDraw) -> RateDrawn {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= RATES_MAX {
            rates.retain(|_, (_, full_at)| *full_at > now);
        }
        let (level, full_at) = rates.entry(draw.rate.clone()).or_default();
        if let Some(back) = draw.back {
            level.give_back(draw.pace, now, back.cells, back.drawn_at);
        }
        let (cells, wait) = level.draw(draw.pace, now, draw.cells);
        if let Some(most) = draw.leave {
            level.leave(draw.pace, now, most);
        }
        *full_at = level.full_at(draw.pace);
        RateDrawn { cells, at: now, wait }
    }
}
