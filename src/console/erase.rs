//! Erasing a person's data by what identifies them. What that is, is written down nowhere.

use std::path::Path;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    act::{self, ErasedLog},
    config::{Files, SETTINGS},
    decide::erase::Key,
    store::{EraseStep, Store, StoreError},
};

use super::{
    Console,
    problem::{Problem, bad},
};

/// Shortest and longest key, in bytes: a shorter one would be found everywhere.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 4..=255;

/// What is to be erased.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// What identifies the person, such as a mail address.
    key: String,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Default, Serialize)]
struct Erasure {
    dry_run: bool,
    /// Events whose payload went; their record stays.
    events: u64,
    /// Open jobs that were discarded.
    discarded: u64,
    /// Lines of the logs of `store.append`.
    logs: Vec<ErasedLog>,
    /// Files of the project in which the key stands. They are its owner's: named, not changed.
    files: Vec<String>,
    /// Why the project's files could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    files_unread: Option<String>,
    /// Dedupe keys, the senders' ids of events, are not searched. Each is forgotten when it is so old.
    dedupe_ms: u64,
}

/// Idempotent: whoever broke off asks again.
pub(super) async fn erase(
    State(console): State<Console>,
    Json(Wish { key, dry_run }): Json<Wish>,
) -> Result<Response, Problem> {
    let text = key.trim();
    if !KEY_BYTES.contains(&text.len()) {
        let (min, max) = (KEY_BYTES.start(), KEY_BYTES.end());
        return Err(bad(format!("`key` must have {min} to {max} bytes: write what identifies one person")));
    }
    let key = Key::new(text);
    let (events, discarded) = erase_events(&*console.store, text, dry_run).await?;
    // After the events: their open jobs can append no more.
    let engine = console.engine();
    let (log_dir, project) = (engine.log_dir(), engine.project_dir.clone());
    let done = tokio::task::spawn_blocking(move || {
        Ok::<_, std::io::Error>((act::erase_from_logs(&log_dir, &key, dry_run)?, files(&project, &key)))
    });
    let failed = |error: String| Problem(StatusCode::INTERNAL_SERVER_ERROR, error);
    let (logs, files) = done.await.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    if !dry_run {
        tracing::info!(events, discarded, logs = logs.len(), "a person's data was erased");
    }
    let (files, files_unread) = files.map_or_else(|why| (Vec::new(), Some(why)), |files| (files, None));
    let dedupe_ms = engine.settings.store.dedupe_ms;
    Ok(Json(Erasure { dry_run, events, discarded, logs, files, files_unread, dedupe_ms }).into_response())
}

/// Events that were erased, and open jobs that were discarded; or would be.
async fn erase_events(store: &dyn Store, key: &str, dry_run: bool) -> Result<(u64, u64), StoreError> {
    let (mut events, mut discarded, mut after) = (0, 0, None);
    loop {
        let step = store.erase(EraseStep { key: key.to_owned(), after, dry_run }).await?;
        events += step.events;
        discarded += step.discarded;
        match step.next {
            Some(next) => after = Some(next),
            None => return Ok((events, discarded)),
        }
    }
}

/// Prompts and cases in which the key stands; none where there is no project.
fn files(project: &Path, key: &Key) -> Result<Vec<String>, String> {
    let project = if project.as_os_str().is_empty() { Path::new(".") } else { project };
    if !project.join(SETTINGS).is_file() {
        return Ok(Vec::new());
    }
    let files = Files::read(project).map_err(|problems| problems.to_string())?;
    let edited = files.under("evals/").chain(files.under("prompts/"));
    Ok(edited.filter(|(_, text)| key.stands_in(text.as_bytes())).map(|(path, _)| path.to_owned()).collect())
}
