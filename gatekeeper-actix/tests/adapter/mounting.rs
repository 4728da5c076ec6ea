use actix_web::web;
use bytes::Bytes;
use gatekeeper_actix::{Api, configure, configure_with, fallback};
use gatekeeper_testkit::rest::{self, RestFixture, RestTarget};

use crate::target::InProcess;

#[tokio::test]
async fn the_script_finds_no_difference_to_the_bare_api() {
    rest::same_as_bare(async |gatekeeper, settings| {
        let api = Api::new(gatekeeper, settings);
        InProcess::new(move |config| {
            config
                .configure(configure_with(api))
                .default_service(web::to(fallback));
        })
    })
    .await;
}

#[tokio::test]
async fn the_application_keeps_its_own_routes_and_default_service() {
    let fixture = RestFixture::new().await;
    let gatekeeper = fixture.gatekeeper().clone();
    let app = InProcess::new(move |config| {
        config
            .route("/v1/auth/greeting", web::get().to(async || "greeting"))
            .configure(configure(gatekeeper))
            .route("/v1/orders", web::get().to(async || "orders"))
            .service(web::scope("/v1/stock").route("/{id}", web::get().to(async || "stock")))
            .default_service(web::to(async || "the application's own"));
    });
    for (path, wanted) in [
        ("/v1/orders", "orders"),
        ("/v1/auth/greeting", "greeting"),
        ("/v1/stock/7", "stock"),
        ("/", "the application's own"),
        ("/v1", "the application's own"),
        ("/v1/nothing", "the application's own"),
        ("/v1/authors", "the application's own"),
        ("/health/live/", "the application's own"),
    ] {
        let request = http::Request::get(path).body(Bytes::new()).unwrap();
        let answer = app.send(request).await;
        assert_eq!(
            (answer.status().as_u16(), &**answer.body()),
            (200, wanted.as_bytes()),
            "{path}"
        );
    }
    for (method, path, status) in [
        ("GET", "/v1/auth", 404),
        ("GET", "/v1/auth/", 404),
        ("GET", "/v1/auth/nothing/at/all", 404),
        ("DELETE", "/v1/auth/login", 405),
        ("POST", "/health/live", 405),
    ] {
        let request = http::Request::builder().method(method).uri(path);
        let answer = app.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("x-correlation-id"));
        assert!(answer.headers().contains_key("content-security-policy"));
        assert_eq!(answer.headers().contains_key("allow"), status == 405);
    }
}
