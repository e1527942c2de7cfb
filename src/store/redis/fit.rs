//! Whether a server is fit to keep what was promised, and what a weaker one may lose.

use std::collections::HashMap;

use super::{link::Link, open::OpenError};

/// Oldest version that has all that is used here.
pub(super) const VERSION_MIN: u32 = 7;

/// What a server may lose although it was acknowledged. The store works on it all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    #[error(
        "{node} keeps no log (appendonly no): all that was acknowledged is lost when it ends; set appendonly to yes and \
         appendfsync to always"
    )]
    NoLog { node: String },
    #[error(
        "{node} answers before its log is on disk (appendfsync {policy}): a crash of its machine loses what was acknowledged \
         last; set appendfsync to always"
    )]
    LateSync { node: String, policy: String },
    #[error(
        "{node} has replicas and answers before any of them has the change: a failover loses what was acknowledged last, and \
         with min-replicas-to-write 0 all that a primary takes in that is cut off; set it to 1 or more"
    )]
    Failover { node: String },
    #[error(
        "it could not be seen whether Redis loses what was acknowledged ({why}): see to it that appendfsync is always, or \
         allow the user `config|get`"
    )]
    Unseen { why: String },
}

/// Refuses what could lose by itself what is promised to be kept; tells what else may.
pub(super) async fn fit(link: &Link) -> Result<Vec<Weakness>, OpenError> {
    let mut with_replicas = Vec::new();
    for (node, info) in link.ask_all(redis::cmd("INFO").arg("everything")).await? {
        let info: String = redis::from_redis_value(info).map_err(redis::RedisError::from)?;
        let told = |name: &str| {
            let mut lines = info.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
        };
        let version = told("redis_version");
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major: u32| major < VERSION_MIN) {
            return Err(OpenError::Version(version.to_owned()));
        }
        let policy = told("maxmemory_policy");
        if policy != "noeviction" {
            return Err(OpenError::Evicts(policy.to_owned()));
        }
        if told("connected_slaves") != "0" {
            with_replicas.push(node);
        }
    }
    let mut weaknesses = Vec::new();
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg("appendonly").arg("appendfsync").arg("min-replicas-to-write");
    let told = match link.ask_all(&ask).await {
        Ok(told) => told,
        Err(error) => return Ok(vec![Weakness::Unseen { why: error.to_string() }]),
    };
    for (node, settings) in told {
        let settings: HashMap<String, String> =
            redis::from_redis_value(settings).map_err(redis::RedisError::from)?;
        let set = |name: &str| settings.get(name).map_or("", String::as_str);
        let name = || if node.is_empty() { "Redis".to_owned() } else { format!("Redis at {node}") };
        match (set("appendonly"), set("appendfsync")) {
            ("yes", "always") => {}
            ("yes", policy) => {
                weaknesses.push(Weakness::LateSync { node: name(), policy: policy.to_owned() });
            }
            (_, _) => weaknesses.push(Weakness::NoLog { node: name() }),
        }
        if with_replicas.contains(&node) && set("min-replicas-to-write") == "0" {
            weaknesses.push(Weakness::Failover { node: name() });
        }
    }
    Ok(weaknesses)
}
