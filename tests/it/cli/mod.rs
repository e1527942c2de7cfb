//! The command line, seen from outside: what it prints, what it leaves behind, and its exit code.

mod check;
mod demo;
mod erase;
mod eval;
mod eval_arrivals;
mod eval_baseline;
mod eval_import;
mod eval_metamorphic;
mod fake_llm;
mod init;
mod migrate;
mod named;
mod offline;
mod operate;
mod operated;
mod prompt;
mod recording;
mod reload;
mod reviews;
mod send;
mod serve;
mod unread;

use crate::support::process::{Ended, hookyard};

fn run(arguments: &[&str]) -> Ended {
    let mut command = hookyard();
    command.args(arguments);
    Ended::of(command)
}

const COMMANDS: [&str; 16] = [
    "serve", "demo", "check", "send", "init", "eval", "events", "dead", "reviews", "replay", "pause",
    "resume", "stats", "erase", "migrate", "fake-llm",
];

#[test]
fn every_command_explains_itself() {
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(help.out.contains(&format!("Usage: hookyard {command}")), "{}", help.out);
        assert_eq!(help.err, "");
    }
    let help = run(&["--help"]);
    for command in COMMANDS {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}: {}", help.out);
    }
}

#[test]
fn a_commands_own_options_stand_before_those_of_all() {
    for (command, own) in [
        (&["dead", "list"][..], &["--route", "--after"][..]),
        (&["replay"], &["--source", "--yes"]),
        (&["stats"], &[]),
    ] {
        let help = run(&[command, &["--help"]].concat());
        let options = [own, &["--admin <URL>", "--data <DIR>", "--json", "--dir <DIR>", "--help"]].concat();
        let at = |option: &&str| help.out.find(option).unwrap_or_else(|| panic!("{option}: {}", help.out));
        assert!(options.iter().map(at).is_sorted(), "{}", help.out);
    }
}

#[test]
fn an_unknown_command_is_refused_with_the_usage() {
    run(&["sevre"]).assert_refused("serve");
}
