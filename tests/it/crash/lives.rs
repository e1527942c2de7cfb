//! What the sink saw before a kill and what after it: whatever it saw twice must have a kill between.

use std::collections::BTreeMap;

use hookyard::sandbox::Sandbox;

use crate::support::process;

/// What the sink had seen when the process was dead, by effect and key or by question, and how often.
pub struct Lives {
    before: BTreeMap<String, u32>,
}

/// What was repeated across the kill.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Requests with the key and the bytes of an earlier one.
    pub requests: u32,
    /// Questions to a judge that had been asked.
    pub questions: u32,
}

const QUESTION: &str = "question ";

fn sightings(sandbox: &Sandbox) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    for effect in sandbox.effects() {
        // What has no key is known by its body.
        let what = effect.key.unwrap_or_else(|| effect.body.to_string());
        *seen.entry(format!("{} {what}", effect.kind)).or_default() += effect.seen;
    }
    for question in sandbox.asked() {
        *seen.entry(format!("{QUESTION}{question}")).or_default() += 1;
    }
    seen
}

impl Lives {
    /// To be called once the process is dead, and before the next one starts.
    pub async fn ended(sandbox: &Sandbox) -> Self {
        // What the dead process had written still lies in the sink's sockets. The sink runs on this test's one thread,
        // and serves whoever came first first: once it has answered us it has read all of that.
        let probe = format!("{}/probe", sandbox.urls().mail);
        for _ in 0..2 {
            process::client().get(&probe).send().await.expect("the sink answers");
        }
        Lives { before: sightings(sandbox) }
    }

    /// Holds what the sink has seen by now against that: nothing was seen twice within one life.
    pub fn assert_repeats_lie_across_the_kill(&self, sandbox: &Sandbox, context: &str) -> Repeats {
        let mut repeats = Repeats::default();
        for (what, all) in sightings(sandbox) {
            let before = self.before.get(&what).copied().unwrap_or(0);
            let after = all - before;
            assert!(
                before <= 1 && after <= 1,
                "{context}: seen {before} times before the kill, {after} after it: {what}"
            );
            if what.starts_with(QUESTION) {
                repeats.questions += all - 1;
            } else {
                repeats.requests += all - 1;
            }
        }
        repeats
    }
}

/// Asks for the same payment so often in each of the two lives.
async fn sent(before: u32, after: u32) -> Repeats {
    let scene = super::Scene::set(0).await;
    let (url, client) = (format!("{}/payments", scene.sandbox.urls().crm), process::client());
    let send = async |times| {
        for _ in 0..times {
            let request = client.post(&url).bearer_auth(super::TOKEN).header("idempotency-key", "a key");
            let answer = request.json(&serde_json::json!({ "amount": 1 })).send().await.expect("an answer");
            assert_eq!(answer.status(), 201);
        }
    };
    send(before).await;
    let lives = Lives::ended(&scene.sandbox).await;
    send(after).await;
    assert_eq!(scene.effect("crm.payment").map(|effect| effect.seen), Some(before + after));
    lives.assert_repeats_lie_across_the_kill(&scene.sandbox, "as sent")
}

#[tokio::test]
async fn what_lies_across_the_kill_is_counted() {
    assert_eq!(sent(1, 1).await, Repeats { requests: 1, questions: 0 });
    assert_eq!((sent(1, 0).await, sent(0, 1).await), (Repeats::default(), Repeats::default()));
}

#[tokio::test]
#[should_panic(expected = "seen 2 times before the kill, 0 after it")]
async fn a_repeat_in_the_first_life_is_found() {
    sent(2, 0).await;
}

#[tokio::test]
#[should_panic(expected = "seen 1 times before the kill, 2 after it")]
async fn a_repeat_in_the_second_life_is_found() {
    sent(1, 2).await;
}
