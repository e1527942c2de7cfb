//! `hookyard eval --judge NAME --mode …`: answers of language models that are bought once and replayed from files.

use std::fs;

use hookyard::config::Files;
use serde_json::{Value, json};

use super::fake_llm::{Fake, project};
use crate::support::process::{Ended, Project, files_below, hookyard};

/// Where recordings are.
const FOLDER: &str = "evals/few/recordings";

/// A project that asks `fake`, with a suite of three cases, one of which holds an address.
pub(super) fn suite(fake: &Fake) -> Project {
    let project = project(fake);
    let text = "classifier = \"triage\"\nsplits = [\"train\", \"dev\", \"test\"]\n";
    project.write("evals/few/suite.toml", text);
    let cases = [
        ("a", "A demo for our estates team, please."),
        ("b", "Cheap backlinks for your SEO."),
        ("c", "My card 4111 1111 1111 1111 was charged twice, please refund it."),
    ];
    let line = |(id, message): (&str, &str)| {
        let body = json!({"type": "lead.form.submitted", "data": {"message": message}});
        let event = json!({"source": "forms", "type": "lead.form.submitted", "body": body});
        json!({"id": id, "event": event, "expect": {"label": "lead"}, "author": "me"}).to_string() + "\n"
    };
    project.write("evals/few/cases.jsonl", &cases.map(line).concat());
    project
}

pub(super) fn eval(project: &Project, mode: &str) -> Ended {
    project.run(&["eval", "few", "--judge", "claude", "--mode", mode, "--json"])
}

/// What was answered about each case.
fn answers(ended: &Ended) -> Vec<Value> {
    let report = &ended.json()[0];
    report["cases"].as_array().expect("cases").iter().map(|case| case["output"].clone()).collect()
}

pub(super) fn recordings(project: &Project) -> Vec<Value> {
    let files = files_below(&project.path(FOLDER));
    let text = |file: &String| fs::read_to_string(project.path(FOLDER).join(file)).expect("a file");
    files.iter().map(|file| serde_json::from_str(&text(file)).expect("JSON")).collect()
}

#[tokio::test]
async fn what_is_missing_is_bought_once_and_replayed_without_anybody_there() {
    let mut fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let missed = eval(&project, "replay");
    assert_eq!(missed.code, Some(4), "{missed:?}");
    assert!(missed.err.contains("case a: no answer of claude to its question is recorded"), "{missed:?}");

    let bought = eval(&project, "record-missing");
    assert_eq!(bought.code, Some(0), "{bought:?}");
    for _ in 0..3 {
        assert_eq!(fake.told().await.0, "messages");
    }
    assert_eq!(recordings(&project).len(), 3);
    // One is lost: only that one is bought again.
    let first = files_below(&project.path(FOLDER)).remove(0);
    fs::remove_file(project.path(FOLDER).join(&first)).expect("removed");
    let again = eval(&project, "record-missing");
    assert_eq!((again.code, answers(&again)), (Some(0), answers(&bought)), "{again:?}");
    assert!(again.err.contains("1 answer bought"), "{again:?}");
    assert_eq!(fake.told().await.0, "messages");

    drop(fake);
    let replayed = eval(&project, "replay");
    assert_eq!((replayed.code, answers(&replayed)), (Some(0), answers(&bought)), "{replayed:?}");
    assert_eq!(replayed.json()[0]["notes"], json!([]), "nothing is stale or unused");
    assert!(replayed.err.is_empty(), "nothing is bought: {}", replayed.err);
}

#[tokio::test]
async fn parts_that_were_recorded_apart_are_replayed_as_a_whole() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let mut recorded = 0;
    let nothing = project.run(&["eval", "few", "--judge", "claude", "--mode", "record", "--shard", "1/3"]);
    assert_eq!(nothing.code, Some(0), "a part that happens to be empty is no mistake: {nothing:?}");
    assert!(nothing.err.contains("none of its cases is in this part"), "{nothing:?}");
    for part in ["2/3", "3/3"] {
        let bought =
            project.run(&["eval", "few", "--judge", "claude", "--mode", "record", "--shard", part, "--json"]);
        assert_eq!(bought.code, Some(0), "{bought:?}");
        assert!(!answers(&bought).is_empty() && answers(&bought).len() < 3, "{bought:?}");
        recorded += answers(&bought).len();
        assert_eq!(recordings(&project).len(), recorded, "each case is in one part");
    }
    drop(fake);
    let replayed = eval(&project, "replay");
    assert_eq!((replayed.code, answers(&replayed).len()), (Some(0), 3), "{replayed:?}");
    let wrong = project.run(&["eval", "few", "--shard", "3/2"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("write it as K/N"), "{wrong:?}");
}

