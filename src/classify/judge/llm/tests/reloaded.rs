//! What a judge goes on with that was made anew from a changed configuration.

use super::*;

fn made(url: &str, model: &str, key: &str, options: RemoteOptions) -> Llm {
    let model = Models::default().model(model);
    let settings = Settings { model, ..settings(Wire::Chat, url, Key::Secret(key.into())) };
    let options = RemoteOptions { allow_private: true, ..options };
    Llm::new(settings, Arc::new(Remote::new(options).expect("a remote"))).expect("a judge")
}

#[tokio::test]
async fn what_depends_on_the_account_outlives_every_other_change() {
    let spent =
        json!({"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "m"}});
    let vendor = Vendor::new(Wire::Chat, 429, &[], spent);
    let url = vendor.base_url().await;
    let usual = RemoteOptions::default();
    let judge = made(&url, "model-1", "key-1", usual);
    ask(&judge, &RecordingLedger::default()).await.expect("a turn");
    assert_eq!(vendor.log.take(), ["asked"]);

    let breaker = crate::decide::breaker::Settings { failures: 2, ..usual.breaker };
    for options in [
        RemoteOptions { timeout: Duration::from_secs(9), ..usual },
        RemoteOptions { limit_per_min: Some(9), calls_max: Some(9), ..usual },
        RemoteOptions { breaker, ..usual },
    ] {
        let judge = made(&url, "model-1", "key-1", options).going_on_from(&judge);
        assert_eq!(judge.remote.options(), RemoteOptions { allow_private: true, ..options });
        let turn = ask(&judge, &RecordingLedger::default()).await.expect("a turn");
        assert!(matches!(turn, Turn::Unavailable { retry_after: Some(_), .. }), "{turn:?}");
        assert_eq!(vendor.log.take(), Vec::<String>::new(), "{options:?}");
    }
    for (model, key) in [("model-2", "key-1"), ("model-1", "key-2")] {
        let judge = made(&url, model, key, usual).going_on_from(&judge);
        ask(&judge, &RecordingLedger::default()).await.expect("a turn");
        assert_eq!(vendor.log.take(), ["asked"], "{model} {key}: it may answer this one");
    }
}

#[tokio::test]
async fn a_limit_that_a_vendor_told_of_and_a_rest_go_on_too() {
    let headers = [
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "30s"),
    ];
    let said = envelope(Wire::Chat, &fakes::output("spam", 0.75).to_string(), None);
    let url = Vendor::new(Wire::Chat, 200, &headers, said).base_url().await;
    let usual = RemoteOptions::default();
    let judge = made(&url, "model-1", "key-1", usual);
    ask(&judge, &RecordingLedger::default()).await.expect("a turn");
    let other = RemoteOptions { timeout: Duration::from_secs(9), ..usual };
    let judge = made(&url, "model-1", "key-1", other).going_on_from(&judge);
    assert_eq!(judge.per_min().map(|per_min| per_min.requests), Some(500));
    assert!(judge.resting(Duration::ZERO).is_some());
}
