use std::{ops::Deref, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use gatekeeper_core::RequestContext;

use crate::{
    convert::{head_of, headers_of},
    identify::{NotConfigured, api_of},
    rejection::Rejection,
};

/// Extracts what a flow of core's wants to know of the request: tenant, correlation id, address, user agent.
///
/// ```
/// use actix_web::{HttpResponse, web::Data};
/// use gatekeeper_actix::{Api, Context, CurrentUser, Rejection};
///
/// async fn sign_out_everywhere_else(
///     api: Data<Api>,
///     cx: Context,
///     user: CurrentUser,
/// ) -> Result<HttpResponse, Rejection> {
///     let ended = api.gatekeeper().sessions().end_others(&cx, &user).await;
///     ended.map_err(|error| api.problem(&cx, error))?;
///     Ok(HttpResponse::NoContent().finish())
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

impl FromRequest for Context {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let api = api_of(&request).ok_or(NotConfigured)?;
            let headers = headers_of(&request);
            let context = api.context(&head_of(&request, &headers)).await;
            Ok(Self(context.map_err(Rejection::from)?))
        })
    }
}
