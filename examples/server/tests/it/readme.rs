//! The requests that the project's README shows, sent as they stand there.

use serde_json::Value;

use crate::{client::call, server::Server};

const README: &str = include_str!("../../../../README.md");

/// One `curl` of the README.
#[derive(Debug)]
struct Shown {
    path: String,
    token: Option<String>,
    body: Option<String>,
}

fn shown() -> Vec<Shown> {
    let (_, section) = README.split_once("\n## As a server\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines = section.replace("\\\n", "");
    let requests = lines.lines().filter(|line| line.starts_with("curl "));
    let between = |line: &str, start: &str, end: char| {
        let (_, rest) = line.split_once(start)?;
        Some(rest.split(end).next()?.to_owned())
    };
    requests
        .map(|line| Shown {
            path: between(line, "http://127.0.0.1:8080", ' ').unwrap(),
            token: between(line, "Bearer ", '\''),
            body: between(line, "-d '", '\''),
        })
        .collect()
}

#[test]
fn the_readme_leads_from_nothing_to_a_signed_in_request() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let mut known = vec![];
    let mut statuses = vec![];
    for request in shown() {
        let fill = |text: String| {
            known
                .iter()
                .fold(text, |text, (name, value): &(&str, String)| {
                    text.replace(name, value)
                })
        };
        let (token, body) = (request.token.map(fill), request.body.map(fill));
        let method = if body.is_some() { "POST" } else { "GET" };
        let body: Option<Value> = body.map(|body| serde_json::from_str(&body).unwrap());
        let answer = call(
            &server.address,
            method,
            &request.path,
            token.as_deref(),
            body.as_ref(),
        )
        .unwrap();
        statuses.push((request.path.clone(), answer.status));
        match request.path.as_str() {
            "/v1/auth/register" => {
                known.push(("TOKEN_OF_THE_MAIL", server.mailed_token("ada@example.org")));
            }
            "/v1/auth/login" => {
                known.push(("ACCESS_TOKEN", answer.text("access_token")));
                known.push(("REFRESH_TOKEN", answer.text("refresh_token")));
            }
            "/v1/auth/me" => assert_eq!(answer.text("email"), "ada@example.org"),
            _ => {}
        }
    }
    let expected = [
        ("/v1/auth/register", 202),
        ("/v1/auth/email/verify", 200),
        ("/v1/auth/login", 200),
        ("/v1/auth/me", 200),
        ("/v1/auth/refresh", 200),
    ];
    assert_eq!(
        statuses,
        expected.map(|(path, status)| (path.to_owned(), status))
    );
}
