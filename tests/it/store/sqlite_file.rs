//! What only the SQLite backend promises: its directory, its file, and what happens when that cannot be written.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
};

use hookyard::{
    domain::{Bill, Day, JobState, Money, Next, PurchaseOrder, Replay, ReplayMode, Timestamp, Work},
    store::{
        Accepted, Coming, EraseStep, EventQuery, JobQuery, Limits, NewJob, Pause, Replayed, Resolution,
        Resolved, Store, StoreError, Timeline,
        dir::DirError,
        sqlite::{CommitObserver, FILE, OpenError, SqliteStore},
    },
};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::support::clock::HandClock;

use super::{
    backend::{Backend, SqliteBackend, open_in},
    bench::{Bench, LANES, assert_conflict, assert_stale, wanting, with},
    given::{
        LEASE, action, answer, die, event, event_id, job_id, receipt, request, review, route, settlement,
        verdict,
    },
};

fn unobserved() -> CommitObserver {
    Arc::new(|_, _| {})
}

/// Another connection to the file of the store in `dir`, as a person with `sqlite3` has it.
fn beside(dir: &Path) -> Connection {
    Connection::open(dir.join(FILE)).expect("the database opens")
}

#[tokio::test]
async fn a_closed_store_is_one_file_whatever_was_read() {
    let b = Bench::new(SqliteBackend::open().await);
    b.queue(event(1)).await;
    assert_eq!(b.events(EventQuery::default()).await.unwrap().len(), 1);
    let mut backend = b.into_backend();
    backend.close();
    let log = backend.dir().join(format!("{FILE}-wal"));
    assert!(!log.exists(), "{} is left", log.display());
    let events: i64 =
        beside(backend.dir()).query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn while_another_program_holds_the_file_everybody_is_told_and_nothing_is_half_done() {
    let b = Bench::new(SqliteBackend::open().await);
    let db = beside(b.backend().dir());
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = b.accept(event(1).received(b.now())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    db.execute_batch("ROLLBACK").unwrap();
    assert_eq!(b.timeline(event_id(1)).await.unwrap(), None, "what was refused is not stored later");
    b.queue(event(1)).await;
    b.audit().await;
}

#[tokio::test]
async fn a_directory_is_used_by_one_store_at_a_time() {
    let mut backend = SqliteBackend::open().await;
    for _ in 0..2 {
        let second = open_in(backend.dir(), unobserved(), Arc::<HandClock>::default()).err();
        assert!(
            matches!(&second, Some(OpenError::Dir(DirError::InUse(dir))) if dir == backend.dir()),
            "{second:?}"
        );
    }
    let b = Bench::new(backend);
    b.queue(event(1)).await;
    assert_eq!(b.take().await.len(), 1, "the first is none the worse for it");
    backend = b.into_backend();
    backend.close();
    let free = open_in(backend.dir(), unobserved(), Arc::<HandClock>::default());
    free.expect("the directory is free again").close();
}

#[tokio::test]
async fn a_closed_directory_is_free_even_while_processes_are_started() {
    // Between fork and exec a child holds a copy of every handle, and so of the lock.
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                Command::new("true").status().unwrap();
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let opened: Vec<_> = (0..50)
            .map(|_| open_in(dir.path(), unobserved(), Arc::<HandClock>::default()).map(SqliteStore::close))
            .collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(opened.iter().filter(|opened| opened.is_err()).count(), 0);
    });
}

