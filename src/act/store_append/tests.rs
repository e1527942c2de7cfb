use std::sync::Arc;

use super::*;
use crate::act::{
    DestinationSpec,
    tests::{NOW, attempt, frozen},
};

fn destination(dir: &Path) -> Destination {
    Destination::new("logs".into(), DestinationSpec::default(), dir.join("logs")).unwrap()
}

fn request(key: &str) -> FrozenRequest {
    let context = Context::new().with("event", &json!({"n": 7, "text": "a\nb"}));
    let with = json!({"log": "spam", "line": {"n": "{{ event.n }}", "text": "{{ event.text }}"}});
    let call = StoreAppend.compile(&with).unwrap();
    let to = Destination::new("logs".into(), DestinationSpec::default(), "/nonexistent").unwrap();
    let call = call.freeze(&context, &to).unwrap();
    FrozenRequest { idempotency_key: key.to_owned(), ..frozen(&StoreAppend, call, EffectClass::Marked) }
}

async fn perform(key: &str, dir: &Path, look_first: bool) -> Sent {
    let attempt = Try { look_first, ..attempt() };
    let receipt = StoreAppend.perform(&request(key), &destination(dir), &attempt).await.unwrap();
    assert_eq!(receipt.body, json!({"log": "spam"}));
    receipt.sent
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("logs/spam.jsonl")).unwrap()
}

fn line(key: &str) -> String {
    format!("{{\"key\":\"{key}\",\"at\":\"{NOW}\",\"line\":{{\"n\":7,\"text\":\"a\\nb\"}}}}\n")
}

#[tokio::test]
async fn a_line_is_appended_once() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(perform("k1", dir.path(), true).await, Sent::Sent);
    assert_eq!(perform("k2", dir.path(), false).await, Sent::Sent);
    assert_eq!(perform("k1", dir.path(), true).await, Sent::AlreadyThere);
    assert_eq!(log(dir.path()), line("k1") + &line("k2"));
    assert_eq!(perform("k", dir.path(), true).await, Sent::Sent, "a key that begins another");
}

/// Cuts a log of two lines at every byte, as a crash may, and repeats the attempt at the second.
#[tokio::test]
async fn a_torn_line_is_written_again_and_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let whole = line("k1") + &line("k2");
    fs::create_dir(dir.path().join("logs")).unwrap();
    for cut in line("k1").len()..=whole.len() {
        let torn = whole.get(..cut).unwrap();
        fs::write(dir.path().join("logs/spam.jsonl"), torn).unwrap();
        let sent = perform("k2", dir.path(), true).await;
        let is_whole = cut == whole.len();
        assert_eq!(sent, if is_whole { Sent::AlreadyThere } else { Sent::Sent }, "{torn}");
        let after = log(dir.path());
        assert!(after.starts_with(torn) && after.ends_with(&line("k2")), "{after}");
        let readable = after.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
        assert!(readable >= 2, "{after}");
        // Another line ends the torn one, which does not turn it into a written one.
        fs::write(dir.path().join("logs/spam.jsonl"), torn).unwrap();
        perform("k3", dir.path(), false).await;
        let sent = perform("k2", dir.path(), true).await;
        // Torn between the line and its end, it was whole all the same.
        let was_whole = cut + 1 >= whole.len();
        assert_eq!(sent, if was_whole { Sent::AlreadyThere } else { Sent::Sent }, "{torn}");
    }
}

#[tokio::test]
async fn lines_of_others_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    let mut strange = format!("\n\nnot JSON\n{{\"a\":\"{}", "x".repeat(LINE_BYTES_MAX * 2)).into_bytes();
    strange.extend_from_slice(b"\"}\n\xff\xfe\n");
    fs::write(dir.path().join("logs/spam.jsonl"), &strange).unwrap();
    assert_eq!(perform("k1", dir.path(), true).await, Sent::Sent);
    assert_eq!(perform("k1", dir.path(), true).await, Sent::AlreadyThere);
    assert!(fs::read(dir.path().join("logs/spam.jsonl")).unwrap().ends_with(line("k1").as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_take_turns() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..20 {
        let dir = Arc::clone(&dir);
        writers.spawn(async move { perform(&format!("k{n}"), dir.path(), n % 2 == 0).await });
    }
    assert!(writers.join_all().await.into_iter().all(|sent| sent == Sent::Sent));
    let log = log(dir.path());
    assert_eq!(log.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 20);
    assert_eq!(log.lines().count(), 20);
}

#[tokio::test]
async fn what_was_not_begun_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("logs"), "a file where a directory should be").unwrap();
    let failure = StoreAppend.perform(&request("k"), &destination(dir.path()), &attempt()).await.unwrap_err();
    assert!(matches!(failure, Failure::Transient { .. }), "{failure:?}");
}

#[test]
fn parameters_are_checked() {
    for (with, path) in [
        (json!({"line": 1}), ""),
        (json!({"log": "a"}), ""),
        (json!({"log": "", "line": 1}), "log"),
        (json!({"log": "../a", "line": 1}), "log"),
        (json!({"log": "A", "line": 1}), "log"),
        (json!({"log": "{{ event.id }}", "line": 1}), "log"),
        (json!({"log": "a".repeat(65), "line": 1}), "log"),
        (json!({"log": "a", "line": {"b": "{{ "}}), "line.b"),
        (json!({"log": "a", "line": 1, "sync": true}), "sync"),
    ] {
        assert_eq!(StoreAppend.compile(&with).err().unwrap().path.join("."), path, "{with}");
    }
    let long = StoreAppend.compile(&json!({"log": "a", "line": "x".repeat(LINE_BYTES_MAX)})).unwrap();
    let to = Destination::new("logs".into(), DestinationSpec::default(), "/nonexistent").unwrap();
    assert!(long.freeze(&Context::new(), &to).is_err());
}
