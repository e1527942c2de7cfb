//! What the database is known by, remembered outside of it.

use std::{fs, io, path::Path};

use super::{keys::Shards, link::Link, open::OpenError};

/// Refuses a database that is not the one that is remembered, if one is.
pub(super) async fn compare(path: &Path, link: &Link, shards: &Shards) -> Result<(), OpenError> {
    let remembered = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::File { path: path.to_owned(), source }),
    };
    let mut epochs = Vec::new();
    for shard in shards.all() {
        let epoch: Option<String> = link.run(redis::cmd("GET").arg(shard.key("epoch"))).await?;
        epochs.push(epoch.unwrap_or_default());
    }
    if remembered == text(shards, &epochs) { Ok(()) } else { Err(OpenError::Emptied(path.to_owned())) }
}

pub(super) fn keep(path: &Path, shards: &Shards, epochs: &[String]) -> Result<(), OpenError> {
    fs::write(path, text(shards, epochs)).map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// A line for each shard.
fn text(shards: &Shards, epochs: &[String]) -> String {
    let lines = shards.all().zip(epochs);
    lines.map(|(shard, epoch)| format!("{} {epoch}\n", shard.tag())).collect()
}
