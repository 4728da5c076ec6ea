//! Factors whose codes are sent: set up by showing a code that was sent there.

use super::{
    BackupCodes, Binding, Destination, EMAIL, Mfa, MfaStanding, SMS, TOTP,
    backup_codes::NewSet,
    change::came_into_force,
    enroll::{begun, put},
    offer::{in_force, offered},
    sent::{self, Redeemed},
    tries::{Tries, Try},
    verify::{normalise, open},
};
use crate::{
    AccountError, Error, Identity, MfaError, RequestContext, Violations,
    flows::{Record, Unit},
    gatekeeper::Inner,
    model::{Event, SecretString, User},
    rate_limit::{MailAllowance, MailLimit, TOO_MANY},
};

impl Mfa<'_> {
    /// Begins to set a telephone up as a second factor: sends a code to it, which [`confirm`](Self::confirm) takes. Over the limit of
    /// codes to one account, nothing is sent, and the answer is the same.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotOffered`] where the application gave no sender; [`Error::Invalid`] for `/phone`; the rest as
    /// [`begin_totp`](Self::begin_totp).
    ///
    /// # Security
    ///
    /// A restricted authenticator (NIST SP 800-63B-4 section 3.2.9): numbers are ported and messages are read by others. Offer an
    /// authenticator app beside it.
    pub async fn begin_sms(
        &self,
        cx: &RequestContext,
        who: &Identity,
        phone: &str,
    ) -> Result<(), Error> {
        if self.0.inner().sms.is_none() {
            return Err(MfaError::NotOffered.into());
        }
        let number = telephone(phone)?;
        let destination = Destination::Telephone(number.clone());
        self.begin_sent(cx, who, SMS, number.as_bytes(), destination)
            .await
    }

    /// Begins to choose codes by mail as a second factor: sends one to the account's address, which [`confirm`](Self::confirm) takes.
    /// Over the limit of codes to one account, nothing is sent, and the answer is the same.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotOffered`] where the application does not offer it; [`AccountError::EmailUnverified`];
    /// [`MfaError::AlreadyEnabled`] where the user has another factor, which is stronger; the rest as
    /// [`begin_totp`](Self::begin_totp).
    pub async fn begin_email(&self, cx: &RequestContext, who: &Identity) -> Result<(), Error> {
        if !self.0.inner().config.mfa.email_codes {
            return Err(MfaError::NotOffered.into());
        }
        self.begin_sent(cx, who, EMAIL, &[], Destination::Mailbox)
            .await
    }

    async fn begin_sent(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        secret: &[u8],
        destination: Destination,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let user = inner.account_of(cx, who).await?.user;
        self.require_recent(who, &user)?;
        if !self.may_send(cx, &user, method).await? {
            return Ok(());
        }
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        self.require_recent(who, &user)?;
        if destination == Destination::Mailbox {
            if !user.email_verified() {
                return Err(AccountError::EmailUnverified.into());
            }
            if !in_force(unit.tx(), &user).await?.is_empty() {
                return Err(MfaError::AlreadyEnabled.into());
            }
        }
        put(inner, &mut unit, &user, method, secret).await?;
        let binding = Binding::Setup(who.session_id);
        sent::send(inner, &mut unit, &user, method, destination, binding).await?;
        unit.commit().await
    }

    /// Puts a factor in force that was begun, with a code of it. The user's other sessions end, no device is spared the second factor
    /// any more, and a notice goes out. With the first factor that they can stand in for come ten backup codes; otherwise there are
    /// none in the answer.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotOffered`] where there is no such method; the rest as [`confirm_totp`](Self::confirm_totp).
    pub async fn confirm(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        code: &SecretString,
    ) -> Result<BackupCodes, Error> {
        match method {
            TOTP => return self.confirm_totp(cx, who, code).await,
            SMS | EMAIL => {}
            _ => return Err(MfaError::NotOffered.into()),
        }
        let inner = self.0.inner();
        let event = Event::MfaEnabled;
        let user = inner.account_of(cx, who).await?.user;
        self.require_recent(who, &user)?;
        let tries = match Tries::of_setup(inner, cx, who).await? {
            Try::Counted(tries) => tries,
            Try::Locked => return self.refuse(cx, who, event, "locked").await,
        };
        let code = normalise(code);
        let binding = Binding::Setup(who.session_id);
        // Looked at first: ten hashes are not for whoever guesses.
        let mut tx = inner.repository.begin().await?;
        begun(tx.as_mut(), &user, method).await?;
        let now = inner.clock.now();
        let found = sent::find(inner, tx.as_mut(), &user, method, &code, binding, now).await?;
        let first = in_force(tx.as_mut(), &user)
            .await?
            .iter()
            .all(|factor| !inner.mfa_methods.is_factor(&factor.method));
        drop(tx);
        if let Redeemed::Wrong = found {
            return self.refuse_try(cx, &user, event, "wrong_code", tries).await;
        }
        let set = if first && inner.mfa_methods.is_factor(method) {
            Some(NewSet::generate(inner).await?)
        } else {
            None
        };

        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let mut user = unit.require_live(who).await?;
        let redeemed = sent::consume(inner, &mut unit, &user, method, &code, binding).await?;
        let (tenant, id, now) = (user.tenant_id, user.id, unit.now());
        let confirmed = match redeemed {
            Redeemed::Right => unit.tx().mfa().confirm(tenant, id, method, -1, now).await?,
            Redeemed::Wrong => false,
        };
        if !confirmed {
            drop(unit);
            return self.refuse_try(cx, &user, event, "wrong_code", tries).await;
        }
        let session = Some(who.session_id);
        came_into_force(inner, &mut unit, &mut user, method, set.as_ref(), session).await?;
        unit.tx().users().update(&user).await?;
        unit.commit().await?;
        tries.forget(inner).await;
        Ok(set.map_or_else(|| BackupCodes(Vec::new()), |set| set.shown))
    }

    /// Sends a code to whoever is signed in, for a step-up or for taking the factor away. Over the limit of codes to one account,
    /// nothing is sent, and the answer is the same.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/method` where the user has no such factor or its codes are not sent;
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where the session is over; a failure of the store.
    pub async fn send_code(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
    ) -> Result<(), Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        let user = inner.account_of(cx, who).await?.user;
        let binding = Binding::Session(who.session_id);
        let mut tx = inner.repository.begin().await?;
        destination(inner, tx.as_mut(), &user, method, binding).await?;
        drop(tx);
        if !self.may_send(cx, &user, method).await? {
            return Ok(());
        }
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        let to = destination(inner, unit.tx(), &user, method, binding).await?;
        sent::send(inner, &mut unit, &user, method, to, binding).await?;
        unit.commit().await
    }

    /// Whether one more code may be sent to an account; one too many is recorded.
    pub(super) async fn may_send(
        &self,
        cx: &RequestContext,
        user: &User,
        method: &str,
    ) -> Result<bool, Error> {
        let inner = self.0.inner();
        let email = user.email.normalized();
        match inner.may_mail(cx, MailLimit::MfaCode, email).await? {
            MailAllowance::Allowed => Ok(true),
            MailAllowance::TooMany => {
                let record = Record::failure(Event::MfaCodeRequested, TOO_MANY).target(user.id);
                let record = record.detail("method", method);
                Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
                Ok(false)
            }
        }
    }
}

