//! The same words to Redis as Hookyard's, without what leads to them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use redis::{IntoConnectionInfo, Script, Value, aio::MultiplexedConnection, io::tcp::TcpSettings};
use uuid::Uuid;

use crate::{rows::Rows, writer::Received};

/// The script that Hookyard takes an event in with.
const ACCEPT: &str = concat!(
    include_str!("../../src/store/redis/scripts/lib.lua"),
    include_str!("../../src/store/redis/scripts/accept.lua")
);

const TAG: &str = "{hookyard:0}";
const EPOCH: &str = "bare";

/// Several connections to one server, used in turn.
pub struct Server {
    connections: Vec<MultiplexedConnection>,
    next: AtomicUsize,
    accept: Script,
    rows: Rows,
}

impl Server {
    pub async fn open(url: &str, connections: usize, rows: Rows) -> Self {
        let info = url.into_connection_info().expect("a URL of Redis");
        // As Hookyard's connections are.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info).expect("an address of Redis");
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(client.get_multiplexed_async_connection().await.expect("Redis answers"));
        }
        let (mut first, accept) = (open[0].clone(), Script::new(ACCEPT));
        let set = redis::cmd("SET").arg(format!("{TAG}:epoch")).arg(EPOCH).exec_async(&mut first).await;
        set.expect("a key is set");
        accept.load_async(&mut first).await.expect("the script loads");
        Server { connections: open, next: AtomicUsize::new(0), accept, rows }
    }

    /// Whether it is new.
    pub async fn write(&self, received: Received) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut connection = self.connections[turn % self.connections.len()].clone();
        match self.rows {
            Rows::Id => {
                let mut add = redis::cmd("XADD");
                add.arg("events").arg("*").arg("id").arg(&received.id).arg("type").arg(&received.kind);
                add.arg("body").arg(&received.body[..]);
                add.exec_async(&mut connection).await.expect("an entry is added");
                true
            }
            Rows::All => {
                let answer: Vec<Value> =
                    self.all(&received).invoke_async(&mut connection).await.expect("an answer");
                matches!(answer.last(), Some(Value::BulkString(word)) if word == b"done")
            }
        }
    }

    fn all(&self, received: &Received) -> redis::ScriptInvocation<'_> {
        let Received { id, kind, body } = received;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis();
        let event = Uuid::now_v7().simple().to_string();
        let (hash, known, bytes) =
            (format!("{TAG}:event:{event}"), format!("{TAG}:key:forms/{id}"), body.len());
        let kept = format!(
            r#"{{"id":"evt_{event}","source":"forms","type":"{kind}","lane":"normal","received_at":{now},"test_mode":false,"headers":[["content-type","application/json"],["x-webhook-timestamp","{now}"],["x-event-id","{id}"]],"body":{{"here":{{"bytes":{bytes}}}}}}}"#
        );
        let job = format!(
            r#"{{"job":{{"id":"evt_{event}.0","lane":"normal","kind":"route","route":"noop","state":"ready","due":{now},"fresh_at":{now},"attempts":0,"lost_leases":0,"crashes":0,"config":"de00f9b8575e92ac","in_doubt":false,"approved":false}},"history":[]}}"#
        );
        let mut words: Vec<Vec<u8>> = Vec::new();
        let mut add = |more: &[&[u8]]| words.extend(more.iter().map(|word| word.to_vec()));
        let (now, bytes) = (now.to_string(), bytes.to_string());
        add(&[event.as_bytes(), b"864000000", b"", b"1", known.as_bytes(), b"duplicate"]);
        add(&[b"3", b"SET", format!("{TAG}:body:{event}").as_bytes(), body]);
        add(&[b"12", b"HSET", hash.as_bytes(), b"e", kept.as_bytes(), b"b", b"here"]);
        add(&[b"j0", job.as_bytes(), b"w0", format!("@{now}").as_bytes(), b"v", b"1"]);
        add(&[b"4", b"ZADD", format!("{TAG}:events").as_bytes(), b"0", event.as_bytes()]);
        add(&[b"4", b"COUNT", b"bytes", b"forms", bytes.as_bytes()]);
        add(&[b"4", b"COUNT", b"ready", b"normal|noop|", b"1"]);
        add(&[b"3", b"READY", format!("{event}.00000|normal|noop|").as_bytes(), now.as_bytes()]);
        add(&[b"3", b"LOAD", b"1", bytes.as_bytes()]);
        add(&[b"5", b"SET", known.as_bytes(), format!("{event} {now} 0").as_bytes(), b"PX", b"864000000"]);
        add(&[b"4", b"HSET", format!("{TAG}:heard").as_bytes(), b"forms", format!("{now} {now}").as_bytes()]);
        let mut say = self.accept.key(format!("{TAG}:epoch"));
        say.arg(TAG).arg(EPOCH).arg(&now).arg("bare").arg(&now).arg(words.len()).arg(words);
        say
    }
}
