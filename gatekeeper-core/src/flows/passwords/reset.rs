use super::{
    Passwords,
    choose::{Present, replace_password},
};
use crate::{
    Error, RequestContext, Violations,
    crypto::one_time,
    flows::{
        Record, Unit,
        accounts::{MailboxProof, drop_unproven_factors, prove_mailbox},
        validate,
    },
    mail::{AccountMail, Notice},
    model::{Event, SecretString, SessionEnd, TokenPurpose, User},
    rate_limit::{MailAllowance, MailLimit, TOO_MANY},
};

impl Passwords<'_> {
    /// Asks for a reset link. The answer is the same whether or not there is such an account, and whether or not too many
    /// were asked for already.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`; a failure of the store.
    pub async fn request_reset(&self, cx: &RequestContext, email: &str) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", email);
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };
        let allowance = inner
            .may_mail(cx, MailLimit::Reset, email.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let record = match allowance {
            MailAllowance::Allowed => Record::success(Event::PasswordResetRequested),
            MailAllowance::TooMany => Record::failure(Event::PasswordResetRequested, TOO_MANY),
        };
        unit.record(record.detail("email_digest", inner.email_digest(&email)))
            .await?;
        match allowance {
            MailAllowance::Allowed => {
                unit.mail(&AccountMail::ResetRequested {
                    email: email.as_str().to_owned(),
                })
                .await?;
            }
            MailAllowance::TooMany => {}
        }
        unit.commit().await
    }

    /// Sets a new password with the token of a reset link: ends every session and every other link, keeps the second
    /// factor, signs nobody in, mails a notice.
    ///
    /// The user's present password and those before it are refused, as many as the settings say. A password that is refused
    /// does not use the token up. Redeeming also proves the mailbox: an account whose address
    /// was unverified is verified, and with the sessions goes whatever its unproven owner left.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where the token is wrong, used, expired or of another purpose; [`Error::Invalid`] for
    /// `/new_password`; [`Error::Overloaded`]; [`Error::Unavailable`] where the settings ask for a look among breached passwords
    /// and there is no answer; a failure of the store.
    pub async fn reset(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        new_password: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let Some(token_hash) = one_time::hash_of(token.expose()) else {
            return Err(Error::Token);
        };

        // Looked at first: a hash costs too much to be spent on anybody's guess.
        let mut tx = inner.repository.begin().await?;
        let purpose = TokenPurpose::PasswordReset;
        let user = match tx
            .tokens()
            .find(cx.tenant_id, purpose, &token_hash, inner.clock.now())
            .await?
        {
            Some(found) => tx.users().find(cx.tenant_id, found.user_id).await?,
            None => None,
        };
        drop(tx);
        let Some(user) = user.filter(User::may_sign_in) else {
            return self.refuse(cx).await;
        };

        let mut violations = Violations::none();
        let context = [
            user.email.normalized().as_str(),
            user.name.as_deref().unwrap_or_default(),
        ];
        let looked_up = inner
            .check_password(
                cx.tenant_id,
                &mut violations,
                "/new_password",
                new_password,
                &context,
            )
            .await?;
        violations.check()?;
        // What was the present password then, and those before it, still are when the token is used up: whatever sets a
        // password ends the token.
        inner
            .check_history(
                cx.tenant_id,
                user.id,
                "/new_password",
                new_password,
                Present::Stored,
            )
            .await?;
        let hash = inner.hasher.hash(new_password).await?;

        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        // The user before the token, like everybody who holds both.
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user.id)
            .await?;
        let consumed = unit
            .tx()
            .tokens()
            .consume(cx.tenant_id, purpose, &token_hash, now)
            .await?;
        let (Some(mut user), Some(_)) = (held.filter(User::may_sign_in), consumed) else {
            drop(unit);
            return self.refuse(cx).await;
        };
        replace_password(inner, &mut unit, &user, hash).await?;
        if prove_mailbox(&mut unit, &mut user).await? == MailboxProof::First {
            drop_unproven_factors(&mut unit, &mut user).await?;
            unit.tx().users().update(&user).await?;
        }
        unit.end_sessions(user.id, None, SessionEnd::PasswordChanged)
            .await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        let record = Record::success(Event::PasswordReset).by(user.id);
        unit.record(record.looked_up(looked_up)).await?;
        unit.mail(&AccountMail::notice(Notice::PasswordReset, &user))
            .await?;
        unit.commit().await?;
        inner.forgive_after_reset(cx.tenant_id, user.id).await;
        Ok(())
    }

    async fn refuse(&self, cx: &RequestContext) -> Result<(), Error> {
        let inner = self.0.inner();
        let record = Record::failure(Event::TokenRefused, "unknown_token");
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Err(Error::Token)
    }
}
