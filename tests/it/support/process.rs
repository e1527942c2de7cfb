//! The real program, started as a user starts it: in a folder, with a data directory and on ports of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use hookyard::{config::Files, sandbox::Gate};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

/// Nothing takes this long: what a test waits for longer will not come, and the test ends instead of hanging.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for what certainly comes.
pub async fn in_time(what: &str, coming: impl Future<Output = ()>) {
    assert!(comes(coming).await, "it does not come: {what}");
}

/// Whether it comes before nobody waits for it any more.
pub async fn comes(coming: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(PATIENCE, coming).await.is_ok()
}

/// Waits until `n` requests have come to the gate.
pub async fn arrived(gate: &Gate, n: u64) {
    in_time(&format!("request {n} at the sink"), gate.arrived(n)).await;
}

/// The program, with nothing of the caller's environment but what finds other programs.
pub fn hookyard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    command
}

/// A folder with a configuration and room for data.
pub struct Project {
    dir: TempDir,
    env: Vec<(String, String)>,
}

impl Project {
    pub fn new(files: &Files) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        files.write_to(dir.path()).expect("the configuration is written");
        Project { dir, env: Vec::new() }
    }

    /// Every command of the project sees this variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another one in a folder of its own, with the same variables.
    pub fn beside(&self, files: &Files) -> Self {
        Project { env: self.env.clone(), ..Project::new(files) }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// The data directory; not there until the service has run.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("a text")
    }

    /// Writes a file, folders included.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file is written");
    }

    /// Replaces the one place where `from` stands.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{path} holds {from:?} once");
        self.write(path, &text.replace(from, to));
    }

    pub fn append(&self, path: &str, text: &str) {
        self.write(path, &(self.read(path) + text));
    }

    /// `hookyard --dir … ARGS`, ready to start.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = hookyard();
        command.arg("--dir").arg(self.dir.path()).args(args);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).current_dir(self.dir.path());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args))
    }

    /// `hookyard serve`, on free ports.
    pub fn serve(&self) -> Command {
        self.serve_as("all", &self.data())
    }

    /// As [`Project::serve`], with a role and a data directory of its own.
    pub fn serve_as(&self, role: &str, data: &Path) -> Command {
        let mut command =
            self.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command
            .arg("--data")
            .arg(data)
            .args(["--role", role, "--log-format", "json"])
            .env("RUST_LOG", "info");
        command
    }

    /// Starts the service and waits until it is ready.
    pub async fn start(&self) -> Running {
        Running::start(self.serve()).await
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// None if a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Runs a command to its end; one that does not come to an end is killed, and fails the test.
    pub fn of(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (done, ended) = mpsc::channel();
        let out = read_beside(child.stdout.take().expect("its stdout is piped"), done.clone());
        let err = read_beside(child.stderr.take().expect("its stderr is piped"), done);
        let in_time = (0..2).all(|_| ended.recv_timeout(PATIENCE).is_ok());
        if !in_time {
            let _ = child.kill(); // it may have ended this very moment
        }
        let code = child.wait().expect("it is ours").code();
        let text = |reader: JoinHandle<String>| reader.join().expect("UTF-8");
        let ended = Ended { code, out: text(out), err: text(err) };
        assert!(in_time, "it does not come to an end: {ended:?}");
        ended
    }

    /// What it printed as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Refused with exit code 2, by words and not by a panic.
    pub fn assert_refused(&self, why: &str) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(self.err.contains(why), "{why:?} is not among: {}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

fn read_beside(mut pipe: impl Read + Send + 'static, done: mpsc::Sender<()>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = pipe.read_to_string(&mut text);
        let _ = done.send(()); // nobody listens any more if it took too long
        read.expect("UTF-8");
        text
    })
}

/// Lines of a log, and whether there will be more.
#[derive(Debug, Default)]
pub struct Log {
    pub lines: Vec<Value>,
    ended: bool,
}

impl Log {
    /// The line that tells of readiness.
    fn ready(&self) -> Option<&Value> {
        self.lines.iter().find(|line| line["message"] == "ready")
    }
}

/// A running service. Dropping it kills it.
pub struct Running {
    /// Port 0 if its role is not to take in.
    pub public: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
    log: watch::Receiver<Log>,
    reader: Option<JoinHandle<()>>,
    client: reqwest::Client,
}

impl Running {
    /// Starts a command of [`Project::serve`] and waits until the service is ready.
    pub async fn start(command: Command) -> Self {
        let running = Running::start_or_end(command).await;
        running.logged("readiness", |log| log.ready().is_some()).await;
        running
    }