#[tokio::test]
async fn a_file_from_before_money_is_brought_up_to_date() {
    let b = Bench::new(SqliteBackend::open().await);
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.begin_purchase(claimed.lease, &PurchaseOrder::new(&"large".into(), "q")).await.unwrap();
    let mut backend = b.into_backend();
    backend.close();
    beside(backend.dir())
        .execute_batch("ALTER TABLE purchase DROP COLUMN cost; DROP TABLE spent; PRAGMA user_version = 2")
        .unwrap();
    let store = open_in(backend.dir(), unobserved(), Arc::<HandClock>::default()).unwrap();
    let timeline = store.timeline(event_id(1)).await.unwrap().unwrap();
    assert_eq!(timeline.jobs[0].purchases[0].cost, Money(0));
    assert_eq!(store.spent(&Day::of(Timestamp::default())).await.unwrap(), []);
    store.close();
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_left_alone() {
    let b = Bench::new(SqliteBackend::open().await);
    b.queue(event(1)).await;
    let mut backend = b.into_backend();
    backend.close();
    let layout = |version: i64| {
        let db = beside(backend.dir());
        let was: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        was
    };
    let ours = layout(99);
    for _ in 0..2 {
        let refused = open_in(backend.dir(), unobserved(), Arc::<HandClock>::default()).err();
        assert!(
            matches!(refused, Some(OpenError::Version { found: 99, known }) if known == ours),
            "{refused:?}"
        );
    }
    assert_eq!(layout(ours), 99, "what is newer was not written to");
    let b = Bench::new(backend.reopened());
    assert_eq!(b.take().await.len(), 1);
}

#[tokio::test]
async fn what_was_answered_is_in_the_files() {
    let b = Bench::new(SqliteBackend::open().await);
    let dir = b.backend().dir();
    let mode: String = beside(dir).pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.begin(claimed.lease, None).await.unwrap();
    let more = with(Next::Done, |end| end.follow_up = vec![action("mail", &[])]);
    b.settle(claimed.lease, more).await.unwrap();

    // As the files lie there, without a word to the store: nothing waits in its memory.
    let copy = tempfile::tempdir().unwrap();
    for file in [FILE.to_owned(), format!("{FILE}-wal")] {
        std::fs::copy(dir.join(&file), copy.path().join(&file)).unwrap();
    }
    let copied = open_in(copy.path(), unobserved(), Arc::<HandClock>::default()).unwrap();
    assert_eq!(copied.timeline(event_id(1)).await.unwrap(), Some(b.record(event_id(1)).await));
    assert_eq!(copied.load().open_jobs, 1);
    copied.close();
}

async fn records(b: &Bench<SqliteBackend>) -> Vec<Timeline> {
    let mut records = Vec::new();
    for summary in b.events(EventQuery::default()).await.unwrap() {
        records.push(b.record(summary.event.id).await);
    }
    records
}

/// Has `operation` fail where it comes to write what `on` names: then it has changed nothing, and is as good as new.
async fn broken<T: std::fmt::Debug>(
    b: &Bench<SqliteBackend>,
    on: &str,
    operation: impl AsyncFn() -> Result<T, StoreError>,
) -> T {
    let before = records(b).await;
    // SQLite may undo the statement or, as when the disk is full, the whole transaction.
    for how in ["ABORT", "ROLLBACK"] {
        let db = beside(b.backend().dir());
        let trigger = format!("BEFORE {on} BEGIN SELECT RAISE({how}, 'the disk broke'); END");
        db.execute_batch(&format!("CREATE TRIGGER broken {trigger}")).unwrap();
        let result = operation().await;
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{on}: {result:?}");
        db.execute_batch("DROP TRIGGER broken").unwrap();
        assert_eq!(records(b).await, before, "{on}");
        b.audit().await;
    }
    let done = operation().await.expect("nothing is in its way any more");
    b.audit().await;
    done
}

#[tokio::test]
async fn an_operation_that_cannot_be_stored_changes_nothing() {
    let b = Bench::new(SqliteBackend::open().await);
    let judge = "large".into();
    let draft = || event(1).jobs([route("triage"), action("held", &["mail"])]);
    broken(&b, "INSERT ON job WHEN new.id & 65535 = 1", async || b.accept(draft().received(b.now())).await)
        .await;
    broken(&b, "INSERT ON redelivery", async || b.accept(draft().received(b.now())).await).await;

    let request_for = |max| wanting(LANES, max);
    let claim = broken(&b, "INSERT ON lease", async || b.claim(request_for(9)).await).await;
    let lease = claim.jobs[0].lease;
    broken(&b, "UPDATE OF begun ON job", async || b.begin(lease, Some(request("k"))).await).await;
    broken(&b, "INSERT ON purchase", async || {
        b.begin_purchase(lease, &PurchaseOrder::new(&judge, "q")).await
    })
    .await;
    let said = answer("yes");
    broken(&b, "UPDATE ON purchase", async || {
        b.end_purchase(lease, &Bill::new(&judge, "q", Some(&said))).await
    })
    .await;
    let planned = with(Next::Done, |end| {
        end.verdict = Some(verdict("Lead"));
        end.follow_up = vec![action("mail", &[]), action("note", &[])];
    });
    broken(&b, "INSERT ON job WHEN new.id & 65535 = 3", async || b.settle(lease, planned.clone()).await)
        .await;
    assert!(matches!(b.extend(lease, LEASE).await, Err(StoreError::StaleLease(_))));

    // A lost lease is found again by whoever asks next.
    b.take().await;
    b.advance(LEASE);
    let jobs = broken(&b, "INSERT ON attempt", async || b.claim(request_for(1)).await).await.jobs;
    let sent = with(review(), |end| end.receipt = Some(receipt("1")));
    broken(&b, "INSERT ON attempt", async || b.settle(jobs[0].lease, sent.clone()).await).await;
    let done = Resolution { resolved: Resolved::Done, note: "ann".to_owned() };
    // Resolved, but its follower cannot be released.
    let release = "UPDATE OF state ON job WHEN old.state = 'blocked'";
    broken(&b, release, async || b.resolve(jobs[0].job.id, done.clone()).await).await;
    for claimed in b.take().await {
        b.end(&claimed, die()).await;
    }
    broken(&b, "INSERT ON attempt WHEN new.job & 65535 = 3", async || b.redrive(JobQuery::default()).await)
        .await;
    for claimed in b.take().await {
        b.end(&claimed, die()).await;
    }
    broken(&b, "INSERT ON attempt WHEN new.job & 65535 = 3", async || {
        b.discard(JobQuery::default(), "ann").await
    })
    .await;
    broken(&b, "INSERT ON paused", async || b.pause(Pause::Everything).await).await;
    broken(&b, "DELETE ON paused", async || b.resume(Pause::Everything).await).await;
    assert_eq!(b.record(event_id(1)).await.redeliveries.len(), 1);
}

#[tokio::test]
async fn a_job_that_is_taken_from_its_worker_leaves_no_note_of_its_lease() {
    let b = Bench::new(SqliteBackend::open().await);
    b.queue(event(1)).await;
    b.take_one().await;
    let notes = || -> i64 {
        let db = beside(b.backend().dir());
        db.query_row("SELECT count(*) FROM lease", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(notes(), 1);
    b.erase(EraseStep { key: "application/json".to_owned(), after: None, dry_run: false }).await.unwrap();
    assert_eq!(b.job(job_id(event_id(1), 0)).await.state, JobState::Discarded);
    assert_eq!(notes(), 0);
}

/// Jobs an event can have.
const JOBS_MAX: usize = 65_536;

#[tokio::test]
async fn an_event_gets_no_more_jobs_than_can_be_numbered_and_a_refusal_changes_nothing() {
    let b = Bench::new(SqliteBackend::open().await);
    let many = event(1).jobs(vec![route("triage"); JOBS_MAX + 1]);
    assert_conflict(b.accept(many.received(b.now())).await);
    assert_eq!(b.timeline(event_id(1)).await.unwrap(), None);

    // As if all numbers but the last were given out.
    b.queue(event(1)).await;
    let db = beside(b.backend().dir());
    let numbered = format!("UPDATE job SET id = id + {}", JOBS_MAX - 2);
    assert_eq!(db.execute(&numbered, []).unwrap(), 1);
    let claimed = b.take_one().await;
    let before = records(&b).await;
    let planned =
        with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), action("note", &["mail"])]);
    assert_conflict(b.settle(claimed.lease, planned).await);
    assert_eq!(records(&b).await, before);
    b.audit().await;

    b.end(&claimed, Next::Done).await;
    let before = records(&b).await;
    let replay = Some(Replay { mode: ReplayMode::Reuse, sweep: "s".into() });
    let again = NewJob { work: Work::Route { route: "triage".into(), replay }, ..route("triage") };
    assert_conflict(b.replay(event_id(1), vec![again.clone(), again.clone()]).await);
    assert_eq!(records(&b).await, before);
    assert_eq!(b.replay(event_id(1), vec![again]).await.unwrap(), Replayed::Queued);
    b.audit().await;
}

