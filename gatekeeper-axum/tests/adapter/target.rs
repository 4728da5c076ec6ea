#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::connect_info::MockConnectInfo,
};
use bytes::Bytes;
use gatekeeper_testkit::rest::RestTarget;
use tower::ServiceExt;

/// An application, called in process from the loopback interface.
pub(crate) struct InProcess(Router);

impl InProcess {
    pub(crate) fn new(app: Router) -> Self {
        Self(app.layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711)))))
    }
}

#[async_trait::async_trait]
impl RestTarget for InProcess {
    async fn send(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let response = self.0.clone().oneshot(request.map(Body::from)).await;
        let (parts, body) = response.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        http::Response::from_parts(parts, body)
    }
}

pub(crate) async fn ask(app: &InProcess, path: &str, token: &str) -> http::Response<Bytes> {
    let request = http::Request::get(path).header("authorization", format!("Bearer {token}"));
    app.send(request.body(Bytes::new()).unwrap()).await
}
