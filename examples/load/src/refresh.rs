//! Rotation of refresh tokens on PostgreSQL, against pgbench on the very statement, with as many clients on the same rows.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use gatekeeper_core::{
    env::{Clock, SystemClock, SystemRandom},
    model::{
        AuthMethod, EmailAddress, Session, SessionId, TenantId, Timestamp, User, UserId, UserKind,
    },
    store::{Repository, SessionRotation},
};
use gatekeeper_sqlx::{PgRepository, Settings};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use crate::{
    Failure,
    figures::{Budget, median, row},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The database, `postgres://...`; its tables of an earlier run are dropped.
    #[arg(long, env = "GATEKEEPER_LOAD_POSTGRES_URL")]
    database: String,
    /// The program.
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
    /// Clients on each side.
    #[arg(long, default_value_t = 8)]
    clients: u16,
    /// Rounds on each side.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Seconds of a round.
    #[arg(long, default_value_t = 6)]
    seconds: u32,
    /// Sessions in the table.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
}

/// Sessions that each client rotates, one after the other.
const EACH: usize = 32;
const SCHEMA: &str = "gatekeeper_load";
const IDLE: Duration = Duration::from_hours(7 * 24);
/// An address, since pgbench cannot pass NULL.
const IP: &str = "192.0.2.1";

pub(crate) async fn measure(options: Options) -> Result<(), Failure> {
    let clients = usize::from(options.clients);
    if options.sessions < clients * EACH {
        return Err("fewer sessions than the clients rotate".into());
    }
    let settings = Settings::new().schema(SCHEMA)?;
    // One connection, on which the statement can be read back.
    let one = PgPoolOptions::new()
        .max_connections(1)
        .connect(&options.database)
        .await?;
    sqlx::raw_sql("DROP SCHEMA IF EXISTS gatekeeper_load CASCADE")
        .execute(&one)
        .await?;
    let single = PgRepository::on_pool(one.clone(), settings.clone());
    single.migrate().await?;
    let mut sessions = fill(&single, options.sessions).await?;
    sessions.truncate(clients * EACH);
    let statement = statement(&single, &one, sessions.first().ok_or("no session")?).await?;
    share_out(&one, &sessions).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&one).await?;
    one.close().await;

    let folder = tempfile::tempdir()?;
    let script = folder.path().join("rotate.sql");
    fs::write(&script, pgbench_script(&statement)?)?;
    let repository = Arc::new(PgRepository::connect_with(&options.database, settings).await?);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let us = rotate(&repository, &sessions, &options).await?;
        let them = pgbench(&options, &script)?;
        ours.push(us);
        theirs.push(them);
        ratios.push(us / them);
    }
    let name = format!("refresh, {clients} clients");
    row(
        &format!("{name}: pgbench, statements a second"),
        median(&theirs),
        "",
        Budget::None,
    );
    row(
        &format!("{name}: rotations a second"),
        median(&ours),
        "",
        Budget::None,
    );
    row(
        &format!("{name}: rotations / pgbench"),
        median(&ratios),
        "",
        Budget::AtLeast(0.8),
    );
    Ok(())
}

/// Users, each with one session.
async fn fill(repository: &PgRepository, number: usize) -> Result<Vec<SessionId>, Failure> {
    let now = SystemClock.now();
    let mut ids = Vec::with_capacity(number);
    let mut transaction = repository.begin().await?;
    for index in 0..number {
        let user = User {
            id: UserId::new(now, &SystemRandom),
            tenant_id: TenantId::DEFAULT,
            kind: UserKind::Person,
            email: EmailAddress::parse(&format!("user{index}@example.org"))?,
            email_verified_at: Some(now),
            name: None,
            locale: None,
            avatar_url: None,
            metadata: serde_json::Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        };
        let session = session(&user, now);
        transaction.users().insert(&user).await?;
        transaction.sessions().insert(&session).await?;
        ids.push(session.id);
    }
    transaction.commit().await?;
    Ok(ids)
}

fn session(user: &User, now: Timestamp) -> Session {
    Session {
        id: SessionId::new(now, &SystemRandom),
        tenant_id: user.tenant_id,
        user_id: user.id,
        generation: 0,
        rotated_at: now,
        created_at: now,
        authenticated_at: now,
        methods: vec![AuthMethod::Password],
        mfa_verified_at: None,
        last_seen_at: now,
        idle_expires_at: now.after(IDLE),
        absolute_expires_at: now.after(IDLE * 4),
        ended_at: None,
        end_reason: None,
        ip: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0)".to_owned()),
        device_id: None,
        organization_id: None,
        impersonation: None,
    }
}