#[tokio::test]
async fn a_recording_holds_who_answered_how_it_ended_and_what_was_redacted() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    assert_eq!(eval(&project, "record").code, Some(0));
    let recordings = recordings(&project);
    for recording in &recordings {
        assert_eq!((&recording["judge"], &recording["finish"]), (&json!("claude"), &json!("end_turn")));
        assert!(
            recording["model"].as_str().is_some_and(|model| model.starts_with("claude")),
            "{recording:#}"
        );
        assert!(recording["tokens"]["output"].as_u64() > Some(0), "{recording:#}");
        assert!(recording["response"].as_str().is_some_and(|body| body.contains("label")), "{recording:#}");
        assert!(!recording.to_string().contains("sk-anything"), "{recording:#}");
    }
    let redacted: Vec<&Value> = recordings.iter().filter_map(|recording| recording.get("redacted")).collect();
    assert_eq!(redacted, [&json!({"cards": 1})]);
}

#[tokio::test]
async fn a_question_that_its_vendor_refuses_is_a_flaw_and_the_run_goes_on_up_the_ladder() {
    let fake = Fake::start(&["--answer", "filtered", "--answer", "ok"]).await;
    let project = suite(&fake);
    let cases = project.read("evals/few/cases.jsonl");
    project.write("evals/few/cases.jsonl", cases.lines().next().expect("a case"));
    let laddered = |mode: &str| {
        project.run(&["eval", "few", "--judge", "claude", "--judge", "gpt", "--mode", mode, "--json"])
    };
    let bought = laddered("record");
    assert_eq!(bought.code, Some(0), "{bought:?}");
    let report = &bought.json()[0];
    assert_eq!(report["answers"]["flaws"], json!({"filtered": 1}), "{report:#}");
    assert_eq!(report["cases"][0]["judge"], "gpt", "the next one was asked: {report:#}");
    let refused: Vec<Value> =
        recordings(&project).into_iter().filter(|one| one["judge"] == "claude").collect();
    assert_eq!((refused.len(), &refused[0]["status"]), (1, &json!(400)), "{refused:#?}");

    drop(fake);
    for mode in ["replay", "record-missing"] {
        let replayed = laddered(mode);
        assert_eq!(replayed.code, Some(0), "{mode}: {replayed:?}");
        let again = &replayed.json()[0];
        for part in ["answers", "figures", "paid_usd"] {
            assert_eq!(again[part], report[part], "{mode}: {part}");
        }
        assert_eq!(again["notes"], json!([]), "{mode}");
    }
}

#[tokio::test]
async fn a_judge_without_room_is_waited_for_before_the_next_one_is_believed() {
    let fake = Fake::start(&["--answer", "429:1", "--answer", "ok"]).await;
    let project = suite(&fake);
    let cases = project.read("evals/few/cases.jsonl");
    project.write("evals/few/cases.jsonl", cases.lines().next().expect("a case"));
    let laddered = |mode: &str| {
        project.run(&["eval", "few", "--judge", "claude", "--judge", "gpt", "--mode", mode, "--json"])
    };
    let bought = laddered("record");
    assert_eq!(
        (bought.code, &bought.json()[0]["cases"][0]["judge"]),
        (Some(0), &json!("claude")),
        "{bought:?}"
    );
    drop(fake);
    let replayed = laddered("replay");
    assert_eq!((replayed.code, answers(&replayed)), (Some(0), answers(&bought)), "{replayed:?}");
}

