//! Retries, limits and breakers that would try nothing, send nothing or never close.

use super::*;

#[test]
fn attempts_need_waits_wherever_those_are_written() {
    let once = "[worker]\nretry.schedule_ms = []\n";
    let of = |settings: &str, actions: &str| {
        load(&sample().with(SETTINGS, settings).with(ACTIONS, actions)).1.to_string()
    };
    let to_crm = |crm: &str, retry: &str| {
        format!(
            "[destination.crm]\nretry = {{ {crm} }}\n[action.crm-contact]\nkind = \"http\"\nto = \"crm\"\nretry = {{ {retry} }}\n"
        )
    };
    let blamed = |text: &str| text.contains("config/actions.toml:6: error[HY0010]: `attempts_max` is 3, but");
    for (settings, crm, retry, wrong) in [
        ("", "", "attempts_max = 3", false),
        (once, "", "attempts_max = 3", true),
        (once, "", "attempts_max = 1", false),
        (once, "schedule_ms = [1]", "attempts_max = 3", false),
        ("", "schedule_ms = []", "attempts_max = 3", true),
        ("", "schedule_ms = []", "attempts_max = 3, schedule_ms = [5]", false),
        ("", "", "attempts_max = 3, schedule_ms = []", true),
    ] {
        let told = of(settings, &to_crm(crm, retry));
        assert_eq!(blamed(&told), wrong, "{settings}{crm} / {retry}: {told}");
    }
}

#[test]
fn a_limit_or_rate_of_nothing_is_refused_where_it_stands() {
    let source = |limit: &str| {
        (SOURCES, format!("[source.zeta]\nscheme = \"github\"\nsecrets = [\"${{S}}\"]\n{limit}\n"), 4)
    };
    let judge = |line: &str| {
        (
            JUDGES,
            format!("[judge.claude]\nkind = \"anthropic\"\nmodel = \"m\"\napi_key = \"${{K}}\"\n{line}\n"),
            5,
        )
    };
    let destination = |line: &str| (ACTIONS, format!("[destination.crm]\n{line}\n"), 2);
    let bound = "write a number from 1 to";
    let rate = "write a number above 0 and up to 1";
    for ((file, text, line), field, remedy) in [
        (source("limit.critical_per_min = 0"), "critical_per_min", bound),
        (source("limit.other_per_min = 0"), "other_per_min", bound),
        (source("limit.account_critical_per_min = 0"), "account_critical_per_min", bound),
        (source("limit.account_other_per_min = 0"), "account_other_per_min", bound),
        (judge("limit_per_min = 0"), "limit_per_min", bound),
        (judge("breaker.rate = 0.0"), "rate", rate),
        (destination("limit_per_min = 0"), "limit_per_min", bound),
        (destination("breaker.rate = 0.0"), "rate", rate),
        (destination("breaker.rate = -0.5"), "rate", rate),
        (destination("concurrency = 0"), "concurrency", bound),
    ] {
        let told = told(file, &text);
        assert!(told.contains(&format!("{file}:{line}: error[HY0010]: `{field}` is ")), "{text}: {told}");
        assert!(told.contains(remedy), "{text}: {told}");
    }
    for ((file, text, line), field) in [
        (source("limit.other_per_min = -1"), "other_per_min"),
        (judge("limit_per_min = -1"), "limit_per_min"),
        (judge("breaker.rate = nan"), "rate"),
        (destination("limit_per_min = -5"), "limit_per_min"),
        (destination("limit_per_min = nan"), "limit_per_min"),
    ] {
        let told = told(file, &text);
        assert!(told.contains(&format!("{file}:{line}: error")) && told.contains(field), "{text}: {told}");
    }
}

#[test]
fn waits_retries_and_breakers_have_bounds_wherever_they_are_written() {
    let worker = |line: &str| (SETTINGS, format!("[worker]\n{line}\n"), 2);
    let route = |line: &str| (ROUTES, format!("[route.a]\ntypes = [\"a\"]\n{line}\n"), 3);
    let follower = |line: &str| {
        let action = "[[route.a.action]]\nid = \"b\"\nuse = \"crm-contact\"";
        (ROUTES, format!("[route.a]\ntypes = [\"a\"]\n{action}\n{line}\n"), 6)
    };
    let judge = |line: &str| {
        let judge = "[judge.claude]\nkind = \"anthropic\"\nmodel = \"m\"\napi_key = \"${K}\"";
        (JUDGES, format!("{judge}\n{line}\n"), 5)
    };
    let destination = |line: &str| (ACTIONS, format!("[destination.crm]\n{line}\n"), 2);
    let action = |line: &str| (ACTIONS, format!("[action.a]\nkind = \"http\"\n{line}\n"), 3);
    let retries = [
        ("retry.schedule_ms = [604_800_001]", "schedule_ms"),
        ("retry.jitter = -0.1", "jitter"),
        ("retry.attempts_max = 0", "attempts_max"),
        ("retry.attempts_max = 1_001", "attempts_max"),
        ("retry = { attempts_max = 2, schedule_ms = [] }", "attempts_max"),
        ("retry.age_max_ms = 999", "age_max_ms"),
        ("retry.age_max_ms = 2_592_000_001", "age_max_ms"),
    ];
    let breakers = [
        ("breaker.failures = 0", "failures"),
        ("breaker.open_ms = 99", "open_ms"),
        ("breaker.open_ms = 86_400_001", "open_ms"),
        ("breaker.window_ms = 999", "window_ms"),
        ("breaker.calls_min = 0", "calls_min"),
        ("concurrency = 0", "concurrency"),
        ("concurrency = 4_097", "concurrency"),
    ];
    let retry = retries.into_iter().flat_map(|(line, field)| {
        [worker(line), route(line), destination(line), action(line)].map(|placed| (placed, field))
    });
    let breaker = breakers
        .into_iter()
        .flat_map(|(line, field)| [judge(line), destination(line)].map(|placed| (placed, field)));
    let others = [
        (route("concurrency = 0"), "concurrency"),
        (route("coalesce_ms = 86_400_001"), "coalesce_ms"),
        (follower("delay_ms = 31_622_400_001"), "delay_ms"),
    ];
    for ((file, text, line), field) in retry.chain(breaker).chain(others) {
        let told = told(file, &text);
        assert!(told.contains(&format!("{file}:{line}: error[HY0010]: `{field}` is ")), "{text}: {told}");
    }
}
