//! An authenticator app: its seed is shown, then a code of it. By whoever is signed in, and by whoever is about to be.

use super::{
    Mfa, TotpSetup,
    backup_codes::NewSet,
    change::came_into_force,
    offer::{has, in_force},
    totp::{self, TOTP},
    tries::{Tries, Try},
    verify::{normalise, open, seal},
};
use crate::{
    BackupCodes, Error, Identity, MfaError, RequestContext,
    flows::Unit,
    gatekeeper::Inner,
    model::{Event, MfaCredential, SecretString, SessionId, User},
    store::Transaction,
};

/// A code that was found right, with the backup codes that go with it; made before the unit, since they cost ten hashes.
pub(crate) struct TotpConfirmation {
    code: SecretString,
    set: NewSet,
}

/// What came of looking at a code.
#[must_use]
pub(crate) enum Looked {
    /// It is right for now.
    Right(Box<TotpConfirmation>),
    /// It is not: the reason, for the audit trail.
    Wrong(&'static str),
}

/// What came of a confirmation.
#[must_use]
pub(crate) enum Confirmed {
    /// The factor is in force.
    InForce,
    /// It is not: the reason, for the audit trail.
    Refused(&'static str),
}

/// Makes a seed for a user whose row the unit holds, in place of one that never came into force.
///
/// # Errors
///
/// [`MfaError::AlreadyEnabled`]; a failure of the store.
pub(crate) async fn begin_totp(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
) -> Result<TotpSetup, Error> {
    let seed = totp::new_seed(inner.random.as_ref());
    put(inner, unit, user, TOTP, seed.expose()).await?;
    totp::setup(&seed, &inner.config.product_name, user)
}

/// Looks at a code before the unit, and makes the backup codes where it is right: a wrong one costs no hash.
///
/// # Errors
///
/// [`MfaError::AlreadyEnabled`], [`MfaError::NotEnabled`] where nothing was begun; [`Error::Overloaded`]; a failure of the store.
pub(crate) async fn look_at_totp(
    inner: &Inner,
    user: &User,
    code: &SecretString,
) -> Result<Looked, Error> {
    let code = normalise(code);
    let mut tx = inner.repository.begin().await?;
    let factor = begun(tx.as_mut(), user, TOTP).await?;
    drop(tx);
    let seed = open(inner, &factor)?.secret;
    if totp::matching_step(&seed, code.expose(), inner.clock.now())?.is_none() {
        return Ok(Looked::Wrong("wrong_code"));
    }
    let set = NewSet::generate(inner).await?;
    Ok(Looked::Right(Box::new(TotpConfirmation { code, set })))
}

impl TotpConfirmation {
    /// The backup codes, to be shown once the unit is committed.
    pub(crate) fn backup_codes(&self) -> BackupCodes {
        self.set.shown.clone()
    }
}

/// Puts the factor in force, for a user whose row the unit holds and writes afterwards. The code's step counts as used. The
/// sessions but for `except` end.
///
/// # Errors
///
/// As [`look_at_totp`].
pub(crate) async fn confirm_totp(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &mut User,
    confirmation: &TotpConfirmation,
    except: Option<SessionId>,
) -> Result<Confirmed, Error> {
    // Read again: another seed may have been begun since.
    let factor = begun(unit.tx(), user, TOTP).await?;
    let seed = open(inner, &factor)?.secret;
    let now = unit.now();
    let Some(step) = totp::matching_step(&seed, confirmation.code.expose(), now)? else {
        return Ok(Confirmed::Refused("wrong_code"));
    };
    let (tenant, id) = (user.tenant_id, user.id);
    if !unit.tx().mfa().confirm(tenant, id, TOTP, step, now).await? {
        return Ok(Confirmed::Refused("confirmed_meanwhile"));
    }
    came_into_force(inner, unit, user, TOTP, Some(&confirmation.set), except).await?;
    Ok(Confirmed::InForce)
}

/// Keeps a factor that is not in force yet.
pub(super) async fn put(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    method: &str,
    secret: &[u8],
) -> Result<(), Error> {
    if has(&in_force(unit.tx(), user).await?, method) {
        return Err(MfaError::AlreadyEnabled.into());
    }
    let factor = MfaCredential {
        tenant_id: user.tenant_id,
        user_id: user.id,
        method: method.to_owned(),
        sealed: seal(inner, user, method, secret),
        created_at: unit.now(),
        confirmed_at: None,
        counter: -1,
    };
    Ok(unit.tx().mfa().put(&factor).await?)
}

/// The factor of this method that was begun and is not in force.
pub(super) async fn begun(
    tx: &mut dyn Transaction,
    user: &User,
    method: &str,
) -> Result<MfaCredential, Error> {
    let factors = tx.mfa().list(user.tenant_id, user.id).await?;
    let factor = factors.into_iter().find(|factor| factor.method == method);
    match factor {
        Some(factor) if factor.confirmed_at.is_some() => Err(MfaError::AlreadyEnabled.into()),
        Some(factor) => Ok(factor),
        None => Err(MfaError::NotEnabled.into()),
    }
}

impl Mfa<'_> {
    /// Begins to set an authenticator app up: gives it a seed, in place of one that was begun before. It counts for nothing until a
    /// code of it is [confirmed](Self::confirm_totp).
    ///
    /// # Errors
    ///
    /// [`AccessError::StepUpRequired`](crate::AccessError::StepUpRequired) where the sign-in lies too far back
    /// ([`MfaConfig::binding_max_age`](crate::config::MfaConfig::binding_max_age)), or the user has a second factor and did not
    /// show it; [`MfaError::AlreadyEnabled`]; [`AccessError::Invalid`](crate::AccessError::Invalid) where the session is over; a
    /// failure of the store.
    pub async fn begin_totp(
        &self,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<TotpSetup, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        self.require_recent(who, &user)?;
        let setup = begin_totp(inner, &mut unit, &user).await?;
        unit.commit().await?;
        Ok(setup)
    }

