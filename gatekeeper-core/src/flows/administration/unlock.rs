use super::Administration;
use crate::{
    Error, RequestContext,
    flows::{Counter, Record, Unit},
    lockout::LockoutState,
    model::{Event, UserId},
};

impl Administration<'_> {
    /// Lifts every lock of an account and forgets the wrong guesses at it: passwords and codes, of strangers and of the devices
    /// that it knows. Doing it again changes nothing. Needs `users:write` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`](crate::AccountError::NotFound); as every operation in the name of an administrator; a failure of the
    /// store or of the counters.
    pub async fn unlock(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        // Ended before the counters are asked: it may hold the store that they are in.
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, user) = self.act_on(&mut unit, "users:write", user).await?;
        let devices = unit.tx().devices().list(cx.tenant_id, user.id, now).await?;
        drop(unit);
        let mut counters = vec![Counter::Account(user.id), Counter::Mfa(user.id)];
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
            let record = Record::success(Event::AccountUnlocked)
                .by_administrator(&acting)
                .target(user.id);
            Unit::record_alone(inner, cx, now, record).await?;
        }
        Ok(())
    }
}
