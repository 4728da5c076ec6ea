use actix_web::{App, HttpServer, web};
use gatekeeper_actix::{CurrentUser, EmailVerification, Gatekeeper, configure};
use gatekeeper_sqlx::SqliteRepository;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bind = std::env::var("BIND").unwrap_or("127.0.0.1:3000".into());
    let db = SqliteRepository::open("sqlite://app.db").await?;
    let builder = Gatekeeper::builder().repository(db).secret_file("app.key");
    let builder = builder.email_verification(EmailVerification::Optional);
    let gate = configure(builder.public_url(format!("http://{bind}")).build().await?);
    let hello = || web::get().to(async |user: CurrentUser| format!("Hello, {}!", user.email));
    let app = move || App::new().configure(gate.clone()).route("/hello", hello());
    Ok(HttpServer::new(app).bind(bind)?.run().await?)
}
