//! `eval` and `check` ask nobody, even where a key and a server would be at hand.

use std::{io::ErrorKind, net::TcpListener};

use hookyard::config::{CLASSIFIERS, Files, JUDGES, ROUTES};

use crate::support::process::Project;

/// A project whose paid judges have a key and a server on this machine: the ladders lead to them.
fn tempted(server: &TcpListener) -> Project {
    let at = server.local_addr().expect("its address");
    let judges = ["claude:anthropic", "gpt:openai"].map(|judge| {
        let (name, kind) = judge.split_once(':').expect("two words");
        format!(
            "[judge.{name}]\nkind = \"{kind}\"\nmodel = \"m\"\napi_key = \"${{ANTHROPIC_API_KEY}}\"\n\
             base_url = \"http://{at}\"\nallow_private = true\ntimeout_ms = 1000\n"
        )
    });
    let project = Project::new(&Files::embedded().with(JUDGES, judges.concat()));
    project.with_env("ANTHROPIC_API_KEY", "sk-of-the-offline-test")
}

fn assert_alone(server: &TcpListener) {
    server.set_nonblocking(true).expect("a socket");
    let came = server.accept().map(|(_, from)| from);
    assert!(
        came.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "a connection: {came:?}"
    );
}

#[test]
fn eval_asks_no_paid_judge() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let eval = tempted(&server).run(&["eval"]);
    assert_eq!(eval.code, Some(0), "{}{}", eval.out, eval.err);
    assert_alone(&server);
}

#[test]
fn check_asks_no_paid_judge_about_an_example_that_the_offline_ones_leave_open() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let project = tempted(&server);
    // `local` is never so sure, so that the paid rungs come next.
    let sure = |line: &str| match line.trim_start().starts_with("{ judge = \"local\"") {
        true => "    { judge = \"local\", confidence_min = 1.0 },\n".to_owned(),
        false => format!("{line}\n"),
    };
    let classifiers: String = project.read(CLASSIFIERS).lines().map(sure).collect();
    project.write(CLASSIFIERS, &classifiers);
    project.append(
        ROUTES,
        "\n[[example]]\nname = \"a note nobody could place\"\nsource = \"forms\"\ntype = \"lead.form.submitted\"\n\
         body.data.message = \"as discussed\"\nexpect = [{ route = \"triage\", actions = [] }]\n",
    );
    let check = project.run(&["check", "--json"]);
    assert!(check.code.is_some_and(|code| code < 2), "{}{}", check.out, check.err);
    assert_alone(&server);
    assert!(check.out.contains("a note nobody could place"), "a person would decide: {}", check.out);
}
