//! A refusal, before its vendor gives it a shape.

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub status: u16,
    /// The vendor's name for the error.
    pub kind: &'static str,
    pub message: String,
    /// The parameter that is wrong, where the vendor names it apart.
    pub param: Option<String>,
    /// A narrower name, where the vendor has one.
    pub code: Option<&'static str>,
    pub retry_after_s: Option<u64>,
}

impl Refused {
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Refused { status, kind, message: message.into(), param: None, code: None, retry_after_s: None }
    }

    pub fn with_code(self, code: &'static str) -> Self {
        Refused { code: Some(code), ..self }
    }

    pub fn about(self, param: impl Into<String>) -> Self {
        Refused { param: Some(param.into()), ..self }
    }

    pub fn until(self, retry_after_s: Option<u64>) -> Self {
        Refused { retry_after_s, ..self }
    }
}

/// 400 in the words that both vendors have for it.
pub(super) fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(400, "invalid_request_error", message)
}
