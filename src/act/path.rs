//! Appending a rendered path to a destination's URL without leaving the destination.

use reqwest::Url;

use super::unfit;
use crate::template::TemplateError;

/// `base` with `path` appended, one slash between them. `base` may be a placeholder for a URL that is not set.
///
/// # Errors
/// `path` could lead elsewhere or be read in two ways: an empty segment, `.` or `..` (also percent-encoded), a
/// backslash, a fragment or a control character.
pub(super) fn append(base: &str, path: &str) -> Result<String, TemplateError> {
    if path.is_empty() {
        return Ok(base.to_owned());
    }
    if let Some(bad) = path.chars().find(|&c| c.is_control() || matches!(c, '\\' | '#')) {
        return Err(unfit(format!(
            "the path holds {bad:?}: pass what comes from events through `urlencode`"
        )));
    }
    let steps = path.split_once('?').map_or(path, |(steps, _query)| steps);
    let steps = steps.strip_prefix('/').unwrap_or(steps);
    let last = steps.split('/').count().saturating_sub(1);
    for (at, step) in steps.split('/').enumerate() {
        let plain = step.to_ascii_lowercase().replace("%2e", ".");
        if matches!(plain.as_str(), "." | "..") || (step.is_empty() && at < last) {
            return Err(unfit(format!(
                "the path has `{step}` between slashes, which could lead elsewhere: is a value from the event \
                 empty, or does it need `urlencode`?"
            )));
        }
    }
    Ok(format!("{}/{}", base.trim_end_matches('/'), path.strip_prefix('/').unwrap_or(path)))
}

/// [`append`] to a URL that is set, checked once more after parsing, the way servers will read it.
pub(super) fn join(base: &Url, path: &str) -> Result<Url, TemplateError> {
    let joined = append(base.as_str(), path)?;
    let url = Url::parse(&joined).map_err(|error| unfit(format!("the path makes no URL: {error}")))?;
    let root = base.path().trim_end_matches('/');
    let below = url.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if url.origin() == base.origin() && below {
        Ok(url)
    } else {
        Err(unfit("the path leads away from the destination: keep it below the destination's url"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_appended_with_one_slash() {
        for (base, path, want) in [
            ("https://crm.example", "", "https://crm.example/"),
            ("https://crm.example", "/contacts", "https://crm.example/contacts"),
            ("https://crm.example/", "/contacts", "https://crm.example/contacts"),
            ("https://crm.example/v1", "contacts/", "https://crm.example/v1/contacts/"),
            ("https://crm.example/v1/", "/a/b?x=//1&y=..", "https://crm.example/v1/a/b?x=//1&y=.."),
            ("https://crm.example/v1", "/a b/ü", "https://crm.example/v1/a%20b/%C3%BC"),
            ("https://crm.example", "/@evil.example", "https://crm.example/@evil.example"),
            ("https://crm.example", "/", "https://crm.example/"),
            ("https://crm.example", "/...", "https://crm.example/..."),
        ] {
            assert_eq!(join(&base.parse().unwrap(), path).unwrap().as_str(), want, "{base} {path}");
        }
        assert_eq!(append("${CRM_URL}", "/contacts").unwrap(), "${CRM_URL}/contacts");
    }

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        let base = "https://crm.example/v1".parse().unwrap();
        for path in [
            "//evil.example",
            "/a//b",
            "/..",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/./a",
            "/%2e",
            "..",
            "\\evil",
            "/a\\..\\b",
            "/a#b",
            "/a\nb",
            "/a\tb",
            "/a\u{7f}",
            "//",
            "/a/..?x=1",
        ] {
            assert!(join(&base, path).is_err(), "{path:?}");
            assert!(append("${CRM_URL}", path).is_err(), "{path:?}");
        }
    }
}
