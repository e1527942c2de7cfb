//! What the store contract takes for granted of Redis: that each of its atomic steps fits one script in one slot.
//!
//! The embedded store is the only backend so far; none of Hookyard's own code runs here. This is a probe: were one of
//! these to fail, [`hookyard::store::Store`] would have to change before it could be kept on Redis.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Script, aio::MultiplexedConnection};
use tempfile::TempDir;

/// A private server on a socket of its own; it ends with the test.
struct Server {
    connection: MultiplexedConnection,
    _process: Process,
    _dir: TempDir,
}

/// Ends with whoever started it, also when a test panics.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to do then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("redis.sock");
        let started = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket"])
            .arg(&socket)
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--maxmemory-policy",
                "noeviction",
            ])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = Process(started.expect("redis-server is installed: tests/run.sh sees to it"));
        let said = BufReader::new(process.0.stdout.take().expect("piped")).lines();
        let ready = said.map_while(Result::ok).any(|line| line.contains("eady to accept connections"));
        assert!(ready, "redis-server ended before it was ready");
        let client = redis::Client::open(format!("redis+unix://{}", socket.display())).expect("an address");
        let connection = client.get_multiplexed_async_connection().await.expect("a connection");
        Server { connection, _process: process, _dir: dir }
    }
}

/// Accept: the key, the event, its job and the job's place in the lane, or nothing; all keys share one hash tag.
const ACCEPT: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[4]) then
    redis.call('HSET', KEYS[2], 'body', ARGV[2])
    redis.call('XADD', KEYS[3], '*', 'job', ARGV[3])
    return {'queued', ARGV[1]}
end
return {'duplicate', redis.call('GET', KEYS[1])}";

/// Settle: refused unless the token is the one that was given out last.
const SETTLE: &str = "
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 'stale' end
redis.call('HSET', KEYS[1], 'state', ARGV[2])
redis.call('XACK', KEYS[2], 'workers', ARGV[3])
redis.call('XDEL', KEYS[2], ARGV[3])
return 'settled'";

async fn accept(mut connection: MultiplexedConnection, event: String) -> (String, String) {
    Script::new(ACCEPT)
        .key("{s0}dedupe:stripe/evt_1")
        .key(format!("{{s0}}event:{event}"))
        .key("{s0}lane:normal")
        .arg(&event)
        .arg("{}")
        .arg(format!("{event}.0"))
        .arg(Duration::from_secs(8 * 24 * 3600).as_millis() as u64)
        .invoke_async(&mut connection)
        .await
        .expect("one slot, one script")
}

#[tokio::test]
async fn accepting_is_one_step_however_many_come_at_once() {
    let server = Server::start().await;
    let mut answers = Vec::new();
    for n in 0..50 {
        let connection = server.connection.clone();
        answers.push(tokio::spawn(accept(connection, format!("e{n}"))));
    }
    let mut queued = Vec::new();
    let mut duplicates = Vec::new();
    for answer in answers {
        let (word, event) = answer.await.expect("no panic");
        if word == "queued" { &mut queued } else { &mut duplicates }.push(event);
    }
    assert_eq!(queued.len(), 1);
    assert_eq!(duplicates, vec![queued[0].clone(); 49], "each names the one event that was accepted");
    let mut connection = server.connection.clone();
    let jobs: u64 =
        redis::cmd("XLEN").arg("{s0}lane:normal").query_async(&mut connection).await.expect("a length");
    assert_eq!(jobs, 1);
}

#[tokio::test]
async fn a_stale_token_is_refused_by_the_script_since_redis_does_not_fence() {
    let server = Server::start().await;
    let mut connection = server.connection.clone();
    accept(connection.clone(), "e1".to_owned()).await;
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg("{s0}lane:normal")
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .expect("entries");
    let entry = &entries.ids[0].id;
    redis::cmd("HSET")
        .arg("{s0}job:e1.0")
        .arg("token")
        .arg(8)
        .exec_async(&mut connection)
        .await
        .expect("a claim");
    let settle = Script::new(SETTLE);
    let mut settle = settle.key("{s0}job:e1.0");
    let settle = settle.key("{s0}lane:normal").arg(7).arg("done").arg(entry);
    let answer: String = settle.invoke_async(&mut connection).await.expect("runs");
    assert_eq!(answer, "stale");
    let jobs: u64 =
        redis::cmd("XLEN").arg("{s0}lane:normal").query_async(&mut connection).await.expect("a length");
    assert_eq!(jobs, 1, "what a stale holder says changes nothing");
}
