//! The server that is measured: one trivial route twice, bare and behind `CurrentUser`, beside the REST API.

mod actix;
mod axum;

use std::{io::Read as _, net::SocketAddr, path::PathBuf, thread};

use clap::ValueEnum;
use gatekeeper_core::{
    Config, Gatekeeper, config::EmailVerification, crypto::SecretKey, env::SystemRandom,
};
use gatekeeper_http::{Api, HttpSettings};
use gatekeeper_sqlx::SqliteRepository;

use crate::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The framework.
    #[arg(long, value_enum)]
    framework: Framework,
    /// Where to listen.
    #[arg(long)]
    bind: SocketAddr,
    /// An SQLite database; in memory where there is none.
    #[arg(long)]
    database: Option<PathBuf>,
    /// Threads that hash passwords; one for each core by default.
    #[arg(long)]
    workers: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Framework {
    Axum,
    Actix,
}

impl Framework {
    pub(crate) const ALL: [Self; 2] = [Self::Axum, Self::Actix];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Actix => "actix",
        }
    }
}

/// The body of both routes.
const BODY: &str = "{\"greeting\":\"hello\"}";
const JSON: &str = "application/json";

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    end_with_parent();
    match options.framework {
        Framework::Axum => axum::run(options),
        Framework::Actix => actix::run(options),
    }
}

/// The parent holds the other end of standard input for as long as it lives.
fn end_with_parent() {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

async fn api(options: &Options) -> Result<Api, Failure> {
    let mut config = Config::default();
    config.email.verification = EmailVerification::Optional;
    // Everything comes from one address, and as fast as it can.
    config.rate_limits.enabled = false;
    if let Some(workers) = options.workers {
        config.hashing.workers = workers;
    }
    let builder = Gatekeeper::builder()
        .config(config)
        .public_url(format!("http://{}", options.bind));
    let builder = match &options.database {
        None => builder.in_memory(),
        Some(path) => {
            let path = path.to_str().ok_or("a path that is no text")?;
            builder
                .repository(SqliteRepository::open(&format!("sqlite://{path}")).await?)
                .secret(SecretKey::generate(&SystemRandom))
        }
    };
    Ok(Api::new(builder.build().await?, HttpSettings::new()))
}
