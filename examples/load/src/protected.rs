//! An authenticated request against the same route bare.
//!
//! Both get the same bytes, token included, so that what differs is what Gatekeeper does; what it costs to read the longer
//! header is told beside it.

use std::time::Duration;

use crate::{
    Failure,
    figures::{Budget, median, row},
    http::{Connection, get},
    probe::{register, repeat, start},
    process::Server,
    server::Framework,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds on each side.
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Requests over each connection in each round.
    #[arg(long, default_value_t = 4000)]
    requests: u32,
    /// Connections.
    #[arg(long, default_value_t = 8)]
    connections: u32,
}

struct Side {
    request: Vec<u8>,
    micros: Vec<f64>,
}

impl Side {
    fn new(request: Vec<u8>) -> Self {
        Self {
            request,
            micros: Vec::new(),
        }
    }
}

pub(crate) async fn measure(options: Options) -> Result<(), Failure> {
    for framework in Framework::ALL {
        let server = start(framework, None, None).await?;
        let token = register(server.address).await?;
        let mut sides = [
            Side::new(get("/bare", Some(&token))),
            Side::new(get("/protected", Some(&token))),
            Side::new(get("/bare", None)),
        ];
        let mut connections = Vec::new();
        for _ in 0..options.connections {
            connections.push(Connection::open(server.address).await?);
        }
        for side in &sides {
            repeat(&mut connections, &side.request, options.requests / 4 + 1).await?;
        }
        for _ in 0..options.rounds {
            for side in &mut sides {
                let spent =
                    cost(&server, &mut connections, &side.request, options.requests).await?;
                side.micros.push(spent.as_secs_f64() * 1e6);
            }
        }
        report(framework, &sides);
    }
    Ok(())
}

/// The server's CPU time for one request.
async fn cost(
    server: &Server,
    connections: &mut Vec<Connection>,
    request: &[u8],
    each: u32,
) -> Result<Duration, Failure> {
    let before = server.cpu_time()?;
    repeat(connections, request, each).await?;
    let requests = each * u32::try_from(connections.len())?;
    Ok(server.cpu_time()?.saturating_sub(before) / requests.max(1))
}

fn report(framework: Framework, sides: &[Side; 3]) {
    let name = framework.name();
    let [bare, protected, without] = sides;
    let ratios: Vec<f64> = bare
        .micros
        .iter()
        .zip(&protected.micros)
        .map(|(bare, protected)| bare / protected)
        .collect();
    let us = |side: &Side| median(&side.micros);
    row(
        &format!("{name}: CPU of a bare request without a token"),
        us(without),
        "us",
        Budget::None,
    );
    row(
        &format!("{name}: CPU of a bare request"),
        us(bare),
        "us",
        Budget::None,
    );
    row(
        &format!("{name}: CPU of an authenticated request"),
        us(protected),
        "us",
        Budget::AtMost(9.0),
    );
    row(
        &format!("{name}: bare / authenticated"),
        median(&ratios),
        "",
        Budget::AtLeast(0.95),
    );
}
