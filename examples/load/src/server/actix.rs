use actix_web::{App, HttpResponse, HttpServer, web};
use gatekeeper_actix::CurrentUser;

use super::{BODY, JSON, Options};
use crate::Failure;

pub(super) fn run(options: Options) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let api = super::api(&options).await?;
    let server = HttpServer::new(move || {
        App::new()
            .route("/bare", web::get().to(bare))
            .route("/protected", web::get().to(protected))
            .configure(gatekeeper_actix::configure_with(api.clone()))
    });
    server.bind(options.bind)?.run().await?;
    Ok(())
}

async fn bare() -> HttpResponse {
    HttpResponse::Ok().content_type(JSON).body(BODY)
}

async fn protected(_user: CurrentUser) -> HttpResponse {
    HttpResponse::Ok().content_type(JSON).body(BODY)
}
