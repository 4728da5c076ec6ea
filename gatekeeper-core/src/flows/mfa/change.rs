//! What changes when a factor comes into force, or goes.

use super::{
    BackupCodes, Binding, Mfa, MfaVerdict,
    backup_codes::{BACKUP_CODE, NewSet, canonical},
    offer::{has, in_force, requirement},
    totp::TOTP,
    tries::{Tries, Try},
    verify::{normalise, prepare, verify_in},
};
use crate::{
    AccessError, Error, Identity, MfaError, RequestContext,
    flows::{Record, Unit},
    gatekeeper::Inner,
    mail::{AccountMail, Notice},
    model::{
        Event, MfaCredential, MfaRequirement, SecretBytes, SecretString, SessionEnd, SessionId,
        TokenPurpose, User,
    },
};

/// Sign-ins that are under way, and what opens one: they began under other rules.
const UNDER_WAY: &[TokenPurpose] = &[
    TokenPurpose::MagicLink,
    TokenPurpose::MagicLinkCode,
    TokenPurpose::MfaCode,
    TokenPurpose::MfaEnrollment,
    TokenPurpose::MfaPending,
];

/// What follows when a factor comes into force. The caller writes the user's row, which the unit holds.
pub(super) async fn came_into_force(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &mut User,
    method: &str,
    backup_codes: Option<&NewSet>,
    except: Option<SessionId>,
) -> Result<(), Error> {
    let now = unit.now();
    if let Some(set) = backup_codes {
        write_set(inner, unit, user, set).await?;
    }
    user.mfa_enabled_at.get_or_insert(now);
    user.updated_at = now;
    changed(unit, user, except).await?;
    let record = Record::success(Event::MfaEnabled).by(user.id);
    unit.record(record.detail("method", method)).await?;
    unit.mail(&AccountMail::notice(Notice::MfaEnabled, user))
        .await
}

/// Whoever got in by other factors is out (row 30 of the security rules), and with the sessions goes the trust in devices.
async fn changed(unit: &mut Unit<'_>, user: &User, except: Option<SessionId>) -> Result<(), Error> {
    let (tenant, now) = (user.tenant_id, unit.now());
    unit.end_sessions(user.id, except, SessionEnd::MfaChanged)
        .await?;
    unit.tx()
        .tokens()
        .revoke_all_for_user(tenant, user.id, UNDER_WAY, now)
        .await?;
    Ok(())
}

async fn write_set(
    inner: &Inner,
    unit: &mut Unit<'_>,
    user: &User,
    set: &NewSet,
) -> Result<(), Error> {
    let rows = set.rows(inner.random.as_ref(), unit.now());
    unit.tx()
        .mfa()
        .replace_backup_codes(user.tenant_id, user.id, &rows)
        .await?;
    unit.record(Record::success(Event::MfaBackupCodesGenerated).by(user.id))
        .await
}

/// The method that a code is of by its form: six digits are an app's, twelve letters a backup code, anything else the factor's
/// that it is asked for.
fn method_of<'m>(code: &SecretString, factors: &[MfaCredential], method: &'m str) -> &'m str {
    let code = normalise(code);
    let digits = code.expose().bytes().all(|byte| byte.is_ascii_digit());
    if canonical(code.expose()).is_some() {
        BACKUP_CODE
    } else if digits && code.expose().len() == 6 && has(factors, TOTP) {
        TOTP
    } else {
        method
    }
}

