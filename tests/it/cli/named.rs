//! Which store or service a command speaks of, where several could be meant.

use crate::support::process::{Ended, Project, Running};

use super::operated::{NOWHERE, deliver, json_of, project, settled};

/// A running service with dead letters of these payments.
async fn with_dead(ids: &[&str]) -> (Project, Running) {
    let project = project();
    project.write("data/logs/payments.jsonl/obstacle", "");
    let service = project.start().await;
    deliver(&service, ids).await;
    settled(&service, ids.len(), ids.len()).await;
    (project, service)
}

#[tokio::test]
async fn whoever_names_a_directory_means_the_store_in_it() {
    let (other, stopped) = with_dead(&["p1"]).await;
    stopped.terminate();
    stopped.ended().await;
    let (live, service) = with_dead(&["p2", "p3"]).await;
    let admin = service.admin.to_string();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = live.command(arguments);
        command.env("HOOKYARD_ADMIN_LISTEN", &admin).envs(variables.iter().copied());
        Ended::of(command)
    };
    let jobs = |ended| json_of(ended)["jobs"].clone();
    let list = ["dead", "list", "--json"];
    let data = |project: &Project| project.data().display().to_string();
    let (its, others, empty) = (data(&live), data(&other), live.path("empty").display().to_string());
    let of = |dir: &str| run(&["dead", "list", "--json", "--data", dir], &[]);

    assert_eq!(jobs(run(&list, &[])), 2, "the configured service");
    assert_eq!(jobs(of(&others)), 1);
    assert_eq!(jobs(run(&list, &[("HOOKYARD_DATA", &others)])), 1);
    let url = format!("http://{admin}");
    let both = [("HOOKYARD_ADMIN", &*url), ("HOOKYARD_DATA", &*others)];
    assert_eq!(jobs(run(&list, &both)), 2, "a service is the nearer way");
    assert_eq!(
        jobs(run(&["dead", "list", "--json", "--data", &others], &both)),
        1,
        "a flag before a variable"
    );
    run(&["dead", "list", "--data", &others, "--admin", &url], &[]).assert_refused("not both");

    // A service on that very directory: who set the variable for both reaches it, who names the directory is told how.
    assert_eq!(jobs(run(&list, &[("HOOKYARD_DATA", &its)])), 2);
    of(&its).assert_refused("say where its admin listener is with --admin");
    let nobody = [("HOOKYARD_DATA", &*its), ("HOOKYARD_ADMIN_LISTEN", NOWHERE)];
    let refused = run(&list, &nobody);
    refused.assert_refused("say where its admin listener is with --admin");
    refused.assert_refused("if it is another command, try again");

    of(&empty).assert_refused("holds no store");
    run(&list, &[("HOOKYARD_DATA", &empty)]).assert_refused("holds no store");
    assert!(!live.path("empty").exists(), "looking makes no store");

    let discard = ["dead", "discard", "--all", "--yes", "--json", "--data", &others];
    assert_eq!(json_of(run(&discard, &[]))["moved"], 1);
    assert_eq!((jobs(of(&others)), jobs(run(&list, &[]))), (0.into(), 2.into()));
}