/// Holds the writer up in a transaction, so that what is asked meanwhile shares the next one.
struct Gate {
    closing: Arc<AtomicBool>,
    closed: tokio::sync::mpsc::UnboundedReceiver<()>,
    open: mpsc::Sender<()>,
    waiting: JoinSet<Result<(), StoreError>>,
    /// How many operations shared each commit.
    commits: Arc<Mutex<Vec<usize>>>,
    /// Of a request for no work: after each change the writer asks for its limits.
    _coming: Coming,
}

async fn gated() -> (Bench<SqliteBackend>, Gate) {
    let (closing, commits) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<usize>>>::default());
    let (tell, closed) = tokio::sync::mpsc::unbounded_channel();
    let (open, opened) = mpsc::channel();
    let counted = Arc::clone(&commits);
    let backend =
        SqliteBackend::observed(Arc::new(move |_, operations| counted.lock().unwrap().push(operations)));
    let (b, gate, opened) = (Bench::new(backend), Arc::clone(&closing), Mutex::new(opened));
    let limits = move || {
        if gate.swap(false, Ordering::SeqCst) {
            tell.send(()).unwrap();
            opened.lock().unwrap().recv().unwrap();
        }
        Limits::default()
    };
    let (_, coming) = b.claim_or_wait(wanting(LANES, 0), Arc::new(limits)).await.unwrap();
    let _coming = coming.expect("it stays with the store");
    (b, Gate { closing, closed, open, waiting: JoinSet::new(), commits, _coming })
}

