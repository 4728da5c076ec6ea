use serde_json::json;

use super::Answer;
use crate::{failure::Failure, service, settings::Settings};

pub(super) async fn grant(
    settings: &Settings,
    email: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let gatekeeper = service::commanding(settings).await?.gatekeeper;
    let cx = service::context(&gatekeeper, tenant).await?;
    let administration = gatekeeper.administration();
    let user = administration.find_user_by_email(&cx, email).await?;
    administration.grant_role(&cx, user.id, role).await?;
    let email = user.email.as_str();
    Ok(Answer {
        text: format!(
            "{email} has the role {role}, in access tokens from the next refresh or sign-in on."
        ),
        json: json!({ "id": user.id, "email": email, "role": role }),
    })
}
