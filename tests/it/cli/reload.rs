//! `hookyard serve`: changed files take effect once all of them are in order.

use std::process::Command;

use hookyard::config::{CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS};

use crate::support::process::{Project, Running, hookyard};

const APPLIED: &str = "the changed configuration is in effect";
const REFUSED: &str = "the changed configuration is refused; the one before stays in effect";

/// The embedded files without classifiers, looked at so often.
fn project(reload_ms: u64) -> Project {
    let files = Files::embedded().with(CLASSIFIERS, "").with(ROUTES, "").with(JUDGES, "");
    files_of(files, &format!("[server]\nreload_ms = {reload_ms}\n"))
}

fn files_of(files: Files, settings: &str) -> Project {
    Project::new(&files.with(SETTINGS, settings))
        .with_env("FORMS_WEBHOOK_SECRET", "whsec_of_the_reload_tests")
}

/// SIGHUP, by the shell: it has a `kill` of its own on every system.
fn hang_up(service: &Running) {
    let told = Command::new("sh").args(["-c", "kill -HUP \"$0\"", &service.id().to_string()]).status();
    assert!(told.is_ok_and(|status| status.success()), "the signal is sent");
}

async fn said(service: &Running, message: &str, times: usize) {
    let is = |line: &&serde_json::Value| line["message"] == message;
    service.logged(message, |log| log.lines.iter().filter(is).count() >= times).await;
}

async fn answers(service: &Running, source: &str) -> u16 {
    let answer = service.deliver(source, Vec::new(), b"{}".to_vec()).await;
    answer.expect("an answer").0
}

#[tokio::test]
async fn at_a_hang_up_all_files_take_effect_or_none() {
    let project = project(0);
    let service = project.start().await;
    assert_eq!(answers(&service, "letters").await, 404);
    let source = "\n[source.letters]\nscheme = \"standard\"\nsecrets = [\"${FORMS_WEBHOOK_SECRET}\"]\n";
    let source = source.replace("\"standard\"", &scheme_of_forms(&project));
    project.append("config/sources.toml", &source);
    project.write("prompts/broken/event.j2", "{{ never closed");
    hang_up(&service);
    said(&service, REFUSED, 1).await;
    assert_eq!(answers(&service, "letters").await, 404, "the one before stays");
    let told = |log: &crate::support::process::Log| {
        log.lines.iter().any(|line| {
            line["message"].as_str().is_some_and(|text| text.contains("prompts/broken/event.j2:1"))
        })
    };
    service.logged("the file and the line", told).await;

    project.write("prompts/broken/event.j2", "{{ event.type }}");
    hang_up(&service);
    said(&service, APPLIED, 1).await;
    assert_eq!(answers(&service, "letters").await, 401, "it is there, and wants a signature");
}

#[tokio::test]
async fn a_change_by_which_an_example_comes_out_otherwise_is_refused() {
    let project =
        Project::new(&Files::embedded()).with_env("FORMS_WEBHOOK_SECRET", "whsec_of_the_reload_tests");
    project.edit(SETTINGS, "reload_ms = 2_000 ", "reload_ms = 0 ");
    let service = project.start().await;
    let routes = project.read("config/routes.toml");
    project.write(
        "config/routes.toml",
        &routes.replace("verdict.label in ['security', 'risky']", "verdict.label == 'trivial'"),
    );
    hang_up(&service);
    said(&service, REFUSED, 1).await;
    let told = |log: &crate::support::process::Log| {
        log.lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("example `")))
    };
    service.logged("the example", told).await;
    project.write("config/routes.toml", &routes);
    project.append("prompts/triage/event.j2", "As it came.\n");
    hang_up(&service);
    said(&service, APPLIED, 1).await;
}

#[tokio::test]
async fn a_service_on_what_is_built_in_says_at_a_hang_up_that_there_is_nothing_to_look_at() {
    let empty = tempfile::tempdir().expect("a folder");
    let mut command = hookyard();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
        .arg("--data")
        .arg(empty.path().join("data"))
        .env("FORMS_WEBHOOK_SECRET", "whsec_of_the_reload_tests")
        .env("RUST_LOG", "info")
        .current_dir(empty.path());
    let service = Running::start(command).await;
    for times in 1..=2 {
        hang_up(&service);
        let told = |line: &&serde_json::Value| {
            line["message"].as_str().is_some_and(|text| text.starts_with("SIGHUP: there are no files"))
        };
        service.logged("why", |log| log.lines.iter().filter(told).count() >= times).await;
    }
}

#[tokio::test]
async fn a_saved_file_is_seen_without_a_word_and_what_must_wait_is_named() {
    let project = project(100);
    let service = project.start().await;
    project.write(SETTINGS, "[server]\nreload_ms = 100\n[worker]\nconcurrency = 3\n");
    said(&service, APPLIED, 1).await;
    said(&service, "what changed in concurrency of [worker] takes effect at the next start", 1).await;
    // Of two tables a key each; what takes effect at once is not told of as if it waited.
    project.write(
        SETTINGS,
        "[server]\nreload_ms = 200\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"10.0.0.1\"]\n\
         [store]\nopen_jobs_max = 7\ndedupe_ms = 700000000\n[worker]\nconcurrency = 3\n",
    );
    said(&service, APPLIED, 2).await;
    let waits = |what: &str| format!("what changed in {what} takes effect at the next start");
    said(&service, &waits("listen and trusted_proxies of [server]"), 1).await;
    said(&service, &waits("dedupe_ms of [store]"), 1).await;
    let log = service.log();
    let told =
        |line: &&serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains("next start"));
    assert_eq!(log.borrow().lines.iter().filter(told).count(), 3, "{:?}", log.borrow().lines);
}

/// How the source `forms` is verified.
fn scheme_of_forms(project: &Project) -> String {
    let text = project.read("config/sources.toml");
    let table = text.split("[source.forms]").nth(1).expect("it is there");
    let line = table.lines().find_map(|line| line.strip_prefix("scheme = ")).expect("it has one");
    line.split('#').next().expect("a value").trim().to_owned()
}

#[tokio::test]
async fn a_change_whose_suites_become_worse_is_refused_where_that_is_asked_for() {
    let project =
        Project::new(&Files::embedded()).with_env("FORMS_WEBHOOK_SECRET", "whsec_of_the_reload_tests");
    project.edit(SETTINGS, "reload_ms = 2_000 ", "reload_ms = 0 ");
    project.edit(SETTINGS, "reload_eval = false", "reload_eval = true");
    let service = project.start().await;
    let classifiers = project.read(CLASSIFIERS);
    project.write(
        CLASSIFIERS,
        &classifiers.replace("\"local\", confidence_min = 0.4", "\"local\", confidence_min = 0.999"),
    );
    hang_up(&service);
    said(&service, REFUSED, 1).await;
    let told = |log: &crate::support::process::Log| {
        log.lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("HY0511")))
    };
    service.logged("the suite and its gate", told).await;
    project.write(CLASSIFIERS, &classifiers.replace("confidence_min = 0.6", "confidence_min = 0.7"));
    hang_up(&service);
    said(&service, APPLIED, 1).await;
}
