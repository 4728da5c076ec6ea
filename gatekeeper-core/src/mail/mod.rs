//! Mails: which there are, what they say, and how they are sealed while they wait.
//!
//! A flow enqueues an account mail in its transaction. The worker turns it into a rendered [`Mail`](crate::env::Mail),
//! making the one-time token it needs in the same transaction, and then hands that over. Both wait sealed: a mail carries a
//! link that opens an account.

mod account_mail;
mod brand;
mod check;
mod clean;
mod directory;
mod kind;
mod render;
mod templates;
#[cfg(test)]
mod tests;

pub(crate) use account_mail::{AccountMail, Caller, Notice, Queued, RenderedMail, TextMessage};
pub(crate) use brand::Brand;
pub(crate) use clean::greeted;
pub use kind::MailKind;
pub(crate) use render::MailVariables;
pub use templates::{MailTemplates, TemplateError};
