//! Mails: which there are, what they say, and how they are sealed while they wait.
//!
//! A flow enqueues an account mail in its transaction. The worker turns it into a rendered [`Mail`](crate::env::Mail),
//! making the one-time token it needs in the same transaction, and then hands that over. Both wait sealed: a mail carries a
//! link that opens an account.

mod account_mail;
mod templates;

pub(crate) use account_mail::{AccountMail, Notice, RenderedMail, TextMessage};
pub(crate) use templates::MailVariables;
pub use templates::{MailKind, MailTemplates, TemplateError};
