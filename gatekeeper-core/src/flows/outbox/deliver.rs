use tokio::time::timeout;

use super::AttemptError;
use crate::{
    env::{Mail, Sms},
    gatekeeper::Inner,
    mail::{AccountMail, RenderedMail, TextMessage},
    model::{EmailAddress, OutboxEntry, OutboxKind},
};

impl Inner {
    /// Hands a rendered mail over, then notes that it was.
    pub(super) async fn hand_over(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let mail: RenderedMail = self.open_mail(entry, OutboxKind::Mail)?;
        let to = EmailAddress::parse(&mail.to)
            .map_err(|error| AttemptError::Permanent(error.to_string()))?;
        let RenderedMail {
            to_name,
            subject,
            text,
            html,
            ..
        } = mail;
        let mail = Mail {
            id: entry.id,
            to,
            to_name,
            subject,
            text,
            html,
        };
        self.in_time(self.mailer.send(&mail)).await?;
        self.note_done(entry).await
    }

    /// Hands a text message over, then notes that it was.
    pub(super) async fn hand_over_sms(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let message: TextMessage = self.open_mail(entry, OutboxKind::Sms)?;
        let Some(sender) = &self.sms else {
            return Err(AttemptError::Permanent(
                "no sender of text messages was given".to_owned(),
            ));
        };
        let sms = Sms {
            id: entry.id,
            to: message.to,
            text: message.text.into(),
        };
        self.in_time(sender.send(&sms)).await?;
        self.note_done(entry).await
    }

    /// Breaks a carrier off that is silent, before another worker may take the entry.
    async fn in_time<E>(
        &self,
        sending: impl Future<Output = Result<(), E>>,
    ) -> Result<(), AttemptError>
    where
        AttemptError: From<E>,
    {
        match timeout(self.config.outbox.attempt, sending).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(AttemptError::Transient(
                "the carrier took longer than an attempt may".to_owned(),
            )),
        }
    }

    async fn note_done(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let mut tx = self.repository.begin().await?;
        tx.outbox()
            .complete(entry.id, entry.attempts, self.clock.now())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whom an entry is for, as far as it says so itself.
    pub(crate) fn recipient(&self, entry: &OutboxEntry) -> Option<String> {
        if entry.payload.is_empty() {
            return None;
        }
        match entry.kind {
            OutboxKind::Mail => {
                let mail: RenderedMail = self.open_mail(entry, OutboxKind::Mail).ok()?;
                Some(mail.to)
            }
            OutboxKind::Sms => {
                let message: TextMessage = self.open_mail(entry, OutboxKind::Sms).ok()?;
                Some(message.to)
            }
            // For nobody, about somebody.
            OutboxKind::Erasure => None,
            OutboxKind::AccountMail => {
                let mail: AccountMail = self.open_mail(entry, OutboxKind::AccountMail).ok()?;
                match mail {
                    AccountMail::Notice { to, .. } => Some(to),
                    AccountMail::ChangeEmail { address, .. } => Some(address),
                    AccountMail::LockedOut { email }
                    | AccountMail::VerificationRequested { email }
                    | AccountMail::ResetRequested { email }
                    | AccountMail::MagicLinkRequested { email, .. } => Some(email),
                    AccountMail::AccountCreated { .. }
                    | AccountMail::Invitation { .. }
                    | AccountMail::VerifyEmail { .. }
                    | AccountMail::RegistrationRepeated { .. }
                    | AccountMail::MfaCode { .. } => None,
                }
            }
        }
    }
}
