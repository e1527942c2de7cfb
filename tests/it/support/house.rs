//! The whole service on loopback, with the sandbox for its destinations and a clock that tests move by hand.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, Files, FixedEnvironment, JUDGES, ROUTES, SETTINGS},
    decide::pattern::TypePattern,
    domain::{Clock, EventId, EventState, JobState, Timestamp, Work},
    engine::{self, CompileOptions, Engine, Reach},
    host::Tasks,
    sandbox::{Sandbox, SandboxOptions},
    service::{Role, Service, ServiceOptions},
    source::{self, Scheme},
    store::{EventQuery, EventSummary, JobHistory, Timeline},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{clock::HandClock, cluster::RedisCluster, redis::RedisServer};

pub const GITHUB_SECRET: &str = "github-secret";
pub const STRIPE_SECRET: &str = "whsec_stripe";
pub const FORMS_SECRET: &str = "forms-secret";
pub const PARTNERS_SECRET: &str = "whsec_cGFydG5lcnMtc2VjcmV0LTAxMjM0NTY3ODlhYmM=";

/// What the sandbox demands.
const TOKEN: &str = "sandbox-token";
const SIGNING_SECRET: &str = "whsec_YW5hbHl0aWNzLXNlY3JldC0wMTIzNDU2Nzg5YWI=";

/// A configuration without the rungs that have to learn first, which takes seconds in a debug build.
pub fn without_local(classifiers: &str) -> String {
    let others = classifiers.lines().filter(|line| !line.trim_start().starts_with("{ judge = \"local\""));
    others.flat_map(|line| [line, "\n"]).collect()
}

/// Where an event may say its own label: classifier, field of the body, labels.
const LABELLED: [(&str, &str, &[&str]); 2] = [
    ("triage", "event.body.data.is", &["lead", "support", "internal", "spam"]),
    ("pull_request", "event.body.is", &["security"]),
];

/// What the route for alarms takes, and what it takes where a test wants none.
const ALARMS: &str = "types = [\"hookyard.*\"]";
const NO_ALARMS: &str = "types = [\"hookyard.nothing\"]";

/// Tells of one death.
const SLACK_DEAD: &str = r#"
[action.slack_dead]
kind = "slack.webhook"
to = "oncall"
on_unknown = "retry"
with.text = """
*Dead letter*: {{ event.type | clip(80) | slack }} from {{ event.source }}, route {{ dead.route }}\
{{ ', action ' ~ dead.action if dead.action | default(none) }}; attempts: {{ dead.attempts }}
{{ dead.cause }}: {{ dead.reason | clip(300) | slack }} ({{ event.id }})"""
"#;

fn labelled_rules() -> String {
    let rule = |classifier: &str, field: &str, label: &str| {
        format!(
            "[[classifier.{classifier}.rule]]\nwhen = \"{field} | default('') == '{label}'\"\nlabel = \"{label}\"\nreason = \"it says so\"\n"
        )
    };
    let of = |(classifier, field, labels): (_, _, &[&str])| {
        labels.iter().map(|label| rule(classifier, field, label)).collect::<String>()
    };
    LABELLED.into_iter().map(of).collect()
}

/// The embedded configuration with what a test changes in it.
#[derive(Clone)]
pub struct Plan {
    files: Files,
    variables: BTreeMap<String, String>,
    unset: Vec<&'static str>,
    token: Option<&'static str>,
}

impl Plan {
    /// Replaces a part of a file wherever it stands.
    pub fn edit(mut self, path: &str, from: &str, to: &str) -> Self {
        let text = self.files.get(path).unwrap_or_default().to_owned();
        assert!(text.contains(from), "{path} does not hold `{from}`");
        self.files = self.files.with(path, text.replace(from, to));
        self
    }

    /// Adds to the end of a file.
    pub fn append(mut self, path: &str, text: &str) -> Self {
        let text = format!("{}\n{text}", self.files.get(path).unwrap_or_default());
        self.files = self.files.with(path, text);
        self
    }

