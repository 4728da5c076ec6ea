//! Several servers on one PostgreSQL.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    postgres::Postgres,
    server::{PASSWORD, SECRET, Server, json_of, within},
};

fn start(directory: &std::path::Path, url: &str, adapter: &str) -> Server {
    Server::start_with(
        directory,
        // Access tokens name the public URL: nodes of one service share it.
        &[
            "--adapter",
            adapter,
            "--public-url",
            "http://localhost:8080",
        ],
        &[
            ("GATEKEEPER_DATABASE_URL", url),
            ("GATEKEEPER_SECRET", SECRET),
        ],
    )
}

/// What one revokes, the other refuses within a second.
#[test]
fn a_sign_out_on_one_server_is_heard_on_the_other_within_a_second() {
    let postgres = Postgres::start();
    let directory = tempfile::tempdir().unwrap();
    let [first, second] =
        ["axum", "actix"].map(|adapter| start(directory.path(), &postgres.url(), adapter));
    let email = "ann@example.org";
    first.member(email);
    for _ in 0..5 {
        let signed_in = first.sign_in(email, PASSWORD);
        let access = signed_in.text("access_token");
        // The second server knows the token as good before it is revoked.
        assert_eq!(second.get("/v1/auth/me", Some(&access)).status, 200);
        assert_eq!(
            first
                .post("/v1/auth/logout", Some(&access), &json!({}))
                .status,
            204
        );
        let answered = Instant::now();
        assert_eq!(first.get("/v1/auth/me", Some(&access)).status, 401);
        let refused = within(Duration::from_secs(1), || {
            let asked = answered.elapsed();
            (second.get("/v1/auth/me", Some(&access)).status == 401).then_some(asked)
        });
        let refused = refused.expect("the other server still takes a token that was revoked");
        assert!(refused <= Duration::from_secs(1), "{refused:?}");
        let refresh =
            json!({ "refresh_token": signed_in.text("refresh_token"), "token_delivery": "body" });
        assert_eq!(second.post("/v1/auth/refresh", None, &refresh).status, 401);
    }
    for log in [first.log(), second.log()] {
        assert!(!log.contains("hunter2") && !log.contains(SECRET), "{log}");
    }
    let announced = first.announced.to_string();
    assert!(!announced.contains("hunter2"), "{announced}");
}

/// While the database is away every request that needs it is refused as such; none is let through on old news, and none
/// is told that it may not.
#[test]
fn a_database_that_goes_and_comes_back_is_outlived() {
    let postgres = Postgres::start();
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &postgres.url(), "axum");
    let email = "ann@example.org";
    let access = server.member(email).text("access_token");

    postgres.down();
    let problem = server.sign_in(email, PASSWORD);
    assert_eq!(
        (problem.status, problem.text("code")),
        (503, "service.unavailable".to_owned())
    );
    assert!(
        problem.head.to_ascii_lowercase().contains("retry-after:"),
        "{problem:?}"
    );
    assert_eq!(server.get("/health/ready", None).status, 503);
    assert_eq!(server.get("/health/live", None).status, 200);
    let me = server.get("/v1/auth/me", Some(&access));
    assert_eq!(me.status, 503, "{me:?}");

    postgres.up();
    let back = within(Duration::from_secs(20), || {
        (server.sign_in(email, PASSWORD).status == 200).then_some(())
    });
    assert!(back.is_some(), "{}", server.log());
    assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 200);
    assert_eq!(server.get("/health/ready", None).status, 200);
}

/// Two servers that start on an empty database at once both serve, with the same keys.
#[test]
fn servers_that_start_together_agree() {
    let postgres = Postgres::start();
    let directory = tempfile::tempdir().unwrap();
    let url = postgres.url();
    let servers: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| start(directory.path(), &url, "axum")))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let access = servers[0].member("ann@example.org").text("access_token");
    for server in &servers {
        assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 200);
    }
    let env = ["--database-url", &url, "--secret", SECRET];
    let listed = json_of(directory.path(), &[&["user", "list"], &env[..]].concat());
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}
