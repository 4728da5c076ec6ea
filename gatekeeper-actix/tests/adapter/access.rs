use actix_web::{
    HttpResponse, Responder,
    web::{self, Data, ServiceConfig},
};
use gatekeeper_actix::{
    Api, Context, CurrentUser, Gatekeeper, MaybeUser, Require, Requirement, authenticate,
    configure_with, require, requirement,
};
use gatekeeper_testkit::{access, rest::RestFixture};

use crate::target::{InProcess, ask};

requirement!(PlainUsers = access::plain_users());
requirement!(StrongUsers = access::strong_users());

async fn current(user: CurrentUser) -> String {
    user.email.clone()
}

async fn maybe(user: MaybeUser) -> String {
    user.as_ref()
        .map_or("nobody".to_owned(), |user| user.email.clone())
}

async fn plain(user: Require<PlainUsers>) -> String {
    user.email.clone()
}

async fn strong(user: Require<StrongUsers>) -> String {
    user.email.clone()
}

async fn public() -> impl Responder {
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=60"))
        .body("public")
}

async fn context(cx: Context) -> String {
    let ip = cx.ip.map(|ip| ip.to_string()).unwrap_or_default();
    format!("{} {ip}", cx.correlation_id)
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/whoami", web::to(current))
        .route("/maybe", web::to(maybe))
        .route("/plain", web::to(plain))
        .route("/strong", web::to(strong))
        .service(
            web::resource("/vault")
                .wrap(require(access::vault()))
                .to(current),
        )
        .service(
            web::resource("/office")
                .wrap(require(access::office()))
                .to(current),
        )
        .service(web::resource("/layered").wrap(authenticate()).to(maybe))
        .service(web::resource("/public").wrap(authenticate()).to(public))
        .route("/context", web::to(context));
}

#[tokio::test]
async fn extractors_guards_and_layers_keep_to_the_contract() {
    access::run(async |api: Api| {
        InProcess::new(move |config| {
            config.configure(configure_with(api)).configure(routes);
        })
    })
    .await;
}

#[tokio::test]
async fn a_nested_scope_is_guarded_alike() {
    access::run(async |api: Api| {
        InProcess::new(move |config| {
            config
                .configure(configure_with(api))
                .service(web::scope("").service(web::scope("").configure(routes)));
        })
    })
    .await;
}

/// An application may have an API for its customers and another for its staff.
#[tokio::test]
async fn what_one_api_vouches_for_is_nothing_to_another() {
    let customers = RestFixture::new().await;
    let staff = Gatekeeper::builder()
        .in_memory()
        .public_url("https://staff.example.com")
        .without_workers();
    let staff = Api::from(staff.build().await.unwrap());
    let customers = Api::from(customers.gatekeeper().clone());
    let token = access::token(customers.gatekeeper(), "ada@example.com").await;
    let app = InProcess::new(move |config| {
        let inner = web::scope("/staff")
            .app_data(Data::new(staff))
            .route("/whoami", web::to(current))
            .service(
                web::resource("/guarded")
                    .wrap(require(Requirement::signed_in()))
                    .to(async || "in"),
            );
        config.app_data(Data::new(customers)).service(
            web::scope("")
                .wrap(authenticate())
                .service(inner)
                .route("/whoami", web::to(current)),
        );
    });
    assert_eq!(ask(&app, "/whoami", &token).await.status(), 200);
    for path in ["/staff/whoami", "/staff/guarded"] {
        assert_eq!(ask(&app, path, &token).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn without_configuration_nothing_is_open() {
    let app = InProcess::new(routes);
    for path in [
        "/whoami", "/maybe", "/plain", "/office", "/layered", "/public", "/context",
    ] {
        let answer = ask(&app, path, "x").await;
        assert_eq!(answer.status(), 500, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(!answer.body().windows(9).any(|text| text == b"configure"));
    }
}
