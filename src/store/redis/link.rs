//! Connections to Redis, and the scripts that run there.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, ConnectionManager},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
};

use crate::{domain::Timestamp, store::StoreError};

use super::{clock::StoreClock, keys::Shard};

/// A script with its text: the client's own keeps it to itself.
pub(super) struct Code {
    script: Script,
    text: &'static str,
    /// It changes nothing, and may run twice.
    reads: bool,
}

macro_rules! scripts {
    (
        takes_in { $($name:ident = $file:literal;)+ }
        works { $($other:ident = $other_file:literal;)+ }
        reads { $($read:ident = $read_file:literal;)+ }
    ) => {
        /// Every script, each with what all share put before it. Where there is no memory left nothing is taken in; what was
        /// goes on, since only that makes room.
        pub(super) struct Scripts { $(pub $name: Code,)+ $(pub $other: Code,)+ $(pub $read: Code,)+ }

        impl Scripts {
            pub fn new() -> Self {
                Scripts {
                    $($name: Code::writes(concat!(include_str!("scripts/lib.lua"), include_str!($file))),)+
                    $($other: Code::writes(concat!(
                        "#!lua flags=allow-oom\n", include_str!("scripts/lib.lua"), include_str!($other_file)
                    )),)+
                    $($read: Code::reads(concat!(
                        "#!lua flags=no-writes\n", include_str!("scripts/lib.lua"), include_str!($read_file)
                    )),)+
                }
            }
        }
    };
}

impl Code {
    fn writes(text: &'static str) -> Self {
        Code { script: Script::new(text), text, reads: false }
    }

    fn reads(text: &'static str) -> Self {
        Code { reads: true, ..Code::writes(text) }
    }
}

scripts! {
    takes_in {
        accept = "scripts/accept.lua";
        import = "scripts/import.lua";
        reserve = "scripts/reserve.lua";
    }
    works {
        claim = "scripts/claim.lua";
        commit = "scripts/commit.lua";
        cursor = "scripts/cursor.lua";
        extend = "scripts/extend.lua";
        line = "scripts/line.lua";
        meter = "scripts/meter.lua";
        migration = "scripts/migration.lua";
        newest = "scripts/newest.lua";
        pause = "scripts/pause.lua";
        permit = "scripts/permit.lua";
        pulse = "scripts/pulse.lua";
        rate = "scripts/rate.lua";
        turn = "scripts/turn.lua";
    }
    reads {
        depths = "scripts/depths.lua";
    }
}

/// Several connections, each used by many: Redis reads so much of one at a time, and syncs its log after each turn.
pub(super) struct Link {
    connections: Vec<Connection>,
    next: AtomicUsize,
}

/// To one server, or to all of a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self.clone() {
            Connection::Server(mut server) => server.req_packed_command(command).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// Sends what may come twice without harm: once more where the connection proves to be broken.
    async fn send_again(&self, command: &Cmd) -> RedisResult<Value> {
        match self.send(command).await {
            Err(error) if error.is_connection_dropped() => self.send(command).await,
            sent => sent,
        }
    }

    async fn send_script(&self, code: &Code, command: &Cmd) -> RedisResult<Value> {
        if code.reads { self.send_again(command).await } else { self.send(command).await }
    }

    async fn send_all(&self, commands: &redis::Pipeline) -> RedisResult<Vec<Value>> {
        let number = commands.cmd_iter().count();
        match self.clone() {
            Connection::Server(mut server) => server.req_packed_commands(commands, 0, number).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_commands(commands, 0, number).await,
        }
    }
}

/// What a script answered.
pub(super) struct Reply {
    pub word: String,
    pub rest: Vec<Value>,
}

impl Link {
    pub fn new(connections: Vec<Connection>) -> Self {
        Link { connections, next: AtomicUsize::new(0) }
    }

    /// Runs one command, which may come twice without harm.
    pub async fn run<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let value = self.connection().send_again(command).await;
        T::from_redis_value(value.map_err(|error| failed(&error))?)
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Asks every node of a cluster that has slots, or the one server.
    pub async fn ask_all(&self, command: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        let mut cluster = match self.connection() {
            Connection::Server(_) => return Ok(vec![(String::new(), self.connection().send(command).await?)]),
            Connection::Cluster(cluster) => cluster,
        };
        let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let told = cluster.route_command(command.clone(), all).await?;
        Ok(redis::from_redis_value(told)?)
    }

    /// Runs several commands of one shard, sent together; each has an answer of its own, and may come twice as in
    /// [`Link::run`].
    pub async fn run_all(&self, commands: &redis::Pipeline) -> Result<Vec<Value>, StoreError> {
        let connection = self.connection();
        let sent = match connection.send_all(commands).await {
            Err(error) if error.is_connection_dropped() => connection.send_all(commands).await,
            sent => sent,
        };
        let answers = sent.and_then(|answers| answers.into_iter().map(Value::extract_error).collect());
        answers.map_err(|error| failed(&error))
    }

    fn connection(&self) -> Connection {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.connections[at].clone()
    }

    /// Runs a script in a shard, at the store's `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where the database is not the one that was opened.
    pub async fn call(
        &self,
        code: &Code,
        (shard, epoch, process): (&Shard, &str, &str),
        (clock, now): (&StoreClock, Timestamp),
        args: impl IntoIterator<Item = impl redis::ToRedisArgs>,
    ) -> Result<Reply, StoreError> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(code.script.get_hash()).arg(1).arg(shard.key("epoch"));
        command.arg(shard.tag()).arg(epoch).arg(now.as_millis()).arg(process);
        for arg in args {
            command.arg(arg);
        }
        let connection = self.connection();
        let sent = match connection.send_script(code, &command).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                // This also has the server keep it.
                let mut whole = redis::cmd("EVAL");
                whole.arg(code.text);
                for word in command.args_iter().skip(2) {
                    if let redis::Arg::Simple(word) = word {
                        whole.arg(word);
                    }
                }
                connection.send_script(code, &whole).await
            }
            sent => sent,
        };
        let reply = Reply::read(sent.map_err(|error| failed(&error))?)?;
        match (reply.word.as_str(), reply.rest.as_slice()) {
            ("wiped", _) => Err(wiped()),
            ("done", [seconds, micros, ..]) => {
                clock.told(number(seconds)?, number(micros)?);
                Ok(reply)
            }
            _ => Ok(reply),
        }
    }
}

/// What a script that changes something tells first: the time, and how much is here.
pub(super) const DONE_WORDS: usize = 4;

/// What is said of a database that is another one now.
pub(super) fn wiped() -> StoreError {
    let told = "the database was emptied or exchanged: what was accepted before is not there";
    StoreError::Unavailable(told.to_owned())
}

fn failed(error: &RedisError) -> StoreError {
    StoreError::Unavailable(format!("Redis: {error}"))
}

pub(super) fn number(value: &Value) -> Result<i64, StoreError> {
    redis::from_redis_value_ref(value).map_err(|error| StoreError::Unavailable(error.to_string()))
}

pub(super) fn text(value: &Value) -> Result<String, StoreError> {
    redis::from_redis_value_ref(value).map_err(|error| StoreError::Unavailable(error.to_string()))
}

impl Reply {
    fn read(value: Value) -> Result<Self, StoreError> {
        let mut rest: Vec<Value> =
            redis::from_redis_value(value).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if rest.is_empty() {
            return Err(StoreError::Unavailable("a script said nothing".to_owned()));
        }
        let word = text(&rest.remove(0))?;
        Ok(Reply { word, rest })
    }
}
