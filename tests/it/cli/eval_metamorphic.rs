//! `[metamorphic]` of a suite: whether the same is said of a case in another form.

use std::fs;

use serde_json::{Value, json};

use super::{
    eval::{CASES, eval, project, report, ruled},
    fake_llm::Fake,
    recording,
};

/// The figures of one relation.
fn of<'r>(report: &'r Value, relation: &str) -> &'r Value {
    let all = report["metamorphic"].as_array().expect("relations");
    all.iter().find(|figures| figures["relation"] == relation).unwrap_or(&Value::Null)
}

#[test]
fn a_mail_that_quotes_another_is_to_be_taken_for_the_same() {
    let project = ruled(&CASES);
    project.append("evals/few/suite.toml", "[metamorphic]\nrelations = [\"quoting\", \"signature\"]\n");
    let all_hold = report(&eval(&project, &["--json"]));
    assert_eq!(
        (&of(&all_hold, "quoting")["held"], &of(&all_hold, "quoting")["tried"]),
        (&json!(3), &json!(4))
    );
    // `d` is left to a person in any form: that is no merit.
    assert_eq!(of(&all_hold, "quoting")["share"]["value"], json!(1.0));
    // Whoever takes what is quoted for what is said falls for it.
    let rule = "\n[[classifier.triage.rule]]\nwhen = \"'wrote' in event.body.data.message\"\nlabel = \"support\"\nreason = \"a letter\"\n";
    project.append("config/classifiers.toml", rule);
    let found = report(&eval(&project, &["--json"]));
    let quoting = of(&found, "quoting");
    assert_eq!((&quoting["held"], &quoting["tried"]), (&json!(3), &json!(4)), "{quoting:#}");
    assert!(quoting["share"]["low"].as_f64() < Some(0.75), "{quoting:#}");
    let broken = &quoting["broken"][0];
    assert_eq!(
        (&broken["case"], &broken["before"], &broken["after"]),
        (&json!("d"), &json!(null), &json!("support"))
    );
    assert_eq!(of(&found, "signature")["held"], 3, "{found:#}");
    project.append("evals/few/suite.toml", "[gate.metamorphic]\nquoting_min = 0.9\nsignature_min = 1.0\n");
    let file = |name: &str| project.path(name).display().to_string();
    let (html, junit, markdown) = (file("page.html"), file("junit.xml"), file("comment.md"));
    let refused = eval(&project, &["--html", &html, "--junit", &junit, "--markdown", &markdown]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.out.contains("metamorphic.quoting_min"), "{}", refused.out);
    assert!(refused.out.contains("not of d ((person) → support)"), "{}", refused.out);
    let xml = project.read("junit.xml");
    assert_eq!(xml.matches("<failure").count(), 1, "{xml}");
    for form in [xml, project.read("page.html"), project.read("comment.md")] {
        assert!(form.contains("the same is said of 3 of 4"), "{form}");
    }
    project.edit("evals/few/suite.toml", "quoting_min = 0.9", "quoting_min = 0.7");
    assert_eq!(eval(&project, &[]).code, Some(0));
    project.edit("evals/few/suite.toml", "signature_min", "language_min");
    let unmeasured = eval(&project, &[]);
    assert_eq!(unmeasured.code, Some(1), "a gate on what was not tried: {unmeasured:?}");
}

#[test]
fn html_stands_in_the_place_that_is_named_for_it() {
    let project = ruled(&CASES);
    project.append("evals/few/suite.toml", "[metamorphic]\nrelations = [\"html\"]\n");
    assert_eq!(of(&report(&eval(&project, &["--json"])), "html")["held"], 3);
    project.append("evals/few/suite.toml", "html = \"data.html\"\n");
    let apart = report(&eval(&project, &["--json"]));
    assert_eq!(of(&apart, "html")["held"], 0, "the rules do not look there: {apart:#}");
    project.edit("evals/few/suite.toml", "html = \"data.html\"", "text = \"data.nowhere\"");
    let none = report(&eval(&project, &["--json"]));
    assert_eq!((&of(&none, "html")["tried"], &of(&none, "html")["left_out"]), (&json!(0), &json!(4)));
}

