use super::Passwords;
use crate::{
    AccessError, Error, Identity, RequestContext, Violations,
    flows::{Record, Unit},
    mail::{AccountMail, Notice},
    model::{Event, PasswordCredential, SecretString, SessionEnd, TokenPurpose},
};

impl Passwords<'_> {
    /// Changes one's own password. The other sessions and every link end; a notice goes out.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/new_password`; [`PasswordError::CurrentIncorrect`](crate::PasswordError::CurrentIncorrect);
    /// [`AccessError::Invalid`] where the session is over; [`Error::Overloaded`]; a failure of the store.
    pub async fn change(
        &self,
        cx: &RequestContext,
        who: &Identity,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let confirmed = inner
            .confirm_password(cx, who, current, Event::PasswordChanged)
            .await?;
        let mut violations = Violations::none();
        let name = confirmed.user.name.as_deref().unwrap_or_default();
        let context = [confirmed.user.email.normalized().as_str(), name];
        inner.check_password(&mut violations, "/new_password", new, &context);
        violations.check()?;
        let hash = inner.hasher.hash(new).await?;

        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let user = unit.require_live(who).await?;
        let stored = unit
            .tx()
            .credentials()
            .find_password(cx.tenant_id, user.id)
            .await?;
        // Another change came in between: the password that was checked is no longer the one.
        if stored.is_none_or(|stored| stored.changed_at != confirmed.password_changed_at) {
            return Err(AccessError::Invalid.into());
        }
        let password = PasswordCredential {
            user_id: user.id,
            tenant_id: cx.tenant_id,
            hash,
            changed_at: now,
            must_change_since: None,
        };
        unit.tx().credentials().set_password(&password).await?;
        unit.end_sessions(user.id, Some(who.session_id), SessionEnd::PasswordChanged)
            .await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        unit.record(Record::success(Event::PasswordChanged).by(user.id))
            .await?;
        unit.mail(&AccountMail::notice(Notice::PasswordChanged, &user))
            .await?;
        unit.commit().await
    }
}
