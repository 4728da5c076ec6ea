//! GET /v1/auth/history

use std::net::IpAddr;

use gatekeeper_core::model::{AuditEvent, Timestamp, device_name};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::Call,
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

/// A row of the audit trail as its subject sees it: without the true reason, and of the details the session alone.
#[derive(Serialize)]
struct EventBody {
    id: String,
    event: &'static str,
    at: Timestamp,
    outcome: &'static str,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    device: Option<String>,
    session_id: Option<String>,
}

impl From<AuditEvent> for EventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.event.code(),
            at: event.at,
            outcome: event.outcome.as_str(),
            ip: event.ip,
            device: event.user_agent.as_deref().and_then(device_name),
            user_agent: event.user_agent,
            session_id: event
                .details
                .get("session_id")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("history {} {}", who.tenant_id, who.user_id),
    );
    let page = call
        .gatekeeper()
        .accounts()
        .history(&call.context, who, list.page(call.query.as_deref())?)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, EventBody::from))
}
