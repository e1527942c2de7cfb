//! The switches: what is not handed out for the time being.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::store::Pause;

use super::{
    Console,
    problem::{Problem, bad},
};

/// What to pause: a route, a destination, or everything if both are left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scope {
    route: Option<String>,
    destination: Option<String>,
}

impl TryFrom<Scope> for Pause {
    type Error = Problem;

    fn try_from(scope: Scope) -> Result<Self, Problem> {
        match (scope.route, scope.destination) {
            (None, None) => Ok(Pause::Everything),
            (Some(route), None) => Ok(Pause::Route(route.into())),
            (None, Some(destination)) => Ok(Pause::Destination(destination.into())),
            (Some(_), Some(_)) => Err(bad("name a route or a destination, one at a time")),
        }
    }
}

pub(super) async fn pause(
    State(console): State<Console>,
    Json(scope): Json<Scope>,
) -> Result<Response, Problem> {
    let pause = scope.try_into()?;
    known(&console, &pause)?;
    console.store.pause(pause).await?;
    Ok(Json(json!({ "paused": true })).into_response())
}

pub(super) async fn resume(
    State(console): State<Console>,
    Json(scope): Json<Scope>,
) -> Result<Response, Problem> {
    let pause = scope.try_into()?;
    // What is paused can be resumed, also when the configuration does not know it any more.
    if !console.store.pauses().await?.contains(&pause) {
        known(&console, &pause)?;
    }
    console.store.resume(pause).await?;
    Ok(Json(json!({ "paused": false })).into_response())
}

pub(super) async fn list(State(console): State<Console>) -> Result<Response, Problem> {
    Ok(Json(console.store.pauses().await?).into_response())
}

/// A misspelt name must not look like success.
fn known(console: &Console, pause: &Pause) -> Result<(), Problem> {
    let engine = console.engine();
    let (what, name, known) = match pause {
        Pause::Everything => return Ok(()),
        Pause::Route(route) => ("route", route, engine.has_route(route)),
        Pause::Destination(name) => ("destination", name, engine.destination(name).is_some()),
    };
    if known { Ok(()) } else { Err(Problem(StatusCode::NOT_FOUND, format!("no {what} is called `{name}`"))) }
}
