use super::{
    Passwords,
    choose::{Present, replace_password},
};
use crate::{
    AccessError, Error, Identity, RequestContext, Violations,
    flows::{Record, Unit},
    mail::{AccountMail, Notice},
    model::{Event, SecretString, SessionEnd, TokenPurpose},
};

impl Passwords<'_> {
    /// Changes one's own password. The other sessions and every link end; a notice goes out.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/new_password`; [`PasswordError::CurrentIncorrect`](crate::PasswordError::CurrentIncorrect);
    /// [`AccessError::Invalid`] where the session is over; [`Error::Overloaded`]; [`Error::Unavailable`] where the settings ask for
    /// a look among breached passwords and there is no answer; a failure of the store.
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
        let looked_up = inner
            .check_password(
                cx.tenant_id,
                &mut violations,
                "/new_password",
                new,
                &context,
            )
            .await?;
        violations.check()?;
        let (tenant, present) = (cx.tenant_id, Present::Shown(current));
        inner
            .check_history(tenant, who.user_id, "/new_password", new, present)
            .await?;
        let hash = inner.hasher.hash(new).await?;

        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let user = unit.require_live(who).await?;
        let stored = unit
            .tx()
            .credentials()
            .find_password(cx.tenant_id, user.id)
            .await?;
        // Another change came in between: the password that was checked is no longer the one, and those before it are others.
        if stored.is_none_or(|stored| stored.changed_at != confirmed.password_changed_at) {
            return Err(AccessError::Invalid.into());
        }
        replace_password(inner, &mut unit, &user, hash).await?;
        unit.end_sessions(user.id, Some(who.session_id), SessionEnd::PasswordChanged)
            .await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        let record = Record::success(Event::PasswordChanged).by(user.id);
        unit.record(record.looked_up(looked_up)).await?;
        unit.mail(&AccountMail::notice(Notice::PasswordChanged, &user))
            .await?;
        unit.commit().await
    }
}
