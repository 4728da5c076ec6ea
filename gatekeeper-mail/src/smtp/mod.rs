mod connection;
mod plain;
mod pool;
mod server;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::env::{Clock, Mail, MailError, Mailer, SystemClock};
use lettre::transport::smtp::{
    client::{Certificate, CertificateStore, TlsParameters, TlsParametersBuilder},
    extension::ClientId,
};
use tokio::time::timeout;

use crate::{
    Sender,
    compose::{Bits, address, compose},
};
use connection::{Protection, Target};
use pool::Pool;
pub use server::{SmtpSecurity, SmtpServer, SmtpUrlError};

/// How many connections there may be at once, unless told otherwise.
const CONNECTIONS: usize = 4;
/// How long a connection is kept after its use, unless told otherwise. Servers close theirs after five minutes and more.
const KEEP: Duration = Duration::from_secs(30);

/// How long the steps of handing a mail over may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmtpTimeouts {
    /// Reaching the server; 10 seconds.
    pub connect: Duration,
    /// Each answer; 30 seconds.
    pub command: Duration,
    /// All of it, waiting for a free connection included; 50 seconds. Below what the outbox gives an attempt
    /// ([`OutboxConfig::attempt`](gatekeeper_core::config::OutboxConfig::attempt), a minute), so that the log has the server's
    /// reason and not the outbox's.
    pub whole: Duration,
}

impl Default for SmtpTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(30),
            whole: Duration::from_secs(50),
        }
    }
}

/// Hands mails over to a mail server by SMTP (RFC 5321, submission of RFC 6409), over TLS.
///
/// | the server | the mail |
/// |---|---|
/// | refuses the recipient or the mail with a 5xx | is given up: [`MailError::Permanent`] |
/// | refuses them with a 4xx (greylisting) | is tried again: [`MailError::Transient`] |
/// | refuses the connection, the password or the sender, with whatever code | is tried again |
/// | cannot be reached, is silent, breaks off, speaks no SMTP | is tried again |
/// | offers no `STARTTLS` though it is required, or has a certificate that does not verify | is not sent; is tried again |
///
/// A connection that breaks off after the mail and before its answer leaves open whether the server has it: it is sent
/// again, with the same `Message-ID`.
///
/// # Security
///
/// - TLS is required and the certificate verified, unless the server is given as [`SmtpSecurity::DangerNone`]; a password is
///   never sent without TLS.
/// - What is said before TLS is not believed within it.
/// - Errors hold the code of an answer and harmless words of it: no address, no link, no password.
/// - The crate `lettre`, which does the talking, logs whole commands at the level `debug` where an application turns its feature
///   `tracing` on, passwords and mails among them. Leave it off.
#[derive(Clone, Debug)]
pub struct SmtpMailer {
    pool: Arc<Pool>,
    sender: Sender,
    whole: Duration,
    clock: Arc<dyn Clock>,
}

/// Puts an [`SmtpMailer`] together.
#[derive(Debug)]
#[must_use]
pub struct SmtpMailerBuilder {
    server: SmtpServer,
    sender: Sender,
    timeouts: SmtpTimeouts,
    connections: usize,
    keep: Duration,
    hello: Option<String>,
    roots: Vec<Certificate>,
    clock: Arc<dyn Clock>,
}

/// Why there is no [`SmtpMailer`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// A root certificate is none.
    #[error("the root certificates are no certificates in PEM")]
    Root,
    /// The server's name cannot stand in a certificate, or TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A setting is wrong.
    #[error("{0}")]
    Setting(&'static str),
}

impl SmtpMailer {
    /// A mailer for this server, with all else as it usually is.
    ///
    /// # Errors
    ///
    /// [`SmtpError::Tls`].
    pub fn new(server: SmtpServer, sender: Sender) -> Result<Self, SmtpError> {
        Self::builder(server, sender).build()
    }

