//! From the start of the reference server to its first answer, on a new database and on one that is there.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    figures::{Budget, median, row},
    http::get,
    probe::answers,
    process::{Server, free_address, sibling},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Starts of each kind.
    #[arg(long, default_value_t = 11)]
    starts: u32,
    /// Seconds at rest before memory is looked at.
    #[arg(long, default_value_t = 3)]
    rest: u64,
}

pub(crate) async fn measure(options: Options) -> Result<(), Failure> {
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.starts {
        let folder = tempfile::tempdir()?;
        for times in [&mut first, &mut again] {
            let address = free_address()?;
            let mut command: Command = sibling("gatekeeper-server")?;
            command
                .current_dir(folder.path())
                .env("GATEKEEPER_BIND", address.to_string())
                .env("GATEKEEPER_DATABASE_URL", "sqlite://gatekeeper.db")
                .env("GATEKEEPER_LOG", "error");
            let began = Instant::now();
            let mut server = Server::start(&mut command, address)?;
            answers(&mut server, &get("/health/live", None)).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_secs(options.rest)).await;
            memory.push(f64::from(server.resident_kib()?) / 1024.0);
        }
    }
    row(
        "server: start to first answer",
        median(&again),
        "ms",
        Budget::AtMost(50.0),
    );
    row(
        "server: the same, making its database and keys",
        median(&first),
        "ms",
        Budget::None,
    );
    row(
        "server: memory at rest, SQLite",
        median(&memory),
        "MiB",
        Budget::AtMost(20.0),
    );
    Ok(())
}