impl Gate {
    /// Returns once the writer is held.
    async fn close(&mut self, b: &Bench<SqliteBackend>) {
        self.closing.store(true, Ordering::SeqCst);
        let store = b.shared();
        self.waiting.spawn(async move { store.pause(Pause::Route("nobody".into())).await });
        self.closed.recv().await.expect("the writer is held");
    }

    /// To be awaited after what is to wait for it.
    async fn open(&self) {
        self.open.send(()).unwrap();
    }
}

#[tokio::test]
async fn what_waits_for_the_writer_shares_one_commit_and_a_refusal_does_not_spoil_the_others() {
    let (b, mut gate) = gated().await;
    b.queue(event(1).jobs([route("triage"), route("audit")])).await;
    b.depths().await.unwrap();
    assert_eq!(gate.commits.lock().unwrap().len(), 1, "what changes nothing is not counted");
    let lease = b.ask(LANES, 1).await.jobs[0].lease;
    gate.close(&b).await;
    let claim = wanting(LANES, 1);
    let (accepted, again, claimed, settled, late, ()) = tokio::join!(
        biased;
        b.accept(event(2).received(b.now())),
        b.accept(event(2).received(b.now())),
        b.claim(claim),
        b.settle(lease, settlement(Next::Done)),
        b.settle(lease, settlement(Next::Done)),
        gate.open()
    );
    assert_eq!(accepted.unwrap(), Accepted::Queued { suspected_replay_of: None });
    assert!(matches!(again, Ok(Accepted::Duplicate { of, .. }) if of == event_id(2)), "one sees the other");
    assert_eq!(claimed.unwrap().jobs.len(), 1);
    settled.unwrap();
    assert_stale(late, lease.job);
    let commits = gate.commits.lock().unwrap().clone();
    assert!(commits.len() <= 4, "two came before, and one was what held the writer up: {commits:?}");
    b.audit().await;
}

