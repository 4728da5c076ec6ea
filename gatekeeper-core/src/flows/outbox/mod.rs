//! The outbox: what was decided in a transaction is carried out here, after it.
//!
//! | entry | what is done with it |
//! |---|---|
//! | account mail | look the account up, make the token, enqueue the mail; in one transaction |
//! | erasure | erase what is kept of a person, a batch at a time (see the flow of privacy) |
//! | mail | hand it over; note that it was |
//!
//! A failed attempt is made again after 1, 5 and 15 minutes, then the entry is dead: kept, to be seen and sent again. A
//! process that dies between handing a mail over and noting it sends that mail twice, with the same id, and no more than
//! that: whoever takes the entry over counts the attempt.
//!
//! What a suspended tenant has to send is kept with those that were given up until it is resumed.
//!
//! A few entries are at hand at once, each from the moment it was claimed, so that one whose carrier is silent holds up none of
//! the others, and none waits for its turn while its lease runs out. An attempt is broken off well before that.

mod at_hand;
mod deliver;
mod prepare;

use at_hand::{AtHand, Attempted, Step};

use crate::{
    Error, Gatekeeper, RequestContext,
    env::{MailError, SmsError},
    gatekeeper::Inner,
    model::{MailId, OutboxEntry, OutboxKind, OutboxState, Page, PageRequest, TenantId},
};

/// How many entries are at hand at once.
const AT_HAND: usize = 4;
/// What is noted with an entry that rests because its tenant is suspended; once that is resumed, it is sent.
pub(crate) const SUSPENDED: &str = "its tenant is suspended";
/// How many dead entries are sent again in one transaction.
const BATCH: u32 = 50;

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

/// What became of a request to send an entry again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Retry {
    /// It is due now.
    Due,
    /// There is no dead entry with this id.
    NotDead,
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

    /// Entries that stand in this state, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn list(
        &self,
        cx: &RequestContext,
        state: OutboxState,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, Error> {
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.outbox().list(cx.tenant_id, state, page).await?)
    }

    /// Whom an entry is for: an address or a telephone number. `None` once it was delivered, since what it held is wiped then;
    /// while it names an account whose address is yet to be looked up; and where it was sealed under another secret.
    ///
    /// # Security
    ///
    /// For an operator who has to find out why somebody got no mail. What the mail says stays sealed: it carries a one-time
    /// link.
    pub fn recipient(&self, entry: &OutboxEntry) -> Option<String> {
        self.0.inner().recipient(entry)
    }

    /// Sends a dead entry again, its attempts counted from zero.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn retry(&self, cx: &RequestContext, id: MailId) -> Result<Retry, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        let revived = tx.outbox().revive(cx.tenant_id, id, now).await?;
        tx.commit().await?;
        inner.outbox_wake.notify_one();
        Ok(if revived { Retry::Due } else { Retry::NotDead })
    }

    /// Sends every dead entry of the tenant again, their attempts counted from zero. Answers how many there were.
    ///
    /// # Errors
    ///
    /// A failure of the store; those before it are due again.
    pub async fn retry_all(&self, cx: &RequestContext) -> Result<u64, Error> {
        let inner = self.0.inner();
        let mut revived = 0;
        let mut page = PageRequest::first(BATCH);
        loop {
            let now = inner.clock.now();
            let mut tx = inner.repository.begin().await?;
            let dead = tx
                .outbox()
                .list(cx.tenant_id, OutboxState::Dead, page)
                .await?;
            for entry in &dead.items {
                if tx.outbox().revive(cx.tenant_id, entry.id, now).await? {
                    revived += 1;
                }
            }
            tx.commit().await?;
            inner.outbox_wake.notify_one();
            // On from where this page ended, not from the start: one that dies again meanwhile is not sent for ever.
            page.after = dead.next;
            if page.after.is_none() {
                return Ok(revived);
            }
        }
    }
}

