use std::fmt::Write as _;

use gatekeeper_core::{NewTenant, model::Tenant};
use serde_json::{Value, json};

use super::{Answer, begin, next, page};
use crate::{
    cli::{Part, tenant::Task},
    failure::Failure,
    settings::Settings,
};

/// Binds a cursor to this list.
const CURSORS: &str = "cli.tenant.list";

pub(super) async fn run(settings: &Settings, task: &Task) -> Result<Answer, Failure> {
    match task {
        Task::Create {
            slug,
            name,
            admin_email,
        } => create(settings, slug, name.as_deref(), admin_email.as_deref()).await,
        Task::List { part } => list(settings, part).await,
        Task::Suspend { slug } => {
            let (gatekeeper, cx) = begin(settings, None).await?;
            let tenant = gatekeeper
                .administration()
                .suspend_tenant(&cx, slug)
                .await?;
            Ok(answer("Suspended", &tenant))
        }
        Task::Resume { slug } => {
            let (gatekeeper, cx) = begin(settings, None).await?;
            let tenant = gatekeeper.administration().resume_tenant(&cx, slug).await?;
            Ok(answer("Opened", &tenant))
        }
        Task::Delete { slug, confirmation } => {
            let (gatekeeper, cx) = begin(settings, None).await?;
            gatekeeper
                .administration()
                .delete_tenant(&cx, slug, confirmation)
                .await?;
            Ok(Answer {
                text: format!("Deleted the tenant {slug}."),
                json: json!({"slug": slug, "deleted": true}),
            })
        }
    }
}

async fn create(
    settings: &Settings,
    slug: &str,
    name: Option<&str>,
    admin_email: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, None).await?;
    let input = NewTenant {
        slug: slug.to_owned(),
        name: name.unwrap_or(slug).to_owned(),
        admin_email: admin_email.map(str::to_owned),
        ..NewTenant::default()
    };
    let tenant = gatekeeper
        .administration()
        .create_tenant(&cx, input)
        .await?;
    let mut answer = answer("Made", &tenant);
    if let Some(email) = admin_email {
        answer.text.push_str(" An invitation to ");
        answer.text.push_str(email);
        answer.text.push_str(" is mailed by a server that runs.");
    }
    Ok(answer)
}

async fn list(settings: &Settings, part: &Part) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, None).await?;
    let page = page(&gatekeeper, CURSORS, part)?;
    let tenants = gatekeeper.administration().list_tenants(&cx, page).await?;
    let next = next(&gatekeeper, CURSORS, tenants.next);
    let mut text = String::new();
    for tenant in &tenants.items {
        let state = if tenant.suspended_at.is_some() {
            "suspended"
        } else {
            "open"
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}  {state:<9}  {}  {}",
            tenant.id, tenant.slug, tenant.name
        );
    }
    if let Some(next) = &next {
        let _ = writeln!(text, "\nThere are more: --cursor {next}");
    }
    let items: Vec<Value> = tenants.items.iter().map(shown).collect();
    Ok(Answer {
        text,
        json: json!({"items": items, "next_cursor": next}),
    })
}

fn answer(done: &str, tenant: &Tenant) -> Answer {
    Answer {
        text: format!("{done} the tenant {} ({}).", tenant.slug, tenant.id),
        json: shown(tenant),
    }
}

fn shown(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug.as_str(),
        "name": tenant.name,
        "suspended_at": tenant.suspended_at,
        "created_at": tenant.created_at,
    })
}