#[tokio::test]
async fn a_refusal_that_would_meet_every_question_ends_the_run() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let judges = project.read("config/judges.toml");
    let (_, claude) = judges.split_once("[judge.claude]").expect("its table");
    let line = claude.lines().find(|line| line.starts_with("model")).expect("its model");
    project.edit("config/judges.toml", line, "model = \"gpt-6-luna\"");
    let ended = eval(&project, "record");
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.err.contains("claude: HTTP 404"), "{ended:?}");
    assert!(recordings(&project).is_empty());
}

#[tokio::test]
async fn a_recording_says_which_host_answered_and_a_replay_for_another_one_is_told() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    assert_eq!(eval(&project, "record").code, Some(0));
    let judges = project.read("config/judges.toml");
    let base = judges.lines().find(|line| line.starts_with("base_url")).expect("where it is").to_owned();
    let host = base.split('/').nth(2).expect("a host").trim_end_matches('"').to_owned();
    assert!(
        recordings(&project).iter().all(|one| one["host"] == *host),
        "{host}: {:#?}",
        recordings(&project)
    );

    project.edit("config/judges.toml", &base, "");
    let elsewhere = eval(&project, "replay");
    assert_eq!(elsewhere.code, Some(0), "{elsewhere:?}");
    let told = format!("3 recordings of claude came from {host}; claude is asked at api.anthropic.com now");
    assert_eq!(elsewhere.json()[0]["notes"], json!([told]));

    for file in files_below(&project.path(FOLDER)) {
        let path = format!("{FOLDER}/{file}");
        let mut recording: Value = serde_json::from_str(&project.read(&path)).expect("JSON");
        recording.as_object_mut().expect("fields").remove("host");
        project.write(&path, &recording.to_string());
    }
    let old = eval(&project, "replay");
    assert_eq!(old.code, Some(0), "{old:?}");
    assert_eq!(old.json()[0]["notes"], json!(["3 recordings of claude came from nobody knows which host"]));
}

#[tokio::test]
async fn judges_that_ask_the_same_model_elsewhere_have_recordings_of_their_own() {
    let (fake, other) = (Fake::start(&[]).await, Fake::start(&[]).await);
    let project = suite(&fake);
    let judges = project.read("config/judges.toml");
    let table = judges.split("[judge.claude]").nth(1).expect("claude").split("\n[").next().expect("a table");
    let twin = table.replace(&fake.anthropic, &other.anthropic);
    assert_ne!(twin, table);
    project.write("config/judges.toml", &format!("{judges}\n[judge.twin]{twin}\n"));
    let by =
        |judge: &str, mode: &str| project.run(&["eval", "few", "--judge", judge, "--mode", mode, "--json"]);
    for judge in ["claude", "twin"] {
        let bought = by(judge, "record-missing");
        assert!(bought.err.contains("3 answers bought"), "{judge}: {bought:?}");
    }
    assert_eq!(recordings(&project).len(), 6);
    drop((fake, other));
    for judge in ["claude", "twin"] {
        assert_eq!(by(judge, "replay").code, Some(0), "{judge}");
    }
}

#[tokio::test]
async fn record_buys_everything_anew_and_live_writes_nothing() {
    let mut fake = Fake::start(&["--answer", "ok"]).await;
    let project = suite(&fake);
    assert_eq!(eval(&project, "live").code, Some(0));
    assert!(!project.path(FOLDER).exists());
    for round in 0..2 {
        assert_eq!(eval(&project, "record").code, Some(0), "{round}");
        assert_eq!(recordings(&project).len(), 3);
    }
    for _ in 0..9 {
        fake.told().await;
    }
    let empty = Project::new(&Files::default());
    let mut nowhere = hookyard();
    nowhere.current_dir(empty.path(".")).args(["eval", "triage", "--judge", "claude", "--mode", "record"]);
    Ended::of(nowhere).assert_refused("there is no folder to write to");
}

