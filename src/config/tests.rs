//! [`load`] as a whole: each kind of problem with its exact text.

mod hostile;
mod judges;
mod keeping;
mod patience;
mod shapes;

use super::*;

/// A small configuration without problems.
fn sample() -> Files {
    Files::default()
        .with(
            SETTINGS,
            r#"[server]
listen = "0.0.0.0:8080"
admin_token = "${ADMIN_TOKEN}"

[worker]
retry.schedule_ms = [1_000, 4_000]
lane_weights = [8, 4, 1]
"#,
        )
        .with(
            SOURCES,
            r#"[source.zeta]
scheme = "github"
secrets = ["${GITHUB_SECRET}", "file:/run/secrets/old"]
when_unset = "off"
limit.other_per_min = 10

[source.alpha]
scheme = "generic"
secrets = ["${FORMS_SECRET}"]
"#,
        )
        .with(
            FILTER,
            r#"[[rule]]
types = ["ping"]
lane = "ignore"
reason = "nothing to do"

[[rule]]
types = ["*"]
lane = "normal"

[otherwise]
lane = "bulk"
"#,
        )
        .with(
            ROUTES,
            r#"[route.triage]
types = ["lead.*", "support.*"]
classifier = "triage"

[[route.triage.action]]
id = "crm"
use = "crm-contact"
when = "verdict.label == 'lead'"

[[example]]
name = "a lead"
source = "forms"
type = "lead.form"
body = { b = 1, a = { z = 1, y = [1.5, true, "x"] } }
expect = [{ route = "triage", actions = ["crm"] }]
"#,
        )
        .with(
            CLASSIFIERS,
            r#"[classifier.triage]
text = "{{ event.body }}"
ladder = [{ judge = "rules" }, { judge = "local", confidence_min = 0.6 }]
fill.urgency = "normal"

[[classifier.triage.rule]]
when = "event.body.spam is defined"
label = "spam"
reason = "says so"
"#,
        )
        .with(
            JUDGES,
            r#"[judge.claude]
kind = "anthropic"
model = "claude"
api_key = "${ANTHROPIC_API_KEY}"
"#,
        )
        .with(
            ACTIONS,
            r#"[destination.crm]
url = "${CRM_URL:-http://127.0.0.1:1}/v2"
credential = "${CRM_TOKEN}"

[action.crm-contact]
kind = "http"
to = "crm"
with.path = "/contacts"
with.body.email = "{{ event.body.email }}"
"#,
        )
}

/// The problems of the sample with one file replaced.
fn told(file: &str, text: &str) -> String {
    load(&sample().with(file, text)).1.to_string()
}

