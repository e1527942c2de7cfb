//! Judges and models that do not fit each other, or cannot be.

use super::*;

fn judge(lines: &str) -> String {
    told(
        JUDGES,
        &format!(
            "[judge.claude]\nkind = \"anthropic\"\nmodel = \"claude-haiku-5-5\"\napi_key = \"${{K}}\"\n{lines}\n"
        ),
    )
}

#[test]
fn a_judge_asks_only_for_what_its_model_takes() {
    assert_eq!(judge("effort = \"high\"\nrepair = false\nreplay = \"triage\""), "");
    let told = judge("effort = \"minimal\"");
    assert!(told.starts_with("config/judges.toml:5: error[HY0305]"), "{told}");
    assert!(told.contains("takes: low, medium, high, xhigh, max"), "{told}");
    let told = judge("output_tokens_max = 200_000");
    assert!(told.contains("config/judges.toml:5: error[HY0010]: `output_tokens_max` is 200000"), "{told}");
    let told = judge("output_tokens_max = 150_000");
    let want = "config/judges.toml:5: error[HY0010]: `output_tokens_max` is 150000, and the model `claude-haiku-5-5` takes at most \
                128000\n    remedy: write at most 128000";
    assert!(told.starts_with(want), "{told}");
    assert_eq!(judge("output_tokens_max = 128_000"), "");
    let told = judge("api = \"responses\"");
    assert!(told.starts_with("config/judges.toml:5: error[HY0305]"), "{told}");
    let told = judge("effort = \"loud\"");
    assert!(told.contains("config/judges.toml:5: error[HY0009]"), "{told}");
}

#[test]
fn a_row_of_the_users_lets_a_judge_ask_for_more() {
    let row = "[[model]]\nid = \"claude-haiku-5-5\"\nefforts = [\"minimal\"]\n";
    let table = "[judge.claude]\nkind = \"anthropic\"\nmodel = \"claude-haiku-5-5\"\napi_key = \"${K}\"\neffort = \"minimal\"\n";
    let problems = load(&sample().with(MODELS, row).with(JUDGES, table)).1;
    assert_eq!(problems.to_string(), "");
}

#[test]
fn an_answer_is_as_long_as_its_model_can_write() {
    let table = |model: &str, tokens: u32| {
        let judge = format!(
            "[judge.gpt]\nkind = \"openai\"\nmodel = \"{model}\"\napi_key = \"${{K}}\"\noutput_tokens_max = {tokens}\n"
        );
        let row = "[[model]]\nid = \"gpt-6-luna\"\noutput_tokens_max = 256_000\n";
        load(&sample().with(MODELS, row).with(JUDGES, judge)).1.to_string()
    };
    for (model, most) in [("gpt-4o", 16_384), ("gpt-4o-2024-08-06", 16_384), ("gpt-6-luna", 256_000)] {
        assert_eq!(table(model, most), "", "{model}");
        let told = table(model, most + 1);
        assert!(told.contains(":5: error[HY0010]") && told.contains(&format!("at most {most}")), "{told}");
    }
    assert_eq!(table("house-7b", 120_000), "", "of this one nobody said");
}

#[test]
fn a_models_row_is_whole_and_alone() {
    assert_eq!(told(MODELS, "[[model]]\nid = \"qwen3:8b\"\nprice = { input = 0, output = 0 }\n"), "");
    for (row, want) in [
        ("id = \"\"", "config/models.toml:2: error[HY0012]"),
        ("id = \"m\"\ncontext_tokens = 0", "config/models.toml:3: error[HY0010]: `context_tokens` is 0"),
        (
            "id = \"m\"\noutput_tokens_max = 0",
            "config/models.toml:3: error[HY0010]: `output_tokens_max` is 0",
        ),
        (
            "id = \"m\"\nprice = { input = -1, output = 1 }",
            "config/models.toml:3: error[HY0010]: `input` is -1",
        ),
        ("id = \"m\"\nprice = { input = nan, output = 1 }", "is no finite number"),
        ("id = \"m\"\nprice = { input = 1 }", "error[HY0007]"),
        ("id = \"m\"\nsamplin = true", "error[HY0006]"),
        ("id = \"m\"\n[[model]]\nid = \"m\"", "config/models.toml:4: error[HY0205]"),
    ] {
        let told = told(MODELS, &format!("[[model]]\n{row}\n"));
        assert!(told.contains(want), "{row}: {told}");
    }
}

#[test]
fn a_classifier_that_pays_for_answers_bounds_what_one_sender_costs() {
    let table = |ladder: &str, more: &str| {
        format!("[classifier.triage]\ntext = \"x\"\nladder = [{ladder}]\nfill.urgency = \"normal\"\n{more}\n")
    };
    let asks = "{ judge = \"local\", confidence_min = 0.6 }, { judge = \"claude\" }";
    let problem = "config/classifiers.toml:3: warning[HY0311]: `triage` asks the language model `claude`, and nothing bounds what one \
                   sender's events may cost\n    remedy: say what a sender's events may cost in a day, as `sender_budget = ";
    let unbounded = told(CLASSIFIERS, &table(asks, ""));
    assert!(unbounded.starts_with(problem) && !unbounded.contains("error"), "{unbounded}");
    let budget = "sender_budget = { who = \"{{ event.body.from }}\", day_usd = 0.5 }";
    assert_eq!(told(CLASSIFIERS, &table(asks, budget)), "");
    assert_eq!(told(CLASSIFIERS, &table("{ judge = \"rules\" }", "")), "");
    let judge = "[judge.claude]\nkind = \"openai\"\nmodel = \"qwen3:8b\"\napi_key = \"none\"\n";
    let row = "[[model]]\nid = \"qwen3:8b\"\nprice = { input = 0, output = 0 }\n";
    for (judge, row) in [(judge.to_owned(), row), (format!("{judge}replay = \"triage\"\n"), "")] {
        let files =
            sample().with(CLASSIFIERS, table(asks, "")).with(JUDGES, judge.as_str()).with(MODELS, row);
        assert_eq!(load(&files).1.to_string(), "", "it costs nothing: {judge}");
    }
}
