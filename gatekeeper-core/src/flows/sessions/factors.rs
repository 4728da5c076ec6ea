//! What a sign-in needs to know of second factors.

use crate::{
    Error,
    gatekeeper::Inner,
    model::{AuthMethod, User},
    store::Transaction,
};

/// The methods that may finish a sign-in which began with `first`.
pub(super) async fn offered(
    _inner: &Inner,
    tx: &mut dyn Transaction,
    user: &User,
    _first: &[AuthMethod],
) -> Result<Vec<String>, Error> {
    let factors = tx.mfa().list(user.tenant_id, user.id).await?;
    Ok(factors
        .into_iter()
        .filter(|factor| factor.confirmed_at.is_some())
        .map(|factor| factor.method)
        .collect())
}
