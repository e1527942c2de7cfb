//! `hookyard send`: a person tries their own wiring.

use hookyard::config::{CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS};
use serde_json::Value;

use crate::support::process::{Ended, Project};

/// The four sources, a route for whatever comes in, and nobody who works.
fn project() -> Project {
    let routes = "[route.all]\ntypes = [\"*\"]\naction = [{ id = \"record\", use = \"log_payment\" }]\n";
    let files = Files::embedded().with(CLASSIFIERS, "").with(JUDGES, "").with(ROUTES, routes);
    Project::new(&files.with(SETTINGS, "[worker]\nconcurrency = 0\n"))
}

fn with_secrets(project: Project) -> Project {
    project
        .with_env("GITHUB_WEBHOOK_SECRET", "github-secret")
        .with_env("STRIPE_WEBHOOK_SECRET", "whsec_stripe")
        .with_env("FORMS_WEBHOOK_SECRET", "forms-secret")
        .with_env("PARTNERS_WEBHOOK_SECRET", "whsec_cGFydG5lcnMtc2VjcmV0LTAxMjM0NTY3ODk=")
}

/// Each source with a body of its own.
const BODIES: [(&str, &str); 4] = [
    ("github", r#"{"action":"opened","number":7,"pull_request":{"number":7,"title":"Fix it"}}"#),
    (
        "stripe",
        r#"{"id":"evt_1","object":"event","livemode":true,"type":"refund.created","data":{"object":{}}}"#,
    ),
    ("forms", r#"{"type":"lead.form.submitted","data":{"email":"ada@engines.example"}}"#),
    ("partners", r#"{"type":"payment.failed","data":{"id":"pay_1"}}"#),
];

/// The answer's status and body, as it is printed.
fn answered(ended: &Ended) -> (u16, Value) {
    let (status, body) = ended.out.trim().split_once(' ').unwrap_or_else(|| panic!("{ended:?}"));
    (status.parse().expect("a status"), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn it_signs_for_every_source_and_the_same_id_again_is_a_duplicate() {
    let project = with_secrets(project());
    let service = project.start().await;
    for (source, body) in BODIES {
        project.write("body.json", body);
        let (url, id) = (service.webhook(source), format!("try-{source}"));
        let arguments = ["send", source, "--file", "body.json", "--url", &url, "--id", &id];
        let first = project.run(&arguments);
        let (status, queued) = answered(&first);
        assert_eq!(
            (first.code, status, queued["status"].as_str()),
            (Some(0), 202, Some("queued")),
            "{source}"
        );
        let again = project.run(&arguments);
        let (status, duplicate) = answered(&again);
        assert_eq!((again.code, status, duplicate["status"].as_str()), (Some(0), 200, Some("duplicate")));
        assert_eq!(duplicate["event"], queued["event"], "{source}");
        super::unread::assert_quiet(project.command(&arguments));
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_told_and_ends_badly() {
    let service_side = with_secrets(project());
    let service = service_side.start().await;
    let stranger = project().with_env("FORMS_WEBHOOK_SECRET", "somebody else's");
    stranger.write("body.json", BODIES[2].1);
    let url = service.webhook("forms");
    let ended = stranger.run(&["send", "forms", "--file", "body.json", "--url", &url]);
    let (status, answer) = answered(&ended);
    assert_eq!((ended.code, status, answer["status"].as_str()), (Some(1), 401, Some("refused")));
}

#[test]
fn what_is_missing_is_named() {
    let project = project().with_env("GITHUB_WEBHOOK_SECRET", "github-secret");
    project.write("body.json", BODIES[0].1);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/webhooks/github", nobody.local_addr().expect("its address"));
    drop(nobody);
    let send = |source, file| project.run(&["send", source, "--file", file, "--url", &url]);
    send("stripe", "body.json").assert_refused("STRIPE_WEBHOOK_SECRET is not set");
    send("gihtub", "body.json").assert_refused("did you mean `github`");
    send("github", "no-such-body.json").assert_refused("no-such-body.json");
    send("github", "body.json").assert_refused("is the service running?");
}