#[tokio::test]
async fn whatever_an_operation_has_written_is_on_disk_before_it_is_told() {
    let kept = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&kept);
    let observer: CommitObserver = Arc::new(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let b = Bench::new(SqliteBackend::observed(observer));
    let kept = || kept.load(Ordering::SeqCst);
    for (is_mine, flushes) in [(true, 1), (false, 1)] {
        assert_eq!(b.take_turn("sweep", LEASE).await.unwrap(), is_mine);
        assert_eq!(kept(), flushes, "a turn that is refused writes nothing");
    }
    b.move_cursor("history", None, "7").await.unwrap();
    b.pause(Pause::Everything).await.unwrap();
    assert_eq!(kept(), 3);
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let (b, mut gate) = gated().await;
    b.queue(event(1)).await;
    let before = records(&b).await;
    let db = beside(b.backend().dir());
    let trigger = "BEFORE INSERT ON event WHEN new.source = 'broken' BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    db.execute_batch(&format!("CREATE TRIGGER broken {trigger}")).unwrap();
    gate.close(&b).await;
    let (broken, accept, claim, pause, ()) = tokio::join!(
        biased;
        b.accept(event(2).source("broken").received(b.now())),
        b.accept(event(3).received(b.now())),
        b.claim(wanting(LANES, 1)),
        b.pause(Pause::Everything),
        gate.open()
    );
    let told = [broken.err(), accept.err(), claim.err(), pause.err()];
    assert!(told.iter().all(|e| matches!(e, Some(StoreError::Unavailable(_)))), "{told:?}");

    db.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(records(&b).await, before, "who was told that nothing was changed was told the truth");
    b.audit().await;
    b.queue(event(3)).await;
    assert_eq!(b.take().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_workers_on_threads_of_their_own_that_settle_one_lease_one_counts() {
    let b = Bench::new(SqliteBackend::open().await);
    for n in 1..=20 {
        b.queue(event(n)).await;
        let lease = b.take_one().await.lease;
        let together = Arc::new(tokio::sync::Barrier::new(2));
        let mut both = JoinSet::new();
        for _ in 0..2 {
            let (store, together) = (b.shared(), Arc::clone(&together));
            let end = with(Next::Done, |end| end.follow_up = vec![action("mail", &[])]);
            both.spawn(async move {
                together.wait().await;
                store.settle(lease, end).await
            });
        }
        let (settled, refused): (Vec<_>, Vec<_>) = both.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((settled.len(), refused.len()), (1, 1));
        assert_stale(refused.into_iter().next().unwrap(), lease.job);
        // What followed is there once.
        let mail = b.take_one().await;
        b.settle(mail.lease, settlement(Next::Done)).await.unwrap();
        assert_eq!(b.record(event_id(n)).await.jobs.len(), 2);
    }
    b.audit().await;
}

const FULL_DISK: &str = "HOOKYARD_TEST_FULL_DISK";

/// In a process of its own, none of whose files may grow beyond 1 MiB: writing beyond fails as on a full disk.
#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    const NAME: &str = concat!(module_path!(), "::a_full_disk_loses_nothing_that_was_acknowledged");
    if let Some(dir) = std::env::var_os(FULL_DISK) {
        return fill(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ && ulimit -f 2048 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME.split_once("::").expect("a crate").1])
        .env(FULL_DISK, dir.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let acknowledged: u64 =
        std::fs::read_to_string(dir.path().join("acknowledged")).unwrap().parse().unwrap();

    // There is room again.
    let store = open_in(dir.path(), unobserved(), Arc::<HandClock>::default()).unwrap();
    for n in 1..=acknowledged {
        assert!(store.timeline(event_id(n)).await.unwrap().is_some(), "event {n} of {acknowledged}");
    }
    assert_eq!(store.timeline(event_id(acknowledged + 1)).await.unwrap(), None);
    assert_eq!(store.load().open_jobs, acknowledged);
    store.accept(event(acknowledged + 1).received(Timestamp::default())).await.unwrap();
    store.close();
}

/// Accepts until the disk is full, and looks what is left.
async fn fill(dir: &Path) {
    let store = open_in(dir, unobserved(), Arc::<HandClock>::default()).unwrap();
    let big = |n| {
        let mut draft = event(n);
        draft.event.body = vec![b'x'; 3_000].into();
        draft.received(Timestamp::default())
    };
    let (mut n, mut refused) = (0, None);
    while refused.is_none() && n < 10_000 {
        refused = store.accept(big(n + 1)).await.err();
        n += u64::from(refused.is_none());
    }
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?} after {n}");
    assert!(n > 10, "{n}");
    // It goes on telling the truth, and reads go on.
    assert!(matches!(store.accept(big(n + 1)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.timeline(event_id(n + 1)).await.unwrap(), None);
    assert!(store.timeline(event_id(n)).await.unwrap().is_some());
    let request = wanting(LANES, 1);
    let claimed = store.claim(request).await;
    let leased = claimed.map_or(0, |claim| claim.jobs.len() as u64);
    let depths = store.depths().await.unwrap();
    assert_eq!((depths.leased, depths.lanes[1].ready, store.load().open_jobs), (leased, n - leased, n));
    std::fs::write(dir.join("acknowledged"), n.to_string()).unwrap();
    // No farewell: as if killed.
    std::mem::forget(store);
}
