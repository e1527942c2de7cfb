//! What an eval says of deliveries: those that nobody is to judge, and those that come twice.

use serde_json::{Value, json};

use super::eval::{CASES, eval, report, ruled};

const SECRET: &str = "a secret of this case";

/// A delivery of the source `forms`, under an id if it has one.
fn delivery(message: &str, id: Option<&str>) -> Value {
    use hmac::{Hmac, KeyInit, Mac};
    let body = json!({"type": "lead.form.submitted", "data": {"message": message}}).to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(format!("1795000000.{body}").as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut headers = json!({"x-webhook-timestamp": "1795000000", "x-webhook-signature": signature});
    if let Some(id) = id {
        headers["x-event-id"] = id.into();
    }
    json!({
        "source": "forms", "scheme": "generic", "secret": SECRET, "received_at": 1_795_000_000_000_i64,
        "headers": headers, "body": body,
    })
}

fn case(id: &str, delivery: &Value, expect: &Value) -> String {
    let case = json!({"id": id, "split": "dev", "author": "me", "delivery": delivery, "expect": expect});
    format!("{case}\n")
}

fn gate<'r>(report: &'r Value, name: &str) -> &'r Value {
    let gates = report["gates"].as_array().expect("gates");
    gates.iter().find(|gate| gate["name"] == name).unwrap_or(&Value::Null)
}

#[test]
fn what_comes_twice_is_done_once_where_its_source_can_tell() {
    let project = ruled(&CASES);
    project.append("evals/few/suite.toml", "[gate]\nduplicates_max = 0\n");
    let known = eval(&project, &["--json"]);
    let figures = &report(&known)["actions"];
    assert_eq!(known.code, Some(0), "{known:?}");
    // Two of the lead, and one each of the two that rules know beside it.
    assert_eq!((&figures["redelivered"], &figures["duplicates"]), (&json!(4), &json!(0)), "{figures:#}");
    let nameless = delivery("A demo for the wharf office", None);
    project.append("evals/few/cases.jsonl", &case("nameless", &nameless, &json!({"label": "lead"})));
    let twice = eval(&project, &["--json"]);
    assert_eq!(twice.code, Some(1), "{twice:?}");
    let found = report(&twice);
    assert_eq!(found["actions"]["duplicates"], 2, "{found:#}");
    assert_eq!(gate(&found, "duplicates_max")["held"], "failed");
    let case = &found["cases"][4];
    assert_eq!((&case["right"], &case["passed"]), (&json!(true), &json!(false)), "{case:#}");
    assert_eq!(case["duplicates"], json!(["contact", "reply"]));
    let text = eval(&project, &[]).out;
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("2 of them done twice"), "{text}");
    // A source that looks at the body, whether it takes the copy for the same or asks a person.
    for same_body in ["duplicate", "review"] {
        let sources = project.read("config/sources.toml");
        let asked = format!("same_body = \"{same_body}\"");
        project.write("config/sources.toml", &sources.replace("same_body = \"accept\"", &asked));
        let told = eval(&project, &["--json"]);
        assert_eq!((told.code, &report(&told)["actions"]["duplicates"]), (Some(0), &json!(0)), "{told:?}");
        project.write("config/sources.toml", &sources);
    }
}