    /// Puts the authenticator app in force with a code of it, and makes ten backup codes. The user's other sessions end, no device
    /// is spared the second factor any more, and a notice goes out.
    ///
    /// # Errors
    ///
    /// As [`begin_totp`](Self::begin_totp); [`MfaError::NotEnabled`] where nothing was begun; [`MfaError::CodeIncorrect`];
    /// [`Error::Overloaded`].
    pub async fn confirm_totp(
        &self,
        cx: &RequestContext,
        who: &Identity,
        code: &SecretString,
    ) -> Result<BackupCodes, Error> {
        let inner = self.0.inner();
        let account = inner.account_of(cx, who).await?;
        self.require_recent(who, &account.user)?;
        let tries = match Tries::of_setup(inner, cx, who).await? {
            Try::Counted(tries) => tries,
            Try::Locked => return self.refuse(cx, who, Event::MfaEnabled, "locked").await,
        };
        let confirmation = match look_at_totp(inner, &account.user, code).await? {
            Looked::Right(confirmation) => confirmation,
            Looked::Wrong(reason) => {
                return self
                    .refuse_try(cx, &account.user, Event::MfaEnabled, reason, tries)
                    .await;
            }
        };
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let mut user = unit.require_live(who).await?;
        let session = Some(who.session_id);
        match confirm_totp(inner, &mut unit, &mut user, &confirmation, session).await? {
            Confirmed::InForce => {}
            Confirmed::Refused(reason) => {
                drop(unit);
                return self
                    .refuse_try(cx, &user, Event::MfaEnabled, reason, tries)
                    .await;
            }
        }
        unit.tx().users().update(&user).await?;
        unit.commit().await?;
        tries.forget(inner).await;
        Ok(confirmation.backup_codes())
    }
}
