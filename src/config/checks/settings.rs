//! `config/hookyard.toml`.

use std::{net::SocketAddr, ops::RangeInclusive};

use super::{
    super::{
        bounds::{Unit, empty_problem, number_problem},
        codes,
        files::SETTINGS,
        load::Config,
        network::network,
        problem::{At, Problems},
        suggest::quoted,
    },
    DAY_MS,
    patience::retry,
    values::{TIMEOUT_MS, plain, secret},
};

/// Largest body that may be allowed, in bytes.
const BODY_BYTES_MAX: u64 = 104_857_600;
/// Most entries of `trusted_proxies`: each is compared with each address.
const PROXIES_MAX: usize = 64;
/// Shortest and longest time between two looks at the files, in ms; 0 stands for none.
const RELOAD_MS: RangeInclusive<u64> = 100..=3_600_000;
/// Shortest and longest time a dedupe key is remembered, in ms.
const DEDUPE_MS: RangeInclusive<u64> = 8 * DAY_MS..=366 * DAY_MS;
/// Most shards of a store: each costs every process a connection, and a look when it asks for work.
const SHARDS_MAX: u64 = 64;
/// Most connections of a process to a server.
const CONNECTIONS_MAX: u64 = 64;

pub(super) fn server(config: &Config, problems: &mut Problems) {
    let server = &config.settings.server;
    let at = |field| config.at(SETTINGS, ["server", field]);
    let listen = address(at("listen"), "listen", &server.listen, problems);
    let admin = address(at("admin_listen"), "admin_listen", &server.admin_listen, problems);
    if let (Some(listen), Some(admin)) = (listen, admin)
        && collide(listen, admin)
    {
        problems.push(at("admin_listen").error(
            codes::BAD_ADDRESS,
            format!("`admin_listen` is taken by `listen`, {listen}"),
            "give the admin listener another port",
        ));
    }
    if admin.is_some_and(|admin| !admin.ip().is_loopback()) && server.admin_token.is_none() {
        problems.push(at("admin_listen").error(
            codes::ADMIN_OPEN,
            "the admin listener can be reached from other machines and demands no token",
            "set `admin_token`, or listen on 127.0.0.1",
        ));
    }
    problems.extend(server.admin_token.as_deref().and_then(|token| secret(at("admin_token"), token)));
    let number = |field, number, bounds, unit| number_problem(at(field), field, number, bounds, unit);
    let body_bytes_max = server.body_bytes_max.min(BODY_BYTES_MAX);
    problems.extend(number("body_bytes_max", server.body_bytes_max, 1_024..=BODY_BYTES_MAX, Unit::Bytes));
    // Less would refuse bodies that `body_bytes_max` allows, for ever.
    let in_flight = body_bytes_max..=(1 << 40);
    problems.extend(number("in_flight_bytes_max", server.in_flight_bytes_max, in_flight, Unit::Bytes));
    problems.extend(number("request_timeout_ms", server.request_timeout_ms, TIMEOUT_MS, Unit::Ms));
    if server.reload_ms != 0 {
        problems.extend(number("reload_ms", server.reload_ms, RELOAD_MS, Unit::Ms));
    }
    proxies(config, problems);
}

fn proxies(config: &Config, problems: &mut Problems) {
    let proxies = &config.settings.server.trusted_proxies;
    let path = ["server", "trusted_proxies"];
    if proxies.len() > PROXIES_MAX {
        problems.push(config.at(SETTINGS, path).error(
            codes::OUT_OF_BOUNDS,
            format!("`trusted_proxies` has {} entries", proxies.len()),
            format!("write at most {PROXIES_MAX}; a network such as 10.0.0.0/8 stands for many addresses"),
        ));
    }
    for (index, text) in proxies.iter().enumerate() {
        if network(text).is_none() {
            let at =
                config.at(SETTINGS, path.into_iter().chain([index.to_string().as_str()]).collect::<Vec<_>>());
            problems.push(at.error(
                codes::BAD_NETWORK,
                format!("{} is neither an IP address nor a network", quoted(text)),
                "write the proxy's address, such as 127.0.0.1, or its network, such as 10.0.0.0/8",
            ));
        }
    }
}

pub(super) fn store(config: &Config, problems: &mut Problems) {
    let store = &config.settings.store;
    let at = |field| config.at(SETTINGS, ["store", field]);
    let is_empty = store.path.as_os_str().is_empty();
    problems.extend(empty_problem(at("path"), "path", is_empty, "write a folder, such as `data`"));
    problems.extend(number_problem(at("dedupe_ms"), "dedupe_ms", store.dedupe_ms, DEDUPE_MS, Unit::Ms));
    let jobs = 1..=1_000_000_000;
    problems.extend(number_problem(
        at("open_jobs_max"),
        "open_jobs_max",
        store.open_jobs_max,
        jobs,
        Unit::Plain,
    ));
    for (field, bytes) in
        [("payload_bytes_max", store.payload_bytes_max), ("disk_free_bytes_min", store.disk_free_bytes_min)]
    {
        problems.extend(number_problem(at(field), field, bytes, 0..=(1 << 50), Unit::Bytes));
    }
}

