use std::fmt;

use async_trait::async_trait;

use crate::model::{EmailAddress, MailId};

/// A mail ready to be handed over: rendered, addressed, complete.
#[derive(Clone)]
pub struct Mail {
    /// The outbox entry it came from. The same for every attempt, so that a transport can make a `Message-ID` of it and
    /// a receiver can drop a double.
    pub id: MailId,
    /// The one recipient. There are never several, so that one address cannot smuggle in another.
    pub to: EmailAddress,
    /// The recipient's display name, where it is known. Free of control characters.
    pub to_name: Option<String>,
    /// The subject, one line, free of control characters.
    pub subject: String,
    /// The plain-text body.
    pub text: String,
    /// The HTML body.
    pub html: String,
}

impl fmt::Debug for Mail {
    // The bodies carry one-time links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// It may work later: the server is away, busy, or told us to come again.
    #[error("the mail could not be handed over for now: {0}")]
    Transient(String),
    /// It will never work: the address or the mail is refused for good.
    #[error("the mail was refused: {0}")]
    Permanent(String),
}

/// Hands mails over to whatever carries them.
///
/// Called by the outbox worker alone, never on the path of a request. It may be called twice for one mail where the
/// process dies between handing over and noting it; [`Mail::id`] is then the same.
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// Hands over one mail.
    ///
    /// # Errors
    ///
    /// [`MailError::Transient`] to be called again later, [`MailError::Permanent`] to give the mail up.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
