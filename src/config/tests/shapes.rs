//! Files and tables that are not of the shape they should have.

use super::*;

#[test]
fn a_broken_file_is_told_and_only_that_file_is_lost() {
    let text = "[route.triage]\ntypes = [\"a\"\nclassifier = \n\n[route.b]\ntypes = 5\n";
    let (config, problems) = load(&sample().with(ROUTES, text));
    assert_eq!(
        problems.to_string(),
        "config/routes.toml:3: error[HY0004]: this is not TOML: missing comma between array elements, expected `,`\n    \
         remedy: correct it; until then nothing else of this file is looked at"
    );
    assert!(config.routes.is_empty());
    assert_eq!(config.actions.len(), 1);
    assert!(config.declares(ROUTES, ["route", "anything"]), "nobody knows what it should have said");
    assert!(!config.declares(ACTIONS, ["action", "anything"]));
}

#[test]
fn unknown_fields_are_told_with_what_was_meant() {
    assert_eq!(
        told(
            ACTIONS,
            "[action.a]\nkind = \"http\"\ntoo = \"crm\"\n[destination.crm]\ncolour = 1\nurl = \"x\"\nsize = 2\n"
        ),
        "config/actions.toml:3: error[HY0006]: `action.a` has no field `too`\n    remedy: did you mean `to`? Write one \
         of: kind, to, mode, on_unknown, retry, with\n\
         config/actions.toml:5: error[HY0006]: `destination.crm` has no field `colour`\n    remedy: write one of: url, \
         credential, signing_secret, timeout_ms, limit_per_min, concurrency, breaker, retry, idempotency_ms, \
         allow_private\n\
         config/actions.toml:7: error[HY0006]: `destination.crm` has no field `size`\n    remedy: write one of: url, \
         credential, signing_secret, timeout_ms, limit_per_min, concurrency, breaker, retry, idempotency_ms, \
         allow_private"
    );
}

#[test]
fn unknown_tables_are_told() {
    assert_eq!(
        told(FILTER, "other = 1\n[[rules]]\ntypes = []\n"),
        "config/filter.toml:1: error[HY0006]: there is no `other` in this file\n    remedy: write one of: rule, \
         otherwise\n\
         config/filter.toml:2: error[HY0006]: there is no `rules` in this file\n    remedy: did you mean `rule`? Write \
         one of: rule, otherwise"
    );
}

#[test]
fn wrong_types_are_told_all_at_once_and_without_the_value() {
    let text = r#"[judge.a]
kind = "anthropc"
model = 5
api_key = ["hunter2"]
timeout_ms = "20"
output_tokens_max = -1
allow_private = "no"
[source.x]
"#;
    assert_eq!(
        told(JUDGES, text),
        "config/judges.toml:2: error[HY0009]: `judge.a.kind` cannot be `anthropc`\n    remedy: did you mean \
         `anthropic`? Write one of: anthropic, openai\n\
         config/judges.toml:3: error[HY0008]: `judge.a.model` must be a string, not a whole number\n    remedy: put it \
         in quotes\n\
         config/judges.toml:4: error[HY0008]: `judge.a.api_key` must be a string, not a list\n    remedy: put it in \
         quotes\n\
         config/judges.toml:5: error[HY0008]: `judge.a.timeout_ms` must be a whole number, 0 or more, not a string\n    \
         remedy: write a whole number, 0 or more\n\
         config/judges.toml:6: error[HY0008]: `judge.a.output_tokens_max` must be a whole number from 0 to 4294967295, \
         not -1\n    remedy: write a whole number from 0 to 4294967295\n\
         config/judges.toml:7: error[HY0008]: `judge.a.allow_private` must be true or false, not a string\n    remedy: \
         write true or false, without quotes\n\
         config/judges.toml:8: error[HY0006]: there is no `source` in this file\n    remedy: write one of: judge"
    );
}

