//! The command line: one file per subcommand. The only place that prints.

mod api;
mod check;
mod dead;
mod demo;
mod erase;
mod eval;
mod events;
mod fake_llm;
mod init;
mod job_story;
mod logs;
mod migrate;
mod moments;
mod out;
mod pause;
mod progress;
mod project;
mod prompt;
mod replay;
mod reviews;
mod send;
mod serve;
mod spend;
mod stats;
mod table;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Webhooks in, decisions and actions out: verified, queued, classified, acted on once.
#[derive(Debug, Parser)]
#[command(name = "hookyard", version, about)]
struct Arguments {
    /// Folder with config/, prompts/, schemas/ and evals/. Without it: the current folder if it has a
    /// config/hookyard.toml, else the defaults built into the program.
    #[arg(long, global = true, env = "HOOKYARD_DIR", display_order = 904)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Serve),
    /// See it work: real deliveries against stand-ins on this machine, with nothing to set up.
    Demo(demo::Demo),
    /// Check configuration, prompts, schemas and examples, and tell every problem at once.
    Check(check::Check),
    /// Sign a body as a sender would, and deliver it.
    Send(send::Send),
    /// Write a commented configuration to start from.
    Init(init::Init),
    /// Measure the classifiers on their labelled cases.
    Eval(Box<eval::Eval>),
    /// See what a language model would be asked.
    Prompt(prompt::Prompt),
    /// Stand in for both vendors' language models: no key, no bill, and errors to order.
    FakeLlm(fake_llm::FakeLlm),
    /// See what came in, and what became of it.
    Events(events::Events),
    /// See dead letters, send them back to work, or let them go.
    Dead(dead::Dead),
    /// See what waits for a person, and decide about it.
    Reviews(reviews::Reviews),
    /// Run stored events again, or show what that would do.
    Replay(Box<replay::Replay>),
    /// Hold the work of a route, of a destination, or all of it.
    Pause(pause::Pause),
    /// Let what was paused go on.
    Resume(pause::Resume),
    /// See what language models cost.
    Spend(spend::Spend),
    /// See how much waits where.
    Stats(stats::Stats),
    /// Erase a person's data by what identifies them.
    Erase(erase::Erase),
    /// Move the work of a stopped service from SQLite to Redis.
    Migrate(migrate::Migrate),
}

/// How a command ends.
enum End {
    Well,
    /// It did its job, and what it found is not well.
    Badly,
    /// With this status, which says more.
    Exit(u8),
}

/// Runs the program on the process's arguments.
pub fn run() -> ExitCode {
    let Arguments { dir, command } = Arguments::parse();
    let end = match command {
        Command::Serve(serve) => serve.run(dir),
        Command::Demo(demo) => demo.run(),
        Command::Check(check) => check.run(dir),
        Command::Send(send) => send.run(dir),
        Command::Init(init) => init.run(),
        Command::Eval(eval) => eval.run(dir),
        Command::Prompt(prompt) => prompt.run(dir),
        Command::FakeLlm(fake_llm) => fake_llm.run(),
        Command::Events(events) => events.run(dir),
        Command::Dead(dead) => dead.run(dir),
        Command::Reviews(reviews) => reviews.run(dir),
        Command::Replay(replay) => replay.run(dir),
        Command::Pause(pause) => pause.run(dir),
        Command::Resume(resume) => resume.run(dir),
        Command::Spend(spend) => spend.run(dir),
        Command::Stats(stats) => stats.run(dir),
        Command::Erase(erase) => erase.run(dir),
        Command::Migrate(migrate) => migrate.run(dir),
    };
    match end {
        Ok(End::Well) => ExitCode::SUCCESS,
        Ok(End::Badly) => ExitCode::FAILURE,
        Ok(End::Exit(status)) => ExitCode::from(status),
        Err(error) if out::is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out::note(format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// The asynchronous machinery, for commands that need it.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut machinery = tokio::runtime::Builder::new_multi_thread();
    // The store's writer wakes those it has an answer for from outside: before anything new, they are heard.
    Ok(machinery.global_queue_interval(1).enable_all().build()?)
}
