//! What is wrong with a request, as its caller sees it.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

use crate::store::StoreError;

/// A refusal or failure.
pub(super) struct Problem(pub StatusCode, pub String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::StaleLease(_) | StoreError::Conflict(_) | StoreError::Overtaken(_) => {
                StatusCode::CONFLICT
            }
            StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem(status, error.to_string())
    }
}

/// Text in a path, query or body that is no id, state, cause or time.
pub(super) fn bad(error: impl std::fmt::Display) -> Problem {
    Problem(StatusCode::BAD_REQUEST, error.to_string())
}

pub(super) fn not_found(what: impl std::fmt::Display) -> Problem {
    Problem(StatusCode::NOT_FOUND, format!("there is no {what}"))
}