#[tokio::test]
async fn an_edit_of_the_prompt_leaves_recordings_behind_that_are_listed() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    assert_eq!(eval(&project, "record").code, Some(0));
    project.append("prompts/triage/system.j2", "\nBe brief.\n");
    assert_eq!(eval(&project, "replay").code, Some(4));
    let again = eval(&project, "record-missing");
    assert_eq!(again.code, Some(0), "{again:?}");
    let notes = json!(["this run did not ask for 3 recordings of claude in evals/few/recordings/"]);
    assert_eq!(again.json()[0]["notes"], notes);
    let left = &again.json()[0]["leftovers"];
    let files = left[0]["files"].as_array().expect("files");
    assert_eq!((left.as_array().map(Vec::len), files.len()), (Some(1), 3), "{left:#}");
    let few = ["eval", "few", "--judge", "claude"];
    let (plain, verbose) = (project.run(&few), project.run(&[&few[..], &["--verbose"]].concat()));
    let name = files[0].as_str().expect("a path");
    assert!(name.starts_with("evals/few/recordings/"), "{name}");
    assert!(!plain.out.contains(name) && verbose.out.contains(name), "{}", verbose.out);
    // A judge that is gone has left its recordings too.
    let gone = project.read(name).replace("\"claude\"", "\"clod\"");
    fs::remove_file(project.path(name)).expect("removed");
    project.write(&name.replace("claude-", "clod-"), &gone);
    let told = "no judge of today made 1 recording of clod in evals/few/recordings/";
    assert!(eval(&project, "replay").json()[0]["notes"].to_string().contains(told));
    let others = project.run(&["eval", "few", "--judge", "rules"]);
    assert!(!others.out.contains("nothing asked"), "whoever was not asked has none unused: {}", others.out);
}

#[tokio::test]
async fn a_repair_is_recorded_as_another_question() {
    let fake = Fake::start(&["--answer", "wrong-label", "--answer", "ok"]).await;
    let project = suite(&fake);
    let cases = project.read("evals/few/cases.jsonl");
    project.write("evals/few/cases.jsonl", cases.lines().next().expect("a case"));
    assert_eq!(eval(&project, "record").code, Some(0));
    assert_eq!(recordings(&project).len(), 2);
    drop(fake);
    let replayed = eval(&project, "replay");
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
}

#[tokio::test]
async fn a_run_spends_no_more_than_it_may() {
    let mut fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let arguments = ["eval", "few", "--judge", "claude", "--mode", "record", "--spend-max", "0.0001"];
    let refused = project.run(&arguments);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.err.contains("this run has spent $0.00"), "{refused:?}");
    project.run(&["eval", "few", "--judge", "nobody"]).assert_refused("no judge is called `nobody`");
    assert_eq!(eval(&project, "live").code, Some(0));
    assert_eq!(fake.told().await.1, "ok", "the first that ever came");
}

#[tokio::test]
async fn a_question_that_does_not_fit_beside_those_under_way_waits_and_no_answer_is_lost() {
    let mut fake = Fake::start(&["--answer", "ok"]).await;
    let project = suite(&fake);
    let live = |mode: &str, spend_max: &str| {
        project.run(&["eval", "few", "--judge", "claude", "--mode", mode, "--spend-max", spend_max, "--json"])
    };
    let refused = live("record", "0.000001");
    let (_, most) = refused.err.rsplit_once("may cost $").expect("what a question may cost");
    let most: f64 = most.trim().parse().expect("dollars");
    // All three together never fit; what each costs in the end does.
    let bought = live("record", &format!("{:.6}", most * 1.5));
    assert_eq!((bought.code, recordings(&project).len()), (Some(0), 3), "{bought:?}");
    for _ in 0..3 {
        fake.told().await;
    }
    fs::remove_dir_all(project.path(FOLDER)).expect("removed");
    // This is enough for the first answer, and then for no other question.
    let short = live("record", &format!("{most:.6}"));
    assert_eq!(short.code, Some(5), "{short:?}");
    let recorded = recordings(&project);
    assert_eq!((fake.told().await.2, recorded.len()), (200, 1), "{short:?}");
    assert!(!short.err.contains("spent $0.000000"), "it says what was spent: {short:?}");
    let on = live("record-missing", "1");
    assert!(on.err.contains("2 answers bought"), "the first one is not bought again: {on:?}");
}

#[tokio::test]
async fn answers_under_way_are_recorded_before_a_run_ends_for_whatever_reason() {
    let fake =
        Fake::start(&["slow:300", "slow:300", "429:3600"].map(|answer| ["--answer", answer]).concat()).await;
    let project = suite(&fake);
    let ended = eval(&project, "record");
    assert_eq!(ended.code, Some(5), "nobody waits for an hour: {ended:?}");
    assert_eq!(recordings(&project).len(), 2, "{ended:?}");
}

