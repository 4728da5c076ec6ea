use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::env::{
    HttpClient, HttpClientError, HttpMethod, HttpRequest, HttpResponse, MAX_HTTP_RESPONSE,
};
use reqwest::{
    Certificate, Client, ClientBuilder, Method, Request, Response, Url,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::timeout;

use crate::failure::unreachable;

/// How long reaching a host may take, unless told otherwise.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is passed on.
const LONGEST_PAUSE: u64 = 86_400;

/// Core's [`HttpClient`] over `reqwest`. Cheap to clone; clones share the connections.
///
/// # Security
///
/// - `https` alone, by TLS 1.2 and 1.3 of rustls with aws-lc, certificates verified; plain `http` to this machine only.
/// - No redirect is followed, no proxy of the environment used, no cookie kept, no answer unpacked.
/// - An answer is read up to [`MAX_HTTP_RESPONSE`], and all of a request, name resolution to the last byte, ends within its
///   timeout.
/// - Errors say what went wrong in words of this crate's own: no URL, no header, no byte of a body.
#[derive(Clone)]
pub struct ReqwestClient(Client);

/// Puts a [`ReqwestClient`] together.
#[derive(Debug)]
#[must_use]
pub struct ReqwestClientBuilder {
    roots: Roots,
    certificates: Vec<CertificateDer<'static>>,
    connect: Duration,
}

/// Which authorities are trusted.
#[derive(Clone, Copy, Debug)]
enum Roots {
    Bundled,
    Platform,
}

/// Why there is no [`ReqwestClient`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReqwestClientError {
    /// A root certificate is none.
    #[error("the root certificates are no certificates in PEM")]
    Root,
    /// TLS cannot be set up; with the platform's roots perhaps because there are none.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl ReqwestClient {
    /// A client that trusts the bundled roots: those of Mozilla, as of the build.
    ///
    /// # Errors
    ///
    /// [`ReqwestClientError::Tls`].
    pub fn new() -> Result<Self, ReqwestClientError> {
        Self::builder().build()
    }

    /// A client to be set up.
    pub fn builder() -> ReqwestClientBuilder {
        ReqwestClientBuilder {
            roots: Roots::Bundled,
            certificates: Vec::new(),
            connect: CONNECT,
        }
    }
}

impl ReqwestClientBuilder {
    /// Trusts what the platform trusts, in place of the bundled roots: an organisation's own authority, for one.
    pub const fn platform_roots(mut self) -> Self {
        self.roots = Roots::Platform;
        self
    }

    /// Trusts these certificates, in PEM, too.
    ///
    /// # Errors
    ///
    /// [`ReqwestClientError::Root`] where there is none, or one is malformed.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, ReqwestClientError> {
        let before = self.certificates.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.certificates
                .push(certificate.map_err(|_| ReqwestClientError::Root)?);
        }
        if self.certificates.len() == before {
            return Err(ReqwestClientError::Root);
        }
        Ok(self)
    }

    /// How long reaching a host may take, where the request's own time allows; 10 seconds.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ReqwestClientError`].
    pub fn build(self) -> Result<ReqwestClient, ReqwestClientError> {
        let builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(self.connect)
            .user_agent(concat!("gatekeeper/", env!("CARGO_PKG_VERSION")));
        let builder = match self.roots {
            Roots::Bundled => builder.tls_backend_preconfigured(bundled(self.certificates)?),
            Roots::Platform => platform(builder, &self.certificates)?,
        };
        // The error names no URL: there is none yet.
        let client = builder
            .build()
            .map_err(|error| ReqwestClientError::Tls(error.to_string()))?;
        Ok(ReqwestClient(client))
    }
}

fn bundled(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, ReqwestClientError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in extra {
        roots
            .add(certificate)
            .map_err(|_| ReqwestClientError::Root)?;
    }
    // The provider by name: which one is the process's is the application's business.
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ReqwestClientError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn platform(
    builder: ClientBuilder,
    extra: &[CertificateDer<'static>],
) -> Result<ClientBuilder, ReqwestClientError> {
    let extra: Vec<_> = extra
        .iter()
        .map(|certificate| Certificate::from_der(certificate))
        .collect::<Result<_, _>>()
        .map_err(|_| ReqwestClientError::Root)?;
    let builder = builder.tls_backend_rustls();
    Ok(if extra.is_empty() {
        builder
    } else {
        builder.tls_certs_merge(extra)
    })
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
        let time = request.timeout;
        let request = convert(request)?;
        timeout(time, exchange(&self.0, request))
            .await
            .unwrap_or_else(|_| Err(HttpClientError::Unreachable("it took too long".to_owned())))
    }
}

fn convert(request: HttpRequest) -> Result<Request, HttpClientError> {
    let bad = |reason: &str| HttpClientError::BadRequest(reason.to_owned());
    let url = Url::parse(&request.url).map_err(|_| bad("the URL is malformed"))?;
    if !is_allowed(&url) {
        return Err(bad("the URL must be https, or http to this machine"));
    }
    let method = match request.method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
    };
    let mut converted = Request::new(method, url);
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad("a header's name is malformed"))?;
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| bad("a header's value is malformed"))?;
        value.set_sensitive(true);
        converted.headers_mut().append(name, value);
    }
    if !request.body.is_empty() || request.method == HttpMethod::Post {
        *converted.body_mut() = Some(request.body.into());
    }
    Ok(converted)
}

fn is_allowed(url: &Url) -> bool {
    // Credentials in a URL find their way into logs.
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost"
                || address
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }),
        _ => false,
    }
}

async fn exchange(client: &Client, request: Request) -> Result<HttpResponse, HttpClientError> {
    let mut response = client
        .execute(request)
        .await
        .map_err(|error| unreachable(&error))?;
    let too_long = || HttpClientError::BadAnswer("it is too long".to_owned());
    let announced = response.content_length().unwrap_or(0);
    if announced > MAX_HTTP_RESPONSE as u64 {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        if body.len() + chunk.len() > MAX_HTTP_RESPONSE {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse {
        status: response.status().as_u16(),
        retry_after: retry_after(&response),
        body,
    })
}

/// RFC 9110 section 10.2.3, where it is in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())??;
    Some(Duration::from_secs(seconds.min(LONGEST_PAUSE)))
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestClient")
    }
}
