use axum::{Router, response::IntoResponse, routing::get};
use gatekeeper_axum::{
    Api, BuildError, Config, CurrentUser, EmailVerification, Gatekeeper, Require, Requirement,
    requirement, router_with,
};
use serde_json::json;

use crate::{CorporateDirectory, House};

requirement! {
    /// Whoever may look behind the counter.
    pub(crate) Staff = Requirement::role("admin") | Requirement::permission("counter:read")
}

/// Puts Gatekeeper together, with the house's say in its flows and the directory beside the built-in passwords.
///
/// # Errors
///
/// Where a setting is wrong.
pub async fn gatekeeper(
    config: Config,
    house: House,
    directory: CorporateDirectory,
) -> Result<Gatekeeper, BuildError> {
    Gatekeeper::builder()
        .in_memory()
        .public_url("http://localhost:3000")
        .config(config)
        .email_verification(EmailVerification::Optional)
        .hooks(house)
        .provider(directory)
        .build()
        .await
}

/// The whole application: the REST API and two routes of its own.
pub fn application(gatekeeper: Gatekeeper) -> Router {
    let api = Api::from(gatekeeper);
    Router::new()
        .route("/table", get(table))
        .route("/counter", get(counter))
        .merge(router_with(api.clone()))
        .with_state(api)
}

/// What the house put into the token is there without asking anybody.
async fn table(user: CurrentUser) -> impl IntoResponse {
    let body = json!({ "guest": user.email, "table": user.claims.get("table") });
    ([("content-type", "application/json")], body.to_string())
}

async fn counter(user: Require<Staff>) -> String {
    format!("{} is behind the counter", user.email)
}