impl Inner {
    pub(crate) async fn deliver_due(&self) -> Result<Delivered, Error> {
        let mut delivered = Delivered::default();
        let mut at_hand = AtHand::default();
        let (mut attempts, mut claiming, mut drained) = (0, false, false);
        // Whether an attempt ended while a claim was under way: what it enqueued, that claim may not have seen.
        let mut overtaken = false;
        let mut failure = None;
        loop {
            // After a failure of the store nothing more is taken, but what is at hand goes on: a mail that is being handed over
            // and dropped would be sent twice.
            let more = failure.is_none() && !drained && !self.workers.are_stopping();
            if more && !claiming && attempts < AT_HAND {
                claiming = true;
                overtaken = false;
                at_hand.push(Box::pin(self.claim(AT_HAND - attempts)));
            }
            if at_hand.is_empty() {
                return failure.map_or(Ok(delivered), Err);
            }
            tokio::select! {
                biased;
                step = at_hand.next() => match step {
                    Step::Claimed(claimed) => {
                        claiming = false;
                        let entries = claimed.unwrap_or_else(|error| {
                            failure = Some(error);
                            Vec::new()
                        });
                        drained = entries.is_empty() && !overtaken;
                        attempts += entries.len();
                        for entry in entries {
                            at_hand.push(Box::pin(async move { Step::Attempted(self.attempt(&entry).await) }));
                        }
                    }
                    Step::Attempted(outcome) => {
                        attempts = attempts.saturating_sub(1);
                        drained = false;
                        overtaken = true;
                        match outcome {
                            Ok(Attempted::Done) => delivered.done += 1,
                            Ok(Attempted::Failed) => delivered.failed += 1,
                            Err(error) => failure = failure.or(Some(error)),
                        }
                    }
                },
                // While one is silent, others become due.
                () = self.outbox_wake.notified() => drained = false,
                () = tokio::time::sleep(self.config.outbox.poll) => drained = false,
            }
        }
    }

    /// Takes up to so many entries that are due. They are to be begun at once: their lease runs.
    async fn claim(&self, most: usize) -> Step {
        let claim = async {
            let now = self.clock.now();
            let until = now.after(self.config.outbox.lease);
            let mut tx = self.repository.begin().await?;
            let most = u32::try_from(most).unwrap_or(1);
            let entries = tx.outbox().claim(now, until, most).await?;
            tx.commit().await?;
            Ok(entries)
        };
        Step::Claimed(claim.await)
    }

    /// One attempt at one entry.
    async fn attempt(&self, entry: &OutboxEntry) -> Result<Attempted, Error> {
        // What is to be erased is erased, whatever becomes of the tenant.
        let may = match entry.kind {
            OutboxKind::Erasure => Ok(()),
            OutboxKind::AccountMail | OutboxKind::Mail | OutboxKind::Sms => {
                self.may_go_out(entry).await
            }
        };
        let outcome = match may {
            Ok(()) => match entry.kind {
                OutboxKind::AccountMail => self.prepare(entry).await,
                OutboxKind::Erasure => self.carry_out_erasure(entry).await,
                OutboxKind::Mail => self.hand_over(entry).await,
                OutboxKind::Sms => self.hand_over_sms(entry).await,
            },
            Err(error) => Err(error),
        };
        let (reason, retry) = match outcome {
            Ok(()) => return Ok(Attempted::Done),
            Err(AttemptError::Store(error)) => return Err(error),
            Err(AttemptError::Transient(reason)) => (reason, self.retry_delay(entry.attempts)),
            Err(AttemptError::Permanent(reason)) => (reason, None),
        };
        let now = self.clock.now();
        let retry_at = retry.map(|delay| now.after(delay));
        tracing::warn!(mail = %entry.id, attempt = entry.attempts, reason, given_up = retry_at.is_none(), "a message was not handed over");
        let mut tx = self.repository.begin().await?;
        tx.outbox()
            .fail(entry.id, entry.attempts, &reason, retry_at, now)
            .await?;
        tx.commit().await?;
        Ok(Attempted::Failed)
    }

    /// Whether the entry's tenant lets it go out.
    async fn may_go_out(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        if entry.tenant_id == TenantId::DEFAULT {
            return Ok(());
        }
        let tenant = self.repository.find_tenant_by_id(entry.tenant_id).await?;
        if tenant.is_some_and(|tenant| tenant.is_open()) {
            Ok(())
        } else {
            // Not tried again by itself: it waits for the tenant, however long that takes.
            Err(AttemptError::Permanent(SUSPENDED.to_owned()))
        }
    }

    fn retry_delay(&self, attempts: i32) -> Option<std::time::Duration> {
        let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
        self.config.outbox.retries.get(index).copied()
    }
}
