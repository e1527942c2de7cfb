//! Writing what a run made.

use std::{fs, path::Path};

use crate::eval::EvalError;

/// Writes a file whole.
///
/// # Errors
/// It cannot be written; the error names it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), EvalError> {
    fs::write(path, text).map_err(|error| EvalError::Unwritten {
        reason: format!("{} cannot be written: {error}", path.display()),
    })
}