#[test]
fn rules_do_not_go_by_what_labels_are_called_and_the_local_model_says_the_same() {
    let project = ruled(&CASES);
    let table =
        "[metamorphic]\nrelations = [\"reordered\", \"renamed\"]\n[gate.metamorphic]\nrenamed_min = 1.0\n";
    project.append("evals/few/suite.toml", table);
    let rules = eval(&project, &["--json"]);
    assert_eq!(rules.code, Some(0), "nothing is demanded of them: {rules:?}");
    assert_eq!(of(&report(&rules), "renamed")["nobody"], true);
    let both = report(&eval(&project, &["--judge", "rules", "--judge", "local", "--json"]));
    // `d` alone is not decided by a rule.
    let renamed = of(&both, "renamed");
    assert_eq!((&renamed["tried"], &renamed["left_out"]), (&json!(1), &json!(3)), "{renamed:#}");
    let local = report(&eval(&project, &["--judge", "local", "--json"]));
    for relation in ["reordered", "renamed"] {
        let figures = of(&local, relation);
        assert_eq!((&figures["held"], &figures["tried"]), (&json!(4), &json!(4)), "{figures:#}");
    }
    project.edit("evals/few/suite.toml", "[gate", "names = { lead = \"spam\" }\n[gate");
    let twice = eval(&project, &[]);
    assert!(twice.code == Some(2) && twice.err.contains("gives two labels the name `spam`"), "{twice:?}");
    // What is left out is called by its place: `support` is the second.
    for (before, names, shared) in [
        ("lead = \"spam\"", "lead = \"group_2\"", "group_2"),
        ("lead = \"group_2\"", "lead = \"prospect\", spam = \"prospect\"", "prospect"),
    ] {
        project.edit("evals/few/suite.toml", before, names);
        let refused = project.run(&["check"]);
        let told = format!("`metamorphic.names` gives two labels the name `{shared}`");
        assert!(refused.code == Some(1) && refused.out.contains(&told), "{told}: {refused:?}");
        assert!(refused.out.contains("evals/few/suite.toml"), "{refused:?}");
    }
    project.edit("evals/few/suite.toml", "lead = \"prospect\", spam = \"prospect\"", "laed = \"prospect\"");
    assert!(eval(&project, &[]).err.contains("did you mean `lead`"));
    project.edit("evals/few/suite.toml", "\"reordered\"", "\"language\"");
    assert!(eval(&project, &[]).err.contains("nobody but a person can derive"));
}

#[test]
fn so_many_cases_as_are_asked_for_are_drawn_by_the_seed() {
    let project = project();
    let all = "relations = [\"quoting\", \"signature\", \"html\", \"reordered\", \"renamed\"]";
    project.edit("evals/triage/suite.toml", all, "relations = [\"quoting\"]\ncases_max = 7");
    let run = |seed: &str| report(&project.run(&["eval", "triage", "--seed", seed, "--json"]));
    let (one, again) = (run("1"), run("1"));
    assert_eq!(of(&one, "quoting"), of(&again, "quoting"));
    assert_eq!(of(&one, "quoting")["tried"], 7);
}

#[test]
fn cases_are_drawn_among_those_that_a_relation_can_be_tried_on() {
    let project = ruled(&CASES);
    project.append("evals/few/suite.toml", "[metamorphic]\nrelations = [\"renamed\"]\ncases_max = 1\n");
    // Rules decide all but `d`.
    for seed in ["1", "2", "3", "4"] {
        let both = eval(&project, &["--judge", "rules", "--judge", "local", "--seed", seed, "--json"]);
        let found = report(&both);
        let figures = of(&found, "renamed");
        assert_eq!((&figures["tried"], &figures["left_out"]), (&json!(1), &json!(3)), "{seed}: {figures:#}");
    }
}

