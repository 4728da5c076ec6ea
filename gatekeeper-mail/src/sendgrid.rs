use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    env::{HttpClient, HttpMethod, HttpRequest, HttpResponse, Mail, MailError, Mailer},
    model::SecretString,
};
use serde_json::{Value, json};

use crate::{
    Sender,
    compose::{address, one_line},
    quote::quote,
};

/// Where the API is, unless told otherwise.
const GLOBAL: &str = "https://api.sendgrid.com";
/// Where accounts of the region EU have it.
const EU: &str = "https://api.eu.sendgrid.com";
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hands mails over to `SendGrid`, by its API v3 `POST /v3/mail/send`.
///
/// | the answer | the mail |
/// |---|---|
/// | 202 | is handed over |
/// | 400, 413, 415, 422 | is given up: [`MailError::Permanent`] |
/// | 401, 403 | is tried again, and the log says so as an error: the key is wrong for every mail |
/// | 429, 5xx, anything else, none | is tried again |
///
/// When to try again is the outbox's to say; `Retry-After` is shorter than its first pause, and is not read.
///
/// The mail's id goes along as the custom argument `gatekeeper_mail_id`, which `SendGrid`'s events repeat. The API has no means
/// against doubles: where an answer is lost on its way, the mail may be sent twice.
///
/// # Security
///
/// - Tracking is turned off for each mail: it would lead links through another host, which then sees the one-time token.
/// - Errors hold the status and harmless words of the answer, never the key, the recipient or the mail.
#[derive(Clone)]
pub struct SendGridMailer {
    client: Arc<dyn HttpClient>,
    sender: Sender,
    key: SecretString,
    url: String,
    timeout: Duration,
}

/// Why there is no [`SendGridMailer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendGridError {
    /// The key is empty, or holds what cannot stand in a header.
    #[error("the key must be printable ASCII without spaces")]
    Key,
    /// The address of the API is none.
    #[error("the API's address must be https://HOST, or http:// and this machine")]
    Url,
}

impl SendGridMailer {
    /// A mailer with this API key, which needs the permission "Mail Send" alone.
    ///
    /// # Errors
    ///
    /// [`SendGridError::Key`].
    pub fn new(
        client: Arc<dyn HttpClient>,
        key: impl Into<SecretString>,
        sender: Sender,
    ) -> Result<Self, SendGridError> {
        let key = key.into();
        let text = key.expose();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SendGridError::Key);
        }
        Ok(Self {
            client,
            sender,
            key,
            url: GLOBAL.to_owned(),
            timeout: PATIENCE,
        })
    }

    /// Uses the API of the region EU, for accounts that are there.
    #[must_use]
    pub fn eu(mut self) -> Self {
        EU.clone_into(&mut self.url);
        self
    }

    /// Uses an API elsewhere: one that speaks the same.
    ///
    /// # Errors
    ///
    /// [`SendGridError::Url`].
    pub fn url(mut self, url: &str) -> Result<Self, SendGridError> {
        let url = url.trim_end_matches('/');
        let host = match url.split_once("://") {
            Some(("https", host)) => host,
            Some(("http", host)) if is_local(host) => host,
            _ => return Err(SendGridError::Url),
        };
        let sound = !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'-' | b'.' | b':' | b'[' | b']' | b'/' | b'_')
            });
        if !sound {
            return Err(SendGridError::Url);
        }
        url.clone_into(&mut self.url);
        Ok(self)
    }

    /// How long a request may take; 30 seconds.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn body(&self, mail: &Mail) -> Result<Vec<u8>, MailError> {
        // The domain in ASCII, as SMTP would have it.
        let to = address(&mail.to)?;
        let mut recipient = json!({ "email": AsRef::<str>::as_ref(&to) });
        if let (Some(name), Some(object)) = (&mail.to_name, recipient.as_object_mut()) {
            object.insert("name".to_owned(), one_line(name).into());
        }
        let from = self.sender.mailbox();
        let mut sender = json!({ "email": AsRef::<str>::as_ref(&from.email) });
        if let (Some(name), Some(object)) = (&from.name, sender.as_object_mut()) {
            object.insert("name".to_owned(), name.as_str().into());
        }
        let off = json!({ "enable": false });
        let mail = json!({
            "personalizations": [{
                "to": [recipient],
                "custom_args": { "gatekeeper_mail_id": mail.id },
            }],
            "from": sender,
            "subject": one_line(&mail.subject),
            "content": [
                { "type": "text/plain", "value": mail.text },
                { "type": "text/html", "value": mail.html },
            ],
            "tracking_settings": {
                "click_tracking": { "enable": false, "enable_text": false },
                "open_tracking": off,
                "subscription_tracking": off,
                "ganalytics": off,
            },
        });
        serde_json::to_vec(&mail).map_err(|error| MailError::Permanent(error.to_string()))
    }
}

/// Whether what stands behind `http://` is this machine.
fn is_local(host: &str) -> bool {
    let authority = host.split('/').next().unwrap_or(host);
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[async_trait]
impl Mailer for SendGridMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let request = HttpRequest {
            method: HttpMethod::Post,
            url: format!("{}/v3/mail/send", self.url),
            headers: vec![
                (
                    "authorization",
                    format!("Bearer {}", self.key.expose()).into(),
                ),
                ("content-type", "application/json".into()),
            ],
            body: self.body(mail)?,
            timeout: self.timeout,
        };
        let response = self.client.send(request).await;
        let response = response.map_err(|error| MailError::Transient(error.to_string()))?;
        judge(&response)
    }
}

