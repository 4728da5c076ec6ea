use super::MfaStanding;
use crate::{
    Error,
    config::MfaConfig,
    gatekeeper::Inner,
    model::{AuthMethod, Authority, MfaCredential, MfaRequirement, TenantSettings, User},
    store::Transaction,
};

/// The methods that may finish this user's sign-in after these first factors, in the order of preference. None where the user
/// has no second factor.
///
/// A method is not offered after itself: a code to the mailbox that the link was read in is no second factor (CVE-2024-27928).
/// So the answer may be empty for a user who has one, whose `mfa_enabled_at` is then there: such a sign-in ends.
///
/// # Errors
///
/// [`Error::Token`] where the same holds of a user who has to have a second factor and has but the mailbox. A failure of the
/// store.
pub(crate) async fn offered(
    inner: &Inner,
    tx: &mut dyn Transaction,
    user: &User,
    first: &[AuthMethod],
) -> Result<Vec<String>, Error> {
    let in_force = in_force(tx, user).await?;
    let mut all = Vec::new();
    for method in inner.mfa_methods.iter() {
        if method.standing() == MfaStanding::Factor && has(&in_force, method.name()) {
            all.push((method.name().to_owned(), Some(method.amr())));
        }
    }
    // A factor whose method the application no longer has opens nothing, but goes on to be asked for.
    for factor in &in_force {
        if inner.mfa_methods.find(&factor.method).is_none() {
            all.push((factor.method.clone(), None));
        }
    }
    let beside = if all.is_empty() {
        MfaStanding::Fallback
    } else {
        MfaStanding::Recovery
    };
    for method in inner.mfa_methods.iter() {
        if method.standing() != beside {
            continue;
        }
        let counts = match beside {
            MfaStanding::Factor => false,
            MfaStanding::Recovery => method.is_ready(tx, user).await?,
            MfaStanding::Fallback => {
                has(&in_force, method.name())
                    || (method.is_ready(tx, user).await?
                        && requirement(inner, tx, user).await? == MfaRequirement::Required)
            }
        };
        if counts {
            all.push((method.name().to_owned(), Some(method.amr())));
        }
    }
    let some = !all.is_empty();
    all.retain(|(_, amr)| amr.is_none_or(|amr| !first.contains(&amr)));
    if some && all.is_empty() && user.mfa_enabled_at.is_none() {
        return Err(Error::Token);
    }
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

/// Whether this user must have a second factor: the strictest of what the application, the tenant and the user's roles say.
pub(crate) async fn requirement(
    inner: &Inner,
    tx: &mut dyn Transaction,
    user: &User,
) -> Result<MfaRequirement, Error> {
    let tenant = tx.tenants().find(user.tenant_id).await?;
    let settings = tenant.map(|tenant| tenant.settings).unwrap_or_default();
    let authority = tx.roles().authority(user.tenant_id, user.id, None).await?;
    Ok(strictest(
        &inner.config.mfa,
        &settings,
        &authority.complete(),
    ))
}

/// What the strictest of the rules says: that of the application, of the tenant, of the roles.
pub(crate) fn strictest(
    config: &MfaConfig,
    settings: &TenantSettings,
    authority: &Authority,
) -> MfaRequirement {
    let by_role = config
        .by_role
        .iter()
        .filter(|(role, _)| authority.roles.contains(role))
        .map(|(_, requirement)| *requirement);
    by_role
        .chain(settings.mfa)
        .fold(config.requirement, std::cmp::max)
}

/// The factors of a user that are in force.
pub(super) async fn in_force(
    tx: &mut dyn Transaction,
    user: &User,
) -> Result<Vec<MfaCredential>, Error> {
    let mut factors = tx.mfa().list(user.tenant_id, user.id).await?;
    factors.retain(|factor| factor.confirmed_at.is_some());
    Ok(factors)
}

pub(super) fn has(factors: &[MfaCredential], method: &str) -> bool {
    factors.iter().any(|factor| factor.method == method)
}
