//! Alarms about destinations and judges that are left alone because they fail.
//!
//! Workers tell a breaker how a call went; what became of it in all processes is read here, from the record that they
//! share. So a worker waits for no alarm, a breaker that flaps is one alarm that counts, and an outage that several
//! processes meet is one.

use std::time::Duration;

use crate::{
    decide::breaker::{Course, News, Shared, Told},
    domain::{Name, Timestamp},
    store::StoreError,
};

use super::{
    Keeper,
    alarm::{Alarm, Guarded},
    hints::record_of,
};

impl Keeper {
    /// Tells of each breaker that opened or closed.
    pub(super) async fn look_at_breakers(&self) -> Result<(), StoreError> {
        let mut records = self.tell_of_breakers().await?;
        for (of, name, own) in self.own_breakers() {
            let record = records.remove(&record_of(of, &name));
            let course = record.as_ref().map_or(&own.course, Shared::course);
            self.look_at_breaker(of, name, course, record.as_ref()).await?;
        }
        Ok(())
    }

    async fn look_at_breaker(
        &self,
        of: Guarded,
        name: Name,
        course: &Course,
        record: Option<&Shared>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let every = Duration::from_millis(self.engine().settings.alerts.every_ms);
        let cursor = format!("alerts/breaker/{}/{name}", of.as_str());
        let stands = self.store.cursor(&cursor).await?;
        let told: Told = stands.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
        // The record outlives the service, so its count goes on.
        let since = if record.is_some() { Timestamp::default() } else { self.started };
        let Some((news, after)) = course.news(told, since, now, every) else { return Ok(()) };
        let alarm = match news {
            News::Opened { openings } => {
                let here = self.store.now().await?;
                let until = record.and_then(|record| record.left(here)).map(|left| now.plus(left));
                Alarm::BreakerOpened { of, name, reason: course.reason.clone(), until, openings }
            }
            News::Closed => Alarm::BreakerClosed { of, name },
        };
        // A crash between the alarm and the cursor gives the same one again, and the store knows it.
        let before = stands.as_deref().unwrap_or("never");
        self.give(&alarm, &format!("{cursor}/{before}"), now).await?;
        self.store.move_cursor(&cursor, stands.as_deref(), &after.to_string()).await
    }
}
