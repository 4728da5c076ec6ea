//! The check for breached passwords over real sockets: core's range checker, this client, and a server that answers, or does not.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gatekeeper_core::{
    config::{BreachConfig, PublicUrl},
    env::MAX_HTTP_RESPONSE,
    password_policy::{Breach, BreachChecker, BreachError, RangeChecker},
    testing::ManualClock,
};
use gatekeeper_reqwest::ReqwestClient;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What comes behind the prefix `5BAA6` in the SHA-1 hash of `password`.
const REST: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";
const PADDING: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:0";

/// What a server does with a request.
#[derive(Clone)]
enum Manner {
    Answer(u16, String),
    /// Accepts, reads, and is silent.
    Stall,
    /// Promises more than it sends.
    BreakOff,
    /// What is no HTTP.
    Rubbish,
    /// A body without end, and without a promised length.
    Endless,
}

/// A server of this manner: where it is, and what it was asked.
async fn serve(manner: Manner) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (manner, heard) = (manner.clone(), Arc::clone(&heard));
            tokio::spawn(async move { behave(stream, manner, &heard).await });
        }
    });
    (url, asked)
}

async fn behave(mut stream: TcpStream, manner: Manner, heard: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8(request).unwrap();
    heard.lock().unwrap().push(text);
    let begin = |status: u16, length: usize| {
        format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    // A client that hangs up is no fault of the server's.
    match manner {
        Manner::Answer(status, body) => {
            let answer = begin(status, body.len()) + &body;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Manner::Stall => std::future::pending().await,
        Manner::BreakOff => {
            let answer = begin(200, 10_000) + &format!("{REST}:1\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Manner::Rubbish => {
            let _ = stream
                .write_all(b"\x16\x03\x01\x02\x00\x01 no http\r\n\r\n")
                .await;
        }
        Manner::Endless => {
            let start = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            let line = format!("{PADDING}\r\n").repeat(1_000);
            let mut sent = stream.write_all(start.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(line.as_bytes()).await;
            }
        }
    }
}

fn checker(url: &str, timeout: Duration) -> RangeChecker {
    let mut settings = BreachConfig::default();
    settings.timeout = timeout;
    let client = Arc::new(ReqwestClient::new().unwrap());
    let base = PublicUrl::parse(url).unwrap();
    RangeChecker::new(client, Arc::new(ManualClock::default()), &base, &settings)
}

/// Generous: no test waits for it.
const LONG: Duration = Duration::from_secs(10);

async fn check(manner: Manner, timeout: Duration) -> Result<Breach, BreachError> {
    let (url, _) = serve(manner).await;
    checker(&url, timeout).check(&"password".into()).await
}

#[tokio::test]
async fn asvs_6_2_12_a_server_tells_what_is_known() {
    let body = format!("{PADDING}\r\n{REST}:52256179\r\n{PADDING}");
    let (url, asked) = serve(Manner::Answer(200, body)).await;
    let checker = checker(&url, LONG);
    assert_eq!(checker.check(&"password".into()).await, Ok(Breach::Known));
    let asked = asked.lock().unwrap().concat().to_lowercase();
    assert!(
        asked.starts_with("get /range/5baa6 http/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nadd-padding: true\r\n"), "{asked}");
    assert!(asked.contains("\r\nuser-agent: gatekeeper"), "{asked}");
    assert!(!asked.contains(&REST.to_lowercase()));
    let unknown = check(Manner::Answer(200, PADDING.to_owned()), LONG).await;
    assert_eq!(unknown, Ok(Breach::Unknown));
}

#[tokio::test]
async fn a_refusal_is_no_answer() {
    for status in [429, 500, 503, 302] {
        let answer = check(Manner::Answer(status, format!("{REST}:1")), LONG).await;
        assert_eq!(answer, Err(BreachError::Status(status)));
    }
}

#[tokio::test]
async fn rubbish_is_no_answer() {
    for body in ["", "<html>sign in to this network</html>", "null"] {
        let answer = check(Manner::Answer(200, body.to_owned()), LONG).await;
        assert_eq!(answer, Err(BreachError::Malformed), "{body}");
    }
    for manner in [Manner::Rubbish, Manner::BreakOff] {
        let answer = check(manner, LONG).await;
        assert_eq!(answer, Err(BreachError::Unreachable));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let answer = check(Manner::Endless, Duration::from_mins(1)).await;
    assert_eq!(answer, Err(BreachError::Unreachable));
    let body = format!("{PADDING}\r\n").repeat(MAX_HTTP_RESPONSE / 39 + 2);
    let answer = check(Manner::Answer(200, body), LONG).await;
    assert_eq!(answer, Err(BreachError::Unreachable));
}

#[tokio::test]
async fn a_server_that_stalls_is_not_waited_for() {
    let answer = check(Manner::Stall, Duration::from_millis(200)).await;
    assert_eq!(answer, Err(BreachError::Unreachable));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = checker(&url, LONG).check(&"password".into()).await;
    assert_eq!(answer, Err(BreachError::Unreachable));
}
