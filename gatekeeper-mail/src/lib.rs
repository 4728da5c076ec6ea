#![doc = include_str!("../README.md")]

mod compose;
mod console;
mod directory;
#[cfg(any(feature = "smtp", feature = "sendgrid"))]
mod quote;
mod sender;
#[cfg(feature = "sendgrid")]
mod sendgrid;
#[cfg(feature = "smtp")]
mod smtp;

pub use console::ConsoleMailer;
pub use directory::DirectoryMailer;
pub use sender::{Sender, SenderError};
#[cfg(feature = "sendgrid")]
pub use sendgrid::{SendGridError, SendGridMailer};
#[cfg(feature = "smtp")]
pub use smtp::{
    SmtpError, SmtpMailer, SmtpMailerBuilder, SmtpSecurity, SmtpServer, SmtpTimeouts, SmtpUrlError,
};
