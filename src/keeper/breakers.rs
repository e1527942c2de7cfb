//! Alarms about destinations and judges that are left alone because they fail.
//!
//! Workers tell a breaker how a call went; what became of it is read here, from where it stands. So a worker waits for no
//! alarm, and a breaker that flaps is one alarm that counts.

use std::time::Duration;

use crate::{
    decide::breaker::{Course, News, Shown, Told},
    domain::Name,
    store::StoreError,
};

use super::{
    Keeper,
    alarm::{Alarm, Guarded},
};

impl Keeper {
    /// Tells of each breaker that opened or closed.
    pub(super) async fn look_at_breakers(&self) -> Result<(), StoreError> {
        let engine = self.engine();
        let destinations =
            engine.breaker_courses().map(|(name, course)| (Guarded::Destination, name, course));
        let judges = engine.judge_breaker_courses().map(|(name, course)| (Guarded::Judge, name, course));
        for (of, name, course) in destinations.chain(judges) {
            self.look_at_breaker(of, name, course).await?;
        }
        Ok(())
    }

    async fn look_at_breaker(&self, of: Guarded, name: &Name, course: Course) -> Result<(), StoreError> {
        let now = self.clock.now();
        let every = Duration::from_millis(self.engine().settings.alerts.every_ms);
        let cursor = format!("alerts/breaker/{}/{name}", of.as_str());
        let stands = self.store.cursor(&cursor).await?;
        let told: Told = stands.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
        let Some((news, after)) = course.news(told, self.started, now, every) else { return Ok(()) };
        let name = Name::clone(name);
        let alarm = match news {
            News::Opened { openings } => {
                let until = self.open_for(of, &name).map(|left| now.plus(left));
                Alarm::BreakerOpened { of, name, reason: course.reason, until, openings }
            }
            News::Closed => Alarm::BreakerClosed { of, name },
        };
        // A crash between the alarm and the cursor gives the same one again, and the store knows it. Where nothing was
        // told yet, each run of the service begins anew.
        let before = stands.clone().unwrap_or_else(|| self.started.as_millis().to_string());
        self.give(&alarm, &format!("{cursor}/{before}"), now).await?;
        self.store.move_cursor(&cursor, stands.as_deref(), &after.to_string()).await
    }

    /// How much longer nothing is sent there.
    fn open_for(&self, of: Guarded, name: &str) -> Option<Duration> {
        let (engine, elapsed) = (self.engine(), self.clock.monotonic());
        let shown = match of {
            Guarded::Destination => engine.breakers(elapsed),
            Guarded::Judge => engine.judge_breakers(elapsed),
        };
        match shown.get(name)? {
            Shown::Open { left_ms, .. } => Some(Duration::from_millis(*left_ms)),
            Shown::Closed { .. } | Shown::HalfOpen { .. } => None,
        }
    }
}