#[tokio::test]
async fn what_may_be_spent_is_one_bound_over_all_suites() {
    let fake = Fake::start(&["--answer", "ok"]).await;
    let project = suite(&fake);
    let (suite, cases) = (project.read("evals/few/suite.toml"), project.read("evals/few/cases.jsonl"));
    let case = cases.lines().next().expect("a case");
    for name in ["few", "more"] {
        project.write(&format!("evals/{name}/suite.toml"), &suite);
        project.write(&format!("evals/{name}/cases.jsonl"), case);
    }
    let live = |spend_max: &str| {
        let arguments =
            ["eval", "few", "more", "--judge", "claude", "--mode", "live", "--spend-max", spend_max];
        project.run(&arguments)
    };
    let refused = live("0.000001");
    let (_, most) = refused.err.rsplit_once("may cost $").expect("what a question may cost");
    let once = live(most.trim());
    assert_eq!(once.code, Some(5), "what the first suite has spent, the second one cannot: {once:?}");
    assert!(once.err.contains("few: 1 answer bought"), "{once:?}");
}

#[tokio::test]
async fn a_replay_takes_the_time_that_the_answers_took_also_where_nobody_decides() {
    let fake = Fake::start(&["--answer", "wrong-label"]).await;
    let project = suite(&fake);
    let bought = eval(&project, "record");
    assert_eq!(bought.code, Some(0), "{bought:?}");
    assert_eq!(bought.json()[0]["figures"]["decided"], 0, "nobody decides");
    for file in files_below(&project.path(FOLDER)) {
        let path = format!("{FOLDER}/{file}");
        let mut recording: Value = serde_json::from_str(&project.read(&path)).expect("JSON");
        recording["latency_ms"] = json!(2_000);
        project.write(&path, &recording.to_string());
    }
    let replayed = eval(&project, "replay");
    // The first answer, and the repair.
    assert_eq!(replayed.json()[0]["latency_ms"]["p50"], 4_000.0, "{replayed:?}");
}

#[tokio::test]
async fn a_judge_without_room_is_waited_for_and_one_that_is_gone_ends_the_run() {
    let fake = Fake::start(&["--answer", "429:1", "--answer", "ok"]).await;
    let project = suite(&fake);
    let waited = eval(&project, "record");
    assert_eq!(waited.code, Some(0), "{waited:?}");
    assert_eq!(recordings(&project).len(), 3);
    assert!(waited.err.contains("waits") && waited.err.contains("for claude: HTTP 429"), "{waited:?}");
}

#[tokio::test]
async fn texts_are_graded_only_where_that_is_asked_for_and_by_recordings_too() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let plain = eval(&project, "record");
    assert_eq!(plain.json()[0]["graded"], json!([]), "off by default");
    project.append(
        "evals/few/suite.toml",
        "\n[graded.reason]\njudge = \"gpt\"\nrubric = \"It is excellent if it names what decides.\"\ngrade_min = 0.5\n",
    );
    let first = project.read("evals/few/cases.jsonl").replacen(
        "{\"label\":\"lead\"}",
        "{\"label\":\"lead\",\"graded\":{\"reason\":1.0}}",
        1,
    );
    project.write("evals/few/cases.jsonl", &first);
    let missing = eval(&project, "replay");
    assert_eq!(missing.code, Some(4), "{missing:?}");
    assert!(missing.err.contains("no answer of gpt"), "{missing:?}");
    assert_eq!(eval(&project, "record-missing").code, Some(0));
    drop(fake);
    let graded = eval(&project, "replay");
    let figures = &graded.json()[0]["graded"][0];
    assert_eq!(
        (&figures["field"], &figures["graded"], &figures["by_people"]),
        (&json!("reason"), &json!(3), &json!(1))
    );
    assert!(figures["judge"].as_str().is_some_and(|judge| judge.starts_with("gpt (")), "{figures:#}");
    assert!(graded.json()[0]["notes"].to_string().contains("reason: gpt"), "{graded:?}");
    let paid = &graded.json()[0]["paid_usd"];
    assert!(paid["graded"].as_f64() > Some(0.0) && paid["asked"].as_f64() > Some(0.0), "{paid:#}");
    // A grade can be demanded, and so can its agreement with people.
    project.append(
        "evals/few/suite.toml",
        "[gate]\ngraded_mean_min.reason = 0.0\ngraded_kappa_min.reason = 0.1\n",
    );
    let gated = eval(&project, "replay");
    let gates = &gated.json()[0]["gates"];
    assert_eq!(
        (&gates[0]["name"], &gates[0]["held"]),
        (&json!("graded_mean_min.reason"), &json!("passed")),
        "{gates:#}"
    );
    assert_eq!((&gates[1]["got"], &gates[1]["held"]), (&json!("0.00"), &json!("failed")), "{gates:#}");
    assert_eq!(gated.code, Some(1));
    project.edit("evals/few/suite.toml", "graded_kappa_min.reason", "graded_kappa_min.raeson");
    assert!(eval(&project, "replay").err.contains("did you mean `reason`"));
    project.edit("evals/few/cases.jsonl", "\"graded\":{\"reason\":1.0}", "\"graded\":{\"reason\":10}");
    assert!(eval(&project, "replay").err.contains("`expect.graded.reason` is 10"));
}

