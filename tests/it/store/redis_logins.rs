//! How a Redis is reached that lets only some in, and what is said to whoever it does not let in.

use std::{path::PathBuf, sync::Arc};

use hookyard::{
    config::{Files, SETTINGS},
    domain::{Clock, Next},
    store::{
        Store,
        redis::{OpenError, RedisOptions, RedisStore},
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{
    clock::HandClock,
    cluster::{RedisCluster, free_port},
    process::{Ended, Project, Running},
    redis::{RedisServer, store_at, user},
};

use super::{
    bench::{LANES, wanting},
    given::{event, settlement},
};

const PASSWORD: &str = "p@ss:w0rd";
/// As it is written in a URL.
const WRITTEN: &str = "p%40ss%3Aw0rd";

fn options(urls: Vec<String>, ca: Option<PathBuf>) -> RedisOptions {
    RedisOptions { ca, shards: 2, ..store_at(urls) }
}

async fn open(options: RedisOptions) -> Result<RedisStore, OpenError> {
    RedisStore::open(options, Arc::<HandClock>::default() as Arc<dyn Clock>).await
}

/// Opens a store and has it do something.
async fn works(options: RedisOptions) {
    let store = open(options).await.expect("the store opens");
    store.accept(event(1).received(HandClock::default().now())).await.expect("accepted");
    let claimed = store.claim(wanting(LANES, 1)).await.expect("a claim").jobs;
    store.settle(claimed[0].lease, settlement(Next::Done)).await.expect("settled");
}

/// What is said of a store that does not open.
async fn refused(options: RedisOptions) -> String {
    let error = open(options).await.err().expect("refused");
    assert!(!format!("{error:?}").contains("p@ss") && !format!("{error:?}").contains("p%40"), "{error:?}");
    error.to_string()
}

/// An authority, a certificate that it signed for this machine, and a server that has it.
struct Vouched {
    dir: TempDir,
    port: u16,
    server: RedisServer,
}

impl Vouched {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = authority();
        let key = KeyPair::generate().expect("a key");
        let of_server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let of_server = of_server.signed_by(&key, &authority).expect("signed");
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let (certificate, key) =
            (write("server.pem", of_server.pem()), write("key.pem", key.serialize_pem()));
        write("ca.pem", authority.pem());
        write("other.pem", self::authority().pem());
        write("empty.pem", String::new());
        let port = free_port();
        let server = RedisServer::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ]);
        Vouched { dir, port, server }
    }

    fn options(&self, ca: Option<&str>) -> RedisOptions {
        let url = format!("rediss://127.0.0.1:{}", self.port);
        options(vec![url], ca.map(|name| self.dir.path().join(name)))
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed by itself")
}

#[tokio::test]
async fn a_server_is_trusted_whose_certificate_the_given_authority_signed() {
    let vouched = Vouched::start();
    works(vouched.options(Some("ca.pem"))).await;
}

#[tokio::test]
async fn a_server_is_not_trusted_whose_certificate_another_signed() {
    let vouched = Vouched::start();
    for (ca, remedy) in [
        (Some("other.pem"), "store.redis.ca_file must hold the certificate of the authority"),
        (None, "set store.redis.ca_file"),
    ] {
        let why = refused(vouched.options(ca)).await;
        let at = format!("store.redis.urls: 127.0.0.1:{}: ", vouched.port);
        assert!(why.starts_with(&at) && why.contains("certificate") && why.contains(remedy), "{why}");
    }
    let keys: u64 = vouched.server.ask(&["DBSIZE"]).await;
    assert_eq!(keys, 0, "nothing was said to it");
}

#[tokio::test]
async fn a_file_that_holds_no_certificate_is_named() {
    let vouched = Vouched::start();
    for (ca, word) in [("empty.pem", "no certificate"), ("missing.pem", "No such file")] {
        let why = refused(vouched.options(Some(ca))).await;
        assert!(why.starts_with("store.redis.ca_file: ") && why.contains(ca) && why.contains(word), "{why}");
    }
}

#[tokio::test]
async fn a_service_finds_the_authority_in_its_project() {
    let vouched = Vouched::start();
    let (port, project) = (vouched.port, Project::new(&Files::embedded()));
    std::fs::copy(vouched.dir.path().join("ca.pem"), project.path("redis-ca.pem")).expect("copied");
    let table =
        format!("\n[store.redis]\nurls = [\"rediss://127.0.0.1:{port}\"]\nca_file = \"redis-ca.pem\"\n");
    project.append(SETTINGS, &table);
    let mut serve = project.serve();
    serve.current_dir(vouched.dir.path());
    let service = Running::start(serve).await;
    assert_eq!(service.get("/api/v1/depths").await["leased"], 0);
}

