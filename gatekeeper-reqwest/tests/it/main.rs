//! Against servers that answer well, badly and not at all.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

mod certificates;

use std::{sync::Arc, time::Duration};

use gatekeeper_core::env::{
    HttpClient, HttpClientError, HttpMethod, HttpRequest, HttpResponse, MAX_HTTP_RESPONSE,
};
use gatekeeper_reqwest::ReqwestClient;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use certificates::Authority;

const PATIENCE: Duration = Duration::from_mins(1);

/// Answers every request with the same bytes, then closes, or, where it is to stay silent, does not.
struct Service {
    port: u16,
    requests: mpsc::UnboundedReceiver<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    Close,
    Silence,
}

impl Service {
    async fn start(answer: Vec<u8>, after: After, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, told, tls) = (answer.clone(), told.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answer, after, &told).await,
                        Some(config) => {
                            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                                serve(stream, &answer, after, &told).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests }
    }

    async fn plain(answer: &str) -> Self {
        Self::start(answer.as_bytes().to_vec(), After::Close, None).await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/a?b=hunter2", self.port)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    after: After,
    told: &mpsc::UnboundedSender<String>,
) {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
        request.extend_from_slice(&bytes[..count]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            break;
        }
    }
    let _ = told.send(String::from_utf8_lossy(&request).into_owned());
    // A client that has read enough closes.
    let _ = stream.write_all(answer).await;
    let _ = stream.flush().await;
    if after == After::Silence {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: HttpMethod::Get,
        url: url.to_owned(),
        headers: vec![("authorization", "Bearer hunter2".into())],
        body: Vec::new(),
        timeout: PATIENCE,
    }
}

async fn send(request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
    ReqwestClient::new().unwrap().send(request).await
}

#[track_caller]
fn unreachable(answer: Result<HttpResponse, HttpClientError>) -> String {
    match answer {
        Err(HttpClientError::Unreachable(reason)) => {
            for secret in ["hunter2", "127.0.0.1", "localhost", "/a"] {
                assert!(!reason.contains(secret), "{reason}");
            }
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_goes_out_whole_and_its_answer_comes_back() {
    let answer = "HTTP/1.1 429 Slow\r\nretry-after: 17\r\ncontent-length: 4\r\n\r\nbody";
    let mut service = Service::plain(answer).await;
    let request = HttpRequest {
        method: HttpMethod::Post,
        body: b"a=b".to_vec(),
        ..get(&service.url())
    };
    let answer = send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (429, &b"body"[..]));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(17)));
    let request = service.requests.recv().await.unwrap();
    assert!(
        request.starts_with("POST /a?b=hunter2 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("authorization: Bearer hunter2\r\n"));
    assert!(request.contains("user-agent: gatekeeper/"));
    assert!(request.ends_with("\r\n\r\na=b"));
}

#[tokio::test]
async fn a_pause_that_is_no_number_of_seconds_is_none() {
    for (pause, read) in [
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("+1", None),
        ("99999999999999999999", None),
        ("4000000000", Some(86_400)),
    ] {
        let answer =
            format!("HTTP/1.1 503 No\r\nretry-after: {pause}\r\ncontent-length: 0\r\n\r\n");
        let service = Service::plain(&answer).await;
        let answer = send(get(&service.url())).await.unwrap();
        assert_eq!(answer.retry_after, read.map(Duration::from_secs), "{pause}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let mut elsewhere = Service::plain("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url()
        );
        let service = Service::plain(&answer).await;
        assert_eq!(send(get(&service.url())).await.unwrap().status, status);
    }
    assert!(elsewhere.requests.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    for (length, fits) in [(MAX_HTTP_RESPONSE, true), (MAX_HTTP_RESPONSE + 1, false)] {
        let body = "x".repeat(length);
        let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        let unannounced = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
        for answer in [announced, unannounced] {
            let service = Service::plain(&answer).await;
            match send(get(&service.url())).await {
                Ok(answer) => assert!(fits && answer.body.len() == length),
                Err(HttpClientError::BadAnswer(_)) => assert!(!fits),
                Err(error) => panic!("{error}"),
            }
        }
    }
    // One without an end, and one that announces more than there will ever be.
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let service = Service::start(endless, After::Silence, None).await;
    let answer = send(get(&service.url())).await;
    assert!(matches!(answer, Err(HttpClientError::BadAnswer(_))));
}

#[tokio::test]
async fn the_time_holds_for_all_of_it() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    ] {
        let answer = answer.as_bytes().to_vec();
        let service = Service::start(answer, After::Silence, None).await;
        let request = HttpRequest {
            timeout: Duration::from_millis(300),
            ..get(&service.url())
        };
        assert_eq!(unreachable(send(request).await), "it took too long");
    }
}

#[tokio::test]
async fn a_service_that_is_away_or_breaks_off_is_unreachable() {
    for answer in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 9999 OK\r\n\r\n",
    ] {
        let service = Service::plain(answer).await;
        unreachable(send(get(&service.url())).await);
    }
    let port = Service::plain("").await.port;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = closed.local_addr().unwrap().port();
    drop(closed);
    assert_ne!(port, gone);
    let reason = unreachable(send(get(&format!("http://127.0.0.1:{gone}/a"))).await);
    assert_eq!(reason, "connection refused");
    unreachable(send(get("https://no-such-host.invalid/a")).await);
}

