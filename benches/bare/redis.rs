//! The same words to Redis as Hookyard's, without what leads to them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use redis::{Script, Value, aio::MultiplexedConnection};
use uuid::Uuid;

use crate::{rows::Rows, writer::Received};

/// The script that Hookyard takes an event in with.
const ACCEPT: &str = concat!(
    include_str!("../../src/store/redis/scripts/lib.lua"),
    include_str!("../../src/store/redis/scripts/accept.lua")
);

/// Of one event.
const WORDS: usize = 56;

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
        let client = redis::Client::open(url).expect("a URL of Redis");
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
            r#"{{"job":{{"id":"evt_{event}.0","lane":"normal","kind":"route","route":"noop","state":"ready","due":{now},"fresh_at":{now},"attempts":0,"lost_leases":0,"crashes":0,"config":"de00f9b8575e92ac","in_doubt":false,"approved":false}}}}"#
        );
        let mut say = self.accept.key(format!("{TAG}:epoch"));
        say.arg(TAG).arg(EPOCH).arg(now.to_string()).arg("bare");
        say.arg(now.to_string()).arg(WORDS).arg(864_000_000).arg("").arg(1).arg(&known).arg("duplicate");
        say.arg(3).arg("SET").arg(format!("{TAG}:body:{event}")).arg(&body[..]);
        say.arg(12).arg("HSET").arg(hash).arg("e").arg(kept).arg("b").arg("here");
        say.arg("j0").arg(job).arg("w0").arg(format!("@{now}")).arg("v").arg(1);
        say.arg(4).arg("ZADD").arg(format!("{TAG}:events")).arg(0).arg(&event);
        say.arg(4).arg("COUNT").arg("bytes").arg("forms").arg(bytes);
        say.arg(4).arg("COUNT").arg("ready").arg("normal|noop|").arg(1);
        say.arg(3).arg("READY").arg(format!("{event}.00000|normal|noop|")).arg(now.to_string());
        say.arg(3).arg("LOAD").arg(1).arg(bytes);
        say.arg(5).arg("SET").arg(known).arg(format!("{event} {now} 0")).arg("PX").arg(864_000_000);
        say.arg(4).arg("HSET").arg(format!("{TAG}:heard")).arg("forms").arg(format!("{now} {now}"));
        say
    }
}
