//! The outbox: what was decided in a transaction is carried out here, after it.
//!
//! | entry | what is done with it |
//! |---|---|
//! | account mail | look the account up, make the token, enqueue the mail; in one transaction |
//! | mail | hand it over; note that it was |
//!
//! A failed attempt is made again after 1, 5 and 15 minutes, then the entry is dead: kept, to be seen and sent again. A
//! process that dies between handing a mail over and noting it sends that mail twice, with the same id, and no more than
//! that: whoever takes the entry over counts the attempt.

mod deliver;
mod prepare;

use crate::{
    Error, Gatekeeper, RequestContext,
    env::{MailError, SmsError},
    gatekeeper::Inner,
    model::{MailId, OutboxEntry, OutboxKind, OutboxState, Page, PageRequest},
};

/// How many entries one claim takes.
const BATCH: u32 = 16;

/// The outbox. From [`Gatekeeper::outbox`].
#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a>(pub(crate) &'a Gatekeeper);

/// What one run over the outbox did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Entries done.
    pub done: u32,
    /// Entries whose attempt failed.
    pub failed: u32,
}

/// Why an entry's attempt failed.
pub(crate) enum AttemptError {
    /// It may work later.
    Transient(String),
    /// It never will.
    Permanent(String),
    /// The store failed: nothing can be noted either, and the lease runs out.
    Store(Error),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<crate::store::StoreError> for AttemptError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SmsError> for AttemptError {
    fn from(error: SmsError) -> Self {
        match error {
            SmsError::Transient(reason) => Self::Transient(reason),
            SmsError::Permanent(reason) => Self::Permanent(reason),
        }
    }
}

impl From<MailError> for AttemptError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Transient(reason) => Self::Transient(reason),
            MailError::Permanent(reason) => Self::Permanent(reason),
        }
    }
}

impl Outbox<'_> {
    /// Carries out everything that is due, until nothing is. The worker calls it; a test or a job of the application's own
    /// may.
    ///
    /// # Errors
    ///
    /// A failure of the store. What was not noted is taken up again when its lease has run out.
    pub async fn deliver_due(&self) -> Result<Delivered, Error> {
        self.0.inner().deliver_due().await
    }

    /// Entries that were given up, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn dead(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, Error> {
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx
            .outbox()
            .list(cx.tenant_id, OutboxState::Dead, page)
            .await?)
    }

    /// Sends a dead entry again, its attempts counted from zero. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn revive(&self, cx: &RequestContext, id: MailId) -> Result<bool, Error> {
        let inner = self.0.inner();
        let mut tx = inner.repository.begin().await?;
        let revived = tx
            .outbox()
            .revive(cx.tenant_id, id, inner.clock.now())
            .await?;
        tx.commit().await?;
        inner.outbox_wake.notify_one();
        Ok(revived)
    }
}

impl Inner {
    pub(crate) async fn deliver_due(&self) -> Result<Delivered, Error> {
        let mut delivered = Delivered::default();
        loop {
            let now = self.clock.now();
            let mut tx = self.repository.begin().await?;
            let entries = tx
                .outbox()
                .claim(now, now.after(self.config.outbox.lease), BATCH)
                .await?;
            tx.commit().await?;
            if entries.is_empty() {
                return Ok(delivered);
            }
            for entry in entries {
                if self.attempt(&entry).await? {
                    delivered.done += 1;
                } else {
                    delivered.failed += 1;
                }
            }
        }
    }

    /// One attempt at one entry; answers whether it is done.
    async fn attempt(&self, entry: &OutboxEntry) -> Result<bool, Error> {
        let outcome = match entry.kind {
            OutboxKind::AccountMail => self.prepare(entry).await,
            OutboxKind::Mail => self.hand_over(entry).await,
            OutboxKind::Sms => self.hand_over_sms(entry).await,
        };
        let (reason, retry) = match outcome {
            Ok(()) => return Ok(true),
            Err(AttemptError::Store(error)) => return Err(error),
            Err(AttemptError::Transient(reason)) => (reason, self.retry_delay(entry.attempts)),
            Err(AttemptError::Permanent(reason)) => (reason, None),
        };
        let now = self.clock.now();
        let retry_at = retry.map(|delay| now.after(delay));
        tracing::warn!(mail = %entry.id, attempt = entry.attempts, reason, given_up = retry_at.is_none(), "a mail was not handed over");
        let mut tx = self.repository.begin().await?;
        tx.outbox()
            .fail(entry.id, entry.attempts, &reason, retry_at, now)
            .await?;
        tx.commit().await?;
        Ok(false)
    }

    fn retry_delay(&self, attempts: i32) -> Option<std::time::Duration> {
        let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
        self.config.outbox.retries.get(index).copied()
    }
}
