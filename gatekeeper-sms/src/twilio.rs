use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatekeeper_core::{
    env::{HttpClient, HttpMethod, HttpRequest, HttpResponse, Sms, SmsError, SmsSender},
    model::SecretString,
};
use serde_json::Value;

use crate::number::is_e164;

/// Where the API is, unless told otherwise.
const API: &str = "https://api.twilio.com";
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hands text messages over to Twilio, by `POST /2010-04-01/Accounts/{SID}/Messages.json`.
///
/// | the answer | the message |
/// |---|---|
/// | 201, 200 | is handed over |
/// | 400 about the recipient or the text | is given up: [`SmsError::Permanent`] |
/// | 400 about the sender (codes 21212, 21603, 21606, 21659 to 21661, 21701 to 21712), 401, 403, 404 | is tried again, and the log says so as an error: it is the same for every message |
/// | 429, 5xx, anything else, none | is tried again |
///
/// The API has no means against doubles: where an answer is lost on its way, the message may come twice.
///
/// # Security
///
/// - The recipient is checked to be a number of E.164 before it goes anywhere.
/// - Errors hold the status and Twilio's code alone: the words of an answer repeat the number.
/// - A text message is read by whoever takes over a number: as a second factor it is the weakest there is (NIST SP 800-63B-4
///   section 3.1.3.3).
#[derive(Clone)]
pub struct TwilioSender {
    client: Arc<dyn HttpClient>,
    account: String,
    authorization: SecretString,
    from: From,
    url: String,
    timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// A number, a short code, or a name.
    Sender(String),
    /// A messaging service, which chooses among its numbers.
    Service(String),
}

/// Why there is no [`TwilioSender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TwilioError {
    /// The account's SID is malformed.
    #[error("the account's SID must be AC and 32 hexadecimal digits")]
    Account,
    /// The token is empty or holds what no token does.
    #[error("the token must be printable ASCII without spaces")]
    Token,
    /// The sender is malformed.
    #[error(
        "the sender must be a number such as +15005550006, a short code, a name of at most 11 letters and digits, \
         or the SID of a messaging service (MG and 32 hexadecimal digits)"
    )]
    From,
    /// The address of the API is none.
    #[error("the API's address must be https://HOST, or http:// and this machine")]
    Url,
}

