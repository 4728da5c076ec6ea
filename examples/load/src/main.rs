//! Measures Gatekeeper against its budgets: servers under load, side by side with what they are compared to.
//!
//! Machines are noisy. Times are of the cores that the server's threads used, as the kernel counts them, wherever that is
//! what is asked; rounds alternate between the two sides; what is told is the median of the ratios of rounds.
//! `scripts/bench.sh` runs all of it.

mod figures;
mod flood;
mod http;
mod probe;
mod process;
mod protected;
mod refresh;
mod scale;
mod server;
mod startup;

use clap::{Parser, Subcommand};

/// Nobody but the person at the terminal deals with what goes wrong.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures Gatekeeper against its budgets and prints rows of a Markdown table.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// CPU time of an authenticated request against the same route bare.
    Protected(protected::Options),
    /// Latency of an authenticated request, and memory, while others sign in.
    Flood(flood::Options),
    /// Time from start to first answer of the reference server, and its memory at rest.
    Startup(startup::Options),
    /// Rotations of refresh tokens on PostgreSQL against pgbench on the same statement.
    Refresh(refresh::Options),
    /// What operations cost with many users, against what they cost with few.
    Scale(scale::Options),
    /// The server that `protected` and `flood` measure.
    #[command(hide = true)]
    Serve(server::Options),
}

fn main() -> Result<(), Failure> {
    match Arguments::parse().command {
        Command::Protected(options) => alone(protected::measure(options)),
        Command::Flood(options) => alone(flood::measure(options)),
        Command::Startup(options) => alone(startup::measure(options)),
        Command::Refresh(options) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(refresh::measure(options)),
        Command::Scale(options) => alone(scale::measure(options)),
        Command::Serve(options) => server::run(options),
    }
}

/// On one thread, which leaves the other cores to the server.
fn alone(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
