//! `hookyard prompt render`: what would be asked, and nobody is.

use hookyard::{
    config::{CaseDelivery, CaseEvent, Files},
    domain::Timestamp,
    source::Scheme,
};
use serde_json::{Value, json};

use crate::support::process::Project;

fn project() -> Project {
    let project = Project::new(&Files::embedded()).with_env("ANTHROPIC_API_KEY", "sk-of-the-prompt-test");
    let event = json!({ "source": "forms", "type": "lead.form.submitted", "body": {
        "type": "lead.form.submitted", "data": { "email": "ada@engines.example", "message": "May we see a demo?" },
    } });
    project.write("event.json", &event.to_string());
    let case = json!({ "id": "c-1", "event": event, "expect": { "label": "lead" }, "author": "me" });
    project.write("case.json", &case.to_string());
    project
}

#[test]
fn the_request_is_shown_with_its_schema_and_about_what_it_costs_and_without_the_key() {
    let project = project();
    let shown = project.run(&["prompt", "render", "triage", "--event", "event.json"]);
    assert_eq!(shown.code, Some(0), "{}{}", shown.out, shown.err);
    assert!(
        shown.out.starts_with("claude (claude-haiku-5-5) at https://api.anthropic.com/v1/messages\n"),
        "{}",
        shown.out
    );
    for part in
        ["May we see a demo?", "\"output_config\"", "additionalProperties", "for the question", "$0.00"]
    {
        assert!(shown.out.contains(part), "{part} is not in {}", shown.out);
    }
    assert!(!shown.out.contains("sk-of"), "{}", shown.out);
}

#[test]
fn another_judge_a_case_and_json() {
    let project = project();
    let shown =
        project.run(&["prompt", "render", "triage", "--event", "case.json", "--judge", "gpt", "--json"]);
    assert_eq!(shown.code, Some(0), "{}{}", shown.out, shown.err);
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!((&shown["judge"], &shown["model"]), (&json!("gpt"), &json!("gpt-6-luna")));
    assert_eq!(shown["body"]["response_format"]["json_schema"]["schema"], shown["schema"]);
    let tokens = shown["input_tokens_about"].as_u64().expect("a number");
    assert!(
        tokens > 500 && shown["most_usd_millionths"].as_u64() > shown["question_usd_millionths"].as_u64(),
        "{shown}"
    );
}

#[test]
fn one_line_of_a_file_of_cases_is_chosen_by_its_number_or_its_id() {
    let project = project();
    let case = project.read("case.json");
    project.write(
        "cases.jsonl",
        &format!("{}\n\n{case}\n", case.replace("c-1", "c-0").replace("a demo", "prices")),
    );
    let render = |more: &[&str]| project.run(&[&["prompt", "render", "triage"][..], more].concat());
    for (chosen, words) in [
        (["--event", "cases.jsonl:1"].as_slice(), "May we see prices?"),
        (&["--event", "cases.jsonl:3"], "May we see a demo?"),
        (&["--event", "cases.jsonl", "--case", "c-1"], "May we see a demo?"),
        (&["--event", "case.json", "--case", "c-1"], "May we see a demo?"),
    ] {
        let shown = render(chosen);
        assert!(shown.code == Some(0) && shown.out.contains(words), "{shown:?}");
    }
    for (chosen, want) in [
        (["--event", "cases.jsonl"].as_slice(), "choose one, as --event cases.jsonl:1, or with --case ID"),
        (&["--event", "cases.jsonl:2"], "cases.jsonl has no JSON object on line 2"),
        (&["--event", "cases.jsonl", "--case", "zzz"], "write one of: c-0, c-1"),
        (&["--event", "nothing.jsonl:3"], "nothing.jsonl cannot be read"),
    ] {
        let shown = render(chosen);
        assert!(shown.code == Some(2) && shown.err.contains(want), "{want}: {shown:?}");
    }
}

#[test]
fn of_a_case_the_delivery_and_what_was_gathered_are_shown() {
    let project = project();
    let event = json!({"source": "mail", "type": "mail.received", "body": {"type": "mail.received", "text": "May we see a demo?"}});
    let event: CaseEvent = serde_json::from_value(event).expect("an event");
    let received = Timestamp::from_millis(1_767_225_600_000);
    let delivery = CaseDelivery::made_of(&event, Scheme::StandardWebhooks, "msg_1", received).expect("signs");
    let mut case =
        json!({"id": "c-2", "expect": {"label": "lead"}, "gathered": {"tier": "gold"}, "delivery": delivery});
    project.write("prompts/triage/event.j2", "{{ event.body.text | default('') }} {% if gathered is defined %}of tier {{ gathered.tier }}{% endif %}");
    project.write("case.json", &case.to_string());
    let render = || project.run(&["prompt", "render", "triage", "--event", "case.json"]);
    let shown = render();
    assert!(shown.code == Some(0) && shown.out.contains("May we see a demo? of tier gold"), "{shown:?}");
    case["delivery"]["body"] = json!("{}");
    project.write("case.json", &case.to_string());
    let refused = render();
    assert!(refused.code == Some(2) && refused.err.contains("case.json holds no event"), "{refused:?}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let project = project();
    for (arguments, want) in [
        (["triag", "--event", "event.json", "--judge", "gpt"], "did you mean `triage`"),
        (["triage", "--event", "nothing.json", "--judge", "gpt"], "nothing.json cannot be read"),
        (["triage", "--event", "event.json", "--judge", "gtp"], "did you mean `gpt`"),
        (["triage", "--event", "event.json", "--judge", "local"], "no language model on the ladder"),
        (["triage", "--event", "config/models.toml", "--judge", "gpt"], "is not JSON"),
    ] {
        let shown = project.run(&[&["prompt", "render"][..], &arguments].concat());
        assert_eq!(shown.code, Some(2), "{}", shown.out);
        assert!(shown.err.contains(want), "{want}: {}", shown.err);
    }
}
