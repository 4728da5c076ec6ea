//! API keys in requests: where they stand, and who they say is asking.

use std::sync::Arc;

use gatekeeper_core::{Error, Identity, crypto::ApiKeyFormat};

use crate::{
    api::Api,
    authenticate::bearer,
    head::{HeaderView, RequestHead},
    problem::Problem,
};

/// The token or key that headers bring: `Authorization: Bearer`, or `X-Api-Key`, which takes keys alone.
///
/// # Errors
///
/// 400 where either is there twice, or both are and say two things: two readers could take the caller for two.
pub(crate) fn from_headers<'a, H: HeaderView>(
    head: &RequestHead<'a, H>,
) -> Result<Option<&'a str>, Problem> {
    let (token, key) = (bearer(head)?, x_api_key(head)?);
    match (token, key) {
        (Some(token), Some(key)) if token != key => {
            Err(Problem::new("request.ambiguous_credentials"))
        }
        (_, Some(key)) if !ApiKeyFormat::claims(key) => {
            // An access token has no business there, and what is no key is refused like any other wrong one.
            Ok(Some(""))
        }
        (token, key) => Ok(token.or(key)),
    }
}

fn x_api_key<'a, H: HeaderView>(head: &RequestHead<'a, H>) -> Result<Option<&'a str>, Problem> {
    let mut values = head.headers.values("x-api-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::new("request.ambiguous_credentials"));
    }
    let text = std::str::from_utf8(value).unwrap_or_default();
    Ok(Some(text.trim_matches([' ', '\t'])))
}

impl Api {
    /// Who a token or key belongs to, as far as this process knows. Where a key may be used from is judged by the caller's address,
    /// behind trusted proxies.
    pub(crate) fn judge_cached<H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
        token: &str,
    ) -> Option<Result<Arc<Identity>, Error>> {
        if ApiKeyFormat::claims(token) {
            let address = crate::client::client_address(head, self.settings());
            self.gatekeeper().authenticate_cached_from(token, address)
        } else {
            self.gatekeeper().authenticate_cached(token)
        }
    }

    /// The same, with everything that may have to be waited for.
    pub(crate) async fn judge<H: HeaderView + Sync>(
        &self,
        head: &RequestHead<'_, H>,
        token: &str,
    ) -> Result<Arc<Identity>, Error> {
        if ApiKeyFormat::claims(token) {
            let address = crate::client::client_address(head, self.settings());
            self.gatekeeper().authenticate_from(token, address).await
        } else {
            self.gatekeeper().authenticate(token).await
        }
    }
}
