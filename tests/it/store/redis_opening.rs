//! What a Redis has to be like, and what is said of a weaker one.

use std::{path::PathBuf, sync::Arc};

use hookyard::{
    domain::Clock,
    store::redis::{OpenError, RedisOptions, RedisStore, Weakness},
};

use crate::support::{
    clock::HandClock,
    cluster::RedisCluster,
    redis::{RedisServer, store_at},
};

fn options(urls: Vec<String>, prefix: &str) -> RedisOptions {
    RedisOptions { prefix: prefix.to_owned(), shards: 4, ..store_at(urls) }
}

async fn open(options: RedisOptions) -> Result<RedisStore, OpenError> {
    RedisStore::open(options, Arc::<HandClock>::default() as Arc<dyn Clock>).await
}

async fn weaknesses(server: &RedisServer) -> Vec<String> {
    let store = open(options(vec![server.url()], "hookyard")).await.expect("the store opens");
    store.weaknesses().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_a_server_may_lose_is_told() {
    let server = RedisServer::start(&[]);
    assert!(weaknesses(&server).await.concat().contains("appendonly no"));
    let set = async |name, value| -> String { server.ask(&["CONFIG", "SET", name, value]).await };
    set("appendonly", "yes").await;
    assert!(weaknesses(&server).await.concat().contains("appendfsync everysec"));
    set("appendfsync", "always").await;
    assert_eq!(weaknesses(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_who_may_not_see_the_settings_is_told_so() {
    let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let user = ["ACL", "SETUSER", "hookyard", "on", ">secret", "~*", "&*", "+@all", "-config"];
    let _: String = server.ask(&user).await;
    let url = format!("{}?user=hookyard&pass=secret", server.url());
    let store = open(options(vec![url], "hookyard")).await.expect("the store opens");
    assert!(matches!(store.weaknesses(), [Weakness::Unseen { .. }]), "{:?}", store.weaknesses());
}

#[tokio::test]
async fn every_node_of_a_cluster_is_looked_at() {
    let cluster = RedisCluster::start().await;
    open(options(cluster.urls(), "hookyard")).await.expect("the store opens");
    let last = &cluster.nodes()[2];
    let _: String = last.ask(&["CONFIG", "SET", "appendfsync", "no"]).await;
    let store = open(options(cluster.urls(), "hookyard")).await.expect("the store opens");
    let told: Vec<String> = store.weaknesses().iter().map(ToString::to_string).collect();
    assert!(matches!(&*told, [one] if one.contains(&last.port().to_string())), "{told:?}");
    let _: String = last.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let refused = open(options(cluster.urls(), "hookyard")).await.err();
    assert!(matches!(refused, Some(OpenError::Evicts(_))), "{refused:?}");
}

#[tokio::test]
async fn a_store_stays_in_as_many_parts_as_it_was_made_in() {
    let server = RedisServer::start(&[]);
    drop(open(options(vec![server.url()], "hookyard")).await.expect("the store opens"));
    let other = RedisOptions { shards: 5, ..options(vec![server.url()], "hookyard") };
    let refused = open(other).await.err().expect("refused");
    assert!(matches!(refused, OpenError::Shards { kept: 4, asked: 5 }), "{refused:?}");
    open(RedisOptions { shards: 5, ..options(vec![server.url()], "another") }).await.expect("a new store");
}

#[tokio::test]
async fn a_database_that_was_emptied_between_two_starts_is_noticed() {
    let (server, dir) = (RedisServer::start(&[]), tempfile::tempdir().expect("a directory"));
    let path: PathBuf = dir.path().join("epoch");
    let options = || RedisOptions { memory: Some(path.clone()), ..options(vec![server.url()], "hookyard") };
    for _ in 0..2 {
        drop(open(options()).await.expect("the store opens"));
    }
    let _: String = server.ask(&["FLUSHALL"]).await;
    for _ in 0..2 {
        let refused = open(options()).await.err().expect("refused");
        assert!(matches!(&refused, OpenError::Emptied(at) if *at == path), "{refused:?}");
    }
    std::fs::remove_file(&path).expect("it was there");
    open(options()).await.expect("this was meant");
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let server = RedisServer::start(&["--enable-debug-command", "local"]);
    drop(open(options(vec![server.url()], "hookyard")).await.expect("the store opens"));
    let layout = "{hookyard:0}:layout";
    let known: u32 = server.ask(&["GET", layout]).await;
    let _: String = server.ask(&["SET", layout, &(known + 1).to_string()]).await;
    let digest = async || -> String { server.ask(&["DEBUG", "DIGEST"]).await };
    let before = digest().await;
    let refused = open(options(vec![server.url()], "hookyard")).await.err().expect("refused");
    assert!(refused.to_string().contains("use the newer program"), "{refused}");
    assert_eq!(digest().await, before);
}
