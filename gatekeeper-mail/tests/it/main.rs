//! Mailers against servers: a real one (aiosmtpd), and one of our own that misbehaves as it is told.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

mod certificates;
mod outbox;
mod postbox;
mod real;
mod scripted;
mod sendgrid;
mod smtp;
mod tls;

use std::{error::Error, time::Duration};

use gatekeeper_core::{
    env::{Mail, MailError},
    model::{EmailAddress, MailId, Timestamp},
    testing::SeededRandom,
};
use gatekeeper_mail::{Sender, SmtpMailer, SmtpMailerBuilder, SmtpServer, SmtpTimeouts};

type Outcome = Result<(), Box<dyn Error>>;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_357_296);

fn mail() -> Mail {
    Mail {
        id: MailId::new(NOW, &SeededRandom::new(7)),
        to: EmailAddress::parse("ann@example.org").unwrap(),
        to_name: Some("Ann".to_owned()),
        subject: "Verify your address".to_owned(),
        text: "Hello Ann,\nhttps://auth.example.org/verify-email#token=s3cr3t\n".to_owned(),
        html: "<p>Hello Ann</p>\n".to_owned(),
    }
}

fn sender() -> Sender {
    Sender::parse("Example <no-reply@example.com>").unwrap()
}

/// Long enough that no machine is too slow.
const PATIENT: SmtpTimeouts = SmtpTimeouts {
    connect: Duration::from_mins(1),
    command: Duration::from_mins(1),
    whole: Duration::from_mins(1),
};

fn builder(url: &str) -> SmtpMailerBuilder {
    let server = SmtpServer::parse(url).unwrap();
    SmtpMailer::builder(server, sender()).timeouts(PATIENT)
}

#[track_caller]
fn transient(sent: Result<(), MailError>) -> String {
    match sent {
        Err(MailError::Transient(reason)) => reason,
        other => panic!("not transient: {other:?}"),
    }
}

#[track_caller]
fn permanent(sent: Result<(), MailError>) -> String {
    match sent {
        Err(MailError::Permanent(reason)) => reason,
        other => panic!("not permanent: {other:?}"),
    }
}
