use std::{error::Error as _, fmt, time::Duration};

use gatekeeper_core::env::MailError;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Noop, Quit, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::{Response, Severity},
    },
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{SmtpServer, SmtpTimeouts, plain::PlainFirst};
use crate::quote::quote;

/// How long to say goodbye for.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where to connect to, and how.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) server: SmtpServer,
    pub(super) hello: ClientId,
    pub(super) protection: Protection,
    pub(super) timeouts: SmtpTimeouts,
}

/// How a connection is encrypted, with the server's name and the roots that its certificate has to lead to.
pub(super) enum Protection {
    ImplicitTls(TlsParameters),
    StartTls(TlsParameters),
    DangerNone,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ImplicitTls(_) => "ImplicitTls",
            Self::StartTls(_) => "StartTls",
            Self::DangerNone => "DangerNone",
        })
    }
}

/// A connection that is ready to take mails: encrypted and signed in, where that is asked for.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    command: Duration,
    pub(super) last_used: Instant,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Encrypting,
    SigningIn,
    Sender,
    Recipient,
    Data,
    Content,
}

impl Connection {
    /// Connects, encrypts, signs in.
    pub(super) async fn open(target: &Target) -> Result<Self, MailError> {
        let smtp = connect(target).await?;
        let mut connection = Self {
            smtp,
            command: target.timeouts.command,
            last_used: Instant::now(),
        };
        connection.sign_in(&target.server).await?;
        Ok(connection)
    }

    async fn sign_in(&mut self, server: &SmtpServer) -> Result<(), MailError> {
        let Some((user, password)) = &server.credentials else {
            return Ok(());
        };
        // A server is built so that there is no password without TLS; this holds for what was negotiated.
        if !self.smtp.is_encrypted() {
            return Err(MailError::Transient(
                "the connection is not encrypted: the password was not sent".to_owned(),
            ));
        }
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        let signing_in = self
            .smtp
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        let signed_in = within(Stage::SigningIn, self.command, signing_in).await;
        if let Err(error) = &signed_in {
            tracing::error!(server = %server, %error, "the mail server does not let us sign in: no mail leaves until it does");
        }
        signed_in.map(|_| ())
    }

    /// Whether a connection that lay idle is still good.
    pub(super) async fn is_alive(&mut self) -> bool {
        matches!(
            timeout(self.command, self.smtp.command(Noop)).await,
            Ok(Ok(_))
        )
    }

    pub(super) async fn close(mut self) {
        // Gone either way.
        let _ = timeout(FAREWELL, self.smtp.command(Quit)).await;
    }

    /// Whether the server takes bytes above 127 in a body (RFC 6152).
    pub(super) fn takes_eight_bits(&self) -> bool {
        self.smtp
            .server_info()
            .supports_feature(Extension::EightBitMime)
    }

