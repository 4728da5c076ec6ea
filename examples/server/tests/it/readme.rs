//! The requests that the project's README shows, sent as they stand there.

use serde_json::Value;

use crate::{
    client::{Answer, call_in},
    server::{Server, json_of, run_with_input},
};

const README: &str = include_str!("../../../../README.md");

/// One `curl` of the README.
#[derive(Debug)]
struct Shown {
    path: String,
    tenant: Option<String>,
    token: Option<String>,
    body: Option<String>,
}

fn shown(title: &str) -> Vec<Shown> {
    let (_, section) = README.split_once(&format!("\n## {title}\n")).unwrap();
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
            tenant: between(line, "x-tenant: ", '\''),
            token: between(line, "Bearer ", '\''),
            body: between(line, "-d '", '\''),
        })
        .collect()
}

/// Sends what a section shows, in order; `learn` says what the placeholders of later requests stand for.
fn send(
    server: &Server,
    title: &str,
    mut learn: impl FnMut(usize, &Answer) -> Vec<(&'static str, String)>,
) -> Vec<(String, u16)> {
    let mut known: Vec<(&str, String)> = vec![];
    let mut statuses = vec![];
    for (number, request) in shown(title).into_iter().enumerate() {
        let fill = |text: String| {
            let known = known.iter();
            known.fold(text, |text, (name, value)| text.replace(name, value))
        };
        let (token, body) = (request.token.map(fill), request.body.map(fill));
        let path = fill(request.path);
        let method = if body.is_some() { "POST" } else { "GET" };
        let body: Option<Value> = body.map(|body| serde_json::from_str(&body).unwrap());
        let (tenant, token) = (request.tenant.as_deref(), token.as_deref());
        let answer = call_in(&server.address, tenant, method, &path, token, body.as_ref()).unwrap();
        let learnt = learn(number, &answer);
        known.extend(learnt);
        statuses.push((path, answer.status));
    }
    statuses
}

fn of(statuses: &[(String, u16)]) -> Vec<u16> {
    statuses.iter().map(|(_, status)| *status).collect()
}

#[test]
fn the_readme_leads_from_nothing_to_a_signed_in_request() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let statuses = send(&server, "As a server", |number, answer| match number {
        0 => vec![("TOKEN_OF_THE_MAIL", server.mailed_token("ada@example.org"))],
        2 => vec![
            ("ACCESS_TOKEN", answer.text("access_token")),
            ("REFRESH_TOKEN", answer.text("refresh_token")),
        ],
        3 => {
            assert_eq!(answer.text("email"), "ada@example.org");
            vec![]
        }
        _ => vec![],
    });
    assert_eq!(of(&statuses), [202, 200, 200, 200, 200], "{statuses:?}");
}

#[test]
fn the_readme_leads_to_two_tenants_an_invited_administrator_a_key_and_an_impersonation() {
    for adapter in ["axum", "actix"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let server = Server::start(path, &["--adapter", adapter]);
        let (_, command) = README
            .split_once("| gatekeeper-server user create")
            .unwrap();
        let (args, _) = command.split_once('\n').unwrap();
        let args: Vec<&str> = ["user", "create"]
            .into_iter()
            .chain(args.split_whitespace())
            .collect();
        let made = run_with_input(path, &args, "plum-otter-91-lantern\n");
        assert!(made.status.success(), "{made:?}");
        let title = "Tenants, roles, keys: from the command line";
        let statuses = send(&server, title, |number, answer| match number {
            0 => vec![("ROOT_TOKEN", answer.text("access_token"))],
            1 => vec![("TOKEN_OF_ANN", server.mailed_token("ann@acme.example"))],
            3 => vec![("ANN_TOKEN", answer.text("access_token"))],
            5 => vec![("TOKEN_OF_BOB", server.mailed_token("bob@acme.example"))],
            6 => vec![
                ("BOB_TOKEN", answer.text("access_token")),
                (
                    "ID_OF_BOB",
                    answer.json()["user"]["id"].as_str().unwrap().to_owned(),
                ),
            ],
            7 => vec![("KEY_OF_BOB", answer.text("key"))],
            9 => vec![("TOKEN_AS_BOB", answer.text("access_token"))],
            10 => {
                assert_eq!(answer.json()["impersonation"]["reason"], "ticket 4711");
                vec![]
            }
            _ => vec![],
        });
        let expected = [
            200, 201, 201, 200, 201, 201, 200, 201, 200, 200, 200, 200, 401,
        ];
        assert_eq!(of(&statuses), expected, "{statuses:?}");
        let verified = json_of(path, &["audit", "verify", "--tenant", "acme"]);
        assert_eq!(verified["verdict"], "sound");
    }
}
