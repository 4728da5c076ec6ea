use super::AttemptError;
use crate::{
    env::{Mail, Sms},
    gatekeeper::Inner,
    mail::{RenderedMail, TextMessage},
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
        self.mailer
            .send(&Mail {
                id: entry.id,
                to,
                to_name,
                subject,
                text,
                html,
            })
            .await?;
        let mut tx = self.repository.begin().await?;
        tx.outbox()
            .complete(entry.id, entry.attempts, self.clock.now())
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Hands a text message over, then notes that it was.
    pub(super) async fn hand_over_sms(&self, entry: &OutboxEntry) -> Result<(), AttemptError> {
        let message: TextMessage = self.open_mail(entry, OutboxKind::Sms)?;
        let Some(sender) = &self.sms else {
            return Err(AttemptError::Permanent(
                "no sender of text messages was given".to_owned(),
            ));
        };
        sender
            .send(&Sms {
                id: entry.id,
                to: message.to,
                text: message.text.into(),
            })
            .await?;
        let mut tx = self.repository.begin().await?;
        tx.outbox()
            .complete(entry.id, entry.attempts, self.clock.now())
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