impl TwilioSender {
    /// A sender with an account's SID and token. `from` is a number, a short code, a name, or the SID of a messaging service.
    ///
    /// # Errors
    ///
    /// [`TwilioError`].
    pub fn new(
        client: Arc<dyn HttpClient>,
        account: &str,
        token: impl Into<SecretString>,
        from: &str,
    ) -> Result<Self, TwilioError> {
        let token = token.into();
        if !is_sid(account, "AC") {
            return Err(TwilioError::Account);
        }
        let text = token.expose();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TwilioError::Token);
        }
        // RFC 7617 section 2.
        let pair = SecretString::new(format!("{account}:{text}"));
        let encoded = SecretString::new(STANDARD.encode(pair.expose()));
        Ok(Self {
            client,
            account: account.to_owned(),
            authorization: format!("Basic {}", encoded.expose()).into(),
            from: parse_from(from)?,
            url: API.to_owned(),
            timeout: PATIENCE,
        })
    }

    /// Uses an API elsewhere: that of a region, or one that speaks the same.
    ///
    /// # Errors
    ///
    /// [`TwilioError::Url`].
    pub fn url(mut self, url: &str) -> Result<Self, TwilioError> {
        let url = url.trim_end_matches('/');
        let host = match url.split_once("://") {
            Some(("https", host)) => host,
            Some(("http", host)) if is_local(host) => host,
            _ => return Err(TwilioError::Url),
        };
        let sound = !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'-' | b'.' | b':' | b'[' | b']' | b'/' | b'_')
            });
        if !sound {
            return Err(TwilioError::Url);
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
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn parse_from(from: &str) -> Result<From, TwilioError> {
    if is_sid(from, "MG") {
        return Ok(From::Service(from.to_owned()));
    }
    let is_short_code =
        (3..=8).contains(&from.len()) && from.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = (1..=11).contains(&from.len())
        && from
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
        && from.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_e164(from) || is_short_code || is_name {
        Ok(From::Sender(from.to_owned()))
    } else {
        Err(TwilioError::From)
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
impl SmsSender for TwilioSender {
    async fn send(&self, sms: &Sms) -> Result<(), SmsError> {
        if !is_e164(&sms.to) {
            return Err(SmsError::Permanent(
                "the recipient is no number of E.164".to_owned(),
            ));
        }
        let (name, value) = match &self.from {
            From::Sender(sender) => ("From", sender),
            From::Service(service) => ("MessagingServiceSid", service),
        };
        let form = [
            ("To", sms.to.as_str()),
            (name, value.as_str()),
            ("Body", sms.text.expose()),
        ];
        let request = HttpRequest {
            method: HttpMethod::Post,
            url: format!(
                "{}/2010-04-01/Accounts/{}/Messages.json",
                self.url, self.account
            ),
            headers: vec![
                ("authorization", self.authorization.clone()),
                ("content-type", "application/x-www-form-urlencoded".into()),
            ],
            body: encoded(&form).into_bytes(),
            timeout: self.timeout,
        };
        let response = self.client.send(request).await;
        let response = response.map_err(|error| SmsError::Transient(error.to_string()))?;
        judge(&response)
    }
}

/// `application/x-www-form-urlencoded`.
fn encoded(form: &[(&str, &str)]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::new();
    for (name, value) in form {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') {
                text.push(char::from(byte));
            } else {
                let digit =
                    |value: u8| HEX.get(usize::from(value)).copied().map_or('0', char::from);
                text.push('%');
                text.push(digit(byte >> 4));
                text.push(digit(byte & 15));
            }
        }
    }
    text
}

fn judge(response: &HttpResponse) -> Result<(), SmsError> {
    let status = response.status;
    if matches!(status, 200 | 201) {
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = answer.get("code").and_then(Value::as_u64);
    let reason = match code {
        Some(code) => format!("Twilio answered {status}, code {code}"),
        None => format!("Twilio answered {status}"),
    };
    // Of our number, name or messaging service: what one message cannot have, none can.
    let about_us = matches!(
        code,
        Some(21212 | 21603 | 21606 | 21659..=21661 | 21701..=21712)
    );
    match status {
        400 if !about_us => Err(SmsError::Permanent(reason)),
        400 | 401 | 403 | 404 => {
            tracing::error!(
                reason,
                "Twilio does not take our account or our sender: no text message leaves until it does"
            );
            Err(SmsError::Transient(reason))
        }
        _ => Err(SmsError::Transient(reason)),
    }
}

impl fmt::Debug for TwilioSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioSender")
            .field("account", &self.account)
            .field("from", &self.from)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use gatekeeper_core::{
        env::HttpClientError,
        model::{MailId, Timestamp},
        testing::{RecordedRequest, ScriptedHttpClient, SeededRandom},
    };

    use super::*;

    const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
    const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";

    fn sms() -> Sms {
        Sms {
            id: MailId::new(Timestamp::from_unix_seconds(0), &SeededRandom::new(1)),
            to: "+15005550006".to_owned(),
            text: "Your code: 123456 & ä".into(),
        }
    }

    fn sender(client: &ScriptedHttpClient, from: &str) -> TwilioSender {
        TwilioSender::new(Arc::new(client.clone()), ACCOUNT, "hunter2", from).unwrap()
    }

    async fn answered(status: u16, body: &str) -> Result<(), SmsError> {
        let client = ScriptedHttpClient::new();
        client.answer(status, body);
        sender(&client, "+15005550001").send(&sms()).await
    }

    #[tokio::test]
    async fn a_message_is_posted_with_basic_authentication() {
        for (from, field) in [
            ("+15005550001", "From=%2B15005550001"),
            ("Example", "From=Example"),
            (
                SERVICE,
                "MessagingServiceSid=MG0123456789abcdef0123456789abcdef",
            ),
        ] {
            let client = ScriptedHttpClient::new();
            client.answer(201, r#"{"sid":"SM1","status":"queued"}"#);
            sender(&client, from).send(&sms()).await.unwrap();
            let [
                RecordedRequest {
                    method,
                    url,
                    headers,
                    body,
                },
            ]: [RecordedRequest; 1] = client.requests().try_into().unwrap();
            assert_eq!(method, HttpMethod::Post);
            assert_eq!(
                url,
                format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
            );
            let basic = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpodW50ZXIy";
            assert!(headers.contains(&("authorization".to_owned(), basic.to_owned())));
            assert_eq!(
                String::from_utf8(body).unwrap(),
                format!("To=%2B15005550006&{field}&Body=Your%20code%3A%20123456%20%26%20%C3%A4")
            );
        }
    }

    #[tokio::test]
    async fn an_answer_says_whether_to_try_again() {
        answered(201, "{}").await.unwrap();
        for code in [21211, 21408, 21610, 21614, 21617, 99999] {
            let body = format!(r#"{{"code":{code},"message":"'+15005550006' is not valid"}}"#);
            let Err(SmsError::Permanent(reason)) = answered(400, &body).await else {
                panic!("{code}");
            };
            assert_eq!(reason, format!("Twilio answered 400, code {code}"));
        }
        assert!(matches!(
            answered(400, "<html>").await,
            Err(SmsError::Permanent(_))
        ));
        for code in [21212, 21603, 21606, 21660, 21703] {
            let sent = answered(400, &format!(r#"{{"code":{code}}}"#)).await;
            assert!(matches!(sent, Err(SmsError::Transient(_))), "{code}");
        }
        for status in [202, 301, 401, 403, 404, 408, 429, 500, 503] {
            let sent = answered(status, r#"{"code":20003,"message":"+15005550006"}"#).await;
            let Err(SmsError::Transient(reason)) = sent else {
                panic!("{status}");
            };
            assert!(!reason.contains("+1500"), "{reason}");
        }
        let client = ScriptedHttpClient::new();
        client.fail(HttpClientError::Unreachable("it took too long".to_owned()));
        let sent = sender(&client, "12345").send(&sms()).await;
        assert!(matches!(sent, Err(SmsError::Transient(_))));
    }

    #[tokio::test]
    async fn what_is_no_number_goes_nowhere() {
        let client = ScriptedHttpClient::new();
        for to in [
            "",
            "12345",
            "+1500555000a",
            "+15005550006&Body=x",
            "whatsapp:+15005550006",
        ] {
            let sms = Sms {
                to: to.to_owned(),
                ..sms()
            };
            let sent = sender(&client, "12345").send(&sms).await;
            assert!(matches!(sent, Err(SmsError::Permanent(_))), "{to}");
        }
        assert!(client.requests().is_empty());
    }

    #[test]
    fn what_is_malformed_makes_no_sender() {
        let client: Arc<dyn HttpClient> = Arc::new(ScriptedHttpClient::new());
        let make = |account: &str, token: &str, from: &str| {
            TwilioSender::new(Arc::clone(&client), account, token, from)
        };
        for account in [
            "",
            "AC",
            "SK0123456789abcdef0123456789abcdef",
            "AC0123456789abcdef0123456789abcde/",
        ] {
            let result = make(account, "hunter2", "12345");
            assert_eq!(result.unwrap_err(), TwilioError::Account);
        }
        for token in ["", "a b", "a\r\nHost: evil", "ä"] {
            let result = make(ACCOUNT, token, "12345");
            assert_eq!(result.unwrap_err(), TwilioError::Token);
        }
        for from in [
            "",
            "+1",
            "much too long a name",
            "MG0123456789",
            "Zoë",
            "a&To=b",
            "123456789",
        ] {
            let result = make(ACCOUNT, "hunter2", from);
            assert_eq!(result.unwrap_err(), TwilioError::From);
        }
        let sender = make(ACCOUNT, "hunter2", "12345").unwrap();
        let shown = format!("{sender:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("QUMw"),
            "{shown}"
        );
        for url in [
            "",
            "http://api.example",
            "http://localhost@evil.example",
            "https://a.example/?x",
        ] {
            assert!(sender.clone().url(url).is_err(), "{url}");
        }
        sender.url("https://api.dublin.ie1.twilio.com/").unwrap();
    }
}
