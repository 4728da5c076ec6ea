//! Clients that do not wait, and clients that do not finish.

use std::{
    future::poll_fn,
    io::{Read, Write},
    net::TcpStream,
    pin::pin,
    task::Poll,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::Request,
};
use gatekeeper_axum::{Api, router_with, serve};
use gatekeeper_testkit::{
    access,
    rest::{RestFixture, RestTarget},
};
use http_body_util::{Full, Limited};
use tower::ServiceExt;

use crate::target::InProcess;

#[tokio::test]
async fn a_client_that_hangs_up_does_not_undo_its_sign_out() {
    let fixture = RestFixture::new().await;
    let gatekeeper = fixture.gatekeeper();
    let app: Router = router_with(Api::from(gatekeeper.clone()));
    let token = access::token(gatekeeper, "ada@example.com").await;
    assert!(gatekeeper.authenticate(&token).await.is_ok());
    {
        let request = Request::post("/v1/auth/logout")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let mut call = pin!(app.oneshot(request));
        let first = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
        assert!(first, "the sign-out has begun and is not done");
    }
    for _ in 0..1_000 {
        if gatekeeper.authenticate(&token).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the token is believed still");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_request() {
    let fixture = RestFixture::new().await;
    let app: Router = router_with(Api::from(fixture.gatekeeper().clone()));
    // The first bytes are a whole request by themselves.
    let body = Body::new(Limited::new(
        Full::new(Bytes::from_static(b"{}        ")),
        2,
    ));
    let request = Request::post("/v1/auth/refresh")
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(answer.headers().contains_key("x-correlation-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_off_leave_the_server_well() {
    let fixture = RestFixture::new().await;
    let app: Router = router_with(Api::from(fixture.gatekeeper().clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app));
    let head = "POST /v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    tokio::task::spawn_blocking(move || {
        for rest in [
            "content-length: 100\r\n\r\n{\"email\"",
            "content-length: 100\r\n\r\n",
            "transfer-encoding: chunked\r\n\r\nzz\r\n",
            "transfer-encoding: chunked\r\n\r\n5\r\n{\"em",
            "",
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .write_all(format!("{head}{rest}").as_bytes())
                .unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            // Whether the server still answers, or hangs up too, is for the framework to decide.
            let _ = stream.read_to_end(&mut answer);
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
                "{answer}"
            );
        }
        let mut stream = TcpStream::connect(address).unwrap();
        let sound = "GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(sound.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    })
    .await
    .unwrap();
}

/// Nothing is kept of a body beyond the limit, whether or not its length was told.
#[tokio::test]
async fn a_body_without_end_is_refused() {
    let fixture = RestFixture::new().await;
    let app = InProcess::new(router_with(Api::from(fixture.gatekeeper().clone())));
    for told in [true, false] {
        let mut request =
            http::Request::post("/v1/auth/login").header("content-type", "application/json");
        if told {
            request = request.header("content-length", (Api::MAX_BODY + 1).to_string());
        }
        let body = if told {
            Bytes::new()
        } else {
            Bytes::from(vec![b' '; Api::MAX_BODY + 1])
        };
        let answer = app.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status(), 413);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}
