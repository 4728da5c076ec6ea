//! Runs the example on <http://localhost:3000>.

use embedding::{CorporateDirectory, House, PaperDirectory, application, gatekeeper};
use gatekeeper_axum::{Config, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let house = House::new("corp.example", &["barred@example.org"]);
    let employees = PaperDirectory::default().with(
        "grace@corp.example",
        "the directory's own password",
        "E-0017",
        "Grace",
    );
    let directory = CorporateDirectory::new("corp.example", employees);
    let gatekeeper = gatekeeper(Config::default(), house, directory).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(serve(listener, application(gatekeeper)).await?)
}