/// Shortest lease.
const LEASE_MS_MIN: u64 = 1_000;

/// Shortest lease on Redis, where an outage shorter than half a sign of life (5 s) is not noticed as one: half a lease, after
/// which it is extended, must outlast that.
const SHARED_LEASE_MS_MIN: u64 = 10_000;

/// Where Redis is, and into how much it is divided.
pub(super) fn redis(config: &Config, problems: &mut Problems) {
    let Some(redis) = &config.settings.store.redis else { return };
    let at = |field| config.at(SETTINGS, ["store", "redis", field]);
    let none = redis.urls.is_empty();
    problems.extend(empty_problem(at("urls"), "urls", none, "write where Redis is, as `redis://HOST:6379`"));
    if redis.urls.len() > 1 && !redis.cluster {
        problems.push(at("urls").error(
            codes::BAD_ADDRESS,
            "`urls` names several servers, and `cluster` is not set",
            "name one server, or set `cluster = true`",
        ));
    }
    for (index, url) in redis.urls.iter().enumerate() {
        let at = config.at(SETTINGS, ["store", "redis", "urls", &index.to_string()]);
        match url.split_once("://") {
            Some(("redis" | "rediss" | "redis+unix", rest)) if has_literal_password(rest) => {
                problems.push(at.error(
                    codes::LITERAL_SECRET,
                    "a password stands in the file itself",
                    "write it as `${REDIS_PASSWORD}`, and set that variable",
                ));
            }
            Some(("redis" | "rediss" | "redis+unix", _)) => problems.extend(plain(at, url)),
            // The whole of it: what it is worth is seen at the start.
            None if url.starts_with("${") => problems.extend(plain(at, url)),
            Some(_) | None => problems.push(at.error(
                codes::BAD_ADDRESS,
                format!("{} is no URL of a Redis", quoted(url)),
                "write `redis://HOST:PORT`, or `rediss://HOST:PORT` for TLS",
            )),
        }
    }
    if redis.ca_file.is_some()
        && !redis.urls.iter().all(|url| url.starts_with("rediss://") || url.starts_with("${"))
    {
        problems.push(at("ca_file").error(
            codes::BAD_ADDRESS,
            "`ca_file` is set, and `urls` do not ask for TLS",
            "write them as `rediss://HOST:PORT`, or leave `ca_file` out",
        ));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if redis.prefix.is_empty() || !redis.prefix.chars().all(is_plain) {
        problems.push(at("prefix").error(
            codes::BAD_NAME,
            format!("{} cannot begin the name of a key", quoted(&redis.prefix)),
            "write letters, digits, `-`, `_`, `.` and `:`",
        ));
    }
    let number =
        |field, number: u16, bounds| number_problem(at(field), field, number.into(), bounds, Unit::Plain);
    problems.extend(number("shards", redis.shards, 1..=SHARDS_MAX));
    problems.extend(number("connections", redis.connections, 1..=CONNECTIONS_MAX));
}

/// Whether what stands behind the scheme of a URL has a password that is not given by reference.
fn has_literal_password(rest: &str) -> bool {
    let user_info = rest.rsplit_once('@').map(|(user_info, _)| user_info);
    let before_host = user_info.and_then(|user_info| user_info.split_once(':')).map(|(_, password)| password);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("pass="));
    before_host.into_iter().chain(in_query).any(|password| !password.is_empty() && !password.contains("${"))
}

pub(super) fn worker(config: &Config, problems: &mut Problems) {
    let worker = &config.settings.worker;
    let at = |field| config.at(SETTINGS, ["worker", field]);
    let number = |field, number, bounds, unit| number_problem(at(field), field, number, bounds, unit);
    problems.extend(number("concurrency", worker.concurrency.into(), 0..=4_096, Unit::Plain));
    let is_shared = config.settings.store.redis.is_some();
    let lease_ms_min = if is_shared { SHARED_LEASE_MS_MIN } else { LEASE_MS_MIN };
    problems.extend(number("lease_ms", worker.lease_ms, lease_ms_min..=3_600_000, Unit::Ms));
    retry(config, SETTINGS, &["worker", "retry"], &[&worker.retry], problems);
    for weight in worker.lane_weights {
        problems.extend(number("lane_weights", weight.into(), 1..=1_000, Unit::Plain));
    }
}

fn address(at: At, field: &str, text: &str, problems: &mut Problems) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        problems.push(at.error(
            codes::BAD_ADDRESS,
            format!("`{field}` is no address to listen on"),
            "write IP:PORT, such as 127.0.0.1:8080 or 0.0.0.0:8080",
        ));
    }
    address
}

/// Whether two listeners cannot both be had. Port 0 stands for any free one.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_ip
}