    /// A line of `[server]`, `[store]` or `[worker]`, such as `concurrency = 0`, in place of the default.
    pub fn setting(self, line: &str) -> Self {
        let name = line.split(' ').next().unwrap_or_default().to_owned();
        let text = self.files.get(SETTINGS).unwrap_or_default();
        let old = text.lines().find(|old| old.split(' ').next() == Some(&name));
        let old = old.unwrap_or_else(|| panic!("there is no setting {name}")).to_owned();
        self.edit(SETTINGS, &old, line)
    }

    /// Has a person say yes to an action.
    pub fn review(self, action: &str) -> Self {
        self.append_to_action(action, "mode = \"review\"")
    }

    /// Adds a line to `[action.NAME]`.
    pub fn append_to_action(self, action: &str, line: &str) -> Self {
        let table = format!("[action.{action}]\n");
        self.edit(ACTIONS, &table, &format!("{table}{line}\n"))
    }

    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, variable: &'static str) -> Self {
        self.unset.push(variable);
        self
    }

    /// Demands a token of the admin listener's callers.
    pub fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    /// Leaves the route for alarms in place; see [`House::plan`].
    pub fn alarmed(self) -> Self {
        self.edit(ROUTES, NO_ALARMS, ALARMS)
    }

    /// Has every action and route tell of its own death.
    pub fn on_dead(self) -> Self {
        let dead = "on_dead = \"slack_dead\"";
        let with = |line: &str| {
            let named = line.strip_prefix("[route.").is_some_and(|rest| rest != "alerts]");
            if named || line.starts_with("use = ") {
                format!("{line}\n{dead}\n")
            } else {
                format!("{line}\n")
            }
        };
        let routes: String = self.files.get(ROUTES).unwrap_or_default().lines().map(with).collect();
        Plan { files: self.files.with(ROUTES, routes), ..self }.append(ACTIONS, SLACK_DEAD)
    }

    /// Adds a file.
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files = self.files.with(path, text);
        self
    }

    /// Leaves the local model on the ladders; see [`House::plan`].
    pub fn taught(mut self) -> Self {
        self.files = self.files.with(CLASSIFIERS, Files::embedded().get(CLASSIFIERS).unwrap());
        self
    }

    /// Gives both language models a key, and the sandbox for a vendor.
    pub fn llm(self) -> Self {
        let key = |vendor: &str| format!("api_key = \"${{{vendor}_API_KEY}}\"");
        ["ANTHROPIC", "OPENAI"].into_iter().fold(self, |plan, vendor| {
            let with_url = format!("{}\nbase_url = \"${{{vendor}_URL}}\"", key(vendor));
            plan.edit(JUDGES, &key(vendor), &with_url).set(&format!("{vendor}_API_KEY"), TOKEN)
        })
    }

    /// Keeps everything in a Redis.
    pub fn on_redis(self, server: &RedisServer) -> Self {
        self.append(SETTINGS, &format!("[store.redis]\nurls = [\"{}\"]\nconnections = 2\n", server.url()))
    }

    /// Keeps everything in a Cluster, under keys that begin with `prefix`.
    pub fn on_cluster(self, cluster: &RedisCluster, prefix: &str) -> Self {
        let urls = cluster.urls();
        let table =
            format!("urls = {urls:?}\ncluster = true\nshards = 6\nconnections = 1\nprefix = \"{prefix}\"\n");
        self.append(SETTINGS, &format!("[store.redis]\n{table}"))
    }

    pub async fn start(self) -> House {
        let clock = Arc::new(HandClock::default());
        let ticking: Arc<dyn Clock> = clock.clone();
        let options = SandboxOptions::new(Arc::clone(&ticking), TOKEN.into(), SIGNING_SECRET.into());
        let stagehands = Tasks::default();
        let sandbox = Sandbox::start(options, |work| stagehands.spawn("sandbox", work)).await.unwrap();
        let (service, dir) = self.serve(&sandbox, ticking).await;
        House { service, sandbox, clock, dir }
    }

    async fn serve(&self, sandbox: &Sandbox, clock: Arc<dyn Clock>) -> (Service, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let engine = self.compile(sandbox, &dir, None);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = ServiceOptions {
            listen: any,
            admin_listen: any,
            admin_token: self.token.map(Into::into),
            clock,
            role: Role::All,
            project: None,
        };
        (Service::start(engine, options).await.unwrap(), dir)
    }

    fn compile(&self, sandbox: &Sandbox, dir: &TempDir, going_on_from: Option<Arc<Engine>>) -> Engine {
        let env = self.environment(sandbox);
        let options = CompileOptions {
            base: Some(dir.path().to_owned()),
            data_dir: Some(dir.path().to_owned()),
            reach: Reach::Sandbox,
            going_on_from,
        };
        let (engine, problems) = engine::compile(&self.files, &env, options);
        engine.unwrap_or_else(|| panic!("the configuration has errors: {problems}"))
    }

    fn environment(&self, sandbox: &Sandbox) -> FixedEnvironment {
        let urls = sandbox.urls();
        let known = [
            ("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET),
            ("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET),
            ("FORMS_WEBHOOK_SECRET", FORMS_SECRET),
            ("PARTNERS_WEBHOOK_SECRET", PARTNERS_SECRET),
            ("CRM_URL", &urls.crm),
            ("CRM_TOKEN", TOKEN),
            ("HELPDESK_URL", &urls.helpdesk),
            ("HELPDESK_TOKEN", TOKEN),
            ("MAIL_URL", &urls.mail),
            ("MAIL_TOKEN", TOKEN),
            ("ANALYTICS_URL", &urls.analytics),
            ("ANALYTICS_SIGNING_SECRET", SIGNING_SECRET),
            ("SLACK_WEBHOOK_URL", &urls.slack),
            ("PAGERDUTY_URL", &urls.pagerduty),
            ("PAGERDUTY_ROUTING_KEY", "0123456789abcdef0123456789abcdef"),
            ("ANTHROPIC_URL", &urls.anthropic),
            ("OPENAI_URL", &urls.openai),
        ];
        let mut variables: BTreeMap<String, String> =
            known.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        variables.extend(self.variables.clone());
        variables.retain(|name, _| !self.unset.contains(&name.as_str()));
        FixedEnvironment(variables)
    }
}

/// A running service with everything around it.
pub struct House {
    pub service: Service,
    pub sandbox: Sandbox,
    pub clock: Arc<HandClock>,
    pub dir: TempDir,
}

/// Another process of a house's service, as far as the service knows.
pub struct Beside {
    pub service: Service,
    _dir: TempDir,
}

impl Beside {
    pub fn public(&self) -> SocketAddr {
        self.service.public.expect("a service that takes in")
    }
}

impl House {
    /// Where it takes deliveries in.
    pub fn public(&self) -> SocketAddr {
        self.service.public.expect("a service that takes in")
    }

    /// The embedded configuration, but without the local model, whose training would cost each test seconds, with rules
    /// by which a form says its own label (what the shipped rules decide is for their own examples to show), and without
    /// a route for alarms, which would come whenever a test moves the clock.
    pub fn plan() -> Plan {
        let (files, variables) = (Files::embedded(), BTreeMap::new());
        let classifiers = without_local(files.get(CLASSIFIERS).expect("there are some"));
        let files = files.with(CLASSIFIERS, classifiers);
        Plan { files, variables, unset: Vec::new(), token: None }
            .append(CLASSIFIERS, &labelled_rules())
            .edit(ROUTES, ALARMS, NO_ALARMS)
            .setting("disk_free_bytes_min = 0")
    }

    pub async fn start() -> Self {
        Self::plan().start().await
    }

    /// Starts another process, which shares the sandbox, the clock, and what the plan says to share.
    pub async fn beside(&self, plan: &Plan) -> Beside {
        let (service, dir) = plan.serve(&self.sandbox, self.clock.clone()).await;
        Beside { service, _dir: dir }
    }

    /// As if the service had been stopped and started with another configuration.
    pub fn reconfigure(&self, plan: &Plan) {
        self.service.engine.replace(plan.compile(&self.sandbox, &self.dir, None));
    }

    /// As a changed configuration takes effect while the service runs.
    pub fn reload(&self, plan: &Plan) {
        let now = self.service.engine.now();
        self.service.engine.replace(plan.compile(&self.sandbox, &self.dir, Some(now)));
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Signs a delivery as of now, unless it says otherwise, and sends it.
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Answer {
        let headers = delivery.headers(self.now());
        self.post(&format!("/webhooks/{}", delivery.source), &headers, &delivery.body).await
    }

    /// As [`House::deliver`], to another process.
    pub async fn deliver_to(&self, at: SocketAddr, delivery: &Delivery<'_>) -> Answer {
        let (path, headers) = (format!("/webhooks/{}", delivery.source), delivery.headers(self.now()));
        Wire::call(at, "POST", &path, &headers, &delivery.body).await
    }

    /// Sends the head of a delivery, whose body waits until it is asked for.
    pub async fn announce(&self, delivery: &Delivery<'_>) -> Wire {
        let mut headers = delivery.headers(self.now());
        headers.push(("expect", "100-continue".to_owned()));
        let mut wire = Wire::open(self.public()).await;
        let path = format!("/webhooks/{}", delivery.source);
        wire.head_of("POST", &path, &headers, Some(delivery.body.len())).await;
        wire
    }

    /// Delivers what must be queued.
    pub async fn queue(&self, delivery: &Delivery<'_>) -> EventId {
        let answer = self.deliver(delivery).await;
        assert_eq!((answer.status, answer.word()), (202, "queued"), "{answer:?}");
        answer.event()
    }

    /// Delivers what must be queued, and waits until nothing but a person could do more for it.
    pub async fn run(&self, delivery: &Delivery<'_>) -> Timeline {
        let event = self.queue(delivery).await;
        self.settled(event).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
        Wire::call(self.public(), "POST", path, headers, body).await
    }

    /// What the admin listener answers to a `GET`.
    pub async fn ask(&self, path: &str) -> Answer {
        Wire::call(self.service.admin, "GET", path, &[], b"").await
    }

    /// What the admin listener answers to a `POST`.
    pub async fn tell(&self, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json".to_owned())];
        Wire::call(self.service.admin, "POST", path, &headers, body.to_string().as_bytes()).await
    }

    /// Waits until the event is no longer open.
    pub async fn settled(&self, event: EventId) -> Timeline {
        self.until(event, |timeline| timeline.state != EventState::Open).await
    }

    /// Waits until the event's timeline is as wanted.
    pub async fn until(&self, event: EventId, wanted: impl Fn(&Timeline) -> bool) -> Timeline {
        let mut changes = self.service.store.changes();
        let mut seen = None;
        let search = async {
            loop {
                changes.mark_unchanged();
                let timeline = self.service.store.timeline(event).await.unwrap().expect("a stored event");
                if wanted(&timeline) {
                    return timeline;
                }
                seen = Some(timeline);
                changes.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(GUARD, search).await;
        found.unwrap_or_else(|_| panic!("not in time: {}", json!(seen)))
    }

    /// Waits until `action` was tried `attempts` times and waits for its time again.
    pub async fn retrying(&self, event: EventId, id: &str, attempts: usize) -> Timeline {
        let wanted = |t: &Timeline| {
            find(t, id).is_some_and(|a| a.history.len() == attempts && a.job.state == JobState::Ready)
        };
        self.until(event, wanted).await
    }

    /// Moves the clock on, for as long as all that is open waits for its time, until the event is no longer open.
    pub async fn driven(&self, event: EventId) -> Timeline {
        loop {
            let now = self.now();
            let idle = |entry: &JobHistory| match entry.job.state {
                JobState::Ready => entry.job.due > now,
                state => state.is_settled() || state == JobState::Blocked,
            };
            let wanted = |t: &Timeline| t.state != EventState::Open || t.jobs.iter().all(idle);
            let timeline = self.until(event, wanted).await;
            if timeline.state != EventState::Open {
                return timeline;
            }
            self.advance(Duration::from_secs(30));
        }
    }

    /// Moves the clock on to the keeper's next look, and waits for the first alarm of this type.
    pub async fn alarm(&self, event_type: &str) -> EventId {
        let mut changes = self.service.store.changes();
        self.advance(Duration::from_secs(10));
        let search = async {
            loop {
                changes.mark_unchanged();
                let own = |event_type: &str| EventQuery {
                    source: Some("hookyard".to_owned()),
                    event_type: Some(TypePattern::new(event_type)),
                    ..EventQuery::default()
                };
                let found = self.service.store.events(own(event_type)).await.unwrap();
                if let Some(first) = found.last() {
                    return first.event.id;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(GUARD, search).await.unwrap_or_else(|_| panic!("no {event_type} in time"))
    }

    pub async fn events(&self) -> Vec<EventSummary> {
        self.service.store.events(EventQuery::default()).await.unwrap()
    }
}

/// The history of an action.
pub fn action<'t>(timeline: &'t Timeline, id: &str) -> &'t JobHistory {
    find(timeline, id).unwrap_or_else(|| panic!("no action {id}: {}", json!(timeline)))
}

pub fn find<'t>(timeline: &'t Timeline, id: &str) -> Option<&'t JobHistory> {
    timeline.jobs.iter().find(|entry| match &entry.job.work {
        Work::Action(plan) => &*plan.id == id,
        Work::Route { .. } => false,
    })
}

/// The histories of an action in all versions of its plan.
pub fn versions<'t>(timeline: &'t Timeline, id: &str) -> Vec<&'t JobHistory> {
    let is = |entry: &&JobHistory| matches!(&entry.job.work, Work::Action(plan) if &*plan.id == id);
    timeline.jobs.iter().filter(is).collect()
}

/// The history of the first route job.
pub fn route(timeline: &Timeline) -> &JobHistory {
    &timeline.jobs[0]
}

/// How the attempts of a job ended, in words.
pub fn outcomes(entry: &JobHistory) -> Vec<&'static str> {
    entry.history.iter().map(|attempt| attempt.outcome.as_str()).collect()
}

