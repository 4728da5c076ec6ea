use std::fmt;

use async_trait::async_trait;

use crate::model::{MailId, SecretString};

/// A text message ready to be handed over.
#[derive(Clone)]
pub struct Sms {
    /// The outbox entry it came from; the same for every attempt.
    pub id: MailId,
    /// The number, E.164: `+` and up to 15 digits.
    pub to: String,
    /// The text; it may hold a code.
    pub text: SecretString,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a message was not handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmsError {
    /// It may work later.
    #[error("the message could not be handed over for now: {0}")]
    Transient(String),
    /// It never will.
    #[error("the message was refused: {0}")]
    Permanent(String),
}

/// Hands text messages over to whatever carries them. Called by the outbox worker alone.
#[async_trait]
pub trait SmsSender: Send + Sync + fmt::Debug {
    /// Hands over one message.
    ///
    /// # Errors
    ///
    /// [`SmsError::Transient`] to be called again later, [`SmsError::Permanent`] to give the message up.
    async fn send(&self, sms: &Sms) -> Result<(), SmsError>;
}