/// A server on a port, with a user who may do what is needed and then these.
async fn with_user(further: &[&str]) -> (RedisServer, u16) {
    let port = free_port();
    let server = RedisServer::start(&["--port", &port.to_string()]);
    let needed = user("hookyard", PASSWORD, "hookyard");
    let words: Vec<&str> = needed.iter().map(String::as_str).chain(further.iter().copied()).collect();
    let _: String = server.ask(&words).await;
    (server, port)
}

#[tokio::test]
async fn a_user_may_stand_in_the_url() {
    let (server, port) = with_user(&[]).await;
    works(options(vec![format!("redis://hookyard:{WRITTEN}@127.0.0.1:{port}/1")], None)).await;
    let clients: String = server.ask(&["INFO", "keyspace"]).await;
    assert!(clients.contains("db1:keys") && !clients.contains("db0"), "{clients}");
}

#[tokio::test]
async fn a_user_may_stand_in_the_url_of_a_socket() {
    let (server, _) = with_user(&[]).await;
    works(options(vec![format!("{}?db=1&user=hookyard&pass={WRITTEN}", server.url())], None)).await;
    let clients: String = server.ask(&["INFO", "keyspace"]).await;
    assert!(clients.contains("db1:keys") && !clients.contains("db0"), "{clients}");
}

#[tokio::test]
async fn a_user_of_one_prefix_does_not_come_by_what_others_have() {
    let (server, port) = with_user(&[]).await;
    let url = format!("redis://hookyard:{WRITTEN}@127.0.0.1:{port}");
    let other = RedisOptions { prefix: "another".to_owned(), ..options(vec![url], None) };
    let why = refused(other).await;
    assert!(why.contains("no permissions") && why.contains("config/hookyard.toml"), "{why}");
    let keys: u64 = server.ask(&["DBSIZE"]).await;
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_where_and_what_to_do_and_no_password() {
    let (server, port) = with_user(&["-time"]).await;
    let at = |login: &str| format!("redis://{login}@127.0.0.1:{port}");
    let socket = server.url();
    for (url, remedy) in [
        (at("hookyard:p%40ssive"), "correct user and password"),
        (at("nobody:p%40ssive"), "correct user and password"),
        (format!("{socket}?user=hookyard&pass=p%40ssive"), "correct user and password"),
        (at(&format!("hookyard:{WRITTEN}")), "allow the user"),
        (format!("redis://hookyard:p@ss/ive#1@127.0.0.1:{port}"), "is no URL"),
        (format!("redis://hookyard:{WRITTEN}@127.0.0.1:{}", free_port()), "see to it that Redis runs there"),
    ] {
        let why = refused(options(vec![url], None)).await;
        assert!(why.starts_with("store.redis.urls: ") && why.contains(remedy), "{why}");
        assert!(!why.contains("p@ss") && !why.contains("p%40ss") && !why.contains("hookyard:"), "{why}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_let_in_logs_no_password() {
    let (_server, port) = with_user(&[]).await;
    let project = Project::new(&Files::embedded()).with_env("REDIS_PASSWORD", "p%40ssive");
    let url = format!("redis://hookyard:${{REDIS_PASSWORD}}@127.0.0.1:{port}");
    project.append(SETTINGS, &format!("\n[store.redis]\nurls = [\"{url}\"]\n"));
    let mut serve = project.serve();
    serve.env("RUST_LOG", "trace");
    let ended = Ended::of(serve);
    ended.assert_refused(&format!("store.redis.urls: 127.0.0.1:{port}"));
    ended.assert_refused("correct user and password");
    assert!(!ended.err.contains("p@ss") && !ended.err.contains("p%40ss"), "{}", ended.err);
}

#[tokio::test]
async fn a_user_is_known_to_every_node_of_a_cluster_or_told_where_not() {
    let cluster = RedisCluster::start().await;
    let words = user("hookyard", PASSWORD, "hookyard");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let login = format!("redis://hookyard:{WRITTEN}@");
    let urls: Vec<String> = cluster.urls().iter().map(|url| url.replace("redis://", &login)).collect();
    let why = refused(options(urls.clone(), None)).await;
    assert!(why.starts_with("store.redis.urls: ") && why.contains("correct user and password"), "{why}");
    for node in cluster.nodes() {
        let _: String = node.ask(&words).await;
    }
    works(options(urls, None)).await;
}
