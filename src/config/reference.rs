//! Values that stand elsewhere: `${NAME}` in the environment, `file:PATH` in a file.
//!
//! Secrets are only ever given by reference. No error repeats what was written in their place.

use std::{collections::BTreeMap, fmt, fs::File, io, io::Read};

use secrecy::SecretString;

/// Largest secret that is read from a file, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Where `${NAME}` is looked up.
pub trait Environment: fmt::Debug + Send + Sync {
    /// The variable's value; None if it is not set or not UTF-8.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of this program: the only place where it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// An environment made of given variables, for the demo and tests.
#[derive(Clone, Default)]
pub struct FixedEnvironment(pub BTreeMap<String, String>);

impl Environment for FixedEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl fmt::Debug for FixedEnvironment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for FixedEnvironment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        FixedEnvironment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What a reference leads to.
#[derive(Debug, Clone)]
pub enum Resolved<T> {
    Set(T),
    /// The variable or file that is absent or empty, as an operator would set it: `NAME` or `file:PATH`.
    Unset {
        name: String,
    },
}

impl<T> Resolved<T> {
    pub fn set(self) -> Option<T> {
        match self {
            Resolved::Set(value) => Some(value),
            Resolved::Unset { .. } => None,
        }
    }
}

/// What was written is no reference, or its file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    #[error("a secret is written here as it is; it must come from the environment or a file")]
    Literal,
    #[error("this `${{…}}` does not close, or holds no name of a variable")]
    Malformed,
    #[error("the secret's file {path} cannot be read: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("the secret's file {path} is larger than {SECRET_BYTES_MAX} bytes")]
    TooLarge { path: String },
    #[error("the secret's file {path} is not UTF-8")]
    NotUtf8 { path: String },
}

impl ReferenceError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ReferenceError::Literal => {
                "write `${NAME}` for an environment variable or `file:PATH` for a file"
            }
            ReferenceError::Malformed => "write `${NAME}`, where NAME is of A-Z, a-z, 0-9 and `_`",
            ReferenceError::Unreadable { .. } => "check the path and who may read it",
            ReferenceError::TooLarge { .. } | ReferenceError::NotUtf8 { .. } => {
                "put the secret alone into the file"
            }
        }
    }
}

/// Checks how a secret is referred to, without looking it up.
///
/// # Errors
/// [`ReferenceError::Literal`] or [`ReferenceError::Malformed`].
pub fn check_secret(text: &str) -> Result<(), ReferenceError> {
    Reference::of(text).map(|_| ())
}

/// The secret that `${NAME}` or `file:PATH` refers to. An empty one counts as unset, as does a file that does not
/// exist. Line ends at a file's end are not part of the secret. Relative paths start at the working directory.
///
/// # Errors
/// The text is no such reference, or its file exists and cannot be used.
pub fn secret(text: &str, env: &dyn Environment) -> Result<Resolved<SecretString>, ReferenceError> {
    let (name, value) = match Reference::of(text)? {
        Reference::Variable(name) => (name, env.var(name)),
        Reference::File(path) => (text, secret_file(path)?),
    };
    Ok(match value.filter(|value| !value.is_empty()) {
        Some(value) => Resolved::Set(SecretString::from(value)),
        None => Resolved::Unset { name: name.to_owned() },
    })
}

/// A plain setting, in which any `${NAME}` or `${NAME:-default}` is replaced: `https://x`, `${CRM_URL}/v2`. An
/// empty variable counts as unset.
///
/// # Errors
/// [`ReferenceError::Malformed`].
pub fn setting(text: &str, env: &dyn Environment) -> Result<Resolved<String>, ReferenceError> {
    let mut value = String::new();
    let mut unset = None;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, behind) = after.split_once('}').ok_or(ReferenceError::Malformed)?;
        let (name, default) =
            inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        if !is_variable(name) {
            return Err(ReferenceError::Malformed);
        }
        value.push_str(before);
        match env.var(name).filter(|value| !value.is_empty()) {
            Some(found) => value.push_str(&found),
            None => match default {
                Some(default) => value.push_str(default),
                None => unset = unset.or(Some(name)),
            },
        }
        rest = behind;
    }
    value.push_str(rest);
    Ok(match unset {
        Some(name) => Resolved::Unset { name: name.to_owned() },
        None => Resolved::Set(value),
    })
}

