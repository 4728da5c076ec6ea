use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::model::SecretString;

/// The largest answer that an [`HttpClient`] reads, in bytes: a range of breached passwords has some 60 KiB.
pub const MAX_HTTP_RESPONSE: usize = 1024 * 1024;

/// Which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

/// A request to a service outside.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The absolute URL, `https://...`.
    pub url: String,
    /// Header names in lower case, with values that are perhaps credentials.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long all of it may take, the answer's body included.
    pub timeout: Duration,
}

impl fmt::Debug for HttpRequest {
    // URL, headers and body may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What a service outside answered, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The seconds of `Retry-After`, where it was given in seconds.
    pub retry_after: Option<Duration>,
    /// The body, at most [`MAX_HTTP_RESPONSE`].
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The service cannot be reached, broke off, or took too long.
    #[error("the service could not be reached: {0}")]
    Unreachable(String),
    /// The answer is larger than [`MAX_HTTP_RESPONSE`], or malformed.
    #[error("the answer cannot be used: {0}")]
    BadAnswer(String),
    /// The request makes no sense: a URL that is none, a header that cannot be sent.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
}

/// Asks services outside: breached passwords, providers of mail and SMS.
///
/// # Security
///
/// An implementation verifies TLS certificates, follows no redirect (it would carry credentials to another host), reads at
/// most [`MAX_HTTP_RESPONSE`] bytes, and puts neither URL nor headers nor body into its errors.
#[async_trait]
pub trait HttpClient: Send + Sync + fmt::Debug {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    ///
    /// [`HttpClientError`] where there is no answer. A status of 400 and above is an answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpClientError>;
}