fn judge(response: &HttpResponse) -> Result<(), MailError> {
    let status = response.status;
    if status == 202 {
        return Ok(());
    }
    let reason = format!("SendGrid answered {status} {}", words(&response.body));
    let reason = reason.trim_end().to_owned();
    match status {
        400 | 413 | 415 | 422 => Err(MailError::Permanent(reason)),
        401 | 403 => {
            tracing::error!(
                reason,
                "SendGrid does not take our key or our sender: no mail leaves until it does"
            );
            Err(MailError::Transient(reason))
        }
        _ => Err(MailError::Transient(reason)),
    }
}

/// What the answer says is wrong: `{"errors": [{"message": "...", "field": "..."}]}`.
fn words(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = answer
        .get("errors")
        .and_then(|errors| errors.get(0))
        .and_then(|error| error.get("message"))
        .and_then(Value::as_str);
    message.map_or_else(String::new, quote)
}

impl fmt::Debug for SendGridMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGridMailer")
            .field("url", &self.url)
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use gatekeeper_core::{
        env::HttpClientError,
        testing::{RecordedRequest, ScriptedHttpClient},
    };

    use super::*;
    use crate::compose::tests::{mail, sender};

    const KEY: &str = "SG.hunter2-hunter2";

    fn mailer(client: &ScriptedHttpClient) -> SendGridMailer {
        SendGridMailer::new(Arc::new(client.clone()), KEY, sender()).unwrap()
    }

    async fn answered(status: u16, body: &str) -> Result<(), MailError> {
        let client = ScriptedHttpClient::new();
        client.answer(status, body);
        mailer(&client).send(&mail()).await
    }

    #[tokio::test]
    async fn a_mail_is_posted_whole_and_untracked() {
        let client = ScriptedHttpClient::new();
        client.answer(202, "");
        let mail = Mail {
            to_name: Some("Ann\r\nBcc: evil@example.net".to_owned()),
            subject: "Verify\nBcc: evil@example.net".to_owned(),
            ..mail()
        };
        mailer(&client).send(&mail).await.unwrap();
        let [
            RecordedRequest {
                method,
                url,
                headers,
                body,
            },
        ]: [RecordedRequest; 1] = client.requests().try_into().unwrap();
        assert_eq!(method, HttpMethod::Post);
        assert_eq!(url, "https://api.sendgrid.com/v3/mail/send");
        assert!(headers.contains(&("authorization".to_owned(), format!("Bearer {KEY}"))));
        assert!(headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let off = json!({ "enable": false });
        assert_eq!(
            body,
            json!({
                "personalizations": [{
                    "to": [{ "email": "ann@example.org", "name": "Ann Bcc: evil@example.net" }],
                    "custom_args": { "gatekeeper_mail_id": mail.id.to_string() },
                }],
                "from": { "email": "no-reply@example.com", "name": "Example" },
                "subject": "Verify Bcc: evil@example.net",
                "content": [
                    { "type": "text/plain", "value": mail.text },
                    { "type": "text/html", "value": mail.html },
                ],
                "tracking_settings": {
                    "click_tracking": { "enable": false, "enable_text": false },
                    "open_tracking": off,
                    "subscription_tracking": off,
                    "ganalytics": off,
                },
            })
        );
    }

    #[tokio::test]
    async fn an_answer_says_whether_to_try_again() {
        let wrong =
            r#"{"errors":[{"message":"Bad address ann@example.org in #token=abc","field":"to"}]}"#;
        for status in [400, 413, 415, 422] {
            let Err(MailError::Permanent(reason)) = answered(status, wrong).await else {
                panic!("{status}");
            };
            assert_eq!(
                reason,
                format!("SendGrid answered {status} Bad address [...] in [...]")
            );
        }
        // A 2xx that is not 202 is no promise: 200 is what the sandbox says.
        for status in [200, 201, 301, 302, 401, 403, 404, 405, 408, 429, 500, 503] {
            let sent = answered(status, "<html>").await;
            let Err(MailError::Transient(reason)) = sent else {
                panic!("{status}");
            };
            assert_eq!(reason, format!("SendGrid answered {status}"));
        }
    }

    #[tokio::test]
    async fn no_answer_is_no_loss() {
        let client = ScriptedHttpClient::new();
        client.fail(HttpClientError::Unreachable("it took too long".to_owned()));
        let sent = mailer(&client).send(&mail()).await;
        assert!(matches!(sent, Err(MailError::Transient(_))));
    }

    #[test]
    fn the_key_goes_to_one_place_alone() {
        let client: Arc<dyn HttpClient> = Arc::new(ScriptedHttpClient::new());
        for key in ["", "a b", "a\r\nHost: evil", "ä"] {
            let made = SendGridMailer::new(Arc::clone(&client), key, sender());
            assert_eq!(made.unwrap_err(), SendGridError::Key);
        }
        let mailer = SendGridMailer::new(client, KEY, sender()).unwrap();
        assert!(!format!("{mailer:?}").contains("hunter2"));
        assert_eq!(mailer.clone().eu().url, EU);
        for url in [
            "",
            "api.example",
            "http://api.example",
            "http://localhost.example",
            "http://localhost@evil.example",
            "http://127.0.0.1:80@evil.example",
            "https://",
            "https://a.example/?x",
            "https://u@a.example",
            "https://a example",
        ] {
            assert!(mailer.clone().url(url).is_err(), "{url}");
        }
        for url in [
            "https://a.example/proxy/",
            "http://localhost:1",
            "http://[::1]:1",
            "http://127.0.0.1",
        ] {
            mailer.clone().url(url).unwrap();
        }
    }
}
