//! What operations cost with many users, against what they cost with few: databases of several sizes, asked in turns, so that the
//! noise of the machine meets all of them alike.
//!
//! On PostgreSQL it is told, too, that no statement read a large table from one end to the other.

mod database;
mod operations;
mod seed;

use std::time::{Duration, Instant};

use gatekeeper_core::{env::Random, testing::SeededRandom};

use self::{
    database::Database,
    operations::{OPERATIONS, Operation},
};
use crate::{
    Failure,
    figures::{Budget, median, percentile, row},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the databases are: `postgres://...`, each then in a schema of its own; or a folder, each then a file of SQLite.
    #[arg(long, env = "GATEKEEPER_LOAD_SCALE_DATABASE")]
    database: String,
    /// How many users, the smallest first. What an earlier run filled is used again.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
    sizes: Vec<u64>,
    /// Rows of the audit trail a user has.
    #[arg(long, default_value_t = 5)]
    events: u64,
    /// Rounds on each size.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Calls in a round.
    #[arg(long, default_value_t = 300)]
    calls: usize,
    /// Fill the databases, and measure nothing.
    #[arg(long)]
    seed_only: bool,
}

pub(crate) async fn measure(options: Options) -> Result<(), Failure> {
    let mut databases = Vec::new();
    for &users in &options.sizes {
        databases.push(Database::open(&options.database, users, options.events).await?);
    }
    if options.seed_only {
        return Ok(());
    }
    let random = SeededRandom::new(4711);
    for operation in OPERATIONS {
        compare(&options, operation, &databases, &random).await?;
    }
    for database in &databases {
        database.tell_of_scans().await?;
    }
    Ok(())
}

/// Medians of each size, and of the ratios of rounds to those of the smallest.
async fn compare(
    options: &Options,
    operation: &Operation,
    databases: &[Database],
    random: &dyn Random,
) -> Result<(), Failure> {
    let mut rounds: Vec<Vec<f64>> = databases.iter().map(|_| Vec::new()).collect();
    let mut all: Vec<Vec<Duration>> = databases.iter().map(|_| Vec::new()).collect();
    // The first warms up: statements are prepared, pages are read.
    for number in 0..=options.rounds {
        for ((database, rounds), all) in databases.iter().zip(&mut rounds).zip(&mut all) {
            let mut times = Vec::with_capacity(options.calls);
            for _ in 0..options.calls {
                let index = u64::from_le_bytes(random.bytes()) % database.users();
                let began = Instant::now();
                (operation.run)(database, index).await?;
                times.push(began.elapsed());
            }
            if number > 0 {
                let half = percentile(&mut times, 50);
                rounds.push(half.as_secs_f64() * 1e6);
                all.extend(times);
            }
        }
    }
    let smallest = rounds.first().cloned().unwrap_or_default();
    for ((database, rounds), mut all) in databases.iter().zip(&rounds).zip(all) {
        let what = format!("{}, {} users", operation.name, database.users());
        row(&what, median(rounds), "us", Budget::None);
        let late = percentile(&mut all, 99).as_secs_f64() * 1e6;
        row(&format!("{what}: p99"), late, "us", Budget::None);
        if Some(database.users()) != databases.first().map(Database::users) {
            let ratios: Vec<f64> = rounds.iter().zip(&smallest).map(|(a, b)| a / b).collect();
            let what = format!("{what} / {} users", options.sizes.first().unwrap_or(&0));
            row(&what, median(&ratios), "", Budget::AtMost(1.3));
        }
    }
    Ok(())
}