/// Where the codes of a method go that is offered here.
pub(super) async fn destination(
    inner: &Inner,
    tx: &mut dyn crate::store::Transaction,
    user: &User,
    name: &str,
    binding: Binding<'_>,
) -> Result<Destination, Error> {
    let offered = offered(inner, tx, user, binding.first()).await?;
    let method = inner.mfa_methods.find(name);
    let Some(method) = method.filter(|method| offered.iter().any(|name| name == method.name()))
    else {
        return Err(not_offered());
    };
    let row = in_force(tx, user)
        .await?
        .into_iter()
        .find(|row| row.method == name);
    let factor = row.map(|row| open(inner, &row)).transpose()?;
    if factor.is_none() && method.standing() != MfaStanding::Fallback {
        return Err(not_offered());
    }
    method.destination(factor.as_ref())?.ok_or_else(not_offered)
}

fn not_offered() -> Error {
    Violations::one("/method", "mfa.method", "sends no codes here").into()
}

/// A number in the form of E.164: `+`, the country, up to 15 digits in all. What people put between them is left out.
fn telephone(text: &str) -> Result<String, Error> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/'))
        .collect();
    let sound = plain.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !sound {
        let detail = "must be a telephone number with its country: `+` and 8 to 15 digits";
        return Err(Violations::one("/phone", "phone.malformed", detail).into());
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::telephone;

    #[test]
    fn a_telephone_number_has_one_form() {
        assert_eq!(telephone("+49 (30) 901-820").unwrap(), "+4930901820");
        for wrong in [
            "",
            "+",
            "030901820",
            "+0301234567",
            "+1234567",
            "+1234567890123456",
            "+49301234a",
            "++4930901820",
            "+4930901820\n",
            "+４９30901820",
            "+49;ext=1234567",
        ] {
            assert!(telephone(wrong).is_err(), "{wrong:?}");
        }
    }
}
