//! Sign-ins by the dozen, and what everybody else notices of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use gatekeeper_core::{
    crypto::password::{HashingSettings, PasswordHasher},
    env::SystemRandom,
    model::SecretString,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Failure,
    figures::{Budget, median, percentile, row},
    http::{Connection, get, post},
    probe::{EMAIL, PASSWORD, register, start},
    process::Server,
    server::Framework,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Connections that sign in; each number is a measurement of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [32, 64])]
    connections: Vec<u32>,
    /// Seconds of each phase.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The framework.
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    framework: Framework,
}

/// How many ask for the protected route beside the flood, each after a pause.
const PROBES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(2);
/// What a hash needs by default.
const HASH_KIB: u32 = 19_456;

#[derive(Debug, Default)]
struct Counts {
    signed_in: AtomicU32,
    refused: AtomicU32,
}

pub(crate) async fn measure(options: Options) -> Result<(), Failure> {
    let hash = one_hash().await?;
    let cores = u32::try_from(thread::available_parallelism()?.get())?;
    let folder = tempfile::tempdir()?;
    let base = base_kib(&options).await?;
    let server = start(
        options.framework,
        Some(&folder.path().join("load.db")),
        None,
    )
    .await?;
    let token = register(server.address).await?;
    let phase = Duration::from_secs(options.seconds);
    let limit = f64::from(base + cores * HASH_KIB);
    row(
        "flood: one hash, nothing else going on",
        hash.as_secs_f64() * 1e3,
        "ms",
        Budget::None,
    );
    for number in options.connections {
        let (mut idle, _) = probe(&server, &token, phase).await?;
        let flood = Flood::begin(server.address, number);
        tokio::time::sleep(phase / 10).await;
        let before = flood.counts.signed_in.load(Ordering::Relaxed);
        let (mut busy, peak) = probe(&server, &token, phase).await?;
        let counts = flood.end().await?;
        let rate =
            f64::from(counts.signed_in.load(Ordering::Relaxed) - before) / phase.as_secs_f64();
        let p99 = [&mut idle, &mut busy].map(|times| percentile(times, 99).as_secs_f64() * 1e3);
        let [idle, busy] = p99;
        let name = format!("flood of {number}");
        row(
            &format!("{name}: p99 of a protected route at rest"),
            idle,
            "ms",
            Budget::None,
        );
        row(&format!("{name}: p99 meanwhile"), busy, "ms", Budget::None);
        row(
            &format!("{name}: p99 meanwhile / at rest"),
            busy / idle,
            "",
            Budget::AtMost(1.5),
        );
        row(
            &format!("{name}: sign-ins a second"),
            rate,
            "",
            Budget::None,
        );
        row(
            &format!("{name}: sign-ins a second / (cores / one hash)"),
            rate * hash.as_secs_f64() / f64::from(cores),
            "",
            Budget::AtLeast(0.95),
        );
        row(
            &format!("{name}: refused with 503"),
            f64::from(counts.refused.load(Ordering::Relaxed)),
            "",
            Budget::None,
        );
        row(
            &format!("{name}: memory at most / (cores x 19 MiB + {base} KiB)"),
            f64::from(peak) / limit,
            "",
            Budget::AtMost(1.2),
        );
    }
    Ok(())
}

/// The server without the memory of its hashing threads, which it holds from the start: what it has with one, less that.
async fn base_kib(options: &Options) -> Result<u32, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("load.db");
    let server = start(options.framework, Some(&path), Some(1)).await?;
    register(server.address).await?;
    Ok(server.resident_kib()?.saturating_sub(HASH_KIB))
}

/// What one hash takes on a core that has nothing else to do.
async fn one_hash() -> Result<Duration, Failure> {
    let hasher = PasswordHasher::new(HashingSettings::default(), Arc::new(SystemRandom))?;
    let password = SecretString::new(PASSWORD);
    let stored = hasher.hash(&password).await?;
    let mut times = Vec::new();
    for _ in 0..30 {
        let began = Instant::now();
        let _ = hasher.verify(&password, Some(&stored)).await?;
        times.push(began.elapsed().as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(&times)))
}

/// Asks for the protected route for a while: the times it took, and the most memory the server had, in KiB.
async fn probe(
    server: &Server,
    token: &str,
    phase: Duration,
) -> Result<(Vec<Duration>, u32), Failure> {
    let ends = Instant::now() + phase;
    let mut tasks = JoinSet::new();
    for _ in 0..PROBES {
        let mut connection = Connection::open(server.address).await?;
        let request = get("/protected", Some(token));
        tasks.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < ends {
                let began = Instant::now();
                let answer = connection.send(&request).await?;
                times.push(began.elapsed());
                if answer.status != 200 {
                    return Err(Failure::from(format!("answered {}", answer.status)));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Ok(times)
        });
    }
    let mut peak = 0;
    while Instant::now() < ends {
        peak = peak.max(server.resident_kib()?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok((times, peak))
}

/// Connections that sign in as fast as they are answered.
struct Flood {
    counts: Arc<Counts>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<Result<(), Failure>>,
}

impl Flood {
    fn begin(address: SocketAddr, connections: u32) -> Self {
        let body = json!({ "email": EMAIL, "password": PASSWORD, "token_delivery": "body" });
        let request: Arc<[u8]> = post("/v1/auth/login", &body).into();
        let counts = Arc::new(Counts::default());
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (request, counts, over) = (request.clone(), counts.clone(), over.clone());
            tasks.spawn(async move {
                let mut connection = Connection::open(address).await?;
                while !over.load(Ordering::Relaxed) {
                    match connection.send(&request).await?.status {
                        200 => counts.signed_in.fetch_add(1, Ordering::Relaxed),
                        503 => counts.refused.fetch_add(1, Ordering::Relaxed),
                        status => return Err(format!("a sign-in was answered {status}").into()),
                    };
                }
                Ok(())
            });
        }
        Self {
            counts,
            over,
            tasks,
        }
    }

    async fn end(mut self) -> Result<Arc<Counts>, Failure> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done??;
        }
        Ok(self.counts)
    }
}
