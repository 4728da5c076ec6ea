use serde_json::json;

use super::{Answer, begin};
use crate::{cli::role::Task, failure::Failure, settings::Settings};

pub(super) async fn run(settings: &Settings, task: &Task) -> Result<Answer, Failure> {
    match task {
        Task::Grant {
            email,
            role,
            tenant,
        } => grant(settings, email, role, tenant.as_deref()).await,
        Task::Revoke {
            email,
            role,
            tenant,
        } => revoke(settings, email, role, tenant.as_deref()).await,
    }
}

async fn grant(
    settings: &Settings,
    email: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.grant_role(&cx, user.id, role).await?;
    let email = user.email.as_str();
    Ok(Answer {
        text: format!("{email} has the role {role}. Running servers hear of it within a second."),
        json: json!({ "id": user.id, "email": email, "role": role }),
    })
}

async fn revoke(
    settings: &Settings,
    email: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.revoke_role(&cx, user.id, role).await?;
    let email = user.email.as_str();
    Ok(Answer {
        text: format!(
            "{email} has the role {role} no longer. Running servers hear of it within a second."
        ),
        json: json!({ "id": user.id, "email": email, "role": role }),
    })
}
