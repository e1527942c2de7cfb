//! Whoever stops reading ends a command quietly.

use std::{
    io,
    process::{Command, Stdio},
};

use hookyard::config::Files;

use crate::support::process::{Project, hookyard};

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// It ends without a word about it.
pub fn assert_quiet(mut command: Command) {
    let ended = command.stdout(closed()).output().expect("it starts");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), &*told), (Some(0), ""), "{command:?}");
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let project = Project::new(&Files::embedded());
    for arguments in [
        &["check", "--explain", "HY0203"][..],
        &["check"],
        &["check", "--json"],
        &["eval", "churn"],
        &["eval", "churn", "--json"],
    ] {
        assert_quiet(project.command(arguments));
    }
    // Its exit status still says how it ended.
    project.edit("evals/churn/suite.toml", "ece_max = 0.2 ", "ece_max = 0.0 ");
    let mut failing = project.command(&["eval", "churn", "--json"]);
    assert_eq!(failing.stdout(closed()).status().expect("it starts").code(), Some(1));
    let mut init = hookyard();
    init.arg("init").arg(project.path("yard"));
    assert_quiet(init);
    let temporary = tempfile::tempdir().expect("a folder");
    let mut demo = hookyard();
    demo.args(["demo", "--exit"]).env("TMPDIR", temporary.path());
    assert_quiet(demo);
}

#[test]
fn nor_does_an_error_need_a_reader() {
    let project = Project::new(&Files::embedded());
    let ended = project.command(&["check", "--explain", "HY9999"]).stderr(closed()).status();
    assert_eq!(ended.expect("it starts").code(), Some(2));
}