#[test]
fn two_letters_that_a_person_says_are_the_same_are_to_get_one_label() {
    let project = ruled(&[
        ("a", "lead", "A demo of the whole product, please"),
        ("b", "lead", "Eine Vorführung, bitte"),
        ("c", "lead", "Une demo, svp"),
    ]);
    for id in ["b", "c"] {
        let (from, to) =
            (format!("\"id\":\"{id}\""), format!("\"id\":\"{id}\",\"same_as\":\"a\",\"by\":\"language\""));
        project.edit("evals/few/cases.jsonl", &from, &to);
    }
    let found = report(&eval(&project, &["--json"]));
    let language = of(&found, "language");
    assert_eq!((&language["held"], &language["tried"]), (&json!(1), &json!(2)), "{language:#}");
    assert_eq!(
        (&language["broken"][0]["case"], &language["broken"][0]["other"]),
        (&json!("a"), &json!("b")),
        "{language:#}"
    );
    for (from, to, told) in [
        ("\"same_as\":\"a\"", "\"same_as\":\"z\"", "`same_as` names `z`, which is no other case"),
        ("\"same_as\":\"z\"", "\"same_as\":\"b\"", "which is no other case"),
        ("\"same_as\":\"b\",\"by\":\"language\"", "\"same_as\":\"a\"", "it has `same_as` and no `by`"),
        ("\"same_as\":\"a\",", "\"same_as\":\"c\",\"by\":\"tongue\",", "unknown variant `tongue`"),
    ] {
        let cases = project.read("evals/few/cases.jsonl").replacen(from, to, 1);
        project.write("evals/few/cases.jsonl", &cases);
        let wrong = eval(&project, &[]);
        assert!(wrong.code == Some(2) && wrong.err.contains(told), "{told}: {wrong:?}");
    }
    let apart = project
        .read("evals/few/cases.jsonl")
        .replacen("tongue", "language", 1)
        .replacen("\"dev\"", "\"test\"", 2);
    project.write("evals/few/cases.jsonl", &apart);
    let wrong = eval(&project, &[]);
    assert!(wrong.err.contains("it is in test, and case c that it is like in dev"), "{wrong:?}");
}

#[tokio::test]
async fn another_form_is_another_question_and_is_asked_only_where_it_is_listed() {
    let fake = Fake::start(&[]).await;
    let project = recording::suite(&fake);
    assert_eq!(recording::eval(&project, "record").code, Some(0));
    assert_eq!(recording::recordings(&project).len(), 3);
    let table = "[metamorphic]\nrelations = [\"signature\", \"reordered\", \"renamed\"]\n";
    project.append("evals/few/suite.toml", table);
    let missed = recording::eval(&project, "replay");
    assert_eq!(missed.code, Some(4), "{missed:?}");
    assert!(missed.err.contains("case a (reordered): no answer of claude"), "{missed:?}");
    let bought = recording::eval(&project, "record-missing");
    assert_eq!(bought.code, Some(0), "{bought:?}");
    // The prompt leaves signatures out: that form is no other question.
    assert_eq!(recording::recordings(&project).len(), 9, "the other two are three questions more each");
    drop(fake);
    let replayed = recording::eval(&project, "replay");
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let found = &replayed.json()[0];
    for relation in ["signature", "reordered", "renamed"] {
        assert_eq!(of(found, relation)["tried"], 3, "{found:#}");
    }
    let labels: Vec<String> = ["before", "after"]
        .iter()
        .flat_map(|when| {
            found["metamorphic"].as_array().expect("relations").iter().map(move |one| (one, *when))
        })
        .flat_map(|(one, when)| {
            one["broken"].as_array().expect("cases").iter().map(move |b| b[when].to_string())
        })
        .collect();
    assert!(!labels.iter().any(|label| label.contains("group_")), "labels are told as they are: {labels:?}");
    assert!(found["paid_usd"]["metamorphic"].as_f64() > Some(0.0), "{found:#}");
    assert_eq!(found["notes"], json!([]), "no recording is left over");
    // Another wording of the labels is another question too.
    let asked = recording::recordings(&project);
    assert!(asked.iter().any(|one| one["response"].as_str().is_some_and(|answer| answer.contains("group_"))));
    fs::remove_dir_all(project.path("evals/few/recordings")).expect("removed");
    assert!(recording::eval(&project, "replay").err.contains("case a: no answer"));
}
