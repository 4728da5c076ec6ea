//! What the outside world provides: time, randomness, mail.
//!
//! Nothing in this crate reads a clock or a random source by itself; it asks these traits, so that an application
//! can replace them and a test can hold them still.

mod clock;
mod mailer;
mod random;

pub use clock::{Clock, SystemClock};
pub use mailer::{Mail, MailError, Mailer};
pub use random::{Random, SystemRandom};