#[test]
fn faults_deep_inside_are_told_at_their_line() {
    let text = r#"[classifier.triage]
text = "x"
ladder = [
    { judge = "rules" },
    { jugde = "local" },
    { judge = "local", confidence_min = "high" },
]

[[classifier.triage.rule]]
when = "true"
label = "spam"

[[classifier.triage.rule]]
when = 2024-01-01
label = "spam"
reason = "r"

[classifier.other]
text = "x"
ladder = "rules"
fill = { x = nan }
"#;
    assert_eq!(
        told(CLASSIFIERS, text),
        "config/classifiers.toml:5: error[HY0006]: `classifier.triage.ladder.1` has no field `jugde`\n    remedy: did you \
         mean `judge`? Write one of: judge, confidence_min\n\
         config/classifiers.toml:6: error[HY0008]: `classifier.triage.ladder.2.confidence_min` must be a number, not a \
         string\n    remedy: write a number\n\
         config/classifiers.toml:9: error[HY0007]: `classifier.triage.rule.0` has no `reason`\n    remedy: add `reason \
         = …` to it\n\
         config/classifiers.toml:14: error[HY0008]: `classifier.triage.rule.1.when` is a TOML date, which nothing here \
         reads\n    remedy: put it in quotes\n\
         config/classifiers.toml:20: error[HY0008]: `classifier.other.ladder` must be a list, not a string\n    remedy: \
         put it in brackets: [ … ]\n\
         config/classifiers.toml:21: error[HY0010]: `classifier.other.fill.x` is no finite number\n    remedy: write a \
         number that is neither `nan` nor `inf`"
    );
}

#[test]
fn a_field_that_is_missing_is_told_unless_it_was_misspelt() {
    assert_eq!(
        told(ACTIONS, "[action.a]\nto = \"crm\"\n[action.b]\nkint = \"http\"\n"),
        "config/actions.toml:1: error[HY0007]: `action.a` has no `kind`\n    remedy: add `kind = …` to it\n\
         config/actions.toml:4: error[HY0006]: `action.b` has no field `kint`\n    remedy: did you mean `kind`? Write \
         one of: kind, to, mode, on_unknown, retry, with"
    );
}

#[test]
fn shapes_of_tables_are_told() {
    assert_eq!(
        told(ROUTES, "[[route]]\nname = \"x\"\n[example]\nname = \"y\"\n"),
        "config/routes.toml:1: error[HY0008]: `route` must be tables with names, not a list\n    remedy: write \
         `[route.NAME]` above the fields of each\n\
         config/routes.toml:3: error[HY0008]: `example` must be a list of tables, not a table\n    remedy: write \
         `[[example]]` above the fields of each"
    );
    assert_eq!(
        told(SETTINGS, "store = [1]\n[worker]\nlane_weights = [1, 2]\n[server]\n"),
        "config/hookyard.toml:1: error[HY0008]: `store` must be a table, not a list\n    remedy: write `{ field = \
         value, … }`, or its fields below a header in brackets\n\
         config/hookyard.toml:3: error[HY0008]: `worker.lane_weights` must be a list of 3, not one of 2\n    remedy: \
         write a list of 3"
    );
    assert!(
        told(SETTINGS, "[worker]\nlane_weights = [1, 2, 3, 4]\n").contains("must be a list of 3, not of 4")
    );
}

#[test]
fn one_bad_table_does_not_hide_or_move_the_others() {
    let text = "[[rule]]\ntypes = 1\nlane = \"normal\"\n\n[[rule]]\ntypes = [\"a\"]\nlane = \"nowhere\"\n";
    let (config, problems) = load(&sample().with(FILTER, text));
    assert_eq!(config.filter.rule.len(), 1);
    assert_eq!(config.at(FILTER, ["rule", "0", "lane"]), At::line(FILTER, 7));
    assert_eq!(
        problems.to_string(),
        "config/filter.toml:2: error[HY0008]: `rule.0.types` must be a list, not a whole number\n    remedy: put it in \
         brackets: [ … ]\n\
         config/filter.toml:7: error[HY0201]: there is no lane `nowhere`\n    remedy: write one of: critical, normal, \
         bulk, ignore"
    );

    let (config, problems) =
        load(&sample().with(ACTIONS, "[action.a]\nkind = 1\n[action.b]\nkind = \"http\"\n"));
    assert_eq!(problems.len(), 1);
    assert_eq!(config.actions.keys().collect::<Vec<_>>(), ["b"]);
    assert!(config.declares(ACTIONS, ["action", "a"]), "it has its problem already");
    assert!(!config.declares(ACTIONS, ["action", "c"]));
}
