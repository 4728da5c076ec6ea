use std::{
    io::Write,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    client,
    server::{PASSWORD, Server, within},
};

fn stops_gracefully(adapter: &str, signal: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &["--adapter", adapter]);
    let body = json!({ "email": "ann@example.org", "password": PASSWORD }).to_string();
    let (first, second) = body.split_at(10);
    let mut stream = client::connect(&server.address).unwrap();
    let head = client::head("POST", "/v1/auth/register", None, body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    // The server has it in hand once another, later connection was served.
    assert_eq!(server.get("/health/live", None).status, 200);

    let began = Instant::now();
    server.signal(signal);
    let closed = within(Duration::from_secs(3), || {
        client::connect(&server.address).is_err().then_some(())
    });
    assert!(closed.is_some(), "new connections are still taken");
    assert!(
        server.has_ended().is_none(),
        "the request at hand was dropped"
    );
    stream.write_all(second.as_bytes()).unwrap();
    let answer = client::receive(stream).unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let (status, log) = server.ended();
    assert!(status.success(), "{log}");
    assert!(began.elapsed() < Duration::from_secs(10), "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn sigterm_lets_a_request_at_hand_finish_on_axum() {
    stops_gracefully("axum", "-TERM");
}

#[test]
fn sigint_lets_a_request_at_hand_finish_on_actix() {
    stops_gracefully("actix", "-INT");
}

#[test]
fn a_request_that_never_ends_does_not_hold_the_end_up() {
    for adapter in ["axum", "actix"] {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path(), &["--adapter", adapter]);
        let mut stream = client::connect(&server.address).unwrap();
        let head = client::head("POST", "/v1/auth/register", None, 1000);
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(server.get("/health/live", None).status, 200);
        let began = Instant::now();
        server.signal("-TERM");
        let (status, log) = server.ended();
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{adapter}: {log}"
        );
        assert!(status.success(), "{adapter}: {log}");
    }
}

/// Whenever the process dies after it said 202, the mail comes, and it is one.
#[test]
fn a_mail_outlives_the_process_that_promised_it() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let email = format!("ann{round}@example.org");
        let server = Server::start(directory.path(), &[]);
        assert_eq!(server.register(&email).status, 202);
        server.signal("-KILL");
        drop(server);
        let server = Server::start(directory.path(), &[]);
        let token = server.mailed_token(&email);
        let verified = server.post("/v1/auth/email/verify", None, &json!({ "token": token }));
        assert_eq!(verified.status, 200, "{verified:?}");
        let to = format!("To: {email}\r\n");
        let mails = server.mails();
        assert_eq!(mails.iter().filter(|mail| mail.contains(&to)).count(), 1);
    }
}
