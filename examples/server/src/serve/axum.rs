use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
};
use gatekeeper_http::{Api, CORRELATION_ID};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::time::{sleep, timeout};
use tower::Service as _;

use super::{DRAIN, PATIENCE, access_log, stop::Stop};

/// How long to wait where no connection can be taken, as when every file descriptor is in use.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves on axum.
///
/// `axum::serve` has no limit on how long a client takes over the head of a request; here one that never finishes is cut off.
pub(super) async fn run(api: Api, listener: TcpListener, mut stop: Stop) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut app: Router = Router::new()
        .merge(gatekeeper_axum::router_with(api.clone()))
        .fallback(gatekeeper_axum::fallback)
        .with_state(api);
    if access_log::is_on() {
        app = app.layer(from_fn(logged));
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are small and whole: there is nothing to wait for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection is gone already");
            continue;
        }
        let service = service_for(app.clone(), peer);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let watched = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    if timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were not finished in time");
    }
    Ok(())
}

fn service_for(
    app: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    })
}

async fn logged(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let correlation_id = response.headers().get(CORRELATION_ID);
    access_log::log(
        method.as_str(),
        &path,
        response.status().as_u16(),
        correlation_id.and_then(|value| value.to_str().ok()),
        began,
    );
    response
}
