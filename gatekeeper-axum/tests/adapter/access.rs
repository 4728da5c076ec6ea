use axum::{
    Router,
    response::IntoResponse,
    routing::{any, get},
};
use gatekeeper_axum::{
    Api, Context, CurrentUser, Gatekeeper, MaybeUser, Require, Requirement, authenticate, require,
    requirement,
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

async fn public() -> impl IntoResponse {
    ([("cache-control", "public, max-age=60")], "public")
}

async fn context(cx: Context) -> String {
    let ip = cx.ip.map(|ip| ip.to_string()).unwrap_or_default();
    format!("{} {ip}", cx.correlation_id)
}

fn application(api: &Api) -> Router {
    let office = get(current)
        .post(current)
        .route_layer(require(api, access::office()));
    let vault = get(current)
        .post(current)
        .route_layer(require(api, access::vault()));
    let layered = Router::new()
        .route("/layered", any(maybe))
        .route("/public", any(public))
        .route_layer(authenticate(api));
    Router::new()
        .route("/whoami", any(current))
        .route("/maybe", any(maybe))
        .route("/plain", any(plain))
        .route("/strong", any(strong))
        .route("/vault", vault)
        .route("/office", office)
        .route("/context", any(context))
        .merge(layered)
        .with_state(api.clone())
}

#[tokio::test]
async fn extractors_guards_and_layers_keep_to_the_contract() {
    access::run(async |api: Api| InProcess::new(application(&api))).await;
}

#[tokio::test]
async fn a_nested_router_is_guarded_alike() {
    access::run(async |api: Api| {
        let nested = Router::new().nest("/below", application(&api));
        let strip = move |mut request: axum::extract::Request| {
            let path = format!("/below{}", request.uri());
            *request.uri_mut() = path.parse().unwrap();
            let nested = nested.clone();
            async move { tower::ServiceExt::oneshot(nested, request).await }
        };
        InProcess::new(Router::new().fallback(strip))
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
    let inner = Router::new()
        .route("/whoami", any(current))
        .with_state(staff.clone());
    let guarded = Router::new()
        .route("/whoami", get(async || "in"))
        .route_layer(require(&staff, Requirement::signed_in()));
    let token = access::token(customers.gatekeeper(), "ada@example.com").await;
    for app in [inner, guarded] {
        let app = InProcess::new(app.route_layer(authenticate(&customers)));
        let answer = ask(&app, "/whoami", &token).await;
        assert_eq!(answer.status(), 401);
    }
}