/// What stands in a log of `store.append`.
pub fn log(house: &House, name: &str) -> Vec<Value> {
    let path = house.dir.path().join(format!("logs/{name}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a sender sends.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    pub source: &'a str,
    pub secret: &'a str,
    pub id: &'a str,
    /// GitHub's name of the event.
    pub event: Option<&'a str>,
    pub body: Vec<u8>,
    /// The time signed, if it is not now.
    pub at: Option<Timestamp>,
}

impl<'a> Delivery<'a> {
    fn new(source: &'a str, secret: &'a str, id: &'a str, body: impl ToString) -> Self {
        Delivery { source, secret, id, event: None, body: body.to_string().into_bytes(), at: None }
    }

    pub fn forms(id: &'a str, body: impl ToString) -> Self {
        Self::new("forms", FORMS_SECRET, id, body)
    }

    pub fn stripe(body: impl ToString) -> Self {
        Self::new("stripe", STRIPE_SECRET, "", body)
    }

    pub fn partners(id: &'a str, body: impl ToString) -> Self {
        Self::new("partners", PARTNERS_SECRET, id, body)
    }

    pub fn github(id: &'a str, event: &'a str, body: impl ToString) -> Self {
        Delivery { event: Some(event), ..Self::new("github", GITHUB_SECRET, id, body) }
    }

    pub fn headers(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let scheme = match self.source {
            "github" => Scheme::Github,
            "stripe" => Scheme::Stripe,
            "partners" => Scheme::StandardWebhooks,
            _ => Scheme::Generic,
        };
        source::sign(scheme, &self.secret.into(), self.id, &self.body, self.event, self.at.unwrap_or(now))
            .unwrap()
    }
}

/// A Stripe event of `kind` about `object`.
pub fn stripe(id: &str, kind: &str, object: Value) -> Value {
    json!({ "id": id, "object": "event", "livemode": true, "type": kind, "data": { "object": object } })
}

/// A payment: four branches, no classifier.
pub fn payment(id: &str) -> Delivery<'static> {
    let object =
        json!({ "id": "pi_1", "amount": 4200, "currency": "eur", "receipt_email": "ada@engines.example" });
    Delivery::stripe(stripe(id, "payment_intent.succeeded", object))
}

/// A form that no rule places.
pub fn form(id: &str) -> Delivery<'_> {
    Delivery::forms(id, filled_in("lead.form.submitted", ""))
}

