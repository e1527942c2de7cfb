//! `hookyard fake-llm`: both vendors' language models on this machine, and a project that asks them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use hookyard::{
    config::{CLASSIFIERS, Files, JUDGES},
    domain::Clock,
    host::SystemClock,
    remote::{Cut, Remote, RemoteOptions, Request, Response},
};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{operated::on, run, unread};
use crate::support::{
    house::{FORMS_SECRET, form, without_local},
    process::{Ended, Project, hookyard, in_time},
};

/// The program, running. Dropping it kills it.
pub(super) struct Fake {
    pub(super) anthropic: String,
    openai: String,
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
    reader: Option<JoinHandle<()>>,
}

/// On a free port.
fn command(arguments: &[&str]) -> Command {
    let mut command = hookyard();
    command.args(["fake-llm", "--listen", "127.0.0.1:0"]).args(arguments);
    command
}

impl Fake {
    pub(super) async fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).arg("--json").stdout(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("its stdout is piped"));
        let (told, lines) = mpsc::unbounded_channel();
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // Nobody listens any more when a test has failed.
                let _ = told.send(serde_json::from_str(&line).expect("a JSON document on each line"));
            }
        });
        let nowhere = String::new();
        let mut fake =
            Fake { anthropic: nowhere.clone(), openai: nowhere, child, lines, reader: Some(reader) };
        let told = fake.line().await;
        let url = |vendor: &str| told[vendor].as_str().expect("a URL").to_owned();
        (fake.anthropic, fake.openai) = (url("anthropic"), url("openai"));
        fake
    }

    /// The next line that it prints.
    async fn line(&mut self) -> Value {
        let mut line = None;
        in_time("a line", async { line = self.lines.recv().await }).await;
        line.expect("it has not ended")
    }

    /// What became of the next request: API, word and status.
    pub(super) async fn told(&mut self) -> (String, String, u64) {
        let call = self.line().await;
        let word = |name: &str| call[name].as_str().expect("a word").to_owned();
        (word("api"), word("answer"), call["status"].as_u64().expect("a status"))
    }

    async fn messages(&self, headers: &[(&str, &str)]) -> Response {
        let question = json!({
            "model": "claude-haiku-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "a demo, please"}],
            "output_config": {"format": {"type": "json_schema", "schema": schema()}},
        });
        let own = [("x-api-key", "sk-anything"), ("anthropic-version", "2023-06-01")];
        post(&format!("{}/v1/messages", self.anthropic), &[&own, headers].concat(), &question).await
    }

    async fn chat(&self) -> Response {
        let question = json!({
            "model": "gpt-6-luna", "messages": [{"role": "user", "content": "cheap backlinks for your SEO"}],
            "response_format": {"type": "json_schema", "json_schema": form_of_answer()},
        });
        post(&format!("{}/chat/completions", self.openai), &[BEARER], &question).await
    }

    async fn responses(&self) -> Response {
        let mut format = form_of_answer();
        format["type"] = json!("json_schema");
        let question = json!({"model": "gpt-6-luna", "input": "a demo, please", "text": {"format": format}});
        post(&format!("{}/responses", self.openai), &[BEARER], &question).await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer sk-anything");

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["label"],
        "properties": {"label": {"type": "string", "enum": ["lead", "spam"]}},
    })
}

fn form_of_answer() -> Value {
    json!({"name": "triage", "strict": true, "schema": schema()})
}

async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    let remote =
        Remote::new(RemoteOptions { allow_private: true, ..RemoteOptions::default() }).expect("a client");
    let request = Request::new(Method::POST, url.parse().expect("a URL")).with_json(body.to_string());
    let with =
        |request: Request, (name, value): &(&str, &str)| request.with_header(name, value).expect("a header");
    remote.send(headers.iter().fold(request, with)).await.expect("an answer")
}

/// An answer that ended well, as JSON.
fn well(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    answer.json().expect("JSON")
}

