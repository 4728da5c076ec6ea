#![doc = include_str!("../README.md")]

mod compose;
mod console;
mod directory;
mod sender;

pub use console::ConsoleMailer;
pub use directory::DirectoryMailer;
pub use sender::{Sender, SenderError};
