//! What is measured.

use std::{future::Future, pin::Pin};

use gatekeeper_core::{
    env::{Clock, SystemClock},
    model::{EmailAddress, Event, NormalizedEmail, PageRequest, TenantId},
    store::{AuditFilter, SessionRotation, UserFilter, UserSearch},
};

use super::{
    database::Database,
    seed::{email_of, session_of, user_of},
};
use crate::Failure;

type Work<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// One of them: told by its name, run on the user of a number.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) run: fn(&Database, u64) -> Work<'_>,
}

const TENANT: TenantId = TenantId::DEFAULT;
/// What a page of an administrator holds.
const PAGE: u32 = 50;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "sign-in lookup",
        run: |database, index| {
            Box::pin(async move {
                let email = normalized(index)?;
                let found = database
                    .repository()
                    .find_account_by_email(TENANT, &email)
                    .await?;
                found.map(drop).ok_or_else(|| missing("an account"))
            })
        },
    },
    Operation {
        name: "refresh",
        run: |database, index| {
            Box::pin(async move {
                let session_id = session_of(index);
                let found = database
                    .repository()
                    .find_session(TENANT, session_id)
                    .await?;
                let generation = found.ok_or_else(|| missing("a session"))?.generation;
                let rotation = SessionRotation {
                    tenant_id: TENANT,
                    session_id,
                    generation,
                    now: SystemClock.now(),
                    idle_lifetime: std::time::Duration::from_hours(168),
                    ip: None,
                };
                let rotated = database.repository().rotate_session(&rotation).await?;
                rotated.map(drop).ok_or_else(|| missing("a rotation"))
            })
        },
    },
    Operation {
        name: "permission check",
        run: |database, index| {
            Box::pin(async move {
                let user = user_of(index);
                let found = database
                    .repository()
                    .find_authority(TENANT, user, None)
                    .await?;
                found.map(drop).ok_or_else(|| missing("an authority"))
            })
        },
    },
    Operation {
        name: "admin search, exact",
        run: |database, index| {
            Box::pin(async move { search(database, normalized(index)?.as_str(), 1).await })
        },
    },
    Operation {
        name: "admin search, a word of a name",
        run: |database, index| {
            Box::pin(async move { search(database, &format!("name{index}"), 1).await })
        },
    },
    Operation {
        name: "admin search, one letter",
        run: |database, _| Box::pin(async move { search(database, "s", 1).await }),
    },
    Operation {
        name: "admin list, by role",
        run: |database, _| {
            Box::pin(async move {
                let filter = UserFilter {
                    active: Some(true),
                    role: Some("editor".to_owned()),
                };
                let mut tx = database.repository().begin().await?;
                let page = tx
                    .users()
                    .list(TENANT, &filter, PageRequest::first(PAGE))
                    .await?;
                enough(page.items.len(), 1)
            })
        },
    },
    Operation {
        name: "audit query, of a user",
        run: |database, index| {
            Box::pin(async move {
                let filter = AuditFilter {
                    target: Some(user_of(index)),
                    ..AuditFilter::default()
                };
                trail(database, &filter).await
            })
        },
    },
    Operation {
        name: "audit query, of an event",
        run: |database, _| {
            Box::pin(async move {
                let filter = AuditFilter {
                    event: Some(Event::SignInFailed),
                    ..AuditFilter::default()
                };
                trail(database, &filter).await
            })
        },
    },
    Operation {
        name: "statistics, users",
        run: |database, _| {
            Box::pin(async move {
                let mut tx = database.repository().begin().await?;
                let count = tx
                    .users()
                    .count(TENANT, &UserFilter::default(), 10_000)
                    .await?;
                enough(count as usize, 1)
            })
        },
    },
];

fn normalized(index: u64) -> Result<NormalizedEmail, Failure> {
    Ok(EmailAddress::parse(&email_of(index))?.normalized().clone())
}

async fn search(database: &Database, prefix: &str, least: usize) -> Result<(), Failure> {
    let search = UserSearch {
        prefix: prefix.to_owned(),
        filter: UserFilter::default(),
        after: None,
        limit: PAGE,
    };
    let mut tx = database.repository().begin().await?;
    let page = tx.users().search(TENANT, &search).await?;
    enough(page.items.len(), least)
}

async fn trail(database: &Database, filter: &AuditFilter) -> Result<(), Failure> {
    let mut tx = database.repository().begin().await?;
    let page = tx
        .audit()
        .list(TENANT, filter, PageRequest::first(PAGE))
        .await?;
    enough(page.items.len(), 1)
}

fn enough(found: usize, least: usize) -> Result<(), Failure> {
    if found >= least {
        Ok(())
    } else {
        Err(missing("a row"))
    }
}

fn missing(what: &str) -> Failure {
    format!("{what} is missing: was the database filled by another version?").into()
}
