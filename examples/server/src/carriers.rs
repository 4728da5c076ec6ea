//! What carries mails and text messages, and asks services outside.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gatekeeper_core::{
    Config, GatekeeperBuilder, config::OutboxConfig, env::HttpClient, model::SecretString,
};
use gatekeeper_mail::{
    ConsoleMailer, DirectoryMailer, SendGridMailer, Sender, SmtpMailer, SmtpSecurity, SmtpServer,
};
use gatekeeper_reqwest::ReqwestClient;
use gatekeeper_sms::{ConsoleSender, TwilioSender};

use crate::{failure::Failure, settings::Settings};

/// Where mails go.
#[derive(Clone, Debug)]
pub(crate) enum MailTo {
    Console,
    Directory(PathBuf),
    Smtp(SmtpServer),
    SendGrid(SendGridApi),
}

/// Which of `SendGrid`'s APIs.
#[derive(Clone, Debug)]
pub(crate) enum SendGridApi {
    Global,
    Eu,
    At(String),
}

/// Where text messages go.
#[derive(Clone, Debug)]
pub(crate) enum SmsTo {
    Nowhere,
    Console,
    /// With the API's address, where it is not the usual one.
    Twilio(Option<String>),
}

/// Who we are to Twilio.
#[derive(Debug, Default)]
pub(crate) struct TwilioAccount {
    pub(crate) sid: Option<String>,
    pub(crate) token: Option<SecretString>,
    pub(crate) from: Option<String>,
}

impl MailTo {
    /// Reads the setting; an error never repeats what was written.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        if value == "console" {
            return Ok(Self::Console);
        }
        if let Some(path) = value.strip_prefix("dir:") {
            return match path {
                "" => Err("dir: needs a path".to_owned()),
                path => Ok(Self::Directory(path.into())),
            };
        }
        if let Some(api) = value.strip_prefix("sendgrid:") {
            return match api {
                "" => Ok(Self::SendGrid(SendGridApi::Global)),
                "eu" => Ok(Self::SendGrid(SendGridApi::Eu)),
                url if is_url(url) => Ok(Self::SendGrid(SendGridApi::At(url.to_owned()))),
                _ => Err(
                    "must be sendgrid:, sendgrid:eu or sendgrid:https://HOST; the key is GATEKEEPER_SENDGRID_API_KEY"
                        .to_owned(),
                ),
            };
        }
        if value.starts_with("smtp://") || value.starts_with("smtps://") {
            let server = SmtpServer::parse(value).map_err(|error| error.to_string())?;
            return Ok(Self::Smtp(server));
        }
        Err("must be console, dir:PATH, smtp://..., smtps://... or sendgrid:".to_owned())
    }
}

impl SmsTo {
    /// Reads the setting.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        match value {
            "none" => Ok(Self::Nowhere),
            "console" => Ok(Self::Console),
            "twilio:" => Ok(Self::Twilio(None)),
            _ => match value.strip_prefix("twilio:") {
                Some(url) if is_url(url) => Ok(Self::Twilio(Some(url.to_owned()))),
                _ => Err(
                    "must be none, console, twilio: or twilio:https://HOST; the token is GATEKEEPER_TWILIO_AUTH_TOKEN"
                        .to_owned(),
                ),
            },
        }
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// How long a worker has for one message. Printing or writing one takes milliseconds: where a server is killed while it has one,
/// the next start takes it up soon. A server far away is given its time, so that nobody takes a mail that is still on its way.
pub(crate) fn fit_lease(config: &mut Config, mail: &MailTo, sms: &SmsTo) {
    let near = matches!(mail, MailTo::Console | MailTo::Directory(_))
        && matches!(sms, SmsTo::Nowhere | SmsTo::Console);
    let usual = OutboxConfig::default();
    (config.outbox.attempt, config.outbox.lease) = if near {
        (Duration::from_secs(5), Duration::from_secs(10))
    } else {
        (usual.attempt, usual.lease)
    };
}

/// What asks services outside.
pub(crate) fn http_client(settings: &Settings) -> Result<ReqwestClient, Failure> {
    let mut builder = ReqwestClient::builder();
    if let Some(path) = &settings.tls_roots {
        let pem = read_roots(path)?;
        builder = builder
            .root_certificates(&pem)
            .map_err(|error| wrong_roots(path, &error))?;
    }
    builder
        .build()
        .map_err(|error| Failure::because("services outside cannot be asked", &error))
}

