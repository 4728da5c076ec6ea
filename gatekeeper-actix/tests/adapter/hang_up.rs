//! Clients that do not wait, and clients that do not finish.

use std::{
    future::poll_fn,
    io::{Read, Write},
    net::TcpStream,
    pin::pin,
    task::Poll,
    thread,
};

use actix_web::{
    App, HttpServer,
    dev::Service,
    rt::System,
    test::{TestRequest, init_service},
};
use bytes::Bytes;
use gatekeeper_actix::{Api, configure_with};
use gatekeeper_testkit::{
    access,
    rest::{RestFixture, RestTarget},
};

use crate::target::InProcess;

#[actix_web::test]
async fn a_client_that_hangs_up_does_not_undo_its_sign_out() {
    let fixture = RestFixture::new().await;
    let gatekeeper = fixture.gatekeeper();
    let api = Api::from(gatekeeper.clone());
    let app = init_service(App::new().configure(configure_with(api))).await;
    let token = access::token(gatekeeper, "ada@example.com").await;
    assert!(gatekeeper.authenticate(&token).await.is_ok());
    {
        let request = TestRequest::post()
            .uri("/v1/auth/logout")
            .append_header(("authorization", format!("Bearer {token}")));
        let mut call = pin!(app.call(request.to_request()));
        let pending = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
        assert!(pending, "the sign-out has begun and is not done");
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
async fn connections_that_break_off_leave_the_server_well() {
    let fixture = RestFixture::new().await;
    let api = Api::from(fixture.gatekeeper().clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let app = move || App::new().configure(configure_with(api.clone()));
        let server = HttpServer::new(app).workers(1).listen(listener).unwrap();
        System::new().block_on(server.run()).unwrap();
    });
    let head = "POST /v1/auth/refresh HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for rest in [
        // The first bytes are a whole request by themselves.
        "content-length: 100\r\n\r\n{}",
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
}

/// Nothing is kept of a body beyond the limit, whether or not its length was told.
#[tokio::test]
async fn a_body_without_end_is_refused() {
    let fixture = RestFixture::new().await;
    let app = InProcess::new(configure_with(Api::from(fixture.gatekeeper().clone())));
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