enum Reference<'a> {
    Variable(&'a str),
    File(&'a str),
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Result<Self, ReferenceError> {
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() { Err(ReferenceError::Literal) } else { Ok(Reference::File(path)) };
        }
        let inner = text.strip_prefix("${").ok_or(ReferenceError::Literal)?;
        match inner.strip_suffix('}') {
            Some(name) if is_variable(name) => Ok(Reference::Variable(name)),
            _ => Err(ReferenceError::Malformed),
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The secret in a file, None if there is no such file.
fn secret_file(path: &str) -> Result<Option<String>, ReferenceError> {
    let bytes = match read_bounded(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReferenceError::Unreadable { path: path.to_owned(), source }),
    };
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(ReferenceError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|_| ReferenceError::NotUtf8 { path: path.to_owned() })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A file's bytes, at most one more than [`SECRET_BYTES_MAX`].
fn read_bounded(path: &str) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn env() -> FixedEnvironment {
        [("KEY", "s3cret"), ("EMPTY", ""), ("CRM_URL", "https://crm.example")].into_iter().collect()
    }

    /// The secret, or the name of what is unset in brackets, or the error.
    fn told(text: &str) -> String {
        match secret(text, &env()) {
            Ok(Resolved::Set(value)) => value.expose_secret().to_owned(),
            Ok(Resolved::Unset { name }) => format!("[{name}]"),
            Err(error) => error.to_string(),
        }
    }

    fn told_setting(text: &str) -> String {
        match setting(text, &env()) {
            Ok(Resolved::Set(value)) => value,
            Ok(Resolved::Unset { name }) => format!("[{name}]"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn secrets_come_from_variables() {
        assert_eq!(told("${KEY}"), "s3cret");
        assert_eq!(told("${EMPTY}"), "[EMPTY]");
        assert_eq!(told("${ABSENT}"), "[ABSENT]");
    }

    #[test]
    fn secrets_come_from_files() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| format!("file:{}", dir.path().join(name).display());
        for (name, bytes) in [("key", &b"s3cret\r\n"[..]), ("empty", b"\n"), ("bytes", b"\xff")] {
            std::fs::write(dir.path().join(name), bytes).expect("a file");
        }
        std::fs::write(dir.path().join("large"), vec![b'x'; 70_000]).expect("a file");
        assert_eq!(told(&path("key")), "s3cret");
        assert_eq!(told(&path("empty")), format!("[{}]", path("empty")));
        assert_eq!(told(&path("absent")), format!("[{}]", path("absent")));
        assert!(told(&path("bytes")).ends_with("bytes is not UTF-8"));
        assert!(told(&path("large")).ends_with("large is larger than 65536 bytes"));
        assert!(told(&path("")).ends_with("cannot be read: it is not a regular file"), "{}", told(&path("")));
    }

    #[test]
    fn what_is_no_reference_is_refused_and_never_repeated() {
        for text in [
            "hunter2",
            "",
            "file:",
            "$KEY",
            "x${KEY}",
            "${hunter 2}",
            "${KEY",
            "${KEY}hunter2",
            "${KEY:-hunter2}",
        ] {
            let error = secret(text, &env()).expect_err(text);
            assert!(matches!(error, ReferenceError::Literal | ReferenceError::Malformed), "{text}");
            assert!(!format!("{error} {error:?} {}", error.remedy()).contains("hunter"), "{error}");
            assert!(check_secret(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_mix_text_and_variables() {
        assert_eq!(told_setting("https://x.example"), "https://x.example");
        assert_eq!(told_setting("${CRM_URL}"), "https://crm.example");
        assert_eq!(told_setting("${CRM_URL}/v2"), "https://crm.example/v2");
        assert_eq!(told_setting("${ABSENT:-http://127.0.0.1:1}/v2"), "http://127.0.0.1:1/v2");
        assert_eq!(told_setting("${CRM_URL:-x}"), "https://crm.example");
        assert_eq!(told_setting("${EMPTY:-x}"), "x");
        assert_eq!(told_setting("a${ABSENT}b${ALSO}"), "[ABSENT]");
        assert_eq!(told_setting("costs $5"), "costs $5");
        for text in ["${", "${CRM_URL", "${}", "${a b}", "${1}"] {
            assert_eq!(
                told_setting(text),
                "this `${…}` does not close, or holds no name of a variable",
                "{text}"
            );
        }
    }

    #[test]
    fn environments_do_not_show_their_values() {
        assert!(!format!("{:?}", env()).contains("s3cret"));
        assert!(ProcessEnvironment.var("HOOKYARD_SURELY_NOT_SET").is_none());
    }
}
