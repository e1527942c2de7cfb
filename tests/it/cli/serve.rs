//! `hookyard serve`: when it refuses to start.

use std::net::TcpListener;

use hookyard::config::{CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS};

use crate::support::process::{Ended, Project};

/// The embedded files without classifiers: they start at once.
fn simple() -> Project {
    Project::new(&Files::embedded().with(CLASSIFIERS, "").with(ROUTES, "").with(JUDGES, ""))
}

fn serve(project: &Project, arguments: &[&str]) -> Ended {
    let mut command = project.command(&["serve"]);
    command.arg("--data").arg(project.data()).args(arguments);
    Ended::of(command)
}

const PUBLIC: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn a_bad_configuration_starts_nothing() {
    let project = simple();
    project.write(SETTINGS, "[worker]\nconcurency = 3\n[store]\ndedupe_ms = 1\n");
    let ended = serve(&project, &PUBLIC);
    ended.assert_refused("config/hookyard.toml:2: error[HY0006]");
    ended.assert_refused("config/hookyard.toml:4: error[HY0010]");
    ended.assert_refused("nothing was started");
    assert!(!project.data().exists(), "not even a data directory");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let project = simple();
    let free = "127.0.0.1:0";
    serve(&project, &["--listen", &address, "--admin-listen", free])
        .assert_refused(&format!("cannot listen on {address}"));
    serve(&project, &["--listen", free, "--admin-listen", &address])
        .assert_refused(&format!("cannot listen on {address}"));
}

#[test]
fn an_admin_listener_off_loopback_wants_a_token() {
    let project = simple();
    let mut arguments = PUBLIC.to_vec();
    arguments.extend(["--admin-listen", "0.0.0.0:0"]);
    serve(&project, &arguments).assert_refused("admin_token");
    project.write(SETTINGS, "[server]\nadmin_listen = \"0.0.0.0:0\"\n");
    serve(&project, &PUBLIC).assert_refused("config/hookyard.toml:2: error[HY0104]");
    assert!(!project.data().exists(), "neither was started");
}

#[test]
fn a_demanded_token_that_is_unset_is_named() {
    let project = simple();
    project.write(SETTINGS, "[server]\nadmin_token = \"${OPERATORS_TOKEN}\"\n");
    serve(&project, &PUBLIC).assert_refused("OPERATORS_TOKEN is not set");
}
