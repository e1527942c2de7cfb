//! What came of a load.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

#[derive(Default)]
pub struct Report {
    /// Latencies in microseconds by status: few enough to keep each, so percentiles are exact.
    answers: BTreeMap<u16, Vec<u32>>,
    /// Requests whose connection could not be made or broke.
    failed: u64,
}

impl Report {
    pub fn answered(&mut self, status: u16, after: Duration) {
        let micros = u32::try_from(after.as_micros()).unwrap_or(u32::MAX);
        self.answers.entry(status).or_default().push(micros);
    }

    pub fn failed(&mut self) {
        self.failed += 1;
    }

    pub fn merge(&mut self, other: Report) {
        self.failed += other.failed;
        for (status, latencies) in other.answers {
            self.answers.entry(status).or_default().extend(latencies);
        }
    }

    pub fn into_json(mut self, took: Duration, run: &str, begun_us: u64) -> Value {
        let mut answers = serde_json::Map::new();
        for (status, latencies) in &mut self.answers {
            latencies.sort_unstable();
            let at = |share: f64| {
                let rank = ((latencies.len() - 1) as f64 * share).round() as usize;
                f64::from(latencies[rank]) / 1e3
            };
            let told = json!({
                "count": latencies.len(),
                "p50_ms": at(0.5),
                "p99_ms": at(0.99),
                "max_ms": at(1.0),
            });
            answers.insert(status.to_string(), told);
        }
        let answered: usize = self.answers.values().map(Vec::len).sum();
        json!({
            "run": run,
            "begun_us": begun_us,
            "seconds": took.as_secs_f64(),
            "per_s": answered as f64 / took.as_secs_f64(),
            "failed": self.failed,
            "answers": answers,
        })
    }
}