    /// A mailer for this server; nothing is sent by asking for it.
    pub fn builder(server: SmtpServer, sender: Sender) -> SmtpMailerBuilder {
        SmtpMailerBuilder {
            server,
            sender,
            timeouts: SmtpTimeouts::default(),
            connections: CONNECTIONS,
            keep: KEEP,
            hello: None,
            roots: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }

    async fn attempt(&self, mail: &Mail) -> Result<(), MailError> {
        let to = address(&mail.to)?;
        let mut taken = self.pool.take().await?;
        let connection = &mut taken.connection;
        let bits = if connection.takes_eight_bits() {
            Bits::Eight
        } else {
            Bits::Seven
        };
        let message = compose(mail, &self.sender, self.clock.now(), bits)?;
        let from = &self.sender.mailbox().email;
        connection.deliver(from, &to, &message).await?;
        self.pool.give_back(taken);
        Ok(())
    }
}

impl SmtpMailerBuilder {
    /// Trusts these certificates, in PEM, beside the bundled ones of the web's authorities.
    ///
    /// # Errors
    ///
    /// [`SmtpError::Root`] where there is none, or one is malformed.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, SmtpError> {
        // lettre takes a text without any certificate for an empty list.
        if !pem
            .windows(BEGIN.len())
            .any(|window| window == BEGIN.as_bytes())
        {
            return Err(SmtpError::Root);
        }
        self.roots
            .push(Certificate::from_pem(pem).map_err(|_| SmtpError::Root)?);
        Ok(self)
    }

    /// How long the steps may take.
    pub const fn timeouts(mut self, timeouts: SmtpTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How many connections there may be at once, 1 to 100; 4.
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How long a connection is kept after its use; 30 seconds.
    pub const fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// What this machine calls itself in `EHLO`; the domain of the sender.
    pub fn hello(mut self, name: impl Into<String>) -> Self {
        self.hello = Some(name.into());
        self
    }

    /// Takes the time of `Date` headers from here.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The mailer. It connects when it has a mail.
    ///
    /// # Errors
    ///
    /// [`SmtpError::Tls`], or [`SmtpError::Setting`] where a time is zero, there may be no connection, or the name for `EHLO` is
    /// none.
    pub fn build(self) -> Result<SmtpMailer, SmtpError> {
        let times = self.timeouts;
        if [times.connect, times.command, times.whole, self.keep].contains(&Duration::ZERO) {
            return Err(SmtpError::Setting("a time must not be zero"));
        }
        if !(1..=100).contains(&self.connections) {
            return Err(SmtpError::Setting(
                "there may be 1 to 100 connections at once",
            ));
        }
        let hello = self
            .hello
            .unwrap_or_else(|| self.sender.domain().to_owned());
        let protection = protection(&self.server, self.roots)?;
        let target = Target {
            hello: client_id(hello)?,
            protection,
            timeouts: times,
            server: self.server,
        };
        Ok(SmtpMailer {
            pool: Pool::new(target, self.connections, self.keep),
            sender: self.sender,
            whole: times.whole,
            clock: self.clock,
        })
    }
}

/// What a certificate in PEM begins with (RFC 7468 section 5).
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

fn protection(server: &SmtpServer, roots: Vec<Certificate>) -> Result<Protection, SmtpError> {
    let tls = |server: &SmtpServer| {
        // The bundled roots by name: which ones lettre takes by default depends on the features of the whole build.
        let builder = TlsParameters::builder(server.host.clone())
            .certificate_store(CertificateStore::WebpkiRoots);
        roots
            .into_iter()
            .fold(builder, TlsParametersBuilder::add_root_certificate)
            .build()
            .map_err(|error| SmtpError::Tls(error.to_string()))
    };
    Ok(match server.security {
        SmtpSecurity::ImplicitTls => Protection::ImplicitTls(tls(server)?),
        SmtpSecurity::StartTls => Protection::StartTls(tls(server)?),
        SmtpSecurity::DangerNone => Protection::DangerNone,
    })
}

/// RFC 5321 section 4.1.1.1: a domain, or an address in brackets.
fn client_id(name: String) -> Result<ClientId, SmtpError> {
    let sound = !name.is_empty()
        && name.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'[' | b']' | b':')
        });
    if sound {
        Ok(ClientId::Domain(name))
    } else {
        Err(SmtpError::Setting(
            "the name for EHLO must be a domain in ASCII, or an IP address in brackets",
        ))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        timeout(self.whole, self.attempt(mail))
            .await
            .unwrap_or_else(|_| {
                Err(MailError::Transient(format!(
                    "{} took too long",
                    self.pool.target().server
                )))
            })
    }
}
