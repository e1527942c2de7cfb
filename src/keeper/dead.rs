//! Alerts about dead letters: one that counts, however many there are.

use std::{collections::HashMap, time::Duration};

use crate::{
    domain::{Cause, EventState, JobState, Name, OWN_SOURCE, Timestamp},
    store::{DeadGroup, EventQuery, JobQuery, StoreError},
};

use super::{
    Keeper,
    alarm::{Alarm, DeadLetters, GROUPS_MAX, Group},
};

/// Where it stands what was told.
const CURSOR: &str = "alerts/dead letters";

/// Jobs looked at to find one of a group that goes nowhere.
const SAMPLES_MAX: u32 = 100;

/// What was told, written down as `UNTIL/ALERTED`, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// Whoever died before then was told of.
    until: Timestamp,
    /// When the last alert was given; the Unix epoch if none was.
    alerted: Timestamp,
}

/// A time within which jobs died; its end is not in it.
#[derive(Debug, Clone, Copy)]
struct Within {
    since: Timestamp,
    until: Timestamp,
}

/// What dead letters of a group have in common.
type Common = (Cause, Name, Option<Name>);

impl Told {
    fn read(text: &str) -> Option<Self> {
        let (until, alerted) = text.split_once('/')?;
        let at = |ms: &str| ms.parse().ok().map(Timestamp::from_millis);
        Some(Told { until: at(until)?, alerted: at(alerted)? })
    }

    fn text(self) -> String {
        format!("{}/{}", self.until.as_millis(), self.alerted.as_millis())
    }
}

impl Within {
    fn dead(self) -> JobQuery {
        let (since, until) = (Some(self.since), Some(self.until));
        JobQuery { state: Some(JobState::Dead), since, until, ..JobQuery::default() }
    }

    fn dead_of(self, cause: Cause, route: &Name, destination: Option<&Name>) -> JobQuery {
        JobQuery {
            cause: Some(cause),
            route: Some(route.to_string()),
            destination: destination.map(ToString::to_string),
            ..self.dead()
        }
    }
}

impl Keeper {
    /// Tells of jobs that died since the last alert, unless that was a short while ago.
    pub(super) async fn look_for_dead_letters(&self) -> Result<(), StoreError> {
        let alerts = self.engine().settings.alerts.clone();
        // The store's, as the times of the deaths are. It answers after whatever it was writing: who died before `now` is
        // there to be seen.
        let now = self.store.now().await?;
        let stands = self.store.cursor(CURSOR).await?;
        let told = stands.as_deref().and_then(Told::read).unwrap_or_default();
        if told.alerted <= now && now.since(told.alerted) < Duration::from_millis(alerts.every_ms) {
            return Ok(());
        }
        let since = if told.until <= now {
            told.until
        } else {
            // The clock went back. Rather count some twice than miss any.
            Timestamp::from_millis(now.as_millis().saturating_sub_unsigned(alerts.check_ms.saturating_mul(2)))
        };
        let within = Within { since, until: now };
        if self.store.count(within.dead()).await? == 0 {
            return Ok(());
        }
        let own = self.own_dead(within).await?;
        let own_jobs: u64 = own.values().sum();
        if own_jobs > 0 {
            tracing::error!(
                jobs = own_jobs,
                "alarms could not be told: see the dead letters of source {OWN_SOURCE}"
            );
        }
        let letters = self.dead_letters(within, &own).await?;
        let moved = if letters.new == 0 {
            Told { until: now, ..told }
        } else {
            let occurrence = format!("dead letters/{}", told.until.as_millis());
            let given = self.give(&Alarm::DeadLetters(letters), &occurrence, now).await?;
            Told { until: given, alerted: given }
        };
        self.store.move_cursor(CURSOR, stands.as_deref(), &moved.text()).await?;
        self.metrics.own_dead(own_jobs);
        Ok(())
    }

    /// Dead jobs of the service's own events: to alert of them would be another such event. Their number is small.
    async fn own_dead(&self, within: Within) -> Result<HashMap<Common, u64>, StoreError> {
        let mut own = HashMap::new();
        let query = EventQuery { source: Some(OWN_SOURCE.to_owned()), ..EventQuery::default() };
        for summary in self.store.events(query).await? {
            if !matches!(summary.state, EventState::Dead | EventState::Open) {
                continue;
            }
            let Some(timeline) = self.store.timeline(summary.event.id).await? else { continue };
            for job in timeline.jobs.into_iter().map(|entry| entry.job) {
                if let Some(cause) = job.cause
                    && job.state == JobState::Dead
                    && job.due >= within.since
                    && job.due < within.until
                {
                    *own.entry((cause, Name::clone(job.work.route()), job.destination)).or_default() += 1;
                }
            }
        }
        Ok(own)
    }

    async fn dead_letters(
        &self,
        within: Within,
        own: &HashMap<Common, u64>,
    ) -> Result<DeadLetters, StoreError> {
        let mut groups = Vec::new();
        let mut elsewhere: HashMap<(Cause, Name), u64> = HashMap::new();
        let mut known = self.store.dead_groups().await?;
        // Those that go nowhere last: a query cannot name them, so they are what is left of their route's.
        known.sort_by_key(|group| group.destination.is_none());
        for group in known.into_iter().filter(|group| group.newest >= within.since) {
            let query = within.dead_of(group.cause, &group.route, group.destination.as_ref());
            let counted = self.store.count(query).await?;
            let of_route = elsewhere.entry((group.cause, Name::clone(&group.route))).or_default();
            let died = if group.destination.is_some() {
                *of_route += counted;
                counted
            } else {
                counted.saturating_sub(*of_route)
            };
            let common = (group.cause, Name::clone(&group.route), group.destination.clone());
            let new = died.saturating_sub(own.get(&common).copied().unwrap_or_default());
            if new > 0 {
                groups.push(self.group(within, group, new).await?);
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.new));
        let new = groups.iter().map(|group| group.new).sum();
        let groups_left_out = groups.len().saturating_sub(GROUPS_MAX);
        groups.truncate(GROUPS_MAX);
        let since = (within.since > Timestamp::default()).then(|| within.since.to_string());
        Ok(DeadLetters { new, since, until: within.until.to_string(), groups, groups_left_out })
    }

    async fn group(&self, within: Within, group: DeadGroup, new: u64) -> Result<Group, StoreError> {
        let DeadGroup { cause, route, destination, jobs, oldest, newest, reason } = group;
        let limit = if destination.is_some() { 1 } else { SAMPLES_MAX };
        let query = JobQuery { limit, ..within.dead_of(cause, &route, destination.as_ref()) };
        let found = self.store.jobs(query).await?;
        let sample = found.into_iter().find(|job| job.destination == destination).map(|job| job.id);
        let (oldest, newest) = (oldest.to_string(), newest.to_string());
        Ok(Group { cause, route, destination, new, jobs, oldest, newest, reason, sample })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_survives_its_text() {
        let told = Told { until: Timestamp::from_millis(7), alerted: Timestamp::from_millis(5) };
        assert_eq!(Told::read(&told.text()), Some(told));
        for text in ["", "7", "7/", "x/5"] {
            assert_eq!(Told::read(text), None, "{text}");
        }
    }
}