#[tokio::test]
async fn certificates_are_verified() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    for (identity, problem) in [
        (authority.identity("localhost"), None),
        (stranger.identity("localhost"), Some("of an unknown issuer")),
        (authority.expired("localhost"), Some("has expired")),
        (authority.identity("a.example"), Some("is for another name")),
    ] {
        let config = Some(identity.config());
        let mut service = Service::start(answer.clone(), After::Close, config).await;
        let url = format!("https://localhost:{}/a", service.port);
        for platform in [false, true] {
            let builder = ReqwestClient::builder();
            let builder = if platform {
                builder.platform_roots()
            } else {
                builder
            };
            let builder = builder.root_certificates(authority.pem.as_bytes());
            let client = builder.unwrap().build().unwrap();
            let answer = client.send(get(&url)).await;
            let Some(problem) = problem else {
                assert_eq!(answer.unwrap().status, 200);
                service.requests.recv().await.unwrap();
                continue;
            };
            let reason = unreachable(answer);
            // The platform's verifier may know no more than that it is wrong.
            assert!(reason.contains("certificate"), "{reason}");
            assert!(platform || reason.contains(problem), "{reason}");
            assert!(service.requests.try_recv().is_err());
        }
        // Without the root of the test's, it is a stranger.
        let reason = unreachable(send(get(&url)).await);
        assert!(reason.contains("certificate"), "{reason}");
        assert!(service.requests.try_recv().is_err());
    }
}

#[tokio::test]
async fn what_must_not_be_sent_is_not() {
    for url in [
        "",
        "a",
        "http://192.0.2.1/hunter2",
        "http://example.org/hunter2",
        "http://localhost.example.org/",
        "http://127.0.0.1.example.org/",
        "https://u:hunter2@localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
    ] {
        let Err(HttpClientError::BadRequest(reason)) = send(get(url)).await else {
            panic!("{url}");
        };
        assert!(!reason.contains("hunter2"));
    }
    for (name, value) in [("a b", "x"), ("a", "x\r\nb: c"), ("", "x"), ("a\n", "x")] {
        let request = HttpRequest {
            headers: vec![(name, value.into())],
            ..get("https://localhost/")
        };
        let answer = send(request).await;
        assert!(matches!(answer, Err(HttpClientError::BadRequest(_))));
    }
}

#[test]
fn wrong_roots_make_no_client() {
    for pem in [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n",
    ] {
        let builder = ReqwestClient::builder().root_certificates(pem.as_bytes());
        let made = builder.and_then(gatekeeper_reqwest::ReqwestClientBuilder::build);
        assert!(made.is_err(), "{pem}");
    }
}
