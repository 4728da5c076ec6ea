use std::sync::Arc;

use gatekeeper_core::Identity;
use gatekeeper_http::{Api, HeaderView, RequestHead, Requirement};

use crate::rejection::Rejection;

/// Lets whoever meets the requirement through.
pub(crate) fn check<H: HeaderView>(
    api: &Api,
    head: &RequestHead<'_, H>,
    identity: Option<&Arc<Identity>>,
    requirement: &Requirement,
) -> Result<Arc<Identity>, Rejection> {
    let met = api.require(head, identity, requirement)?;
    Ok(Arc::clone(met))
}
