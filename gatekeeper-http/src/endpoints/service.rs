//! Keys, health and the description of the API.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use gatekeeper_core::CheckState;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::Status;
use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

/// How long caches keep the keys, in seconds. A new key is published longer than that before it signs.
const KEYS_MAX_AGE: u32 = 300;
const OPENAPI_MAX_AGE: u32 = 3_600;

pub(crate) async fn jwks(call: Call) -> Result<Reply, Problem> {
    respond::public_json(
        Bytes::from(call.gatekeeper().jwks().to_string()),
        KEYS_MAX_AGE,
    )
}

pub(crate) async fn openapi(call: Call) -> Result<Reply, Problem> {
    respond::public_json(call.api.openapi(), OPENAPI_MAX_AGE)
}

pub(crate) async fn live(_call: Call) -> Result<Reply, Problem> {
    respond::json(StatusCode::OK, &Status { status: "live" })
}

#[derive(Serialize)]
struct ReadinessBody {
    status: &'static str,
    checks: BTreeMap<&'static str, &'static str>,
}

pub(crate) async fn ready(call: Call) -> Result<Reply, Problem> {
    let readiness = call.gatekeeper().readiness().await;
    let checks: BTreeMap<_, _> = readiness
        .checks
        .iter()
        .map(|check| {
            let state = match check.state {
                CheckState::Up => "up",
                CheckState::Degraded => "degraded",
                CheckState::Down => "down",
            };
            (check.name, state)
        })
        .collect();
    match readiness.state() {
        CheckState::Up | CheckState::Degraded => respond::json(
            StatusCode::OK,
            &ReadinessBody {
                status: "ready",
                checks,
            },
        ),
        CheckState::Down => Err(Problem::new("service.unavailable")
            .with_extension("checks", json!(checks))
            .with_retry_after(Duration::from_secs(1))),
    }
}
