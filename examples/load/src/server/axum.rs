use std::net::SocketAddr;

use axum::{Router, http::header, response::IntoResponse, routing::get};
use gatekeeper_axum::CurrentUser;

use super::{BODY, JSON, Options};
use crate::Failure;

pub(super) fn run(options: Options) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let api = super::api(&options).await?;
    let app = Router::new()
        .route("/bare", get(bare))
        .route("/protected", get(protected))
        .merge(gatekeeper_axum::router_with(api.clone()))
        .with_state(api)
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(options.bind).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn bare() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], BODY)
}

async fn protected(_user: CurrentUser) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], BODY)
}
