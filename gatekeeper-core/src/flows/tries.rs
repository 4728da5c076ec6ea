//! Counting codes before they are looked at.
//!
//! A code is verified within the unit that it opens, and the counters may be in the store that the unit holds: so a try is
//! counted *before* the code is verified, and taken back when it was right. Of any number of tries at once no more are looked
//! at than the policy allows (CVE-2019-5421).

use super::{Counted, Guard, Telling};
use crate::{
    Error,
    gatekeeper::Inner,
    model::{TenantId, UserId},
};

/// The counters that a code is counted on.
#[derive(Debug)]
pub(crate) struct CodeGuards(pub(crate) Vec<Guard>);

/// Whether a code may be looked at.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) enum Try {
    /// No: one of the counters is locked. Nothing may be learned.
    Locked,
    /// Yes. A wrong one locks the account, where this says so.
    Counted(Option<Telling>),
}

impl CodeGuards {
    /// Counts a try at the codes of this user.
    pub(crate) async fn count(
        &self,
        inner: &Inner,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Try, Error> {
        let now = inner.clock.now();
        if self.0.iter().any(|guard| guard.was_locked(now)) {
            return Ok(Try::Locked);
        }
        let mut locks = None;
        for guard in &self.0 {
            match inner.guessed_wrong(guard).await? {
                Counted::Locked => return Ok(Try::Locked),
                Counted::Open => {}
                Counted::NowLocked(telling) => locks = locks.max(Some(telling)),
            }
        }
        let locks = match locks {
            Some(telling) => {
                let whom = user.to_string();
                Some(inner.tell_of_lock(tenant, &whom, telling).await?)
            }
            None => None,
        };
        Ok(Try::Counted(locks))
    }

    /// The code was right: takes back every try that was counted. A counter that cannot be cleared stays as it is: its lock
    /// runs out.
    pub(crate) async fn forget(&self, inner: &Inner) {
        for guard in &self.0 {
            if let Err(error) = inner.forgive(&guard.key).await {
                tracing::warn!(error = %crate::error::chain(&error), "a counter of wrong codes was not cleared");
            }
        }
    }
}
