//! Connections to Redis.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, ToRedisArgs, Value,
    aio::{ConnectionLike, ConnectionManager},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
};

use crate::store::StoreError;

use super::script::Code;

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
            Connection::Server(_) => {
                return Ok(vec![(String::new(), self.connection().send(command).await?)]);
            }
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

    /// Runs a script on `args`. The server keeps each from the first time on.
    pub async fn eval(
        &self,
        code: &Code,
        args: impl IntoIterator<Item = impl ToRedisArgs>,
    ) -> Result<Value, StoreError> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(code.script.get_hash());
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
        sent.map_err(|error| failed(&error))
    }
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
