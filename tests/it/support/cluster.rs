//! A private Redis Cluster of three nodes on ports of this machine.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Slots of any cluster.
const SLOTS: u16 = 16_384;

/// Nodes, each with an even part of the slots.
const NODES: u16 = 3;

/// Runs a node until the other end of its input is gone, which is when the tests end, however they do; then, where it is
/// told a directory, that is removed.
const RUN: &str = r#"
    gone=$1
    shift
    redis-server "$@" </dev/null &
    node=$!
    cat >/dev/null
    kill -9 $node
    wait $node
    [ -z "$gone" ] || { rm -rf "$gone"; rmdir "${gone%/*}" 2>/dev/null; }
"#;

/// Ends with the test.
pub struct RedisCluster {
    nodes: Vec<Node>,
    /// `None` where the nodes remove it.
    dir: Option<TempDir>,
}

pub struct Node {
    port: u16,
    bus: u16,
    /// `None` while it is down.
    process: Option<Child>,
}

impl RedisCluster {
    pub async fn start() -> Self {
        RedisCluster::start_in(tempfile::tempdir().expect("a directory"), false).await
    }

    /// One for all tests of this run that need no cluster of their own: each takes a prefix of its own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<RedisCluster> = OnceCell::const_new();
        let start = async || RedisCluster::start_in(tempfile::tempdir().expect("a directory"), true).await;
        SHARED.get_or_init(start).await
    }

    async fn start_in(dir: TempDir, is_shared: bool) -> Self {
        let (mut nodes, mut path) = (Vec::new(), dir.path().to_owned());
        let mut dir = Some(dir);
        if is_shared {
            // What is never dropped removes nothing.
            path = dir.take().map(TempDir::keep).expect("it was just made");
        }
        for _ in 0..NODES {
            let (port, bus) = (free_port(), free_port());
            let process = Some(process(&path, port, bus, is_shared));
            nodes.push(Node { port, bus, process });
        }
        let cluster = RedisCluster { nodes, dir };
        for (at, node) in (0..NODES).zip(&cluster.nodes) {
            let first = u32::from(SLOTS) * u32::from(at) / u32::from(NODES);
            let next = u32::from(SLOTS) * u32::from(at + 1) / u32::from(NODES);
            let (first, last, epoch) = (first.to_string(), (next - 1).to_string(), (at + 1).to_string());
            let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
            let _: String = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
            if at > 0 {
                let (port, bus) = (node.port.to_string(), node.bus.to_string());
                let _: String = cluster.nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
            }
        }
        cluster.is_whole().await;
        cluster
    }

    /// Waits until every node says that all of them are there.
    pub async fn is_whole(&self) {
        for node in &self.nodes {
            loop {
                let told: String = node.ask(&["CLUSTER", "INFO"]).await;
                if told.contains("cluster_state:ok") && told.contains(&format!("cluster_known_nodes:{NODES}"))
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Which node has the slot of a key.
    pub async fn node_of(&self, key: &str) -> usize {
        let slot: u32 = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]).await;
        let at = |at: u16| u32::from(SLOTS) * u32::from(at + 1) / u32::from(NODES);
        (0..NODES).position(|node| slot < at(node)).expect("every slot is some node's")
    }

    /// Moves the slot of a key with all that is in it from one node to another.
    pub async fn move_slot(&self, key: &str, from: usize, to: usize) {
        let (from, to) = (&self.nodes[from], &self.nodes[to]);
        let slot: u32 = from.ask(&["CLUSTER", "KEYSLOT", key]).await;
        let slot = slot.to_string();
        let id = async |node: &Node| -> String { node.ask(&["CLUSTER", "MYID"]).await };
        let (source, target) = (id(from).await, id(to).await);
        let _: String = to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]).await;
        let _: String = from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]).await;
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "3"]).await;
            if keys.is_empty() {
                break;
            }
            let port = to.port.to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            let _: String = from.ask(&migrate).await;
            tokio::task::yield_now().await;
        }
        for node in [to, from].into_iter().chain(&self.nodes) {
            let _: String = node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]).await;
        }
    }

    /// Ends a node with no time for anything.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].end();
    }

    /// Starts a node that was killed, on what it left.
    pub async fn start_again(&mut self, at: usize) {
        let dir = self.dir.as_ref().expect("it is this test's own").path();
        let node = &mut self.nodes[at];
        node.process = Some(process(dir, node.port, node.bus, false));
        self.is_whole().await;
    }
}

impl Node {
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has it carry out a command.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut connection).await.expect("an answer")
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port below those that outgoing connections get, so that none of them takes it before the node does.
pub fn free_port() -> u16 {
    const FIRST: u16 = 15_000;
    const PORTS: u16 = 15_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests begins elsewhere.
    let begin = (std::process::id() % u32::from(PORTS)) as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (begin + step % PORTS) % PORTS;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn process(dir: &Path, port: u16, bus: u16, removes: bool) -> Child {
    let dir = dir.join(port.to_string());
    std::fs::create_dir_all(&dir).expect("a directory of the node's");
    let mut shell = Command::new("sh");
    shell.args(["-c", RUN, "sh"]).arg(if removes { &*dir } else { Path::new("") });
    shell.args(["--port", &port.to_string(), "--cluster-port", &bus.to_string(), "--bind", "127.0.0.1"]);
    shell.args(["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--save", ""]);
    shell.args(["--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", "always"]);
    shell.args(["--cluster-node-timeout", "2000"]).arg("--dir").arg(&dir);
    let started = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut process = started.expect("a shell");
    let said = BufReader::new(process.stdout.take().expect("piped")).lines();
    let ready = said.map_while(Result::ok).any(|line| line.contains("eady to accept connections"));
    assert!(ready, "redis-server is installed (tests/run.sh sees to it) and starts on port {port}");
    process
}