    /// As [`Running::start`], for a service that may end before it is ready: then it has no addresses.
    pub async fn start_or_end(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = child.stderr.take().expect("its stderr is piped");
        let (told, log) = watch::channel(Log::default());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                told.send_modify(|log| log.lines.push(line));
            }
            told.send_modify(|log| log.ended = true);
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut running =
            Running { public: nowhere, admin: nowhere, child, log, reader: Some(reader), client: client() };
        running.logged("readiness or its end", |log| log.ready().is_some() || log.ended).await;
        let ready = running.log.borrow().ready().cloned().unwrap_or_default();
        let address = |name: &str| ready[name].as_str().map(|at| at.parse().expect("an address"));
        running.public = address("public").unwrap_or(nowhere);
        running.admin = address("admin").unwrap_or(nowhere);
        running
    }

    /// The log as it grows.
    pub fn log(&self) -> watch::Receiver<Log> {
        self.log.clone()
    }

    /// Waits until the log is as `wanted`.
    pub async fn logged(&self, what: &str, wanted: impl Fn(&Log) -> bool) {
        let mut log = self.log.clone();
        let seen = tokio::time::timeout(PATIENCE, log.wait_for(|log| wanted(log) || log.ended)).await;
        let well = matches!(&seen, Ok(Ok(log)) if wanted(log));
        drop(seen);
        assert!(well, "the service did not come to {what}: {:#?}", self.log.borrow().lines);
    }

    /// Delivers a signed body; None if the connection broke before there was an answer.
    pub async fn deliver(&self, source: &str, headers: Headers, body: Vec<u8>) -> Option<(u16, Value)> {
        deliver(&self.client, &self.webhook(source), headers, body).await
    }

    pub fn webhook(&self, source: &str) -> String {
        format!("http://{}/webhooks/{source}", self.public)
    }

    /// What the admin listener answers.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("http://{}{path}", self.admin)).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&read(answer).await.expect("a whole answer")).expect("JSON")
    }

    /// Tells the admin listener something; `None` if the connection broke before there was a whole answer.
    pub async fn post(&self, path: &str, body: &Value) -> Option<Value> {
        let request = self.client.post(format!("http://{}{path}", self.admin)).json(body);
        let answer = request.send().await.ok()?;
        serde_json::from_slice(&read(answer).await?).ok()
    }

    /// Asks the admin listener again until its answer is as `wanted`. For the short time between the log's word of
    /// an end and its commit: there is nothing that tells of a commit from outside.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.get(path).await;
                if wanted(&last) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, asking).await;
        assert!(came.is_ok(), "{path} stays at {last:#}; the log: {:#?}", self.log.borrow().lines);
        last
    }

    /// Of the process, for what acts on it from outside.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9. What it had logged.
    pub fn kill(mut self) -> Log {
        self.reap();
        Log { lines: self.log.borrow().lines.clone(), ended: true }
    }

    /// SIGTERM, by the shell: it has a `kill` of its own on every system.
    pub fn terminate(&self) {
        let told =
            Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "the signal is sent");
    }

    /// Waits until neither listener takes connections any more.
    pub async fn closed(&self) {
        let closing = async {
            for address in [self.public, self.admin] {
                while tokio::net::TcpStream::connect(address).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            }
        };
        in_time("the closing of both listeners", closing).await;
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> ExitStatus {
        self.logged("its end", |log| log.ended).await;
        self.child.wait().expect("it is ours")
    }

    fn reap(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reap();
    }
}

/// Names and values, as [`hookyard::source::sign`] gives them.
pub type Headers = Vec<(&'static str, String)>;

/// A client with a connection of its own.
pub fn client() -> reqwest::Client {
    hookyard::remote::install_tls();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

/// Posts a delivery; None if the connection broke before there was a whole answer.
pub async fn deliver(
    client: &reqwest::Client,
    url: &str,
    headers: Headers,
    body: Vec<u8>,
) -> Option<(u16, Value)> {
    let request = client.post(url).body(body);
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, serde_json::from_slice(&read(answer).await?).expect("answers are JSON")))
}

/// A body of ours: it is as long as we make it.
async fn read(mut answer: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// The files below a folder, by path relative to it.
pub fn files_below(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(files_below(&path).into_iter().map(|below| format!("{name}/{below}")));
            files.push(name);
        } else {
            files.push(name);
        }
    }
    files
}
