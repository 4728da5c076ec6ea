use axum::{Router, routing::get};
use gatekeeper_axum::{Api, CurrentUser, EmailVerification, Gatekeeper, router_with, serve};
use gatekeeper_sqlx::SqliteRepository;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bind = std::env::var("BIND").unwrap_or("127.0.0.1:3000".into());
    let db = SqliteRepository::open("sqlite://app.db").await?;
    let builder = Gatekeeper::builder().repository(db).secret_file("app.key");
    let builder = builder.email_verification(EmailVerification::Optional);
    let api = Api::from(builder.public_url(format!("http://{bind}")).build().await?);
    let hello = get(async |user: CurrentUser| format!("Hello, {}!", user.email));
    let app = Router::new().route("/hello", hello).with_state(api.clone());
    let listener = tokio::net::TcpListener::bind(bind).await?;
    Ok(serve(listener, app.merge(router_with(api))).await?)
}