    /// Hands over one mail. Where this fails, the connection is of no more use.
    pub(super) async fn deliver(
        &mut self,
        from: &Address,
        to: &Address,
        message: &[u8],
    ) -> Result<(), MailError> {
        let as_ref: fn(&Address) -> &str = AsRef::as_ref;
        let mut parameters = Vec::new();
        if !as_ref(from).is_ascii() || !as_ref(to).is_ascii() {
            // RFC 6531 section 3.4.
            let info = self.smtp.server_info();
            if !info.supports_feature(Extension::SmtpUtfEight) {
                return Err(MailError::Permanent(
                    "the mail server takes no addresses that are not ASCII".to_owned(),
                ));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !message.is_ascii() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let (smtp, time) = (&mut self.smtp, self.command);
        let sender = smtp.command(Mail::new(Some(from.clone()), parameters));
        exchange(Stage::Sender, time, sender).await?;
        let recipient = smtp.command(Rcpt::new(to.clone(), Vec::new()));
        exchange(Stage::Recipient, time, recipient).await?;
        exchange(Stage::Data, time, smtp.command(Data)).await?;
        exchange(Stage::Content, time, smtp.message(message)).await?;
        self.last_used = Instant::now();
        Ok(())
    }
}

async fn connect(target: &Target) -> Result<AsyncSmtpConnection, MailError> {
    let SmtpTimeouts {
        connect, command, ..
    } = target.timeouts;
    let address = (target.server.host.as_str(), target.server.port);
    let hello = &target.hello;
    let wrapper = match &target.protection {
        Protection::StartTls(tls) => {
            let stream = match timeout(connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => Box::new(PlainFirst::new(stream)),
                Ok(Err(error)) => {
                    return Err(MailError::Transient(format!(
                        "the mail server cannot be reached: {error}"
                    )));
                }
                Err(_) => return Err(too_slow(Stage::Connecting)),
            };
            let greeting = AsyncSmtpConnection::connect_with_transport(stream, hello);
            let mut smtp = within(Stage::Connecting, command, greeting).await?;
            // Fails where the server does not offer it: somebody in between may have taken the offer out.
            let upgrading = smtp.starttls(tls.clone(), hello);
            within(Stage::Encrypting, command, upgrading).await?;
            return Ok(smtp);
        }
        Protection::ImplicitTls(tls) => Some(tls.clone()),
        Protection::DangerNone => None,
    };
    // The greeting and the extensions are part of lettre's connecting, so that their time is too.
    let time = connect.saturating_add(command);
    let connecting =
        AsyncSmtpConnection::connect_tokio1(address, Some(connect), hello, wrapper, None);
    within(Stage::Connecting, time, connecting).await
}

/// One step, which is to be answered with the kind of code that RFC 5321 section 4.3.2 gives it.
async fn exchange(
    stage: Stage,
    time: Duration,
    step: impl Future<Output = Result<Response, Error>>,
) -> Result<(), MailError> {
    let response = within(stage, time, step).await?;
    let due = match stage {
        Stage::Data => Severity::PositiveIntermediate,
        Stage::Connecting
        | Stage::Encrypting
        | Stage::SigningIn
        | Stage::Sender
        | Stage::Recipient
        | Stage::Content => Severity::PositiveCompletion,
    };
    if response.code().severity == due {
        Ok(())
    } else {
        let code = response.code();
        Err(MailError::Transient(format!(
            "the mail server answered {} with {code}, which makes no sense",
            stage.name()
        )))
    }
}

async fn within<T>(
    stage: Stage,
    time: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, MailError> {
    match timeout(time, step).await {
        Ok(result) => result.map_err(|error| classify(stage, &error)),
        Err(_) => Err(too_slow(stage)),
    }
}

fn too_slow(stage: Stage) -> MailError {
    MailError::Transient(format!("the mail server took too long ({})", stage.name()))
}

/// Whether a mail is worth another attempt.
///
/// Only the recipient and the mail itself can be refused for good. What concerns us (the connection, the password, the
/// sender) is the same for every mail: given up at once, all mails would be lost to one wrong setting.
fn classify(stage: Stage, error: &Error) -> MailError {
    let Some(code) = error.status() else {
        // Of the connection, or of what is no SMTP: lettre's own words, or the system's.
        return MailError::Transient(format!(
            "the mail server could not be used ({}): {error}",
            stage.name()
        ));
    };
    let words = match stage {
        // The server has just seen the password, or the mail: it may repeat it.
        Stage::SigningIn | Stage::Data | Stage::Content => String::new(),
        Stage::Connecting | Stage::Encrypting | Stage::Sender | Stage::Recipient => error
            .source()
            .map_or_else(String::new, |words| quote(&words.to_string())),
    };
    let reason = format!(
        "the mail server answered {} with {code} {words}",
        stage.name()
    );
    let reason = reason.trim_end().to_owned();
    let about_us = match stage {
        Stage::Connecting | Stage::Encrypting | Stage::SigningIn | Stage::Sender => true,
        // RFC 4954 section 6: it wants a password, a better mechanism, encryption.
        Stage::Recipient | Stage::Data | Stage::Content => {
            matches!(u16::from(code), 530 | 534 | 535 | 538)
        }
    };
    if error.is_permanent() && !about_us {
        MailError::Permanent(reason)
    } else {
        MailError::Transient(reason)
    }
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "the connection",
            Self::Encrypting => "STARTTLS",
            Self::SigningIn => "AUTH",
            Self::Sender => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the mail",
        }
    }
}