#[tokio::test]
async fn a_second_grading_judge_is_held_against_people_and_the_first() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let table = "\n[graded.reason]\njudge = \"gpt\"\nrubric = \"It names what decides.\"\ngrade_min = 0.5\n";
    project.append("evals/few/suite.toml", table);
    let cases = project.read("evals/few/cases.jsonl");
    let graded = cases.replace("{\"label\":\"lead\"}", "{\"label\":\"lead\",\"graded\":{\"reason\":1.0}}");
    project.write("evals/few/cases.jsonl", &graded);
    assert_eq!(eval(&project, "record").code, Some(0));
    let alone = eval(&project, "replay");
    assert_eq!(alone.json()[0]["graded"][0]["second"], json!(null), "off unless it is asked for");
    project.edit("evals/few/suite.toml", "judge = \"gpt\"\n", "judge = \"gpt\"\nsecond = \"claude\"\n");
    let missing = eval(&project, "replay");
    assert_eq!(missing.code, Some(4), "{missing:?}");
    assert!(missing.err.contains("no answer of claude"), "{missing:?}");
    assert_eq!(eval(&project, "record-missing").code, Some(0));
    drop(fake);
    let both = eval(&project, "replay");
    let report = &both.json()[0];
    let (first, second) = (&report["graded"][0], &report["graded"][0]["second"]);
    let named = |of: &Value, judge: &str| of["judge"].as_str().is_some_and(|name| name.starts_with(judge));
    assert!(named(first, "gpt (") && named(second, "claude ("), "{first:#}");
    assert_eq!(
        (&second["graded"], &second["by_people"], &second["by_both"]),
        (&json!(3), &json!(3), &json!(3)),
        "{second:#}"
    );
    assert!(second.get("with_first").is_some(), "{second:#}");
    let models = report["digests"]["models"].as_object().expect("models");
    assert!(models.contains_key("gpt") && models.contains_key("claude"), "{models:?}");
    let told = report["notes"].to_string();
    assert!(told.contains("reason: gpt") && told.contains("claude (") && told.contains("judges"), "{told}");
    assert!(report["paid_usd"]["graded"].as_f64() > alone.json()[0]["paid_usd"]["graded"].as_f64());
    project.edit("evals/few/suite.toml", "second = \"claude\"", "second = \"cluade\"");
    assert!(eval(&project, "replay").err.contains("did you mean `claude`"));
}

#[tokio::test]
async fn a_grading_judge_without_room_is_waited_for() {
    let answers = ["ok", "ok", "ok", "429:1", "ok", "ok", "ok"];
    let fake = Fake::start(&answers.map(|answer| ["--answer", answer]).concat()).await;
    let project = suite(&fake);
    let graded = "\n[graded.reason]\njudge = \"gpt\"\nrubric = \"It names what decides.\"\ngrade_min = 0.5\n";
    project.append("evals/few/suite.toml", graded);
    let waited = eval(&project, "record");
    assert_eq!(waited.code, Some(0), "{waited:?}");
    assert_eq!(recordings(&project).len(), 6);
}