/// A form whose label a rule gives.
pub fn labelled<'a>(id: &'a str, label: &str) -> Delivery<'a> {
    Delivery::forms(id, filled_in("support.ticket.created", label))
}

fn filled_in(kind: &str, label: &str) -> Value {
    let data = json!({
        "is": label, "name": "Ada", "email": "ada@engines.example", "subject": "Hello", "message": "Well then.",
    });
    json!({ "type": kind, "data": data })
}

/// Buys: a contact, then a reply.
pub fn lead(id: &str) -> Delivery<'_> {
    labelled(id, "lead")
}

/// Needs help: a ticket.
pub fn ticket(id: &str) -> Delivery<'_> {
    labelled(id, "support")
}

/// A colleague: a notice on Slack.
pub fn note(id: &str) -> Delivery<'_> {
    labelled(id, "internal")
}

/// After this a test has failed; nothing waits for it to pass.
pub const GUARD: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub text: String,
    /// The text, where it is JSON.
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The answer's `status`: `queued`, `duplicate`, `ignored`, `refused`, `rate_limited`.
    pub fn word(&self) -> &str {
        self.json["status"].as_str().unwrap_or_default()
    }

    pub fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or_default()
    }

    pub fn event(&self) -> EventId {
        self.json["event"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }
}

