//! `config/hookyard.toml`: the service itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::RetryTable;

/// `config/hookyard.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    pub server: ServerTable,
    pub store: StoreTable,
    pub worker: WorkerTable,
    pub alerts: AlertsTable,
    pub retention: RetentionTable,
}

/// The two listeners and what they let in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTable {
    /// Address of the public listener: only `/webhooks/{source}`.
    pub listen: String,
    /// Address of the admin listener. Loopback, unless `admin_token` is set.
    pub admin_listen: String,
    /// Bearer token that the admin listener demands, as `${ENV}` or `file:PATH`. Needed off loopback.
    pub admin_token: Option<String>,
    /// Largest accepted body in bytes; a larger one is refused with 413, never cut.
    pub body_bytes_max: u64,
    /// Bytes of bodies being read at one time; beyond it senders get 503 and `Retry-After`.
    pub in_flight_bytes_max: u64,
    /// Time in ms a sender has to deliver a whole request.
    pub request_timeout_ms: u64,
    /// Proxies, as IP addresses or networks such as `10.0.0.0/8`, whose `X-Forwarded-For` is believed: the client is then the
    /// right-most address in it that is none of them. Empty: it is never believed, and the client is who connects.
    pub trusted_proxies: Vec<String>,
    /// Time in ms between two looks at the files of `config/`, `prompts/`, `schemas/` and `evals/`: what has changed there takes
    /// effect once all of it is in order. 0: only when the process is told to look, by SIGHUP.
    pub reload_ms: u64,
    /// What changes is measured by its eval suites first: where one of them fails or is worse than its baseline, all of the change
    /// is refused.
    pub reload_eval: bool,
}

impl Default for ServerTable {
    fn default() -> Self {
        ServerTable {
            listen: "127.0.0.1:8080".to_owned(),
            admin_listen: "127.0.0.1:9090".to_owned(),
            admin_token: None,
            body_bytes_max: 26_214_400,
            in_flight_bytes_max: 134_217_728,
            request_timeout_ms: 30_000,
            trusted_proxies: Vec::new(),
            reload_ms: 2_000,
            reload_eval: false,
        }
    }
}

/// Where events and jobs live.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreTable {
    /// Data directory: the SQLite file, its lock, and the logs of `store.append`. Created if absent; a relative path
    /// starts from the folder that holds `config/`.
    pub path: PathBuf,
    /// Time in ms a dedupe key is remembered. At least 8 days (691200000).
    pub dedupe_ms: u64,
    /// Jobs that may be unfinished at one time; beyond it senders get 503 and `Retry-After`.
    pub open_jobs_max: u64,
    /// Bytes of bodies that may be kept in all; beyond it senders get 503 and `Retry-After` until a tenth of them is
    /// gone. 0 stands for no bound.
    pub payload_bytes_max: u64,
    /// Bytes that must be free on the disk of the data directory; with less senders get 503 and `Retry-After` until
    /// there is a tenth more. 0 stands for no bound.
    pub disk_free_bytes_min: u64,
    /// Redis in place of the file, for more than one machine. The data directory, one for each process, then holds the logs
    /// of `store.append` and what this process is known by. Who reads the logs of several processes counts lines of one
    /// `key` once: a process that is killed may have written a line that it could not report, and another one writes it
    /// too.
    pub redis: Option<RedisTable>,
}

/// A Redis of version 7 or newer, with `maxmemory-policy noeviction` and `appendfsync always`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedisTable {
    /// Where it is, as `redis://USER:${REDIS_PASSWORD}@HOST:PORT/DATABASE`; `rediss://` for TLS. Of a Cluster some of its
    /// nodes, else one.
    pub urls: Vec<String>,
    /// Whether it is a Redis Cluster.
    pub cluster: bool,
    /// For `rediss://`: the certificate, in PEM, of the authority that signed the servers' own. What is left out: those
    /// that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// What all keys begin with: several stores can share a server.
    pub prefix: String,
    /// Parts that the store is divided into, each in one slot: of a Cluster a few for each node, else 1. It is fixed with
    /// the first start.
    pub shards: u16,
    /// Connections of each process, to each node of a Cluster.
    pub connections: u16,
}

impl Default for RedisTable {
    fn default() -> Self {
        RedisTable {
            urls: vec!["redis://127.0.0.1:6379".to_owned()],
            cluster: false,
            ca_file: None,
            prefix: "hookyard".to_owned(),
            shards: 1,
            connections: 8,
        }
    }
}

impl Default for StoreTable {
    fn default() -> Self {
        StoreTable {
            path: PathBuf::from("data"),
            dedupe_ms: 864_000_000,
            open_jobs_max: 5_000_000,
            payload_bytes_max: 0,
            disk_free_bytes_min: 1_073_741_824,
            redis: None,
        }
    }
}

/// The workers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerTable {
    /// Jobs worked on at one time. 0 accepts events and leaves them waiting.
    pub concurrency: u32,
    /// Time in ms after which a worker that has not reported back loses its job.
    pub lease_ms: u64,
    /// When jobs are tried again. What is left out: waits of 1, 4 and 16 s, each up to 20 % longer or shorter, given up
    /// after 3 days.
    pub retry: RetryTable,
    /// Relative share of each lane: critical, normal, bulk. None starves.
    pub lane_weights: [u32; 3],
}

impl Default for WorkerTable {
    fn default() -> Self {
        WorkerTable {
            concurrency: 32,
            lease_ms: 120_000,
            retry: RetryTable::default(),
            lane_weights: [8, 4, 1],
        }
    }
}

/// When the service tells of itself, by events of the source `hookyard`; see `[route.alerts]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsTable {
    /// Time in ms between two looks for dead letters, silent sources and breakers that opened or closed.
    pub check_ms: u64,
    /// Time in ms between two alerts about dead letters, or about outages of one destination or judge: those that come
    /// meanwhile are gathered into one that counts.
    pub every_ms: u64,
}

impl Default for AlertsTable {
    fn default() -> Self {
        AlertsTable { check_ms: 10_000, every_ms: 900_000 }
    }
}

/// How long things are kept. Work that is unfinished, waits for a person or is dead is exempt, whatever its age.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionTable {
    /// Time in ms for which bodies, requests, verdicts and receipts are kept. Not longer than `record_age_ms`.
    pub payload_age_ms: u64,
    /// Time in ms for which the record is kept that an event came and what became of it. Not shorter than
    /// `store.dedupe_ms`: a redelivery is known by it.
    pub record_age_ms: u64,
    /// Bytes of bodies kept of each source; beyond it the oldest go first.
    pub payload_bytes_max: u64,
    /// Time in ms between two rounds.
    pub every_ms: u64,
}

impl Default for RetentionTable {
    fn default() -> Self {
        RetentionTable {
            payload_age_ms: 2_592_000_000,
            record_age_ms: 7_776_000_000,
            payload_bytes_max: 10_737_418_240,
            every_ms: 60_000,
        }
    }
}
