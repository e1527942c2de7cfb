//! A private Redis server on a socket of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Ends with the test.
pub struct RedisServer {
    process: Child,
    options: Vec<String>,
    dir: TempDir,
}

const SOCKET: &str = "redis.sock";

impl RedisServer {
    /// Starts one with further `--name value` options, which stand above these.
    pub fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let options: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
        RedisServer { process: process(&dir, &options), options, dir }
    }

    /// Ends it with no time for anything, and starts it on what it left.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        // It does not listen on a socket that is there.
        std::fs::remove_file(self.dir.path().join(SOCKET)).expect("its socket");
        self.process = process(&self.dir, &self.options);
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

fn process(dir: &TempDir, options: &[String]) -> Child {
    let started = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--maxmemory-policy", "noeviction", "--unixsocket"])
        .arg(dir.path().join(SOCKET))
        .arg("--dir")
        .arg(dir.path())
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = started.expect("redis-server is installed: tests/run.sh sees to it");
    let said = BufReader::new(process.stdout.take().expect("piped")).lines();
    let ready = said.map_while(Result::ok).any(|line| line.contains("eady to accept connections"));
    if !ready {
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
