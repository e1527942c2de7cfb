//! Faults that are no kill, met by the real program: a newer layout, and a full disk.

use std::process::Command;

use hookyard::store::sqlite::FILE;
use rusqlite::Connection;
use serde_json::json;

use crate::support::process::{Ended, Running};

use super::{Scene, accepted, payment, settled, signed, word};

#[tokio::test]
async fn a_data_directory_of_a_newer_program_is_refused_and_left_alone() {
    let scene = Scene::set(4).await;
    let service = scene.project.start().await;
    let event = accepted(&service, 1).await;
    settled(&service, &event).await;
    service.terminate();
    service.ended().await;
    let layout = |version: i64| {
        let db = Connection::open(scene.project.data().join(FILE)).expect("the database opens");
        let was: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
        db.pragma_update(None, "user_version", version).expect("it is written");
        was
    };
    let ours = layout(99);
    let refused = Ended::of(scene.project.serve());
    refused.assert_refused("the store has layout 99");
    refused.assert_refused("use the newer program");
    assert_eq!(layout(ours), 99);
    let service = scene.project.start().await;
    assert_eq!(settled(&service, &event).await["state"], "done", "nothing was harmed");
}

/// Blocks of 512 bytes that a file may have while the disk is full.
#[cfg(target_os = "linux")]
const BLOCKS: &str = "4096";
/// Deliveries that certainly do not fit into that.
#[cfg(target_os = "linux")]
const DELIVERIES_MAX: usize = 5_000;

/// A limit on the size of files stands in for the disk: writing beyond it fails, and it can be lifted while the
/// service runs.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_full_disk_deliveries_are_refused_and_all_goes_on_once_there_is_room() {
    let scene = Scene::set(4).await;
    let serve = scene.project.serve();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ && ulimit -S -f {BLOCKS} && exec \"$0\" \"$@\"")]);
    command.arg(serve.get_program()).args(serve.get_args()).current_dir(scene.project.path("."));
    command.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let service = Running::start(command).await;
    let (mut events, mut refused) = (Vec::new(), None);
    for n in 0..DELIVERIES_MAX {
        let body = payment(n);
        let (status, answer) = service.deliver("stripe", signed(&body), body).await.expect("an answer");
        if status != 202 {
            refused = Some((n, status, answer));
            break;
        }
        events.push(word(&answer["event"]));
    }
    let (n, status, answer) = refused.expect("the disk was full");
    assert_eq!(status, 503, "{answer}");
    assert!(events.len() > 10, "{}", events.len());

    let limit = ["--pid", &service.id().to_string(), "--fsize=unlimited"].map(str::to_owned);
    assert!(Command::new("prlimit").args(limit).status().expect("util-linux").success());
    for event in &events {
        assert_eq!(settled(&service, event).await["state"], "done");
    }
    events.push(accepted(&service, n).await);
    settled(&service, &events[n]).await;
    assert_eq!(scene.assert_each_effect_once(""), events.into_iter().collect());
    let depths = service.get("/api/v1/depths").await;
    assert_eq!((&depths["dead"], &depths["waiting"]), (&json!(0), &json!(0)));
}
