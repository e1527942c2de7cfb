//! Processes with a data directory each, on one Redis that writes down everything before it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    path::PathBuf,
};

use hookyard::config::SETTINGS;
use serde_json::Value;
use tokio::sync::watch;

use crate::support::{
    process::{self, Project, Running},
    redis::RedisServer,
};

use super::{super::word, Kill, senders::Doors};

pub(in super::super) type Roles = &'static [&'static str];

/// Who is there: consecutive seeds have them all.
const ROLES: [Roles; 5] = [
    &["all"],
    &["ingest", "worker"],
    &["worker", "ingest", "worker", "keeper"],
    &["all", "all"],
    &["all", "ingest", "worker", "keeper"],
];

const SHARDS: [u16; 3] = [1, 1, 3];

#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    /// The process in this place.
    Process(usize),
    Redis,
    Nobody,
}

pub(super) struct Group<'a> {
    project: &'a Project,
    roles: Roles,
    shards: u16,
    /// `None` if it is dead.
    processes: Vec<Option<Running>>,
    server: Option<RedisServer>,
    doors: watch::Sender<Vec<SocketAddr>>,
    /// Jobs that somebody logged as done.
    done: watch::Sender<BTreeSet<String>>,
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} shards", self.roles.join(" + "), self.shards)
    }
}

impl<'a> Group<'a> {
    /// Adds the server to the project's settings, and starts those whom the seed names.
    pub async fn start(project: &'a Project, seed: u64, rng: &mut fastrand::Rng) -> Self {
        Self::start_as(project, ROLES[(seed % ROLES.len() as u64) as usize], rng).await
    }

    pub async fn start_as(project: &'a Project, roles: Roles, rng: &mut fastrand::Rng) -> Self {
        let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
        let shards = rng.choice(SHARDS).expect("there are some");
        project
            .append(SETTINGS, &format!("[store.redis]\nurls = [\"{}\"]\nshards = {shards}\n", server.url()));
        let mut group = Group {
            project,
            roles,
            shards,
            processes: Vec::new(),
            server: Some(server),
            doors: watch::Sender::default(),
            done: watch::Sender::default(),
        };
        for at in 0..roles.len() {
            group.processes.push(None);
            group.start_process(at).await;
        }
        group
    }

    async fn start_process(&mut self, at: usize) {
        let running = Running::start(self.project.serve_as(self.roles[at], &self.data(at))).await;
        let (mut log, done) = (running.log(), self.done.clone());
        tokio::spawn(async move {
            let mut read = 0;
            loop {
                let new: Vec<String> = {
                    let log = log.borrow_and_update();
                    let new = log.lines[read..].iter().filter(|line| is_done(line));
                    let new = new.map(|line| word(&line["job"])).collect();
                    read = log.lines.len();
                    new
                };
                done.send_modify(|jobs| jobs.extend(new));
                if log.changed().await.is_err() {
                    return;
                }
            }
        });
        self.processes[at] = Some(running);
        self.tell();
    }

    fn data(&self, at: usize) -> PathBuf {
        self.project.path(&format!("data-{at}"))
    }

    /// Tells senders where to deliver.
    fn tell(&self) {
        let open = self.processes.iter().flatten().map(|process| process.public);
        self.doors.send_replace(open.filter(|door| door.port() != 0).collect());
    }

    pub fn doors(&self) -> Doors {
        self.doors.subscribe()
    }

    /// Any process: all of them answer for the whole store.
    pub fn first(&self) -> &Running {
        self.processes.iter().flatten().next().expect("somebody is alive")
    }

    pub fn choose(&self, kill: Kill, rng: &mut fastrand::Rng) -> Victim {
        let does = match kill {
            Kill::Worker => "worker",
            Kill::Ingest => "ingest",
            Kill::Redis => return Victim::Redis,
            Kill::Nobody => return Victim::Nobody,
        };
        let who = (0..self.roles.len()).filter(|at| ["all", does].contains(&self.roles[*at]));
        Victim::Process(rng.choice(who.collect::<Vec<_>>()).expect("each group has one"))
    }

    /// kill -9 once so many are acknowledged. Redis is started again at once: nobody can do without it.
    pub async fn kill(&mut self, victim: Victim, mut counted: watch::Receiver<usize>, after: usize) {
        let runtime = tokio::runtime::Handle::current();
        let mut until = move || drop(runtime.block_on(counted.wait_for(|count| *count >= after)));
        // On a thread of its own: the kill comes when it is time, and not when nobody else has anything to do.
        match victim {
            Victim::Process(at) => {
                let process = self.processes[at].take().expect("it is alive");
                let killed = tokio::task::spawn_blocking(move || {
                    until();
                    process.kill();
                });
                killed.await.expect("it is killed");
                self.tell();
            }
            Victim::Redis => {
                let mut server = self.server.take().expect("it is alive");
                let restarted = tokio::task::spawn_blocking(move || {
                    until();
                    server.kill_and_restart();
                    server
                });
                self.server = Some(restarted.await.expect("it starts on what it left"));
            }
            Victim::Nobody => {}
        }
    }

    pub async fn restart(&mut self, victim: Victim) {
        match victim {
            Victim::Process(at) => self.start_process(at).await,
            Victim::Redis | Victim::Nobody => {}
        }
    }

    /// Waits until so many jobs are done: waiting by the logs costs nobody anything.
    pub async fn done(&self, jobs: usize, context: &str) {
        let mut done = self.done.subscribe();
        let all = async { drop(done.wait_for(|done| done.len() >= jobs).await) };
        if process::comes(all).await {
            return;
        }
        let depths = self.first().get("/api/v1/depths").await;
        for process in self.processes.iter().flatten() {
            let log = process.log();
            let log = log.borrow();
            let wrong = log.lines.iter().filter(|line| line["level"] != "INFO");
            eprintln!("{}: {:#?}", process.admin, wrong.collect::<Vec<_>>());
        }
        panic!("{context}: of {jobs} jobs {} are done: {depths:#}", self.done.borrow().len());
    }

    /// A log that `store.append` writes has one line for each of these events, in the directory of whoever did it. A
    /// process can only look into its own: what the victim had written and not reported may be there once more, of
    /// another one. How often that is so.
    pub fn assert_logged(&self, log: &str, events: &BTreeSet<String>, victim: Victim, context: &str) -> u32 {
        let mut all: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
        for at in 0..self.roles.len() {
            let text = std::fs::read_to_string(self.data(at).join(format!("logs/{log}.jsonl")));
            for text in text.unwrap_or_default().lines() {
                let line: Value = serde_json::from_str(text).expect("a whole line of JSON");
                all.entry(word(&line["line"]["event"])).or_default().push((at, text.to_owned()));
            }
        }
        assert_eq!(&all.keys().cloned().collect::<BTreeSet<_>>(), events, "{context}: {log}");
        let mut again = 0;
        for lines in all.values() {
            match &lines[..] {
                [_] => {}
                [(one, text), (other, same)] => {
                    let of_victim = matches!(victim, Victim::Process(at) if at == *one || at == *other);
                    assert!(of_victim && one != other && text == same, "{context}: {log}: {lines:?}");
                    again += 1;
                }
                more => panic!("{context}: {log}: {more:?}"),
            }
        }
        again
    }
}

fn is_done(line: &Value) -> bool {
    line["message"] == "attempt ended" && line["outcome"] == "done"
}