#[test]
fn a_good_configuration_has_no_problems() {
    let (config, problems) = load(&sample());
    assert_eq!(problems.to_string(), "");
    assert_eq!(config.settings.worker.retry.schedule_ms.as_deref(), Some(&[1_000, 4_000][..]));
    assert_eq!(config.settings.worker.lease_ms, 120_000, "what is left out has its default");
    assert_eq!(config.sources.keys().collect::<Vec<_>>(), ["zeta", "alpha"], "the file's order");
    assert_eq!(config.sources["zeta"].limit.other_per_min, 10);
    assert_eq!(config.filter.rule.len(), 2);
    assert_eq!(config.examples[0].body.to_string(), r#"{"b":1,"a":{"z":1,"y":[1.5,true,"x"]}}"#);
    assert_eq!(config.actions["crm-contact"].with["body"]["email"], "{{ event.body.email }}");
    assert_eq!(config.classifiers["triage"].ladder[1].confidence_min, 0.6);
}

#[test]
fn no_files_are_all_defaults() {
    let (config, problems) = load(&Files::default());
    assert!(problems.is_empty());
    assert!(config.sources.is_empty());
    assert_eq!(config.filter.otherwise.lane, "ignore");
}

#[test]
fn settings_have_bounds() {
    let text = r#"[server]
listen = "localhost:8080"
admin_listen = "0.0.0.0:9090"
body_bytes_max = 1_000
in_flight_bytes_max = 10
request_timeout_ms = 1
[store]
path = ""
dedupe_ms = 86_400_000
open_jobs_max = 0
[worker]
concurrency = 5_000
lease_ms = 90
retry.schedule_ms = [1, 700_000_000]
retry.jitter = 1.5
lane_weights = [8, 0, 1]
"#;
    assert_eq!(
        told(SETTINGS, text),
        "config/hookyard.toml:2: error[HY0103]: `listen` is no address to listen on\n    remedy: write IP:PORT, such as \
         127.0.0.1:8080 or 0.0.0.0:8080\n\
         config/hookyard.toml:3: error[HY0104]: the admin listener can be reached from other machines and demands no \
         token\n    remedy: set `admin_token`, or listen on 127.0.0.1\n\
         config/hookyard.toml:4: error[HY0010]: `body_bytes_max` is 1000 bytes\n    remedy: write a number from 1024 \
         bytes (1 KiB) to 104857600 bytes (100 MiB)\n\
         config/hookyard.toml:5: error[HY0010]: `in_flight_bytes_max` is 10 bytes\n    remedy: write a number from 1000 \
         bytes to 1099511627776 bytes (1024 GiB)\n\
         config/hookyard.toml:6: error[HY0010]: `request_timeout_ms` is 1 ms\n    remedy: write a number from 100 ms to \
         600000 ms (10 min)\n\
         config/hookyard.toml:8: error[HY0012]: `path` is empty\n    remedy: write a folder, such as `data`\n\
         config/hookyard.toml:9: error[HY0010]: `dedupe_ms` is 86400000 ms (1 d)\n    remedy: write a number from \
         691200000 ms (8 d) to 31622400000 ms (366 d)\n\
         config/hookyard.toml:10: error[HY0010]: `open_jobs_max` is 0\n    remedy: write a number from 1 to 1000000000\n\
         config/hookyard.toml:12: error[HY0010]: `concurrency` is 5000\n    remedy: write a number from 0 to 4096\n\
         config/hookyard.toml:13: error[HY0010]: `lease_ms` is 90 ms\n    remedy: write a number from 1000 ms (1 s) to \
         3600000 ms (1 h)\n\
         config/hookyard.toml:14: error[HY0010]: `schedule_ms` is 700000000 ms (700000 s)\n    remedy: write a \
         number from 0 ms to 604800000 ms (7 d)\n\
         config/hookyard.toml:15: error[HY0010]: `jitter` is 1.5\n    remedy: write a number from 0 to 1, such as \
         0.8\n\
         config/hookyard.toml:16: error[HY0010]: `lane_weights` is 0\n    remedy: write a number from 1 to 1000"
    );
    assert_eq!(
        told(SETTINGS, "[server]\ntrusted_proxies = [\n  \"10.0.0.0/8\",\n  \"proxy.internal\",\n]\n"),
        "config/hookyard.toml:4: error[HY0108]: `proxy.internal` is neither an IP address nor a network\n    remedy: write \
         the proxy's address, such as 127.0.0.1, or its network, such as 10.0.0.0/8"
    );
    let proxies = format!("[server]\ntrusted_proxies = {:?}\n", ["::1"; 65]);
    assert!(told(SETTINGS, &proxies).contains("`trusted_proxies` has 65 entries"));
    let many = format!("[worker]\nretry.schedule_ms = {:?}\n", [1; 21]);
    assert_eq!(
        told(SETTINGS, &many),
        "config/hookyard.toml:2: error[HY0010]: `schedule_ms` has 21 waits\n    remedy: write at most 20"
    );
    let none = "[worker]\nretry = { schedule_ms = [], attempts_max = 2 }\n";
    assert_eq!(
        told(SETTINGS, none),
        "config/hookyard.toml:2: error[HY0010]: `attempts_max` is 2, but `schedule_ms` has no wait to come before another \
         attempt\n    remedy: write a wait in ms into `schedule_ms`, such as [1_000], or leave out `attempts_max`"
    );
    assert_eq!(
        told(SETTINGS, "[server]\nlisten = \"0.0.0.0:9090\"\nadmin_listen = \"127.0.0.1:9090\"\n"),
        "config/hookyard.toml:3: error[HY0103]: `admin_listen` is taken by `listen`, 0.0.0.0:9090\n    remedy: give the \
         admin listener another port"
    );
}

#[test]
fn literal_secrets_are_refused_and_never_repeated() {
    let files = sample()
        .with(SETTINGS, "[server]\nadmin_token = \"hunter2\"\n")
        .with(SOURCES, "[source.a]\nscheme = \"generic\"\nsecrets = [\n  \"${A}\",\n  \"hunter2\",\n]\n")
        .with(JUDGES, "[judge.a]\nkind = \"openai\"\nmodel = \"m\"\napi_key = \"hunter2\"\n")
        .with(
            ACTIONS,
            "[destination.a]\nurl = \"${hunter2\"\ncredential = \"hunter2\"\nsigning_secret = \"hunter2\"\n",
        );
    let problems = load(&files).1.to_string();
    assert!(!problems.contains("hunter2"), "{problems}");
    let remedy = "a secret is written here as it is; it must come from the environment or a file\n    remedy: write \
                  `${NAME}` for an environment variable or `file:PATH` for a file";
    assert_eq!(
        problems,
        format!(
            "config/actions.toml:2: error[HY0102]: this `${{…}}` does not close, or holds no name of a variable\n    \
             remedy: write `${{NAME}}`, where NAME is of A-Z, a-z, 0-9 and `_`\n\
             config/actions.toml:3: error[HY0101]: {remedy}\n\
             config/actions.toml:4: error[HY0101]: {remedy}\n\
             config/hookyard.toml:2: error[HY0101]: {remedy}\n\
             config/judges.toml:4: error[HY0101]: {remedy}\n\
             config/sources.toml:5: error[HY0101]: {remedy}"
        )
    );
    assert_eq!(told(JUDGES, "[judge.a]\nkind = \"openai\"\nmodel = \"m\"\napi_key = \"none\"\n"), "");
}

#[test]
fn sources_are_checked() {
    let text =
        "[source.A]\nscheme = \"githb\"\nsecrets = []\ntolerance_s = 0\nlimit = { critical_per_min = 0 }\n";
    assert_eq!(
        told(SOURCES, text),
        "config/sources.toml:1: error[HY0011]: `A` is no name for a source\n    remedy: write 1 to 64 of a-z, 0-9, `_` \
         and `-`, beginning with a letter or digit\n\
         config/sources.toml:2: error[HY0105]: there is no scheme `githb`\n    remedy: did you mean `github`? Write one \
         of: github, stripe, standard_webhooks, generic\n\
         config/sources.toml:3: error[HY0012]: `secrets` is empty\n    remedy: write the signing secret, as \
         `[\"${NAME}\"]`\n\
         config/sources.toml:4: error[HY0010]: `tolerance_s` is 0 s\n    remedy: write a number from 1 s to 86400 s (1 \
         d)\n\
         config/sources.toml:5: error[HY0010]: `critical_per_min` is 0\n    remedy: write a number from 1 to 100000000"
    );
}

#[test]
fn routes_and_filter_are_checked() {
    assert_eq!(
        told(
            ROUTES,
            "[route.a]\ntypes = [\n  \"a*b\",\n]\n[[route.a.action]]\nid = \"A\"\nuse = \"x\"\n[route.b]\ntypes = []\n"
        ),
        "config/routes.toml:3: error[HY0202]: the event type `a*b` has `*` before its end\n    remedy: write `*` only at \
         the end, as in `ticket.*`\n\
         config/routes.toml:6: error[HY0011]: `A` is no name for an action of a route\n    remedy: write 1 to 64 of a-z, \
         0-9, `_` and `-`, beginning with a letter or digit\n\
         config/routes.toml:9: error[HY0012]: `types` is empty\n    remedy: write event types, or `[\"*\"]` for all"
    );
    assert_eq!(
        told(ROUTES, "[[example]]\nname = \"\"\nsource = \"x\"\ntype = \"y\"\nlane = \"fast\"\n"),
        "config/routes.toml:2: error[HY0012]: `name` is empty\n    remedy: say what the example shows\n\
         config/routes.toml:5: error[HY0201]: there is no lane `fast`\n    remedy: write one of: critical, normal, bulk, \
         ignore"
    );
    assert!(told(FILTER, "[otherwise]\nlane = \"x\"\n").starts_with("config/filter.toml:2: error[HY0201]"));
}

#[test]
fn classifiers_judges_and_actions_are_checked() {
    assert_eq!(
        told(
            CLASSIFIERS,
            "[classifier.a]\ntext = \"x\"\nladder = []\nprompts = \"../x\"\nlabel_field = \"reason\"\n\
             [classifier.b]\ntext = \"x\"\nladder = [{ judge = \"local\", confidence_min = 60 }]\n"
        ),
        "config/classifiers.toml:3: error[HY0012]: `ladder` is empty\n    remedy: write a judge, as `[{ judge = \"rules\" \
         }]`\n\
         config/classifiers.toml:4: error[HY0011]: `../x` is no name for a folder of prompts\n    remedy: write 1 to 64 \
         of a-z, 0-9, `_` and `-`, beginning with a letter or digit\n\
         config/classifiers.toml:5: error[HY0302]: `label_field`, `confidence_field` and `reason_field` are not three \
         different fields\n    remedy: name three different fields of the schema\n\
         config/classifiers.toml:8: error[HY0010]: `confidence_min` is 60\n    remedy: write a number from 0 to 1, such \
         as 0.8"
    );
    assert_eq!(
        told(
            JUDGES,
            "[judge.local]\nkind = \"openai\"\nmodel = \"\"\napi_key = \"none\"\nlimit_per_min = 0\n"
        ),
        "config/judges.toml:1: error[HY0301]: the judge `local` is built in\n    remedy: give this one another name\n\
         config/judges.toml:3: error[HY0012]: `model` is empty\n    remedy: write the vendor's id of the model\n\
         config/judges.toml:5: error[HY0010]: `limit_per_min` is 0\n    remedy: write a number from 1 to 100000000"
    );
    assert_eq!(
        told(
            ACTIONS,
            "[action.a]\nkind = \"\"\nwith = \"x\"\n[destination.b]\ntimeout_ms = 1\nidempotency_ms = 1\n"
        ),
        "config/actions.toml:2: error[HY0012]: `kind` is empty\n    remedy: write a kind, such as `http`\n\
         config/actions.toml:3: error[HY0401]: `with` must be a table of the action's parameters\n    remedy: write \
         `[action.a.with]` above them\n\
         config/actions.toml:5: error[HY0010]: `timeout_ms` is 1 ms\n    remedy: write a number from 100 ms to 600000 ms \
         (10 min)\n\
         config/actions.toml:6: error[HY0010]: `idempotency_ms` is 1 ms\n    remedy: write a number from 1000 ms (1 s) \
         to 31622400000 ms (366 d)"
    );
}

#[test]
fn unknown_files_are_a_warning() {
    let (_, problems) = load(&sample().with("config/rotues.toml", "x ="));
    assert!(!problems.has_errors());
    assert_eq!(
        problems.to_string(),
        "config/rotues.toml: warning[HY0005]: nothing reads this file\n    remedy: did you mean `config/routes.toml`? \
         Write one of: config/hookyard.toml, config/sources.toml, config/filter.toml, config/routes.toml, \
         config/classifiers.toml, config/judges.toml, config/models.toml, config/actions.toml"
    );
}

#[test]
fn places_are_found_in_any_file() {
    let files =
        sample().with("evals/triage/suite.toml", "# x\nclassifier = \"triage\"\n").with("prompts/a.j2", "x");
    let (config, _) = load(&files);
    let name = "triage".to_owned();
    assert_eq!(config.at(ROUTES, ["route", &name, "action", "0", "when"]), At::line(ROUTES, 8));
    assert_eq!(config.at("evals/triage/suite.toml", ["classifier"]), At::line("evals/triage/suite.toml", 2));
    assert_eq!(config.at("prompts/a.j2", ["x"]), At::file("prompts/a.j2"));
    assert_eq!(config.at("config/absent.toml", ["x"]), At::file("config/absent.toml"));
}
