use super::{MailId, TenantId, Timestamp};

/// What an outbox entry asks to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutboxKind {
    /// Find out what to mail about an account, make the token it needs, and enqueue the mail.
    ///
    /// Whoever asks for a mail to an address gets the same answer after the same work, whether or not there is such an
    /// account, since all that depends on it happens here.
    AccountMail,
    /// Erase what the audit trail and what waits in the outbox hold of a person whose account is gone.
    Erasure,
    /// Send a mail.
    Mail,
    /// Send a text message.
    Sms,
}

impl OutboxKind {
    /// The stable name that stores carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountMail => "account_mail",
            Self::Erasure => "erasure",
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "account_mail" => Some(Self::AccountMail),
            "erasure" => Some(Self::Erasure),
            "mail" => Some(Self::Mail),
            "sms" => Some(Self::Sms),
            _ => None,
        }
    }
}

/// Where an outbox entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// Waiting for its next attempt.
    Pending,
    /// Given up after the last attempt; kept, to be seen and sent again.
    Dead,
    /// Done; the payload is wiped.
    Delivered,
}

impl OutboxState {
    /// The stable name that stores carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dead => "dead",
            Self::Delivered => "delivered",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Dead, Self::Delivered]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// An effect that was decided in a transaction and is carried out afterwards by a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The id.
    pub id: MailId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// What is to be done.
    pub kind: OutboxKind,
    /// The details, sealed: a mail carries a one-time link. Empty once delivered.
    pub payload: Vec<u8>,
    /// Where it stands.
    pub state: OutboxState,
    /// How many attempts were begun.
    pub attempts: i32,
    /// When it is due; while a worker has it, when it is given to another.
    pub due_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// What the last attempt said.
    pub last_error: Option<String>,
}
