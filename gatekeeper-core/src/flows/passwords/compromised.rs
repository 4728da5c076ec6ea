//! Passwords that are known to others: they may be changed, and used for nothing else (NIST SP 800-63B-4 section 3.1.1.2).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Error, RequestContext,
    flows::{Record, Unit},
    gatekeeper::Inner,
    mail::{AccountMail, Notice},
    model::{Account, Event, SecretString, Timestamp, User, UserId},
    password_policy::Breach,
};

/// For how long after a failure sign-ins do not ask again: a service that stalls delays one of them, not all.
const PAUSE: Duration = Duration::from_secs(30);

/// Until when sign-ins do not ask whether a password was breached.
#[derive(Debug, Default)]
pub(crate) struct BreachPause(Mutex<Option<Timestamp>>);

impl BreachPause {
    fn holds(&self, now: Timestamp) -> bool {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }

    fn begin(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.after(PAUSE));
    }
}

impl Inner {
    /// At a sign-in with the right password, where a setting says so: looks the password up among breached ones, and marks
    /// it where it is there, which the sign-in then finds in the row. Where there is no answer, nothing happens.
    ///
    /// # Security
    ///
    /// Only after the account's lock was looked at: that something outside is asked takes time, which would tell that the
    /// password is right.
    pub(crate) async fn look_at_password(
        &self,
        cx: &RequestContext,
        account: &Account,
        password: &SecretString,
    ) -> Result<(), Error> {
        let (Some(checker), Some(stored)) = (&self.breach_checker, &account.password) else {
            return Ok(());
        };
        let pause = &self.breach_pause;
        let now = self.clock.now();
        if !self.config.breach.at_sign_in || stored.must_change_since.is_some() || pause.holds(now)
        {
            return Ok(());
        }
        match self.look_up(checker.as_ref(), password).await {
            Ok(Breach::Unknown) => return Ok(()),
            Ok(Breach::Known) => {}
            Err(error) => {
                tracing::warn!(%error, "a sign-in goes on without a look among breached passwords");
                pause.begin(self.clock.now());
                return Ok(());
            }
        }
        let mut unit = Unit::begin(self, cx, self.clock.now()).await?;
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, account.user.id)
            .await?;
        let Some(user) = held.filter(User::is_active) else {
            return Ok(());
        };
        let present = unit
            .tx()
            .credentials()
            .find_password(cx.tenant_id, user.id)
            .await?;
        // Changed in between: it is another password that would be marked.
        if present.is_none_or(|present| present.changed_at != stored.changed_at) {
            return Ok(());
        }
        match mark(&mut unit, &user, "breached", None).await? {
            Marked::Now => unit.commit().await,
            Marked::Before => Ok(()),
        }
    }
}

/// Whether a password was marked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Marked {
    Now,
    /// It was already, or there is none.
    Before,
}

/// Marks the password of a user, who is held, and has them told.
pub(crate) async fn mark(
    unit: &mut Unit<'_>,
    user: &User,
    reason: &'static str,
    by: Option<UserId>,
) -> Result<Marked, Error> {
    let now = unit.now();
    let marked = unit
        .tx()
        .credentials()
        .require_password_change(user.tenant_id, user.id, now)
        .await?;
    if !marked {
        return Ok(Marked::Before);
    }
    let mut record = Record::success(Event::PasswordChangeRequired).target(user.id);
    if let Some(by) = by {
        record = record.done_by(by);
    }
    unit.record(record.because(reason)).await?;
    unit.mail(&AccountMail::notice(Notice::PasswordChangeRequired, user))
        .await?;
    Ok(Marked::Now)
}
