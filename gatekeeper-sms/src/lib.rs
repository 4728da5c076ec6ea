#![doc = include_str!("../README.md")]

mod console;
mod number;
mod twilio;

pub use console::ConsoleSender;
pub use twilio::{TwilioError, TwilioSender};
