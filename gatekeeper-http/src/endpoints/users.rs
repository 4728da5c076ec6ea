//! /v1/admin/users/..., /v1/admin/statistics

use gatekeeper_core::{
    AccountError, Administration, Count, Error, NewAddress, NewUser, Profile, SessionError,
    UserChanges,
    model::{RoleName, Timestamp, UserId, UserKind},
    store::{UserFilter, UserSearch},
};
use http::StatusCode;
use serde::Serialize;

use super::{me::UserBody, sessions::SessionBody};
use crate::{
    api::Call,
    problem::Problem,
    query::{List, Parameters},
    respond::{self, Reply},
};

/// `User` as administrators see it.
#[derive(Serialize)]
struct ManagedUserBody<'a> {
    #[serde(flatten)]
    user: UserBody<'a>,
    kind: &'static str,
}

impl<'a> ManagedUserBody<'a> {
    fn of(profile: &'a Profile) -> Self {
        Self {
            user: UserBody::of(profile),
            kind: match profile.user.kind {
                UserKind::Person => "person",
                UserKind::ServiceAccount => "service_account",
            },
        }
    }
}

/// What is no id names no account.
pub(super) fn user_id(call: &Call) -> Result<UserId, Problem> {
    call.capture()
        .parse()
        .map_err(|_| Error::from(AccountError::NotFound).into())
}

/// What whoever calls may do to users.
fn administration(call: &Call) -> Result<Administration<'_>, Problem> {
    Ok(call.gatekeeper().administration().on_behalf_of(call.who()?))
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let mut query = Parameters::read(call.query.as_deref(), &["query", "role", "status"]);
    let words = query.text("query").map(|words| words.trim().to_lowercase());
    let role = query.text("role");
    if role
        .as_deref()
        .is_some_and(|role| RoleName::parse(role).is_none())
    {
        query.refuse("role", "query.value", "must be the name of a role");
    }
    let active = query.word("status", &[("active", true), ("disabled", false)]);
    // What a cursor is good for: this list of this reader, with these filters and no others. None of them can be taken for another,
    // since what may hold anything stands last.
    let context = format!(
        "users {} {} {} {} {}",
        who.tenant_id,
        who.user_id,
        role.as_deref().unwrap_or("*"),
        active.map_or("all", |active| if active { "active" } else { "disabled" }),
        words
            .as_deref()
            .map_or(String::new(), |words| format!("={words}")),
    );
    let list = List::new(call.gatekeeper(), context);
    let administration = administration(&call)?;
    let filter = UserFilter { active, role };
    let Some(prefix) = words else {
        let page = list.page_of(query)?;
        let page = administration
            .list_users(&call.context, &filter, page)
            .await?;
        let users = administration.profiles(&call.context, page.items).await?;
        let items = users.iter().map(ManagedUserBody::of).collect();
        return respond::json(StatusCode::OK, &list.body_of(items, page.next));
    };
    let (limit, after) = list.search_page_of(query)?;
    let search = UserSearch {
        prefix,
        filter,
        after,
        limit,
    };
    let page = administration.search_users(&call.context, search).await?;
    let users = administration.profiles(&call.context, page.items).await?;
    let items = users.iter().map(ManagedUserBody::of).collect();
    respond::json(StatusCode::OK, &list.search_body(items, page.next.as_ref()))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let input = call.read(|fields| NewUser {
        email: fields.text("email"),
        name: fields.optional_text("name"),
        roles: fields.texts("roles").unwrap_or_default(),
        password: None,
    })?;
    let administration = administration(&call)?;
    let made = administration.create_user(&call.context, input).await?;
    let users = administration
        .profiles(&call.context, vec![made.user])
        .await?;
    let user = users.first().ok_or_else(|| Error::internal("one is one"))?;
    respond::json(StatusCode::CREATED, &ManagedUserBody::of(user))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let user = administration(&call)?
        .find_user(&call.context, user_id(&call)?)
        .await?;
    respond::json(StatusCode::OK, &ManagedUserBody::of(&user))
}

pub(crate) async fn update(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(|fields| {
        let email = fields.optional_text("email");
        let verified = fields.optional_flag("email_verified");
        if email.is_none() && verified.is_some() {
            let why = "goes with an address alone";
            fields.refuse("email_verified", "field.value", why);
        }
        UserChanges {
            name: fields.changed_text("name"),
            locale: fields.changed_text("locale"),
            metadata: fields.optional_object("metadata"),
            email: email.map(|email| NewAddress {
                email,
                verified: verified.unwrap_or_default(),
            }),
        }
    })?;
    let user = administration(&call)?
        .update_user(&call.context, user_id(&call)?, changes)
        .await?;
    respond::json(StatusCode::OK, &ManagedUserBody::of(&user))
}

/// The routes that take a user, and nothing else.
macro_rules! on_user {
    ($($name:ident: $operation:ident,)*) => {$(
        pub(crate) async fn $name(call: Call) -> Result<Reply, Problem> {
            call.read_nothing()?;
            administration(&call)?
                .$operation(&call.context, user_id(&call)?)
                .await?;
            Ok(respond::no_content())
        }
    )*};
}

on_user! {
    delete: delete_user,
    disable: disable,
    enable: enable,
    reset_password: reset_password,
    sign_out: sign_out_user,
    unlock: unlock,
}

pub(crate) async fn sessions(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let user = user_id(&call)?;
    let context = format!("sessions of {user} {} {}", who.tenant_id, who.user_id);
    let list = List::new(call.gatekeeper(), context);
    let page = administration(&call)?
        .user_sessions(&call.context, user, list.page(call.query.as_deref())?)
        .await?;
    let body = SessionBody::page(&call, &list, page).await?;
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn end_session(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let user = user_id(&call)?;
    // What is no id names no session.
    let session = call
        .second_capture()
        .parse()
        .map_err(|_| Error::from(SessionError::NotFound))?;
    administration(&call)?
        .end_user_session(&call.context, user, session)
        .await?;
    Ok(respond::no_content())
}

#[derive(Serialize)]
struct CountBody {
    count: u32,
    at_least: bool,
}

impl From<Count> for CountBody {
    fn from(count: Count) -> Self {
        Self {
            count: count.count,
            at_least: count.at_least,
        }
    }
}

#[derive(Serialize)]
struct StatisticsBody {
    users: CountBody,
    active: CountBody,
    disabled: CountBody,
    since: Timestamp,
    sign_ins: CountBody,
    failed_sign_ins: CountBody,
    denials: CountBody,
}

pub(crate) async fn statistics(call: Call) -> Result<Reply, Problem> {
    let figures = administration(&call)?.statistics(&call.context).await?;
    let body = StatisticsBody {
        users: figures.users.into(),
        active: figures.active.into(),
        disabled: figures.disabled.into(),
        since: figures.since,
        sign_ins: figures.sign_ins.into(),
        failed_sign_ins: figures.failed_sign_ins.into(),
        denials: figures.denials.into(),
    };
    respond::json(StatusCode::OK, &body)
}
