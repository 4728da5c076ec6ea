//! What the outside world provides: time, randomness, mail, text messages, services behind HTTP.
//!
//! Nothing in this crate reads a clock or a random source by itself; it asks these traits, so that an application
//! can replace them and a test can hold them still.

mod clock;
mod http_client;
mod mailer;
mod random;
mod sms;

pub use clock::{Clock, SystemClock};
pub use http_client::{
    HttpClient, HttpClientError, HttpMethod, HttpRequest, HttpResponse, MAX_HTTP_RESPONSE,
};
pub use mailer::{Mail, MailError, Mailer};
pub use random::{Random, SystemRandom};
pub use sms::{Sms, SmsError, SmsSender};
