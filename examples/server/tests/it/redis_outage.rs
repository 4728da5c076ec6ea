//! Servers on one Redis, and without it.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{
    postgres::Postgres,
    server::{PASSWORD, SECRET, Server, within},
};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis with a password, that can come back at the same place.
struct Guarded {
    child: Child,
    port: u16,
}

impl Guarded {
    fn start(port: u16) -> Self {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server", "--save", ""])
            .args(["--appendonly", "no", "--bind", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .args(["--requirepass", "hunter2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server cannot be run: run the tests with ./scripts/test.sh");
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("redis://:hunter2@127.0.0.1:{}", self.port)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What the readiness report says of Redis.
fn redis_is(server: &Server, state: &str) -> Option<()> {
    let answer = server.get("/health/ready", None);
    (answer.status == 200 && answer.json()["checks"]["redis"] == state).then_some(())
}

#[test]
fn servers_on_one_redis_go_on_without_it() {
    let postgres = Postgres::start();
    let directory = tempfile::tempdir().unwrap();
    let redis = Guarded::start(free_port());
    let url = redis.url();
    let start = |adapter: &str| {
        Server::start_with(
            directory.path(),
            &[
                "--adapter",
                adapter,
                "--public-url",
                "http://localhost:8080",
            ],
            &[
                ("GATEKEEPER_DATABASE_URL", &postgres.url()),
                ("GATEKEEPER_SECRET", SECRET),
                ("GATEKEEPER_REDIS_URL", &url),
            ],
        )
    };
    let [first, second] = ["axum", "actix"].map(start);
    for server in [&first, &second] {
        within(PATIENCE, || redis_is(server, "up")).expect("Redis is not there");
    }
    let email = "ann@example.org";
    first.member(email);
    let sign_out = || {
        let signed_in = first.sign_in(email, PASSWORD);
        let access = signed_in.text("access_token");
        assert_eq!(second.get("/v1/auth/me", Some(&access)).status, 200);
        let body = serde_json::json!({});
        let ended = first.post("/v1/auth/logout", Some(&access), &body);
        assert_eq!(ended.status, 204);
        within(PATIENCE, || {
            (second.get("/v1/auth/me", Some(&access)).status == 401).then_some(())
        })
        .expect("the other server still takes it");
    };
    sign_out();
    let port = redis.port;
    drop(redis);
    for server in [&first, &second] {
        within(PATIENCE, || redis_is(server, "degraded")).expect("nobody says that Redis is gone");
    }
    sign_out();
    let _redis = Guarded::start(port);
    for server in [&first, &second] {
        within(PATIENCE, || redis_is(server, "up")).expect("Redis is not found again");
    }
    sign_out();
    for server in [first, second] {
        assert_eq!(
            server.announced["redis"],
            format!("redis://127.0.0.1:{port}")
        );
        server.signal("-TERM");
        let (_, log) = server.ended();
        assert!(!log.contains("hunter2"), "{log}");
    }
}

#[test]
fn protections_that_are_off_are_said_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(
        directory.path(),
        &["--rate-limits", "off", "--lockout", "off"],
    );
    server.signal("-TERM");
    let (_, log) = server.ended();
    for setting in ["GATEKEEPER_RATE_LIMITS", "GATEKEEPER_LOCKOUT"] {
        assert!(log.contains(setting), "{log}");
    }
}
