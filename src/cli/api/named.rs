//! What the caller named: a service, a directory, or neither.

use std::path::{Path, PathBuf};

use crate::config::Environment;

/// Whom a command is to speak to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The service at this URL, and no other.
    Service(String),
    /// The store in this directory, and no service.
    Store(PathBuf),
    /// The store in this directory; or the service, which reads the same variable, if that has it.
    ByVariable(PathBuf),
    /// What the configuration says.
    Nothing,
}

/// What is meant by `--admin`, `--data` and their variables: a flag stands before a variable, and a service before a
/// directory.
///
/// # Errors
/// Both flags are given.
pub(super) fn named(
    admin: Option<&str>,
    data: Option<&Path>,
    env: &dyn Environment,
) -> anyhow::Result<Named> {
    let variable = |name| env.var(name).filter(|value| !value.is_empty());
    match (admin, data) {
        (Some(_), Some(_)) => {
            anyhow::bail!(
                "say --admin for a running service, or --data for the store of a stopped one, not both"
            )
        }
        (Some(url), None) => Ok(Named::Service(url.to_owned())),
        (None, Some(dir)) => Ok(Named::Store(dir.to_owned())),
        (None, None) => Ok(match (variable("HOOKYARD_ADMIN"), variable("HOOKYARD_DATA")) {
            (Some(url), _) => Named::Service(url),
            (None, Some(dir)) => Named::ByVariable(dir.into()),
            (None, None) => Named::Nothing,
        }),
    }
}