/// Has the builder carry mails.
pub(crate) fn with_mail(
    builder: GatekeeperBuilder,
    settings: &Settings,
    public_url: &str,
    client: &ReqwestClient,
) -> Result<GatekeeperBuilder, Failure> {
    let sender = || match &settings.mail_from {
        Some(sender) => Ok(sender.clone()),
        None => default_sender(&settings.config.product_name, public_url),
    };
    match &settings.mail {
        MailTo::Console => Ok(builder.mailer(ConsoleMailer::stdout())),
        MailTo::Directory(path) => {
            let mailer = DirectoryMailer::new(path, sender()?).map_err(|error| {
                let what = format!("mails cannot be written to {}", path.display());
                Failure::because(&what, &error)
            })?;
            Ok(builder.mailer(mailer))
        }
        MailTo::Smtp(server) => {
            if matches!(server.security(), SmtpSecurity::DangerNone) && !server.is_local() {
                tracing::warn!(server = %server, "mails go to the mail server without TLS: whoever can listen can use their links");
            }
            let mut mailer = SmtpMailer::builder(server.clone(), sender()?);
            if let Some(path) = &settings.tls_roots {
                let pem = read_roots(path)?;
                mailer = mailer
                    .root_certificates(&pem)
                    .map_err(|error| wrong_roots(path, &error))?;
            }
            let mailer = mailer
                .build()
                .map_err(|error| Failure::because("mails cannot be sent", &error))?;
            Ok(builder.mailer(mailer))
        }
        MailTo::SendGrid(api) => {
            let client: Arc<dyn HttpClient> = Arc::new(client.clone());
            let key = given(settings.sendgrid_api_key.as_ref(), "SENDGRID_API_KEY")?;
            let mailer = SendGridMailer::new(client, key, sender()?)
                .map_err(|error| wrong("SENDGRID_API_KEY", &error))?;
            let mailer = match api {
                SendGridApi::Global => mailer,
                SendGridApi::Eu => mailer.eu(),
                SendGridApi::At(url) => mailer.url(url).map_err(|error| wrong("MAIL", &error))?,
            };
            Ok(builder.mailer(mailer))
        }
    }
}

/// Has the builder carry text messages.
pub(crate) fn with_sms(
    builder: GatekeeperBuilder,
    settings: &Settings,
    client: &ReqwestClient,
) -> Result<GatekeeperBuilder, Failure> {
    match &settings.sms {
        SmsTo::Nowhere => Ok(builder),
        SmsTo::Console => Ok(builder.sms_sender(ConsoleSender::stdout())),
        SmsTo::Twilio(url) => {
            let TwilioAccount { sid, token, from } = &settings.twilio;
            let sid = given(sid.as_ref(), "TWILIO_ACCOUNT_SID")?;
            let token = given(token.as_ref(), "TWILIO_AUTH_TOKEN")?;
            let from = given(from.as_ref(), "TWILIO_FROM")?;
            let client: Arc<dyn HttpClient> = Arc::new(client.clone());
            let mut sender = TwilioSender::new(client, &sid, token, &from)
                .map_err(|error| wrong("TWILIO_...", &error))?;
            if let Some(url) = url {
                sender = sender.url(url).map_err(|error| wrong("SMS", &error))?;
            }
            Ok(builder.sms_sender(sender))
        }
    }
}

/// Of a setting that was checked to be there when the settings were read.
fn given<T: Clone>(value: Option<&T>, name: &str) -> Result<T, Failure> {
    value
        .cloned()
        .ok_or_else(|| Failure::Usage(format!("GATEKEEPER_{name}: must be given")))
}

fn wrong(name: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Usage(format!("GATEKEEPER_{name}: {error}"))
}

fn read_roots(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let what = format!("GATEKEEPER_TLS_ROOTS: {} cannot be read", path.display());
        Failure::because(&what, &error)
    })
}

fn wrong_roots(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Usage(format!("GATEKEEPER_TLS_ROOTS: {}: {error}", path.display()))
}

fn default_sender(product: &str, public_url: &str) -> Result<Sender, Failure> {
    let authority = public_url.split('/').nth(2).unwrap_or("");
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    // An IP address is no domain of a mail.
    let is_name = host.parse::<std::net::Ipv4Addr>().is_err() && !host.contains(['[', ':']);
    let host = if is_name { host } else { "localhost" };
    Sender::new(product, &format!("no-reply@{host}")).map_err(|_| {
        Failure::Usage(
            "GATEKEEPER_MAIL_FROM: must be given, since the public URL's host makes no address"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_from_the_public_host() {
        for (url, from) in [
            (
                "https://auth.example.org",
                "Product <no-reply@auth.example.org>",
            ),
            (
                "https://auth.example.org:8443/base",
                "Product <no-reply@auth.example.org>",
            ),
            ("http://127.0.0.1:8080", "Product <no-reply@localhost>"),
            ("http://[::1]:8080", "Product <no-reply@localhost>"),
            ("http://localhost:8080", "Product <no-reply@localhost>"),
        ] {
            assert_eq!(default_sender("Product", url).unwrap().to_string(), from);
        }
    }
}
