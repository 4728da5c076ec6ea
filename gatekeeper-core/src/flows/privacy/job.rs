use serde::{Deserialize, Serialize};

use crate::{
    flows::outbox::AttemptError,
    gatekeeper::Inner,
    model::{
        EmailAddress, MAX_PAGE, MailId, NormalizedEmail, OutboxEntry, OutboxKind, OutboxState,
        PageRequest, TenantId, UserId,
    },
};

/// How many transactions, each of [`RetentionConfig::batch`](crate::config::RetentionConfig::batch) rows of the trail, one attempt makes;
/// what is left is for an entry of its own, so that no attempt outlasts its lease.
const BATCHES: u32 = 20;

/// Whom to erase. It waits in the outbox, sealed, from the commit that deletes the account on, and is wiped when it is done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Erasure {
    pub(crate) user_id: UserId,
    /// The address that the account had, where it is still known.
    pub(crate) email: Option<String>,
}

/// Whether there is more to do.
enum Trail {
    Done,
    More,
}

impl Inner {
    /// Carries an erasure out. All of it may be done again: whoever takes the entry over after a crash finds less to do.
    pub(crate) async fn carry_out_erasure(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let erasure: Erasure = self.open_mail(entry, OutboxKind::Erasure)?;
        let tenant = entry.tenant_id;
        let trail = self.erase_trail(tenant, erasure.user_id).await?;
        if let Some(email) = &erasure.email {
            let email = EmailAddress::parse(email)
                .map_err(|error| AttemptError::Permanent(error.to_string()))?;
            let email = email.normalized();
            self.erase_invitations(tenant, email).await?;
            for state in [OutboxState::Pending, OutboxState::Dead] {
                self.erase_mails(entry, email, state).await?;
            }
        }
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        let ours = tx.outbox().complete(entry.id, entry.attempts, now).await?;
        if ours && matches!(trail, Trail::More) {
            let id = MailId::new(now, self.random.as_ref());
            let next = OutboxEntry {
                id,
                payload: self.seal_mail(tenant, id, OutboxKind::Erasure, &erasure)?,
                state: OutboxState::Pending,
                attempts: 0,
                due_at: now,
                created_at: now,
                ..entry.clone()
            };
            tx.outbox().enqueue(&next).await?;
        }
        tx.commit().await?;
        self.outbox_wake.notify_one();
        Ok(())
    }

    async fn erase_trail(&self, tenant: TenantId, user: UserId) -> Result<Trail, AttemptError> {
        let limit = self.config.retention.batch;
        for _ in 0..BATCHES {
            let now = self.clock.now();
            let mut tx = self.repository.begin().await?;
            let erased = tx.audit().erase(tenant, user, now, limit).await?;
            tx.commit().await?;
            if erased < u64::from(limit) {
                return Ok(Trail::Done);
            }
        }
        Ok(Trail::More)
    }

    async fn erase_invitations(
        &self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<(), AttemptError> {
        let limit = self.config.retention.batch;
        loop {
            let mut tx = self.repository.begin().await?;
            let erased = tx
                .invitations()
                .erase_for_email(tenant, email, limit)
                .await?;
            tx.commit().await?;
            if erased < u64::from(limit) {
                return Ok(());
            }
        }
    }

    /// What still waits for the address, or was given up, is wiped; but for what the erasure itself sent.
    async fn erase_mails(
        &self,
        entry: &OutboxEntry,
        email: &NormalizedEmail,
        state: OutboxState,
    ) -> Result<(), AttemptError> {
        let mut page = PageRequest::first(MAX_PAGE);
        loop {
            let now = self.clock.now();
            let mut tx = self.repository.begin().await?;
            let found = tx.outbox().list(entry.tenant_id, state, page).await?;
            for mail in found
                .items
                .iter()
                .filter(|mail| mail.created_at < entry.created_at)
            {
                let theirs = self
                    .recipient(mail)
                    .and_then(|to| EmailAddress::parse(&to).ok())
                    .is_some_and(|to| to.normalized() == email);
                if !theirs {
                    continue;
                }
                tx.outbox().discard(entry.tenant_id, mail.id, now).await?;
            }
            tx.commit().await?;
            page.after = found.next;
            if page.after.is_none() {
                return Ok(());
            }
        }
    }
}