#[tokio::test]
async fn each_api_answers_any_key_and_every_request_is_a_line() {
    let mut fake = Fake::start(&[]).await;
    let (lead, spam) = (json!({"label": "lead"}).to_string(), json!({"label": "spam"}).to_string());
    assert_eq!(well(&fake.messages(&[]).await)["content"][0]["text"], lead);
    assert_eq!(well(&fake.chat().await)["choices"][0]["message"]["content"], spam);
    assert_eq!(well(&fake.responses().await)["output"][0]["content"][0]["text"], lead);
    for (api, model, said) in [
        ("messages", "claude-haiku-5-5", &lead),
        ("chat", "gpt-6-luna", &spam),
        ("responses", "gpt-6-luna", &lead),
    ] {
        let line = fake.line().await;
        assert_eq!((&line["api"], &line["model"], &line["said"]), (&json!(api), &json!(model), &json!(said)));
        assert!(line["tokens"]["output"].as_u64() > Some(0), "{line}");
    }
    assert_eq!(fake.messages(&[("x-api-key", "")]).await.status, 401);
    assert_eq!(fake.told().await, ("messages".to_owned(), "401".to_owned(), 401));
    let own = Fake::start(&["--any-model"]).await;
    assert_eq!(own.messages(&[("x-api-key", "")]).await.status, 200, "a server of one's own asks for none");
}

#[tokio::test]
async fn answers_are_ordered_by_word_in_a_cycle_and_by_header_for_one_request() {
    let mut fake = Fake::start(&["--answer", "429:5", "--answer", "reset", "--answer", "ok"]).await;
    for _ in 0..2 {
        let limited = fake.messages(&[]).await;
        assert_eq!((limited.status, limited.headers["retry-after"].as_bytes()), (429, &b"5"[..]));
        assert_eq!(fake.messages(&[("x-fake-llm", "529")]).await.status, 529);
        let broken = fake.messages(&[]).await;
        assert_eq!((broken.status, broken.cut), (200, Some(Cut::BrokeOff)));
        assert!(!broken.body.is_empty(), "half of it came");
        assert_eq!(fake.chat().await.status, 200);
        for want in [
            ("messages", "429:5", 429),
            ("messages", "529", 529),
            ("messages", "reset", 200),
            ("chat", "ok", 200),
        ] {
            let (api, answer, status) = fake.told().await;
            assert_eq!((&*api, &*answer, status), want);
        }
    }
}

#[tokio::test]
async fn its_limits_are_each_vendors_own() {
    let fake = Fake::start(&["--requests-per-min", "1", "--delay-ms", "1"]).await;
    assert_eq!(fake.messages(&[]).await.status, 200);
    let limited = fake.messages(&[]).await;
    let wait: u64 = limited.headers["retry-after"].to_str().expect("a number").parse().expect("a number");
    assert!(limited.status == 429 && (1..=60).contains(&wait), "{wait}");
    assert_eq!(fake.chat().await.status, 200);
}

/// A new project whose language models are the fake ones, and of whose ladders they are all but the rules.
pub(super) fn project(fake: &Fake) -> Project {
    let project = Project::new(&Files::default())
        .with_env("FORMS_WEBHOOK_SECRET", FORMS_SECRET)
        .with_env("ANTHROPIC_API_KEY", "sk-anything")
        .with_env("OPENAI_API_KEY", "sk-anything");
    let init = project.run(&["init", "."]);
    assert_eq!(init.code, Some(0), "{init:?}");
    for (key, url) in [("ANTHROPIC", &fake.anthropic), ("OPENAI", &fake.openai)] {
        let key = format!("api_key = \"${{{key}_API_KEY}}\"\n");
        project.edit(JUDGES, &key, &format!("{key}base_url = \"{url}\"\nallow_private = true\n"));
    }
    project.write(CLASSIFIERS, &without_local(&project.read(CLASSIFIERS)));
    project
}

