//! GET /v1/admin/audit

use std::net::IpAddr;

use gatekeeper_core::{
    model::{AuditEvent, Event, Timestamp, UserId, device_name},
    store::AuditFilter,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::Call,
    problem::Problem,
    query::{List, Parameters},
    respond::{self, Reply},
};

/// A row of the audit trail as whoever may read all of it sees it.
#[derive(Serialize)]
struct AuditBody {
    id: String,
    sequence: Option<i64>,
    event: &'static str,
    at: Timestamp,
    outcome: &'static str,
    reason: Option<String>,
    actor: Option<String>,
    target: Option<String>,
    impersonator: Option<String>,
    api_key: Option<String>,
    correlation_id: String,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    device: Option<String>,
    details: Map<String, Value>,
    erased_at: Option<Timestamp>,
}

impl From<AuditEvent> for AuditBody {
    fn from(row: AuditEvent) -> Self {
        Self {
            id: row.id.to_string(),
            sequence: row.seal.map(|seal| seal.sequence),
            event: row.event.code(),
            at: row.at,
            outcome: row.outcome.as_str(),
            reason: row.reason,
            actor: row.actor.map(|id| id.to_string()),
            target: row.target.map(|id| id.to_string()),
            impersonator: row.impersonator.map(|id| id.to_string()),
            api_key: row.api_key.map(|id| id.to_string()),
            correlation_id: row.correlation_id,
            ip: row.ip,
            device: row.user_agent.as_deref().and_then(device_name),
            user_agent: row.user_agent,
            details: row.details,
            erased_at: row.erased_at,
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let names = ["actor", "target", "event", "since", "until"];
    let mut query = Parameters::read(call.query.as_deref(), &names);
    let filter = AuditFilter {
        actor: user(&mut query, "actor"),
        target: user(&mut query, "target"),
        event: event(&mut query),
        since: instant(&mut query, "since"),
        until: instant(&mut query, "until"),
    };
    // What a cursor is good for: this list of this reader, with these filters and no others.
    let list = List::new(
        call.gatekeeper(),
        format!("audit {} {} {filter:?}", who.tenant_id, who.user_id),
    );
    let page = list.page_of(query)?;
    let page = call
        .gatekeeper()
        .audit()
        .on_behalf_of(who)
        .list(&call.context, &filter, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, AuditBody::from))
}

fn user(query: &mut Parameters, name: &'static str) -> Option<UserId> {
    let text = query.text(name)?;
    let user = text.parse().ok();
    if user.is_none() {
        query.refuse(name, "query.value", "must be the id of a user");
    }
    user
}

fn event(query: &mut Parameters) -> Option<Event> {
    let text = query.text("event")?;
    let event = Event::parse(&text);
    if event.is_none() {
        query.refuse("event", "query.value", "must be the code of an event");
    }
    event
}

fn instant(query: &mut Parameters, name: &'static str) -> Option<Timestamp> {
    let text = query.text(name)?;
    let at = serde_json::from_value(Value::String(text)).ok();
    if at.is_none() {
        let detail = "must be a time of RFC 3339, percent-encoded where it has a plus";
        query.refuse(name, "query.value", detail);
    }
    at
}