#[tokio::test]
async fn several_samples_of_one_case_are_recorded_apart_and_show_whether_answers_change() {
    let fake = Fake::start(&["--answer", "ok"]).await;
    let project = suite(&fake);
    let sampled = |mode: &str| {
        project.run(&["eval", "few", "--judge", "claude", "--mode", mode, "--samples", "3", "--json"])
    };
    let bought = sampled("record");
    assert_eq!(bought.code, Some(0), "{bought:?}");
    assert_eq!(recordings(&project).len(), 9);
    drop(fake);
    let once = &eval(&project, "replay").json()[0];
    let report = &sampled("replay").json()[0];
    let (of_one, of_three) = (&once["cost_usd"]["p50"], &report["cost_usd"]["p50"]);
    assert_eq!(of_one, of_three, "what one event costs does not depend on how often it is asked about");
    let all = |report: &Value| report["paid_usd"]["asked"].as_f64().expect("dollars");
    assert!((all(report) - 3.0 * all(once)).abs() < 1e-9, "{report:#}");
    assert_eq!(
        report["stability"],
        json!({"samples": 3, "flip_rate": 0.0, "pass_all": report["figures"]["accuracy"]["value"]})
    );
}

#[tokio::test]
async fn what_is_forbidden_is_not_planned_in_any_sample() {
    let fake = Fake::start(&[]).await;
    let project = suite(&fake);
    let text = project.read("evals/few/cases.jsonl");
    let forbids = "{\"actions\":{\"forbidden\":[\"record\"]},\"label\":\"lead\"}";
    project.write("evals/few/cases.jsonl", &text.replace("{\"label\":\"lead\"}", forbids));
    let sampled = |mode: &str| {
        project.run(&["eval", "few", "--judge", "claude", "--mode", mode, "--samples", "3", "--json"])
    };
    let bought = sampled("record").json()[0].clone();
    drop(fake);
    let planned = |report: &Value| {
        let gates = report["gates"].as_array().expect("gates").iter();
        let gate = gates.clone().find(|gate| gate["name"] == "forbidden_actions_max").expect("a gate");
        gate["got"].as_str().expect("a count").parse::<u64>().expect("a number")
    };
    let demo =
        |recording: &Value| recording["response"].as_str().is_some_and(|text| text.contains("\\\"lead\\\""));
    let before = planned(&bought);
    // The second answer about the demo is another one.
    let files = files_below(&project.path(FOLDER));
    let of_lead = files.iter().find(|file| {
        let recording: Value =
            serde_json::from_str(&project.read(&format!("{FOLDER}/{file}"))).expect("JSON");
        recording["sample"] == 1 && demo(&recording)
    });
    let file = format!("{FOLDER}/{}", of_lead.expect("an answer that says lead"));
    let mut recording: Value = serde_json::from_str(&project.read(&file)).expect("JSON");
    let response = recording["response"].as_str().expect("text").replace("\\\"lead\\\"", "\\\"spam\\\"");
    recording["response"] = json!(response);
    project.write(&file, &recording.to_string());
    let replayed = sampled("replay");
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert_eq!(planned(&replayed.json()[0]), before + 1);
}

#[tokio::test]
async fn an_answer_that_two_questions_share_is_paid_once() {
    let fake = Fake::start(&["--answer", "ok"]).await;
    let project = suite(&fake);
    assert_eq!(eval(&project, "record").code, Some(0));
    drop(fake);
    let paid = |report: &Value| report["paid_usd"]["asked"].as_f64().expect("dollars");
    let alone = &eval(&project, "replay").json()[0];
    // The prompt leaves signatures out: that form of a case is the same question once more.
    project.append("evals/few/suite.toml", "[metamorphic]\nrelations = [\"signature\"]\n");
    let both = eval(&project, "replay");
    let report = &both.json()[0];
    assert_eq!((both.code, report["metamorphic"][0]["tried"].as_u64()), (Some(0), Some(3)), "{both:?}");
    assert!(paid(alone) > 0.0 && (paid(report) - paid(alone)).abs() < 1e-12, "{report:#}");
    assert_eq!(report["paid_usd"]["metamorphic"].as_f64(), Some(0.0), "{report:#}");
}
