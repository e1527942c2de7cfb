//! `hookyard check`: every mistake at once, with its place and its remedy.

use std::collections::BTreeSet;

use hookyard::config::{ACTIONS, CLASSIFIERS, FILTER, Files, JUDGES, ROUTES, SETTINGS, SOURCES};
use serde_json::Value;

use crate::support::process::Project;

const LITERAL: &str = "a-secret-typed-into-a-file";

/// A project with one mistake of each kind, and the file, code and telling word of each.
fn mistaken() -> (Project, Vec<(&'static str, &'static str, &'static str)>) {
    let project = Project::new(&Files::embedded());
    let settings =
        "[server]\nlisten = \"localhost\"\n[store]\nopen_jobs_max = \"many\"\n[worker]\nconcurency = 3\n";
    project.write(SETTINGS, settings);
    project.edit(SOURCES, "\"${STRIPE_WEBHOOK_SECRET}\"", &format!("\"{LITERAL}\""));
    project.append(FILTER, "\n[[rule]\n");
    project.append(
        ROUTES,
        r#"
[route.circle]
types = ["payment.succeeded"]
classifier = "triagge"
action = [
    { id = "a", use = "log_payment", after = ["b"] },
    { id = "b", use = "log_payment", after = ["a"] },
    { id = "c", use = "log_paymnet" },
    { id = "d", use = "log_payment", when = "event.type ==" },
]
"#,
    );
    project.append(
        ACTIONS,
        r#"
[action.nowhere]
kind = "http"
to = "helpdeks"
with.path = "/x"

[action.torn]
kind = "http"
to = "crm"
with.path = "/contacts"
with.body.name = "{{ event.id"

[action.odd]
kind = "htpp"
to = "crm"
"#,
    );
    project.append(
        CLASSIFIERS,
        "\n[classifier.lost]\nschema = \"triage\"\ncases = \"triage\"\nprompts = \"nowhere\"\n\
         ladder = [{ judge = \"gtp\" }]\ntext = \"x\"\nfill = { urgency = \"normal\" }\n",
    );
    project.write("schemas/churn.schema.json", r#"{ "type": "object", "properties": { "label": 7 } }"#);
    let planted = vec![
        (SETTINGS, "HY0103", "listen"),
        (SETTINGS, "HY0008", "open_jobs_max"),
        (SETTINGS, "HY0006", "concurency"),
        (SOURCES, "HY0101", "secret"),
        (FILTER, "HY0004", ""),
        (ROUTES, "HY0203", "triagge"),
        (ROUTES, "HY0203", "log_paymnet"),
        (ROUTES, "HY0204", "condition"),
        (ROUTES, "HY0206", "a, b"),
        (ACTIONS, "HY0203", "helpdeks"),
        (ACTIONS, "HY0203", "htpp"),
        (ACTIONS, "HY0401", "template"),
        (CLASSIFIERS, "HY0203", "gtp"),
        (CLASSIFIERS, "HY0303", "prompts/nowhere/system.j2"),
        ("schemas/churn.schema.json", "HY0304", ""),
    ];
    (project, planted)
}

#[test]
fn all_mistakes_are_told_at_once_with_place_and_remedy() {
    let (project, planted) = mistaken();
    let check = project.run(&["check", "--json"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let told = check.json();
    let told = told.as_array().expect("one array");
    for (file, code, word) in planted {
        let is = |problem: &&Value| {
            problem["file"] == file
                && problem["code"] == code
                && problem["message"].as_str().is_some_and(|message| message.contains(word))
        };
        let problem = told.iter().find(is).unwrap_or_else(|| panic!("{file} {code} {word}: {told:#?}"));
        assert_eq!(problem["severity"], "error");
        assert!(problem["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{problem:#}");
        // A schema's faults are told by their path within it.
        assert!(problem["line"].is_u64(), "{problem:#}");
    }
    assert!(!check.out.contains(LITERAL), "a secret is not repeated");
}

#[test]
fn people_read_file_line_code_and_remedy() {
    let (project, planted) = mistaken();
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    for file in planted.iter().map(|(file, ..)| *file).collect::<BTreeSet<_>>() {
        let line = |line: &&str| line.starts_with(file) && line.contains(": error[HY");
        assert!(check.out.lines().any(|text| line(&text)), "{file}: {}", check.out);
    }
    let used =
        1 + project.read(ROUTES).lines().position(|line| line.contains("log_paymnet")).expect("planted");
    assert!(check.out.contains(&format!("{ROUTES}:{used}: error[HY0203]")), "{}", check.out);
    assert!(check.out.contains("remedy: did you mean `log_payment`?"), "{}", check.out);
    assert!(check.out.contains("this configuration would not be started"), "{}", check.out);
    assert!(!check.out.contains(LITERAL) && !check.err.contains("panicked"), "{check:?}");
}

#[test]
fn one_is_told_as_one() {
    let project = Project::new(&Files::embedded());
    project.append(SETTINGS, "\n[nowhere]\n");
    let check = project.run(&["check"]);
    assert!(check.out.contains("\n1 error, "), "{}", check.out);
}

#[test]
fn an_example_that_fails_is_a_mistake_too() {
    let project = Project::new(&Files::embedded());
    project.append(
        ROUTES,
        "\n[[example]]\nname = \"a refund buys a cake\"\nsource = \"stripe\"\ntype = \"refund.created\"\n\
         body.data.object.id = \"re_1\"\nlane = \"critical\"\nexpect = [{ route = \"refund\", actions = [\"cake\"] }]\n",
    );
    let check = project.run(&["check", "--json"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let told = check.json();
    let errors: Vec<&Value> =
        told.as_array().expect("one array").iter().filter(|problem| problem["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let message = errors[0]["message"].as_str().expect("a message");
    assert_eq!((&errors[0]["code"], errors[0]["line"].is_u64()), (&Value::from("HY0207"), true));
    for words in ["a refund buys a cake", "refund [alert, record]", "refund [cake]"] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_example_that_no_offline_judge_decides_says_what_to_write() {
    let project = Project::new(&Files::embedded());
    let classifiers = project.read(CLASSIFIERS);
    let others = ["rules", "local"].map(|judge| format!("    {{ judge = \"{judge}\""));
    let alone = classifiers.lines().filter(|line| !others.iter().any(|start| line.starts_with(start)));
    project.write(CLASSIFIERS, &alone.flat_map(|line| [line, "\n"]).collect::<String>());
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let name = "a colleague in the wrong form becomes a notice (decided by a rule)";
    let told = format!(
        "example `{name}`: route `triage`: examples ask `rules` and `local` only, and neither decides: "
    );
    assert!(check.out.contains(&told), "{}", check.out);
    let remedy = "write the label to assume, as `verdict = \"…\"` with one of lead, support, internal, spam, in example";
    assert!(check.out.contains(remedy), "{}", check.out);
}

#[test]
fn a_prompt_that_misspells_the_event_is_found_before_an_event_comes() {
    let project = Project::new(&Files::embedded());
    project.append("prompts/triage/event.j2", "\n{{ evnt.body.x }}\n");
    project.edit("evals/churn/suite.toml", "accuracy_min", "acuracy_min");
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let line = project.read("prompts/triage/event.j2").lines().count();
    assert!(check.out.contains(&format!("prompts/triage/event.j2:{line}: error[HY0303]")), "{}", check.out);
    assert!(check.out.contains("evals/churn/suite.toml:"), "{}", check.out);
}

/// The embedded files, where nothing local is left on the ladder of `triage`, and no labelled case.
fn of_language_models_alone() -> Project {
    let project = Project::new(&Files::embedded());
    let classifiers = project.read(CLASSIFIERS);
    let local: Vec<&str> = classifiers.lines().filter(|line| line.contains("judge = \"local\"")).collect();
    project.edit(CLASSIFIERS, local[0], "");
    project.edit(CLASSIFIERS, "[classifier.triage]\n", "[classifier.triage]\ncases = \"nowhere\"\n");
    project
}

#[test]
fn prompts_are_tried_without_a_local_judge_and_without_cases() {
    let project = of_language_models_alone();
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(0), "{check:?}");

    project.append("prompts/triage/event.j2", "\n{{ evnt.body.x }}\n");
    project.edit(
        CLASSIFIERS,
        "who = \"{{ event.body.data.email",
        "who = \"{{ event.body.data.emial }}{{ event.body.data.email",
    );
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let line = project.read("prompts/triage/event.j2").lines().count();
    let prompt =
        format!("prompts/triage/event.j2:{line}: error[HY0303]: it does not render for the example `");
    let told = |start: &str, name: &str| {
        check.out.lines().any(|text| text.starts_with(start) && text.contains(name))
    };
    assert!(told(&prompt, "evnt"), "{}", check.out);
    let line = project.read(CLASSIFIERS).lines().position(|text| text.contains("emial")).expect("planted");
    assert!(told(&format!("{CLASSIFIERS}:{}: error[HY0303]", line + 1), "emial"), "{}", check.out);
}

#[test]
fn each_set_of_prompts_is_tried_and_an_included_file_is_named() {
    let project = of_language_models_alone();
    project.append(
        CLASSIFIERS,
        "\n[classifier.triage.variants.plain]\n[classifier.triage.variants.short]\nprompts = \"short\"\n",
    );
    project.write("prompts/short/system.j2", "Be brief.");
    project.write("prompts/short/event.j2", "{% include 'prompts/short/part.j2' %}");
    project.write("prompts/short/part.j2", "One\n{{ evnt.type }}");
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let is = |line: &str| {
        line.starts_with("prompts/short/event.j2:1: error[HY0303]")
            && line.contains("prompts/short/part.j2:2: ")
            && line.contains("evnt")
    };
    assert!(check.out.lines().any(is), "{}", check.out);
}

#[test]
fn what_prompts_could_not_be_tried_on_is_said() {
    let project = of_language_models_alone();
    project.edit(
        ROUTES,
        "types = [\"lead.form.submitted\"",
        "types = [\"lead.phoned\", \"lead.form.submitted\"",
    );
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(0), "a warning: {check:?}");
    let told = "warning[HY0308]: the prompts of `triage` were tried on no event of the type `lead.phoned`: ";
    assert!(check.out.contains(told), "{}", check.out);
    let as_shipped = Project::new(&Files::embedded()).run(&["check"]);
    assert!(!as_shipped.out.contains("HY0308"), "{}", as_shipped.out);
}

#[test]
fn a_gate_on_what_no_mail_server_says_is_warned_of() {
    let project = Project::new(&Files::embedded());
    let gate = "\n[[classifier.triage.gate]]\nwhen = \"verdict.label == 'lead' and trust['dkim'] != 'pass' and trust.spf != \
                'pass'\"\nreason = \"nobody vouches\"\n";
    project.append(CLASSIFIERS, gate);
    let line =
        project.read(CLASSIFIERS).lines().position(|text| text.contains("trust.spf")).expect("planted");
    let warned = format!(
        "{CLASSIFIERS}:{}: warning[HY0309]: a gate of `triage` asks for `trust.spf` and `trust.dkim`",
        line + 1
    );
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(0), "a warning: {check:?}");
    assert!(check.out.contains(&warned) && check.out.contains("`authserv_id`"), "{warned}: {}", check.out);
    let server = "[source.forms]\nauthserv_id = \"mx.ours.example\"\n";
    project.edit(SOURCES, "[source.forms]\n", server);
    let check = project.run(&["check"]);
    assert!(!check.out.contains("HY0309"), "{}", check.out);
    project.edit(ROUTES, "[route.triage]\n", "[route.triage]\nsources = [\"stripe\"]\n");
    let check = project.run(&["check"]);
    assert!(check.out.contains("HY0309"), "another source is none of its own: {}", check.out);
}

#[test]
fn a_route_that_waits_for_what_the_filter_drops_is_warned_of() {
    let project = Project::new(&Files::embedded());
    project.append(ROUTES, "\n[route.deaf]\ntypes = [\"invoice.paid\"]\n");
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(0), "a warning: {check:?}");
    assert!(check.out.contains("warning[HY0208]: the filter drops every `invoice.paid`"), "{}", check.out);
}

#[test]
fn a_budget_that_cannot_pay_for_one_question_is_warned_of() {
    let check = |project: &Project| project.run(&["check", "--json"]).json();
    let of = |told: &Value| {
        let warned = told.as_array().expect("one array").iter().filter(|problem| problem["code"] == "HY0307");
        warned.map(|problem| (problem["file"].clone(), problem["message"].to_string())).collect::<Vec<_>>()
    };
    let project = Project::new(&Files::embedded());
    assert_eq!(of(&check(&project)), []);
    // Enough for a short letter, and not for the longest one that the prompt lets in.
    project.edit(CLASSIFIERS, "day_usd = 0.10", "day_usd = 0.0012");
    let month = "budget = { day_usd = 10.0, month_usd = 100.0 }   #";
    project.edit(JUDGES, month, "budget = { day_usd = 10.0, month_usd = 0.0005 }   #");
    let told = check(&project);
    let warned = of(&told);
    let is = |file: &str, words: &[&str]| {
        warned.iter().any(|(at, message)| at == file && words.iter().all(|word| message.contains(word)))
    };
    assert!(is(CLASSIFIERS, &["triage", "claude", "$0.001200"]), "{warned:#?}");
    assert!(is(JUDGES, &["month", "$0.000500"]), "{warned:#?}");
    let severe = |problem: &Value| problem["severity"] == "error";
    assert!(!told.as_array().expect("one array").iter().any(severe), "it can be started: {told:#}");
}

#[test]
fn a_code_is_explained() {
    let project = Project::new(&Files::embedded());
    let told = project.run(&["check", "--explain", "HY0203"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "HY0203: A name that nothing has.\n"));
    project.run(&["check", "--explain", "HY9999"]).assert_refused("HY9999");
}

#[test]
fn a_folder_without_configuration_says_how_to_get_one() {
    Project::new(&Files::default()).run(&["check"]).assert_refused("hookyard init");
}

#[test]
fn where_redis_is_holds_no_password_and_asks_for_tls_where_it_is_to_be_trusted() {
    for (urls, code, word) in [
        (format!("redis://hookyard:{LITERAL}@127.0.0.1:6379"), "HY0101", "password"),
        (format!("redis+unix:///run/redis.sock?db=1&user=hookyard&pass={LITERAL}"), "HY0101", "password"),
        ("redis://127.0.0.1:6379".to_owned(), "HY0103", "ca_file"),
    ] {
        let project = Project::new(&Files::embedded());
        project.append(SETTINGS, &format!("\n[store.redis]\nurls = [\"{urls}\"]\nca_file = \"ca.pem\"\n"));
        let check = project.run(&["check", "--json"]);
        let told = check.json();
        let is = |problem: &&Value| {
            problem["code"] == code
                && problem["message"].as_str().is_some_and(|message| message.contains(word))
        };
        assert!(told.as_array().expect("one array").iter().any(|problem| is(&problem)), "{told:#}");
        assert!(!check.out.contains(LITERAL), "a secret is not repeated");
    }
    let project = Project::new(&Files::embedded());
    project.append(SETTINGS, "\n[store.redis]\nurls = [\"${REDIS_URL}\"]\nca_file = \"ca.pem\"\n");
    let told = project.run(&["check", "--json"]).json();
    let is = |problem: &Value| problem["code"] == "HY0103";
    assert!(
        !told.as_array().expect("one array").iter().any(is),
        "the whole of it may be a variable: {told:#}"
    );
}

#[test]
fn a_budget_and_limits_are_warned_of_also_where_there_are_no_cases() {
    let project = Project::new(&Files::embedded());
    let own = "\n[classifier.own]\nschema = \"triage\"\nprompts = \"triage\"\ntext = \"x\"\n\
               ladder = [{ judge = \"dear\" }]\nfill = { urgency = \"normal\" }\n";
    project.append(CLASSIFIERS, own);
    let judge = "\n[judge.dear]\nkind = \"anthropic\"\nmodel = \"claude-opus-5-5\"\napi_key = \"${ANTHROPIC_API_KEY}\"\n\
                 output_tokens_max = 4_000\noutput_tokens_per_min = 1_000\nbudget = { day_usd = 0.05 }\n";
    project.append(JUDGES, judge);
    let told = project.run(&["check", "--json"]).json();
    let warned = |code: &str, words: &[&str]| {
        let problems = told.as_array().expect("one array").iter();
        let mut ours = problems.filter(|problem| problem["code"] == code && problem["severity"] == "warning");
        ours.any(|problem| words.iter().all(|word| problem["message"].to_string().contains(word)))
    };
    assert!(warned("HY0307", &["`own`", "`dear`", "day"]), "{told:#}");
    assert!(warned("HY0310", &["`own`", "`dear`", "4000 tokens", "1000"]), "{told:#}");
}

#[test]
fn a_mistake_in_a_prompt_is_told_though_no_event_is_at_hand_and_once_for_all_who_share_it() {
    let project = Project::new(&Files::embedded());
    for name in ["one", "two"] {
        let own = format!(
            "\n[classifier.{name}]\nschema = \"bare\"\nprompts = \"bare\"\ntext = \"x\"\nladder = [{{ judge = \"claude\" }}]\n"
        );
        project.append(CLASSIFIERS, &own);
    }
    let schema = project.read("schemas/triage.schema.json");
    project.write(
        "schemas/bare.schema.json",
        &schema.replacen("\"required\": [", "\"required\": [\"nosuch\", ", 1),
    );
    project.write("prompts/bare/system.j2", "Sort it.\n{% include \"part.j2\" %}\n");
    project.write("prompts/bare/event.j2", "A letter:\n{{ event.body.text | untursted(40) }}\n");
    let check = project.run(&["check"]);
    assert_ne!(check.code, Some(0), "{check:?}");
    for told in [
        "prompts/bare/event.j2:2: error[HY0303]",
        "there is no filter `untursted`",
        "prompts/bare/system.j2:2: error[HY0303]",
        "prompts/shared/part.j2",
        "`nosuch` is no property",
    ] {
        assert_eq!(check.out.matches(told).count(), 1, "{told}: {}", check.out);
    }
}

#[test]
fn a_misspelt_field_before_a_filter_is_told_to_be_undefined() {
    let project = Project::new(&Files::embedded());
    project.append("prompts/triage/event.j2", "\n{{ event.body.data.txet | untrusted(40) }}\n");
    let check = project.run(&["check"]);
    let line = project.read("prompts/triage/event.j2").lines().count();
    let place = format!("prompts/triage/event.j2:{line}: error[HY0303]");
    let told =
        check.out.lines().find(|told| told.starts_with(&place)).unwrap_or_else(|| panic!("{}", check.out));
    assert!(told.contains("undefined") && !told.contains("not a string"), "{told}");
}