fn rotation(session_id: SessionId, generation: i64) -> Result<SessionRotation, Failure> {
    Ok(SessionRotation {
        tenant_id: TenantId::DEFAULT,
        session_id,
        generation,
        now: SystemClock.now(),
        idle_lifetime: IDLE,
        ip: Some(IP.parse()?),
    })
}

/// The text of the statement that rotates, as the server has it.
async fn statement(
    repository: &PgRepository,
    pool: &sqlx::PgPool,
    session: &SessionId,
) -> Result<String, Failure> {
    let rotated = repository.rotate_session(&rotation(*session, 0)?).await?;
    rotated.ok_or("the first rotation failed")?;
    Ok(sqlx::query_scalar(
        "SELECT statement FROM pg_prepared_statements WHERE statement LIKE 'UPDATE%generation%'",
    )
    .fetch_one(pool)
    .await?)
}

/// Tells each client of pgbench which sessions are its own.
async fn share_out(pool: &sqlx::PgPool, sessions: &[SessionId]) -> Result<(), Failure> {
    sqlx::raw_sql("CREATE TABLE gatekeeper_load.share (client int, place int, session uuid)")
        .execute(pool)
        .await?;
    for (client, mine) in (0_i32..).zip(sessions.chunks(EACH)) {
        for (place, session) in (0_i32..).zip(mine) {
            sqlx::query("INSERT INTO gatekeeper_load.share VALUES ($1, $2, $3)")
                .bind(client)
                .bind(place)
                .bind(session.as_uuid())
                .execute(pool)
                .await?;
        }
    }
    Ok(())
}

/// A script in which each client first learns where its sessions stand, and then rotates them one after the other.
///
/// It has fewer than 128 commands: pgbench 15 overruns its list of them where many end in `\gset`.
fn pgbench_script(statement: &str) -> Result<String, Failure> {
    let now = SystemClock.now();
    let idle = now.after(IDLE);
    let mut script = String::from("\\if :fresh\n");
    for place in 0..EACH {
        writeln!(
            script,
            "SELECT id AS session, generation FROM {SCHEMA}.gatekeeper_sessions \
             JOIN {SCHEMA}.share ON session = id \
             WHERE client = :client_id AND place = {place} \\gset s{place}_"
        )?;
    }
    script.push_str("\\set fresh 0\n\\endif\n");
    for place in 0..EACH {
        // As in `rotate_session`: tenant, session, generation, now, idle expiry, its hour, address.
        let values = [
            format!("'{}'", TenantId::DEFAULT),
            format!(":s{place}_session"),
            format!(":s{place}_generation"),
            format!("'{now}'"),
            format!("'{idle}'"),
            (idle.as_unix_seconds() / 3600).to_string(),
            format!("'{IP}'"),
        ];
        let filled = (1..)
            .zip(&values)
            .fold(statement.to_owned(), |text, (number, value)| {
                text.replace(&format!("${number}"), value)
            });
        writeln!(script, "{filled} \\gset s{place}_")?;
    }
    Ok(script)
}

/// Statements a second that pgbench gets done.
fn pgbench(options: &Options, script: &std::path::Path) -> Result<f64, Failure> {
    let output = Command::new(&options.pgbench)
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--define=fresh=1",
        ])
        .arg(format!("--client={}", options.clients))
        .arg(format!("--time={}", options.seconds))
        .arg(format!("--file={}", script.display()))
        .arg(&options.database)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let scripts: Option<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok());
    match scripts {
        Some(scripts) if output.status.success() => Ok(scripts * f64::from(u32::try_from(EACH)?)),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("pgbench, {}: {text}{said}", output.status).into())
        }
    }
}

/// Rotations a second of the repository.
async fn rotate(
    repository: &Arc<PgRepository>,
    sessions: &[SessionId],
    options: &Options,
) -> Result<f64, Failure> {
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    let ends = began + Duration::from_secs(u64::from(options.seconds));
    for mine in sessions.chunks(EACH) {
        let repository = Arc::clone(repository);
        let mine = mine.to_vec();
        tasks.spawn(async move {
            let mut stands = Vec::with_capacity(mine.len());
            for id in mine {
                let found = repository.find_session(TenantId::DEFAULT, id).await?;
                stands.push((id, found.ok_or("a session is gone")?.generation));
            }
            let mut done = 0_u32;
            while Instant::now() < ends {
                for (id, generation) in &mut stands {
                    let rotated = repository
                        .rotate_session(&rotation(*id, *generation)?)
                        .await?;
                    *generation = rotated.ok_or("a rotation was refused")?.session.generation;
                    done += 1;
                }
            }
            Ok::<_, Failure>(done)
        });
    }
    let mut done = 0.0;
    while let Some(task) = tasks.join_next().await {
        done += f64::from(task??);
    }
    Ok(done / began.elapsed().as_secs_f64())
}
