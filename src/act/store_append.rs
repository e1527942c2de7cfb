//! `store.append`: one JSON line at the end of a log in the data directory.
//!
//! A line is `{"key": …, "at": …, "line": …}`: the idempotency key, the time it was frozen (RFC 3339), and what the
//! configuration asked for. The key is the marker: after an unknown outcome the log is searched for it first.
//!
//! The log is that of this process alone. Of several that share a store one that is killed may have written a line that
//! it did not report, and another one, which cannot see it, writes it too: by the same key, and with the same bytes. No
//! marker in the store could tell, since no step writes both there and here; so whoever reads several logs counts lines of
//! one key once.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json, value::RawValue};

use super::{Act, Destination, Freeze, ParamError, Try, misdirected, param, refused, unfit};
use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, FrozenRequest, Receipt, Sent},
    template::{Context, Shape, TemplateError},
};

/// Bytes of a rendered line, as JSON.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that key and time may add to a line.
const ENVELOPE_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a whole line, its end included.
pub(super) const WHOLE_BYTES_MAX: u64 = (LINE_BYTES_MAX + ENVELOPE_BYTES_MAX) as u64;

/// Characters of a log's name.
const LOG_CHARS_MAX: usize = 64;

pub(super) struct StoreAppend;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct With {
    log: String,
    line: Value,
}

#[derive(Debug)]
struct Template {
    log: String,
    line: Shape,
}

#[async_trait]
impl Act for StoreAppend {
    fn kind(&self) -> &'static str {
        "store.append"
    }

    fn compile(&self, with: &Value) -> Result<Box<dyn Freeze>, ParamError> {
        let With { log, line } = param::read(with, "a store.append action takes `log` and `line`")?;
        if !is_log_name(&log) {
            let remedy = "use up to 64 of a-z, 0-9, _ and -; templates are not rendered here";
            return Err(ParamError::at("log", format!("`{log}` is no name for a log"), remedy));
        }
        Ok(Box::new(Template { log, line: param::shape(&["line"], &line)? }))
    }

    fn fits(&self, _: &Destination) -> Result<(), String> {
        Ok(())
    }

    fn url_is_secret(&self) -> bool {
        false
    }

    fn class(&self, _: &Destination) -> EffectClass {
        EffectClass::Marked
    }

    async fn perform(
        &self,
        request: &FrozenRequest,
        destination: &Destination,
        attempt: &Try,
    ) -> Result<Receipt, Failure> {
        let Call::Append { log, line } = &request.call else { return Err(misdirected(self, request)) };
        if !is_log_name(log) {
            return Err(refused("the frozen log's name is none"));
        }
        let entry = Entry {
            path: destination.log_dir().join(format!("{log}.jsonl")),
            marker: format!("{{\"key\":{},", Value::from(request.idempotency_key.as_str())),
            line: envelope(request, line)
                .map_err(|error| refused(format!("the frozen line is no JSON: {error}")))?,
        };
        let look_first = attempt.look_first;
        let work = tokio::task::spawn_blocking(move || entry.append(look_first));
        let sent = match work.await {
            Ok(appended) => appended?,
            Err(_) => {
                return Err(Failure::Unknown {
                    reason: "appending was interrupted".to_owned(),
                    retry_after: None,
                });
            }
        };
        Ok(Receipt { sent, status: None, body: json!({ "log": log }) })
    }
}

fn is_log_name(name: &str) -> bool {
    (1..=LOG_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

impl Freeze for Template {
    fn freeze(&self, context: &Context, _: &Destination) -> Result<Call, TemplateError> {
        let line = self.line.render(context)?.to_string();
        if line.len() > LINE_BYTES_MAX {
            return Err(unfit(format!(
                "the line has {} bytes, and {LINE_BYTES_MAX} are allowed",
                line.len()
            )));
        }
        Ok(Call::Append { log: self.log.clone(), line })
    }
}

/// The whole line, its end included. The key comes first: that is where it is looked for.
fn envelope(request: &FrozenRequest, line: &str) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        key: &'a str,
        at: String,
        line: &'a RawValue,
    }
    let at = request.frozen_at.to_string();
    let envelope = Envelope { key: &request.idempotency_key, at, line: serde_json::from_str(line)? };
    Ok(serde_json::to_string(&envelope)?.replace('\n', " ") + "\n")
}

/// A line on its way to its log.
struct Entry {
    path: PathBuf,
    marker: String,
    line: String,
}

impl Entry {
    fn append(&self, look_first: bool) -> Result<Sent, Failure> {
        let mut log = open(&self.path).map_err(|error| Failure::Transient {
            reason: format!("the log cannot be opened: {error}"),
            retry_after: None,
        })?;
        let unknown = |error: io::Error| Failure::Unknown {
            reason: format!("the log cannot be written: {error}"),
            retry_after: None,
        };
        if look_first && holds(&log, self.marker.as_bytes()).map_err(unknown)? {
            log.sync_data().map_err(unknown)?;
            return Ok(Sent::AlreadyThere);
        }
        write(&mut log, &self.line).map_err(unknown)?;
        Ok(Sent::Sent)
    }
}

/// The log, created if absent, locked against other writers until it is closed.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let log = loop {
        let log = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        log.lock()?;
        // While we waited for it, another may have taken its place: see `erase_from_logs`.
        if is_at(&log, path)? {
            break log;
        }
    };
    if let (0, Some(dir)) = (log.metadata()?.len(), path.parent()) {
        File::open(dir)?.sync_all()?; // so that the file itself outlives a power cut
    }
    Ok(log)
}

/// Whether the open file is the one that the path names.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let ours = file.metadata()?;
    Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// Appends durably. A last line without an end was torn by a crash: it is ended first, so that only it is lost.
fn write(log: &mut File, line: &str) -> io::Result<()> {
    let mut last = [b'\n'];
    if log.metadata()?.len() > 0 {
        log.seek(SeekFrom::End(-1))?;
        log.read_exact(&mut last)?;
    }
    if last == *b"\n" {
        log.write_all(line.as_bytes())?;
    } else {
        log.write_all(format!("\n{line}").as_bytes())?;
    }
    log.sync_data()
}

/// Whether a whole line begins with the marker. Holds one line in memory at a time; a torn one is no JSON and does
/// not count, a longer one than we write is not ours.
fn holds(mut log: &File, marker: &[u8]) -> io::Result<bool> {
    log.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(64 * 1024, log);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(WHOLE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
        if line.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
        } else if line.starts_with(marker) && serde_json::from_slice::<IgnoredAny>(&line).is_ok() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests;
