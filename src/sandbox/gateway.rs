//! What every request passes before and after its vendor.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{Shared, faults::Moment};

/// Counts the request, makes it wait, and makes it fail.
pub(super) async fn pass(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    shared.ledger.count(&path);
    shared.faults.pass(&path, Moment::BeforeEffect).await;
    let fault = shared.faults.take(&path);
    if let Some(fault) = fault.filter(|fault| !fault.after_effect) {
        return fault.answer();
    }
    let answer = next.run(request).await;
    shared.faults.pass(&path, Moment::BeforeAnswer).await;
    fault.map_or(answer, super::Fault::answer)
}