#[test]
fn a_case_may_end_before_anybody_is_asked() {
    let project = ruled(&CASES);
    let first = delivery("A demo for the wharf office", Some("evt_1"));
    let mut forged = delivery("A demo for the other office", Some("evt_2"));
    forged["body"] = forged["body"].as_str().expect("text").replace("other", "forged").into();
    let again = delivery("A demo for the wharf office, please", Some("evt_1"));
    let noise = json!({
        "id": "noise", "split": "dev", "author": "me", "expect": {"outcome": "filtered"},
        "event": {"source": "github", "type": "watch.started", "body": {"action": "started"}},
    });
    let cases = [
        case("first", &first, &json!({"label": "lead"})),
        case("forged", &forged, &json!({"outcome": "refused"})),
        case("again", &again, &json!({"outcome": "duplicate", "of": "first"})),
        format!("{noise}\n"),
    ];
    project.append("evals/few/cases.jsonl", &cases.concat());
    let ended = eval(&project, &["--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = report(&ended);
    assert_eq!(found["figures"]["cases"], 5, "those are no part of the figures: {found:#}");
    let arrivals = found["arrivals"].as_array().expect("arrivals");
    let got: Vec<&Value> = arrivals.iter().map(|one| &one["got"]).collect();
    assert_eq!(got, ["refused", "duplicate", "filtered"], "{arrivals:#?}");
    assert!(arrivals.iter().all(|one| one["passed"] == true));
    assert_eq!(gate(&found, "arrivals_missed_max")["held"], "passed", "it is demanded without being written");
    assert_eq!(project.run(&["check"]).code, Some(0));
    // Neither another id nor a signature that holds is what they say.
    let text = project.read("evals/few/cases.jsonl");
    let whole = delivery("A demo for the other office", Some("evt_2"));
    let mended = text.replace(&forged.to_string(), &whole.to_string());
    let other = mended
        .replace(&again.to_string(), &delivery("A demo for the wharf, please", Some("evt_3")).to_string());
    project.write("evals/few/cases.jsonl", &other);
    let junit = project.path("junit.xml").display().to_string();
    let missed = eval(&project, &["--junit", &junit]);
    assert_eq!(missed.code, Some(1), "{missed:?}");
    for part in
        ["arrivals_missed_max", "forged (accepted and not refused", "again (accepted and not duplicate"]
    {
        let flat = missed.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{part}: {}", missed.out);
    }
    let xml = project.read("junit.xml");
    assert_eq!(xml.matches("<failure").count(), 3, "the gate, and both: {xml}");
    project.append("evals/few/suite.toml", "[gate]\narrivals_missed_max = 2\n");
    assert_eq!(eval(&project, &[]).code, Some(0));
    for (from, to, told) in [
        (
            "{\"outcome\":\"refused\"}",
            "{\"outcome\":\"refused\",\"label\":\"spam\"}",
            "has both an `outcome` and",
        ),
        ("\"of\":\"first\"", "\"of\":\"frist\"", "did you mean `first`"),
        ("\"outcome\":\"filtered\"", "\"outcome\":\"refused\"", "there is no delivery that could be"),
        (",\"of\":\"first\"", "", "does not say of which case"),
        ("\"scheme\":\"generic\"", "\"scheme\":\"genric\"", "its delivery is none"),
    ] {
        project.write("evals/few/cases.jsonl", &text.replacen(from, to, 1));
        let wrong = eval(&project, &[]);
        assert!(wrong.code == Some(2) && wrong.err.contains(told), "{told}: {wrong:?}");
    }
}

#[test]
fn a_delivery_is_verified_as_its_source_is_configured() {
    let project = ruled(&CASES);
    let mut late = delivery("A demo for the wharf office", Some("evt_1"));
    late["received_at"] = json!(1_795_000_100_000_i64);
    project.append("evals/few/cases.jsonl", &case("late", &late, &json!({"outcome": "refused"})));
    let missed = eval(&project, &[]);
    assert_eq!(missed.code, Some(1), "five minutes are usual: {missed:?}");
    let again = eval(&project, &["--failed"]);
    assert!(again.code == Some(1) && again.out.contains("late (accepted"), "it is tried again: {again:?}");
    project.edit("config/sources.toml", "tolerance_s = 300\n# The id", "tolerance_s = 30\n# The id");
    assert_eq!(eval(&project, &[]).code, Some(0));
    // What is blessed and gone is missed, judged or not.
    assert_eq!(eval(&project, &["--bless"]).code, Some(0));
    let cases = project.read("evals/few/cases.jsonl");
    project.write("evals/few/cases.jsonl", &without_last_line(&cases));
    let gone = eval(&project, &[]);
    assert!(gone.code != Some(0) && gone.out.contains("late"), "{gone:?}");
    // A judged case is told of before anybody is asked.
    for (case, told) in [
        (case("late", &late, &json!({"label": "lead"})), "the delivery of the case `late` would be refused"),
        (
            case("other", &late, &json!({"label": "lead"})).replace("\"forms\"", "\"stripe\""),
            "`stripe` is of the scheme stripe",
        ),
    ] {
        project.write("evals/few/cases.jsonl", &(without_last_line(&cases) + &case));
        let wrong = eval(&project, &[]);
        assert!(wrong.code == Some(2) && wrong.err.contains(told), "{wrong:?}");
    }
}

#[test]
fn a_gate_on_missing_actions_wants_a_case_that_expects_some() {
    let project = ruled(&CASES);
    let only = json!({"label": "lead", "actions": {"forbidden": ["urgent"]}});
    let first = delivery("A demo for the wharf office", Some("evt_1"));
    project.append("evals/few/cases.jsonl", &case("x", &first, &only));
    project.append("evals/few/suite.toml", "[gate]\nmissing_actions_max = 0\n");
    assert_eq!(eval(&project, &[]).code, Some(1), "nobody knows whether any is missing");
    let both =
        only.to_string().replace("\"forbidden\"", "\"expected\":[\"contact\",\"reply\"],\"forbidden\"");
    project.edit("evals/few/cases.jsonl", &only.to_string(), &both);
    assert_eq!(eval(&project, &[]).code, Some(0));
}

fn without_last_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[..lines.len() - 1].iter().map(|line| format!("{line}\n")).collect()
}