#[tokio::test]
async fn an_event_of_a_new_project_is_classified_by_it_as_by_the_vendors() {
    let mut fake = Fake::start(&["--answer", "529", "--answer", "ok"]).await;
    let project = project(&fake);
    let service = project.start().await;
    let delivery = form("f");
    let headers = delivery.headers(SystemClock::new().now());
    let (status, queued) = service.deliver("forms", headers, delivery.body).await.expect("an answer");
    assert_eq!(status, 202, "{queued}");
    let path = format!("/api/v1/events/{}", queued["event"].as_str().expect("an id"));
    let shown = service.until(&path, |shown| shown["timeline"]["state"] != "open").await;
    let verdict = &shown["timeline"]["jobs"][0]["verdict"];
    assert_eq!((&verdict["judge"], &verdict["judged_by"]), (&json!("gpt"), &json!("LLM")), "{shown:#}");
    let event = queued["event"].as_str().expect("an id");
    let told = well_told(on(&project, &service, &["events", "show", event]));
    for part in ["before it, claude: ", "asked claude: not billed\n", "asked gpt (gpt-", "answered, tokens "]
    {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let bought = &shown["timeline"]["jobs"][0]["purchases"][1]["answer"]["tokens"];
    let of = |name: &str| bought[name].as_u64().expect("a number");
    let (read, written) = (of("cache_read"), of("cache_write"));
    let input = of("input_uncached") + read + written;
    let counted = format!("tokens {input} in ({read} from the cache");
    let out = format!(") and {} out, $0.00", of("output"));
    assert!(told.contains(&counted) && told.contains(&out), "{counted}{out} is not in {told}");
    let asked = [fake.told().await, fake.told().await];
    assert_eq!(asked.map(|(api, answer, _)| (api, answer)), [("messages", "529"), ("chat", "ok")].map(owned));
}

#[tokio::test]
async fn a_judge_that_rests_is_shown_with_until_when_and_why() {
    let mut fake = Fake::start(&["--answer", "429:600", "--answer", "ok"]).await;
    let project = project(&fake);
    let service = project.start().await;
    let delivery = form("f");
    let headers = delivery.headers(SystemClock::new().now());
    let (_, queued) = service.deliver("forms", headers, delivery.body).await.expect("an answer");
    let path = format!("/api/v1/events/{}", queued["event"].as_str().expect("an id"));
    service.until(&path, |shown| shown["timeline"]["state"] != "open").await;
    let asked = [fake.told().await, fake.told().await];
    assert_eq!(asked.map(|(api, ..)| api), ["messages", "chat"]);
    let stats = well_told(on(&project, &service, &["stats"]));
    let row = |judge: &str| stats.lines().find(|line| line.starts_with(judge)).expect("a row").trim_end();
    let claude = row("claude");
    assert!(claude.contains(" until 20") && claude.contains("429") && claude.ends_with("closed"), "{stats}");
    assert!(row("gpt").contains(" no ") && row("gpt").ends_with("closed"), "{stats}");
}

fn well_told(ended: Ended) -> String {
    super::operated::well(ended)
}

fn owned((api, answer): (&str, &str)) -> (String, String) {
    (api.to_owned(), answer.to_owned())
}

#[test]
fn what_cannot_be_is_refused() {
    let unknown = run(&["fake-llm", "--answer", "fine"]);
    unknown.assert_refused("`fine` orders no answer");
    unknown.assert_refused("spend-limit");
    run(&["fake-llm", "--listen", "0.0.0.0:0"]).assert_refused("give a loopback address");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    run(&["fake-llm", "--listen", &address]).assert_refused(&format!("cannot listen at {address}"));
}

#[test]
fn it_says_how_to_point_to_it_and_ends_well_when_it_is_told_to() {
    let mut child = command(&[]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout is piped")).lines();
    let mut told = String::new();
    while told.matches("allow_private = true").count() < 2 {
        told += &lines.next().expect("more of it").expect("a line");
        told += "\n";
    }
    for line in
        ["config/judges.toml", "# where kind = \"anthropic\"", "base_url = \"http://127.0.0.1:", "/v1\"\n"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    let kill = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()), "the signal is sent");
    assert_eq!(child.wait().expect("it is ours").code(), Some(0));
}

#[test]
fn whoever_stops_reading_ends_it_quietly() {
    unread::assert_quiet(command(&[]));
    unread::assert_quiet(command(&["--json"]));
}
