//! The files of large bodies: there as long as an event names them, and no longer; for nobody else to read.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use hookyard::{
    domain::{Body, EventId},
    store::{EraseStep, RetainStep, Retention, StoreError},
};

use crate::support::clock::HandClock;

use super::{
    backend::{Backend, SqliteBackend, open_in},
    bench::Bench,
    given::{event, event_id},
};

const HOUR: Duration = Duration::from_hours(1);

/// A body that is kept in a file.
fn large(fill: u8) -> Bytes {
    Bytes::from(vec![fill; 300_000])
}

/// Accepts event `n`, over at once, with a large body.
async fn accept(b: &Bench<SqliteBackend>, n: u64, fill: u8) -> EventId {
    let mut draft = event(n).jobs([]);
    draft.event.body = large(fill).into();
    b.queue(draft).await
}

async fn body(b: &Bench<SqliteBackend>, n: u64) -> Option<Bytes> {
    b.body(&b.record(event_id(n)).await.event).await.unwrap()
}

/// Where the body of event `n` is kept.
async fn file(b: &Bench<SqliteBackend>, n: u64) -> PathBuf {
    let record = b.record(event_id(n)).await;
    let Body::File(file) = record.event.body else { panic!("{:?}", record.event.body) };
    b.backend().dir().join("bodies").join(&file.sha256[..2]).join(&file.sha256)
}

async fn keep_for(b: &Bench<SqliteBackend>, payload_age: Duration) {
    let kept = Retention { payload_age, record_age: 1_000 * HOUR, payload_bytes_max: u64::MAX };
    let sources = [("forms".into(), kept)].into();
    b.retain(RetainStep { sources, after: None, events_max: 100 }).await.unwrap();
}

#[tokio::test]
async fn the_file_of_a_body_goes_with_the_last_event_that_names_it() {
    let b = Bench::new(SqliteBackend::open().await);
    accept(&b, 1, b'x').await;
    b.advance(HOUR);
    accept(&b, 2, b'x').await;
    accept(&b, 3, b'y').await;
    let (shared, other) = (file(&b, 1).await, file(&b, 3).await);
    keep_for(&b, HOUR).await;
    assert_eq!((body(&b, 1).await, body(&b, 2).await), (None, Some(large(b'x'))));
    b.erase(EraseStep { key: "yyyy".to_owned(), after: None, dry_run: false }).await.unwrap();
    assert!(shared.exists() && !other.exists());
    b.advance(HOUR);
    keep_for(&b, HOUR).await;
    assert_eq!((body(&b, 2).await, shared.exists()), (None, false));
}

#[tokio::test]
async fn what_a_crash_left_among_the_bodies_goes_at_the_next_start() {
    let b = Bench::new(SqliteBackend::open().await);
    accept(&b, 1, b'x').await;
    let named = file(&b, 1).await;
    let mut backend = b.into_backend();
    backend.close();
    // Whole but not committed; not whole; and somebody's own.
    let orphan = named.with_file_name("0".repeat(64));
    let part = named.with_extension("7.part");
    let note = named.with_file_name("README");
    for path in [&orphan, &part, &note] {
        fs::write(path, b"left").unwrap();
    }
    let b = Bench::new(backend.reopened());
    assert_eq!((orphan.exists(), part.exists(), note.exists()), (false, false, true));
    assert_eq!(body(&b, 1).await, Some(large(b'x')));
}

#[tokio::test]
async fn a_body_that_was_changed_is_an_error_and_one_that_was_removed_is_gone() {
    let b = Bench::new(SqliteBackend::open().await);
    accept(&b, 1, b'x').await;
    let path = file(&b, 1).await;
    fs::write(&path, large(b'y')).unwrap();
    let changed = b.body(&b.record(event_id(1)).await.event).await;
    let Err(StoreError::Unavailable(told)) = changed else { panic!("{changed:?}") };
    assert!(told.contains(&path.display().to_string()), "it names the file: {told}");
    fs::remove_file(&path).unwrap();
    assert_eq!(body(&b, 1).await, None);
    // Sent again, it is there again.
    accept(&b, 2, b'x').await;
    assert_eq!(body(&b, 1).await, Some(large(b'x')));
}

#[tokio::test]
async fn only_the_owner_may_look_into_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("data");
    open_in(&made, Arc::new(|_, _| {}), Arc::<HandClock>::default()).unwrap().close();
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
}