/// One connection, for one request: HTTP/1.1 by hand, for what a well-behaved client never sends, too.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub async fn open(at: SocketAddr) -> Self {
        Wire { stream: TcpStream::connect(at).await.unwrap(), read: Vec::new() }
    }

    /// One whole exchange; `host` and `content-length` are added where they are not given.
    pub async fn call(
        at: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Answer {
        let mut wire = Wire::open(at).await;
        wire.head_of(method, path, headers, Some(body.len())).await;
        wire.say(body).await;
        wire.answer().await
    }

    /// Sends the head of a request.
    pub async fn head_of(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        length: Option<usize>,
    ) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.stream.peer_addr().unwrap()));
        }
        if let Some(length) = length {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.say(head.as_bytes()).await;
    }

    pub async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next status with its headers; `100 Continue` is one.
    pub async fn status(&mut self) -> (u16, Vec<(String, String)>) {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            let read = tokio::time::timeout(GUARD, self.stream.read_buf(&mut self.read)).await;
            assert_ne!(read.expect("an answer in time").unwrap(), 0, "the connection was closed");
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        (status, headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect())
    }

    /// The answer, to its end.
    pub async fn answer(mut self) -> Answer {
        let (status, headers) = self.status().await;
        let rest = tokio::time::timeout(GUARD, self.stream.read_to_end(&mut self.read)).await;
        rest.expect("an answer in time").unwrap();
        let text = String::from_utf8(self.read).unwrap();
        Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }
}
