#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{net::SocketAddr, thread};

use actix_web::{
    App,
    body::to_bytes,
    rt::System,
    test::{TestRequest, call_service, init_service},
    web::ServiceConfig,
};
use bytes::Bytes;
use gatekeeper_testkit::rest::RestTarget;
use tokio::sync::{mpsc, oneshot};

type Call = (http::Request<Bytes>, oneshot::Sender<http::Response<Bytes>>);

/// An application in a thread of its own, called in process from the loopback interface.
pub(crate) struct InProcess(mpsc::UnboundedSender<Call>);

impl InProcess {
    pub(crate) fn new(configure: impl FnOnce(&mut ServiceConfig) + Send + 'static) -> Self {
        let (sender, mut calls) = mpsc::unbounded_channel::<Call>();
        thread::spawn(move || {
            System::new().block_on(async move {
                let app = init_service(App::new().configure(configure)).await;
                while let Some((request, reply)) = calls.recv().await {
                    let response = call_service(&app, test_request(request).to_request()).await;
                    let mut answer = http::Response::builder().status(response.status().as_u16());
                    for (name, value) in response.headers() {
                        answer = answer.header(name.as_str(), value.as_bytes());
                    }
                    let body = to_bytes(response.into_body()).await.ok().unwrap();
                    reply.send(answer.body(body).unwrap()).unwrap();
                }
            });
        });
        Self(sender)
    }
}

fn test_request(request: http::Request<Bytes>) -> TestRequest {
    let (parts, body) = request.into_parts();
    let mut converted = TestRequest::default()
        .method(parts.method.as_str().parse().unwrap())
        .uri(&parts.uri.to_string())
        .peer_addr(SocketAddr::from(([127, 0, 0, 1], 4711)));
    if !body.is_empty() {
        converted = converted.set_payload(body);
    }
    for (name, value) in &parts.headers {
        converted = converted.append_header((name.as_str(), value.as_bytes()));
    }
    converted
}

#[async_trait::async_trait]
impl RestTarget for InProcess {
    async fn send(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let (reply, answer) = oneshot::channel();
        self.0.send((request, reply)).unwrap();
        answer.await.unwrap()
    }
}

pub(crate) async fn ask(app: &InProcess, path: &str, token: &str) -> http::Response<Bytes> {
    let request = http::Request::get(path).header("authorization", format!("Bearer {token}"));
    app.send(request.body(Bytes::new()).unwrap()).await
}
