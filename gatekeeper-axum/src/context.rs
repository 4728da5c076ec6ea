use std::ops::Deref;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use gatekeeper_core::RequestContext;
use gatekeeper_http::Api;

use crate::{head::head_of_parts, rejection::Rejection};

/// Extracts what a flow of core's wants to know of the request: tenant, correlation id, address, user agent.
///
/// ```
/// use axum::{extract::State, http::StatusCode};
/// use gatekeeper_axum::{Api, Context, CurrentUser, Rejection};
///
/// async fn sign_out_everywhere_else(
///     State(api): State<Api>,
///     cx: Context,
///     user: CurrentUser,
/// ) -> Result<StatusCode, Rejection> {
///     let ended = api.gatekeeper().sessions().end_others(&cx, &user).await;
///     ended.map_err(|error| api.problem(&cx, error))?;
///     Ok(StatusCode::NO_CONTENT)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Context(pub RequestContext);

impl Deref for Context {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.0
    }
}

impl<S> FromRequestParts<S> for Context
where
    S: Send + Sync,
    Api: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let api = Api::from_ref(state);
        Ok(Self(api.context(&head_of_parts(parts)).await?))
    }
}
