//! Whether there is room: measured every second, and told once each time there is none any more.

use std::time::Duration;

use crate::{
    decide::room::{Full, Room},
    host,
    store::StoreError,
};

use super::{Keeper, alarm::Alarm, report};

/// Time between two measurements. What can come within it must fit into what is kept free.
const EVERY: Duration = Duration::from_secs(1);

/// Where it stands what was told, as `WORD/MS`.
const CURSOR: &str = "alerts/pressure";

/// The word for room enough.
const ROOM: &str = "room";

impl Keeper {
    /// Measures the room and tells whoever asks [`crate::host::Pressure`].
    pub async fn measure(&self) -> Room {
        let engine = self.engine();
        let bounds = &engine.settings.store;
        let dir = engine.data_dir.clone();
        let free = if bounds.disk_free_bytes_min == 0 {
            None
        } else {
            match tokio::task::spawn_blocking(move || host::free_bytes(&dir)).await {
                Ok(Ok(free)) => Some(free),
                Ok(Err(error)) => {
                    tracing::error!(%error, "it cannot be told how much of the disk is free");
                    None
                }
                // Only while the program ends.
                Err(_) => None,
            }
        };
        let room = Room {
            free,
            free_min: bounds.disk_free_bytes_min,
            kept: self.store.load().payload_bytes,
            kept_max: bounds.payload_bytes_max,
        };
        self.pressure.set(room.full(self.pressure.get()));
        if let Some(free) = free {
            self.metrics.disk_free(free);
        }
        room
    }

    pub(super) async fn watch_the_room(&self) {
        let mut told = None;
        while !self.tasks.is_stopping() {
            let began = self.clock.monotonic();
            let room = self.measure().await;
            let full = self.pressure.get();
            if told != Some(full) {
                let done = self.tell_of_room(room).await;
                told = done.is_ok().then_some(full);
                report("room", done);
            }
            self.rest_since(began, EVERY).await;
        }
    }

    /// Tells that there is no room, unless that was told; writes down when there is some again.
    ///
    /// # Errors
    /// The store does not answer; then it is not known to have been told.
    pub async fn tell_of_room(&self, room: Room) -> Result<(), StoreError> {
        let (full, now) = (self.pressure.get(), self.clock.now());
        let stands = self.store.cursor(CURSOR).await?;
        let word = full.map_or(ROOM, Full::as_str);
        let told = stands.as_deref().and_then(|text| text.split('/').next()).unwrap_or(ROOM);
        if told == word {
            return Ok(());
        }
        match full {
            Some(full) => {
                let occurrence = format!("room/{word}/{}", stands.as_deref().unwrap_or_default());
                self.give(&Alarm::StorePressure { full, room }, &occurrence, now).await?;
            }
            None => tracing::info!("there is room again: deliveries are taken in"),
        }
        self.store.move_cursor(CURSOR, stands.as_deref(), &format!("{word}/{}", now.as_millis())).await
    }
}
