use std::sync::Arc;

use axum::http::request::Parts;
use gatekeeper_core::Identity;
use gatekeeper_http::Api;

use crate::{head::head_of_parts, rejection::Rejection};

/// What a layer found out about a request, for everything further in.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    api: Api,
    identity: Option<Arc<Identity>>,
}

impl Verified {
    pub(crate) fn new(api: Api, identity: Option<Arc<Identity>>) -> Self {
        Self { api, identity }
    }

    /// The identity, if it is this API that vouched for it. An application may have two, for its customers and for its staff,
    /// and neither may pass for the other.
    pub(crate) fn by(&self, api: &Api) -> Option<&Option<Arc<Identity>>> {
        // An `Api` is one allocation that its clones share, and `self` keeps its own alive.
        std::ptr::eq(self.api.gatekeeper(), api.gatekeeper()).then_some(&self.identity)
    }
}

/// Who is asking. Does no I/O and allocates nothing, unless the blacklist may be behind.
pub(crate) async fn identify(parts: &Parts, api: &Api) -> Result<Option<Arc<Identity>>, Rejection> {
    let verified = parts.extensions.get::<Verified>();
    if let Some(identity) = verified.and_then(|verified| verified.by(api)) {
        return Ok(identity.clone());
    }
    let head = head_of_parts(parts);
    let judged = match api.authenticate_cached(&head) {
        Some(judged) => judged,
        // On the heap, so that the future of every handler stays small.
        None => Box::pin(api.authenticate(&head)).await,
    };
    Ok(judged?)
}
