use std::sync::Arc;

use actix_web::HttpRequest;
use gatekeeper_core::Identity;
use gatekeeper_http::{Api, Requirement};

use crate::{
    convert::{head_of, headers_of},
    rejection::Rejection,
};

/// Lets whoever meets the requirement through.
pub(crate) fn check(
    api: &Api,
    request: &HttpRequest,
    identity: Option<&Arc<Identity>>,
    requirement: &Requirement,
) -> Result<Arc<Identity>, Rejection> {
    let headers = headers_of(request);
    let met = api.require(&head_of(request, &headers), identity, requirement)?;
    Ok(Arc::clone(met))
}
