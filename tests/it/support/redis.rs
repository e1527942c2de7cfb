//! A private Redis server on a socket of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use hookyard::{
    config::{Files, SETTINGS},
    store::redis::{RedisOptions, StoreTime},
};
use tempfile::TempDir;

use crate::store::given::DEDUPE;

/// Ends with the test.
pub struct RedisServer {
    process: Child,
    options: Vec<String>,
    dir: TempDir,
}

const SOCKET: &str = "redis.sock";

/// What it says once it answers everything.
const READY: &str = "eady to accept connections";

impl RedisServer {
    /// Starts one with further `--name value` options, which stand above these.
    pub fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let options: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
        RedisServer { process: process(&dir, &options, READY), options, dir }
    }

    /// Ends it with no time for anything, and starts it on what it left.
    pub fn kill_and_restart(&mut self) {
        self.restart(&self.options.clone(), READY);
    }

    /// Ends it likewise, and starts it so that it does not come to the end of loading its data, or not for minutes, until
    /// [`RedisServer::let_load`]. It must have an append-only file.
    pub async fn kill_and_restart_loading(&mut self) {
        // What it looks up between two keys are other connections: that it does so often, there are some large ones.
        let fill = "for n = 1, 2000 do redis.call('SET', 'fill:' .. n, string.rep(n, 1000)) end";
        let _: Option<String> = self.ask(&["EVAL", fill, "0"]).await;
        let _: String = self.ask(&["BGREWRITEAOF"]).await;
        while !self.ask::<String>(&["INFO", "persistence"]).await.contains("aof_rewrite_in_progress:0") {
            tokio::task::yield_now().await;
        }
        let slowly = ["--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024"];
        let slowly = slowly.iter().map(|word| (*word).to_owned());
        let options: Vec<String> = self.options.iter().cloned().chain(slowly).collect();
        self.restart(&options, "Server initialized");
    }

    pub async fn loads(&self) -> bool {
        self.ask::<String>(&["INFO", "persistence"]).await.contains("loading:1")
    }

    pub async fn let_load(&self) {
        let _: String = self.ask(&["CONFIG", "SET", "key-load-delay", "0"]).await;
    }

    fn restart(&mut self, options: &[String], says: &str) {
        self.kill();
        // It does not listen on a socket that is there.
        std::fs::remove_file(self.dir.path().join(SOCKET)).expect("its socket");
        self.process = process(&self.dir, options, says);
    }

    fn kill(&mut self) {
        // It may have ended by itself; there is nothing more to do then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join(SOCKET).display())
    }

    /// Where it listens.
    pub fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join(SOCKET)
    }

    /// Has it carry out a command.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut connection).await.expect("an answer")
    }
}

/// How a test opens a store on the servers at `urls`, a Cluster where they are several: in one shard, and by its own clock.
pub fn store_at(urls: Vec<String>) -> RedisOptions {
    RedisOptions {
        cluster: urls.len() > 1,
        urls,
        ca: None,
        prefix: "hookyard".to_owned(),
        shards: 1,
        connections: 2,
        process: "one".to_owned(),
        dedupe: DEDUPE,
        time: StoreTime::Clock,
        memory: None,
    }
}

/// The command that makes a user who may do what `config/hookyard.toml` says is enough, to keys of one prefix.
pub fn user(name: &str, password: &str, prefix: &str) -> Vec<String> {
    let files = Files::embedded();
    let lines = files.get(SETTINGS).expect("settings").lines();
    let told = lines.skip_while(|line| !line.contains("ACL SETUSER"));
    let told: Vec<&str> = told.map_while(|line| line.strip_prefix("#   ")).collect();
    let words = told.iter().flat_map(|line| line.split_whitespace()).map(|word| match word {
        "hookyard" => name.to_owned(),
        ">PASSWORD" => format!(">{password}"),
        "~{hookyard:*" => format!("~{{{prefix}:*"),
        word => word.to_owned(),
    });
    let words: Vec<String> = words.collect();
    assert!(words.len() > 10, "they are there: {words:?}");
    words
}

/// Starts one, and waits until it says `ready`.
fn process(dir: &TempDir, options: &[String], ready: &str) -> Child {
    let started = Command::new("redis-server")
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--rdbcompression",
            "no",
            "--maxmemory-policy",
            "noeviction",
            "--unixsocket",
        ])
        .arg(dir.path().join(SOCKET))
        .arg("--dir")
        .arg(dir.path())
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = started.expect("redis-server is installed: tests/run.sh sees to it");
    let said = BufReader::new(process.stdout.take().expect("piped")).lines();
    let is_ready = said.map_while(Result::ok).any(|line| line.contains(ready));
    if !is_ready {
        let _ = process.kill();
        panic!("redis-server ended before it was ready");
    }
    process
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
