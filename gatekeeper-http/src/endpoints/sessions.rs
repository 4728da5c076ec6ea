//! GET, DELETE /v1/auth/sessions; DELETE /v1/auth/sessions/{id}

use std::net::IpAddr;

use gatekeeper_core::{
    Error, Identity, Impersonator, SessionError,
    model::{Page, Session, Timestamp, device_name},
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    problem::Problem,
    query::{List, ListBody},
    respond::{self, Reply},
};

#[derive(Serialize)]
pub(super) struct SessionBody {
    id: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    device: Option<String>,
    current: bool,
    impersonator: Option<PersonBody>,
}

/// Somebody who acts as the user.
#[derive(Clone, Serialize)]
pub(super) struct PersonBody {
    id: String,
    name: Option<String>,
    email: String,
}

impl From<&Impersonator> for PersonBody {
    fn from(impersonator: &Impersonator) -> Self {
        Self {
            id: impersonator.id.to_string(),
            name: impersonator.name.clone(),
            email: impersonator.email.clone(),
        }
    }
}

impl SessionBody {
    /// A page of sessions, of whoever calls or of somebody else.
    pub(super) async fn page(
        call: &Call,
        list: &List<'_>,
        page: Page<Session>,
    ) -> Result<ListBody<Self>, Problem> {
        let who = call.who()?;
        let impersonators = call
            .gatekeeper()
            .impersonation()
            .impersonators(&call.context, &page.items)
            .await?;
        Ok(list.body(page, |session| {
            let acting = session.impersonation.as_ref();
            let impersonator = acting.and_then(|acting| impersonators.get(&acting.by));
            let impersonator = impersonator.map(PersonBody::from);
            Self::of(session, who, impersonator)
        }))
    }

    fn of(session: Session, who: &Identity, impersonator: Option<PersonBody>) -> Self {
        Self {
            impersonator,
            id: session.id.to_string(),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at(),
            ip: session.ip,
            device: session.user_agent.as_deref().and_then(device_name),
            user_agent: session.user_agent,
            current: session.id == who.session_id,
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("sessions {} {}", who.tenant_id, who.user_id),
    );
    let page = call
        .gatekeeper()
        .sessions()
        .list(&call.context, who, list.page(call.query.as_deref())?)
        .await?;
    let body = SessionBody::page(&call, &list, page).await?;
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn end(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    // What is no id names no session.
    let session = call
        .capture()
        .parse()
        .map_err(|_| Error::from(SessionError::NotFound))?;
    call.gatekeeper()
        .sessions()
        .end(&call.context, call.who()?, session)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn end_others(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .sessions()
        .end_others(&call.context, call.who()?)
        .await?;
    Ok(respond::no_content())
}
