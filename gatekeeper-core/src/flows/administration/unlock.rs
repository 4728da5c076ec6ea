use super::Administration;
use crate::{
    AccountError, Error, RequestContext,
    flows::{Counter, Record, Unit},
    lockout::LockoutState,
    model::{Event, UserId},
};

impl Administration<'_> {
    /// Lifts every lock of an account and forgets the wrong guesses at it: passwords and codes, of strangers and of the devices
    /// that it knows. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; a failure of the store or of the counters.
    pub async fn unlock(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        let found = tx.users().find(cx.tenant_id, user).await?;
        let devices = tx.devices().list(cx.tenant_id, user, now).await?;
        drop(tx);
        found.ok_or(AccountError::NotFound)?;
        let mut counters = vec![Counter::Account(user), Counter::Mfa(user)];
        for device in devices {
            counters.extend([Counter::Device(device.id), Counter::MfaOfDevice(device.id)]);
        }
        let mut lifted = false;
        for counter in counters {
            let key = inner.counter(cx.tenant_id, counter);
            if inner.lockout.state(&key).await? != LockoutState::default() {
                inner.forgive(&key).await?;
                lifted = true;
            }
        }
        if lifted {
            let record = Record::success(Event::AccountUnlocked).target(user);
            Unit::record_alone(inner, cx, now, record).await?;
        }
        Ok(())
    }
}
