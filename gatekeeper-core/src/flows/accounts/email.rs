use serde_json::Value;

use super::{Accounts, MailboxProof, prove_mailbox};
use crate::{
    AccountError, Error, Identity, RequestContext, Violations,
    crypto::one_time,
    flows::{Record, Unit, validate},
    mail::{AccountMail, Notice},
    model::{
        EmailAddress, Event, Offered, OneTimeToken, SecretString, TokenHash, TokenPurpose, User,
    },
    rate_limit::{MailAllowance, MailLimit, TOO_MANY},
    store::Constraint,
};

/// Every link that is only good while the account's address and password are what they were.
const LINKS: &[TokenPurpose] = TokenPurpose::ALL;

impl Accounts<'_> {
    /// Redeems the token of a verification mail, or of the mail that confirms a change of address.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where it is wrong, used, expired, of another purpose, or confirms an address that the account no
    /// longer has or can no longer get.
    pub async fn verify_email(
        &self,
        cx: &RequestContext,
        token: &SecretString,
    ) -> Result<(), Error> {
        let Some(hash) = one_time::hash_of(token.expose()) else {
            return Err(Error::Token);
        };
        let reason = match self.try_verify(cx, &hash).await {
            Ok(Some(refusal)) => refusal,
            Ok(None) => return Ok(()),
            Err(Error::Store(error)) if error.is_conflict(Constraint::UserEmail) => "email_taken",
            Err(error) => return Err(error),
        };
        let inner = self.0.inner();
        let record = Record::failure(Event::TokenRefused, reason);
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Err(Error::Token)
    }

    /// Answers why not, where it does not.
    async fn try_verify(
        &self,
        cx: &RequestContext,
        hash: &TokenHash,
    ) -> Result<Option<&'static str>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        for purpose in [TokenPurpose::EmailVerification, TokenPurpose::EmailChange] {
            let Some(found) = unit
                .tx()
                .tokens()
                .find(cx.tenant_id, purpose, hash, now)
                .await?
            else {
                continue;
            };
            // The user before the token, like everybody who holds both.
            let Some(user) = unit
                .tx()
                .users()
                .find_for_update(cx.tenant_id, found.user_id)
                .await?
            else {
                continue;
            };
            let Some(token) = unit
                .tx()
                .tokens()
                .consume(cx.tenant_id, purpose, hash, now)
                .await?
            else {
                continue;
            };
            let Some(address) = confirmed_address(&token) else {
                return Ok(Some("corrupt_token"));
            };
            if purpose == TokenPurpose::EmailChange {
                // The tenant may have closed the domain since.
                let tenant = unit.tx().tenants().find(cx.tenant_id).await?;
                let settings = tenant.map(|tenant| tenant.settings).unwrap_or_default();
                if settings.address(address.normalized()) == Offered::No {
                    return Ok(Some("domain_not_allowed"));
                }
                Self::finish_change(&mut unit, cx, user, address).await?;
            } else if user.email == address {
                Self::finish_verification(&mut unit, cx, user).await?;
            } else {
                return Ok(Some("address_changed"));
            }
            unit.commit().await?;
            return Ok(None);
        }
        Ok(Some("unknown_token"))
    }

    async fn finish_verification(
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        mut user: User,
    ) -> Result<(), Error> {
        let now = unit.now();
        if prove_mailbox(unit, &mut user).await? == MailboxProof::First {
            unit.tx().users().update(&user).await?;
        }
        let purposes = [TokenPurpose::EmailVerification];
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, &purposes, now)
            .await?;
        Ok(())
    }

    async fn finish_change(
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        mut user: User,
        address: EmailAddress,
    ) -> Result<(), Error> {
        let now = unit.now();
        let notice = AccountMail::notice(Notice::EmailChanged, &user);
        user.email = address;
        user.email_verified_at = Some(now);
        user.updated_at = now;
        unit.tx().users().update(&user).await?;
        unit.tx().users().update_search(&user).await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, LINKS, now)
            .await?;
        unit.record(Record::success(Event::EmailChanged).by(user.id))
            .await?;
        unit.mail(&notice).await
    }

    /// Asks for the verification mail again. The answer is the same whether or not there is such an account, whether or not
    /// it is verified, and whether or not too many were asked for already.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`; a failure of the store.
    pub async fn request_verification(
        &self,
        cx: &RequestContext,
        email: &str,
    ) -> Result<(), Error> {
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", email);
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };
        let inner = self.0.inner();
        let allowance = inner
            .may_mail(cx, MailLimit::Verification, email.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let record = match allowance {
            MailAllowance::Allowed => Record::success(Event::EmailVerificationRequested),
            MailAllowance::TooMany => Record::failure(Event::EmailVerificationRequested, TOO_MANY),
        };
        unit.record(record.detail("email_digest", inner.email_digest(&email)))
            .await?;
        match allowance {
            MailAllowance::Allowed => {
                unit.mail(&AccountMail::VerificationRequested {
                    email: email.as_str().to_owned(),
                })
                .await?;
            }
            MailAllowance::TooMany => {}
        }
        unit.commit().await
    }

    /// Asks to change the address. The token goes to the new address, a notice to the old one; nothing changes until the
    /// token is redeemed. The answer is the same where the new address is another account's; its owner is told by mail. It is
    /// the same, too, where the new address was sent enough already; then nobody is sent anything.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/new_email`; [`AccountError::DomainNotAllowed`] by the tenant's settings; [`PasswordError::CurrentIncorrect`](crate::PasswordError::CurrentIncorrect);
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where the session is over; a failure of the store.
    pub async fn request_email_change(
        &self,
        cx: &RequestContext,
        who: &Identity,
        new_email: &str,
        password: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut violations = Violations::none();
        let address = validate::email(&mut violations, "/new_email", new_email);
        violations.check()?;
        let Some(address) = address else {
            return Err(Error::internal("a checked address is there"));
        };
        // Of the domain alone: it says nothing about an account.
        let settings = inner.tenant_settings(cx.tenant_id).await?;
        if settings.address(address.normalized()) == Offered::No {
            return Err(AccountError::DomainNotAllowed.into());
        }
        inner
            .confirm_password(cx, who, password, Event::EmailChangeRequested)
            .await?;

        // Whose the new address is nobody knows: it is not to be flooded by somebody signed in either.
        let allowance = inner
            .may_mail(cx, MailLimit::Verification, address.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?;
        if user.email == address {
            return Err(Violations::one(
                "/new_email",
                "email.unchanged",
                "this is the address you have",
            )
            .into());
        }
        let record = match allowance {
            MailAllowance::Allowed => Record::success(Event::EmailChangeRequested),
            MailAllowance::TooMany => Record::failure(Event::EmailChangeRequested, TOO_MANY),
        };
        let record = record.by(user.id);
        unit.record(record.detail("email_digest", inner.email_digest(&address)))
            .await?;
        match allowance {
            MailAllowance::Allowed => {
                unit.mail(&AccountMail::ChangeEmail {
                    user_id: user.id,
                    address: address.as_str().to_owned(),
                })
                .await?;
                unit.mail(&AccountMail::notice(Notice::EmailChangeRequested, &user))
                    .await?;
            }
            MailAllowance::TooMany => {}
        }
        unit.commit().await
    }
}

/// The address a token confirms: it holds it itself, so that a later request cannot make an older token confirm another
/// address (CVE-2026-32700).
fn confirmed_address(token: &OneTimeToken) -> Option<EmailAddress> {
    EmailAddress::parse(token.payload.get("email").and_then(Value::as_str)?).ok()
}
