//! Four branches of one payment: none waits for another.

use std::collections::BTreeMap;

use hookyard::domain::{Cause, EventState, JobState};

use crate::support::{
    house::{House, action, log, outcomes, payment},
    process::arrived,
};

const BRANCHES: [&str; 4] = ["email", "crm", "database", "analytics"];

/// Breaks a branch until it is healed.
struct Broken<'h> {
    house: &'h House,
    branch: &'static str,
}

impl<'h> Broken<'h> {
    fn new(house: &'h House, branch: &'static str) -> Self {
        match branch {
            "email" => house.sandbox.fail_next("/mail/emails", 4, 503),
            "crm" => house.sandbox.fail_next("/crm/payments", 4, 503),
            "analytics" => house.sandbox.fail_next("/analytics/events", 4, 503),
            // A folder stands where the log should be.
            _ => std::fs::create_dir_all(house.dir.path().join("logs/payments.jsonl")).unwrap(),
        }
        Broken { house, branch }
    }

    fn heal(self) {
        if self.branch == "database" {
            std::fs::remove_dir(self.house.dir.path().join("logs/payments.jsonl")).unwrap();
        }
    }
}

#[tokio::test]
async fn whichever_branch_breaks_the_other_three_are_done_at_once() {
    for broken in BRANCHES {
        let house = House::plan().on_dead().start().await;
        let breakage = Broken::new(&house, broken);
        let event = house.queue(&payment("evt_1")).await;
        let others = || BRANCHES.into_iter().filter(|branch| *branch != broken);
        let timeline = house
            .until(event, |t| {
                t.jobs.len() == 5
                    && others().all(|id| action(t, id).job.state == JobState::Done)
                    && action(t, broken).history.len() == 1
            })
            .await;
        // The clock has not moved: nobody waited for the broken one's retries.
        for id in others() {
            assert_eq!(outcomes(action(&timeline, id)), ["done"], "{id} beside {broken}");
            assert_eq!(action(&timeline, id).history[0].ended_at, timeline.event.received_at);
        }
        assert_eq!(
            (action(&timeline, broken).job.state, timeline.state),
            (JobState::Ready, EventState::Open)
        );

        for attempts in 1..=3 {
            house.retrying(event, broken, attempts).await;
            house.advance(std::time::Duration::from_secs(20));
        }
        let dead = house.settled(event).await;
        let entry = action(&dead, broken);
        assert_eq!((entry.job.state, entry.job.cause), (JobState::Dead, Some(Cause::Exhausted)), "{broken}");
        assert_eq!(outcomes(entry), ["retry", "retry", "retry", "dead"], "{broken}");
        assert_eq!(outcomes(action(&dead, &format!("on_dead.{broken}"))), ["done"], "{broken}");
        for id in others() {
            assert_eq!(action(&dead, id).job.attempts, 1, "{id} beside {broken}");
        }

        breakage.heal();
        house.tell("/api/v1/dead/redrive", serde_json::json!({})).await;
        let done = house.settled(event).await;
        assert_eq!(done.state, EventState::Done, "{broken}");
        let mut times: BTreeMap<_, _> =
            house.sandbox.effects().into_iter().map(|effect| (effect.kind, effect.done)).collect();
        times.remove("slack.text"); // the alert
        times.insert("log", u32::try_from(log(&house, "payments").len()).unwrap());
        let want = ["analytics.event", "crm.payment", "log", "mail.email"].map(|kind| (kind, 1));
        assert_eq!(times, BTreeMap::from(want), "each effect once, with {broken} broken");
    }
}

#[tokio::test]
async fn a_branch_that_hangs_holds_up_no_other_and_no_other_event() {
    let house = House::start().await;
    let hanging = house.sandbox.hold("/mail/emails");
    let first = house.queue(&payment("evt_1")).await;
    arrived(&hanging, 1).await;
    let second = house.queue(&payment("evt_2")).await;
    for event in [first, second] {
        let timeline = house
            .until(event, |t| {
                t.jobs.len() == 5
                    && ["crm", "database", "analytics"]
                        .iter()
                        .all(|id| action(t, id).job.state == JobState::Done)
            })
            .await;
        assert_eq!(timeline.state, EventState::Open);
    }
    hanging.release();
    for event in [first, second] {
        assert_eq!(house.settled(event).await.state, EventState::Done);
    }
}