impl Mfa<'_> {
    /// Takes a factor away, with a code of a factor in force or a backup code. With the last one go the backup codes. The user's
    /// other sessions end, no device is spared a second factor any more, and a notice goes out.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotEnabled`]; [`MfaError::Required`] where the rules ask for a second factor and this is the last;
    /// [`MfaError::CodeIncorrect`]; [`AccessError::Invalid`] where the session is over; [`Error::Overloaded`]; a failure of the
    /// store.
    pub async fn disable(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        code: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        who.require_oneself()?;
        let event = Event::MfaDisabled;
        let account = inner.account_of(cx, who).await?;
        let mut tx = inner.repository.begin().await?;
        let factors = self.removable(tx.as_mut(), &account.user, method).await?;
        drop(tx);
        let tries = match Tries::of_factor(inner, cx, who).await? {
            Try::Counted(tries) => tries,
            Try::Locked => return self.refuse(cx, who, event, "locked").await,
        };
        let shown = method_of(code, &factors, method);
        let code = prepare(inner, &account.user, shown, code).await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let mut user = unit.require_live(who).await?;
        let factors = self.removable(unit.tx(), &user, method).await?;
        let binding = Binding::Session(who.session_id);
        match verify_in(inner, &mut unit, &user, shown, &code, binding).await? {
            MfaVerdict::Accepted(_) => {}
            MfaVerdict::Refused(reason) => {
                drop(unit);
                return self.refuse_try(cx, &user, event, reason, tries).await;
            }
        }
        let (tenant, id) = (user.tenant_id, user.id);
        unit.tx().mfa().delete(tenant, id, method).await?;
        if factors.len() == 1 {
            unit.tx()
                .mfa()
                .replace_backup_codes(tenant, id, &[])
                .await?;
            user.mfa_enabled_at = None;
        }
        user.updated_at = unit.now();
        unit.tx().users().update(&user).await?;
        changed(&mut unit, &user, Some(who.session_id)).await?;
        let record = Record::success(event).by(id);
        unit.record(record.detail("method", method)).await?;
        unit.mail(&AccountMail::notice(Notice::MfaDisabled, &user))
            .await?;
        unit.commit().await?;
        tries.forget(inner).await;
        Ok(())
    }

    /// The factors in force, if this one is among them and may be taken away.
    async fn removable(
        &self,
        tx: &mut dyn crate::store::Transaction,
        user: &User,
        method: &str,
    ) -> Result<Vec<MfaCredential>, Error> {
        let factors = in_force(tx, user).await?;
        if !has(&factors, method) {
            return Err(MfaError::NotEnabled.into());
        }
        let required = requirement(self.0.inner(), tx, user).await?;
        if factors.len() == 1 && required == MfaRequirement::Required {
            return Err(MfaError::Required.into());
        }
        Ok(factors)
    }

    /// Makes new backup codes in place of the old ones, which are dead, with a code of a factor in force or one of the old ones.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotEnabled`] where the user has no factor that they would stand in for; the rest as [`disable`](Self::disable).
    pub async fn new_backup_codes(
        &self,
        cx: &RequestContext,
        who: &Identity,
        code: &SecretString,
    ) -> Result<BackupCodes, Error> {
        let inner = self.0.inner();
        who.require_oneself()?;
        let event = Event::MfaBackupCodesGenerated;
        let account = inner.account_of(cx, who).await?;
        let mut tx = inner.repository.begin().await?;
        let factors = self.recoverable(tx.as_mut(), &account.user).await?;
        drop(tx);
        let tries = match Tries::of_factor(inner, cx, who).await? {
            Try::Counted(tries) => tries,
            Try::Locked => return self.refuse(cx, who, event, "locked").await,
        };
        let own = factors.first().map_or(TOTP, |factor| &factor.method);
        let shown = method_of(code, &factors, own);
        let code = prepare(inner, &account.user, shown, code).await?;
        // The code is used up first: ten hashes are not for whoever guesses.
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        let binding = Binding::Session(who.session_id);
        match verify_in(inner, &mut unit, &user, shown, &code, binding).await? {
            MfaVerdict::Accepted(_) => unit.commit().await?,
            MfaVerdict::Refused(reason) => {
                drop(unit);
                return self.refuse_try(cx, &user, event, reason, tries).await;
            }
        }
        tries.forget(inner).await;
        let set = NewSet::generate(inner).await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        self.recoverable(unit.tx(), &user).await?;
        write_set(inner, &mut unit, &user, &set).await?;
        unit.commit().await?;
        Ok(set.shown)
    }

    /// The factors that backup codes stand in for.
    async fn recoverable(
        &self,
        tx: &mut dyn crate::store::Transaction,
        user: &User,
    ) -> Result<Vec<MfaCredential>, Error> {
        let mut factors = in_force(tx, user).await?;
        factors.retain(|factor| self.0.inner().mfa_methods.is_factor(&factor.method));
        if factors.is_empty() {
            return Err(MfaError::NotEnabled.into());
        }
        Ok(factors)
    }

    /// Puts a factor of a method of the application's in force, which the application has seen work. `secret` is sealed, and handed
    /// to [`MfaMethod::verify`](crate::MfaMethod::verify). The user's other sessions end, and a notice goes out.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotOffered`] where no method of the application's has this name; [`MfaError::AlreadyEnabled`];
    /// [`AccessError::StepUpRequired`] as [`begin_totp`](Self::begin_totp); [`AccessError::Invalid`] where the session is over; a
    /// failure of the store.
    pub async fn bind(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        secret: &SecretBytes,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        if !inner.mfa_methods.is_of_application(method) {
            return Err(MfaError::NotOffered.into());
        }
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let mut user = unit.require_live(who).await?;
        self.require_recent(who, &user)?;
        super::enroll::put(inner, &mut unit, &user, method, secret.expose()).await?;
        let (tenant, id) = (user.tenant_id, user.id);
        if !unit.tx().mfa().confirm(tenant, id, method, -1, now).await? {
            return Err(MfaError::AlreadyEnabled.into());
        }
        let session = Some(who.session_id);
        came_into_force(inner, &mut unit, &mut user, method, None, session).await?;
        unit.tx().users().update(&user).await?;
        unit.commit().await
    }

    /// A factor is bound by somebody who was seen lately, and where there is one already, by somebody who showed it: not by a
    /// session that was left open, or stolen.
    pub(super) fn require_recent(self, who: &Identity, user: &User) -> Result<(), Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        let max_age = inner.config.mfa.binding_max_age;
        let age = inner.clock.now().since(who.authenticated_at);
        if age > max_age || (user.mfa_enabled_at.is_some() && !who.mfa_verified) {
            return Err(AccessError::StepUpRequired {
                max_age: Some(max_age),
            }
            .into());
        }
        Ok(())
    }

    /// Refuses without having looked at the code.
    pub(super) async fn refuse<T>(
        &self,
        cx: &RequestContext,
        who: &Identity,
        event: Event,
        reason: &'static str,
    ) -> Result<T, Error> {
        let inner = self.0.inner();
        let record = Record::failure(event, reason).by(who.user_id);
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Err(MfaError::CodeIncorrect.into())
    }

    /// Refuses a code that was wrong.
    pub(super) async fn refuse_try<T>(
        &self,
        cx: &RequestContext,
        user: &User,
        event: Event,
        reason: &'static str,
        tries: Tries,
    ) -> Result<T, Error> {
        tries
            .refuse(self.0.inner(), cx, user, event, reason)
            .await?;
        Err(MfaError::CodeIncorrect.into())
    }
}
