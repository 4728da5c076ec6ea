use std::{io, net::TcpListener, time::Instant};

use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::{Condition, Next, from_fn},
    web,
};
use gatekeeper_http::{Api, CORRELATION_ID};

use super::{DRAIN, PATIENCE, access_log, stop::Stop};

/// Serves on actix-web: its workers have threads and runtimes of their own, beside the one of the library.
pub(super) async fn run(api: Api, listener: TcpListener, mut stop: Stop) -> io::Result<()> {
    let logging = access_log::is_on();
    let server = HttpServer::new(move || {
        App::new()
            .wrap(Condition::new(logging, from_fn(logged)))
            .configure(gatekeeper_actix::configure_with(api.clone()))
            .default_service(web::to(gatekeeper_actix::fallback))
    })
    .listen(listener)?
    .client_request_timeout(PATIENCE)
    .keep_alive(PATIENCE)
    .shutdown_timeout(DRAIN.as_secs())
    .disable_signals()
    .run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.requested().await;
        handle.stop(true).await;
    });
    server.await
}

async fn logged(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.path().to_owned();
    let response = next.call(request).await?;
    let correlation_id = response.headers().get(CORRELATION_ID);
    access_log::log(
        method.as_str(),
        &path,
        response.status().as_u16(),
        correlation_id.and_then(|value| value.to_str().ok()),
        began,
    );
    Ok(response)
}
