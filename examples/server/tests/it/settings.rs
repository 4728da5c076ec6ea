use std::fs;

use crate::server::{SECRET, Server, program, run};

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let url = |args: &[&str], env: &[(&str, &str)]| {
        let server = Server::start_with(path, args, env);
        server.announced["public_url"].as_str().unwrap().to_owned()
    };
    let by_default = url(&[], &[]);
    assert!(by_default.starts_with("http://127.0.0.1:"), "{by_default}");
    fs::write(
        path.join("gatekeeper.toml"),
        "public_url = 'https://file.example.org'",
    )
    .unwrap();
    assert_eq!(url(&[], &[]), "https://file.example.org");
    fs::write(
        path.join("other.toml"),
        "public_url = 'https://other.example.org'",
    )
    .unwrap();
    assert_eq!(
        url(&["--config", "other.toml"], &[]),
        "https://other.example.org"
    );
    assert_eq!(
        url(&[], &[("GATEKEEPER_CONFIG", "other.toml")]),
        "https://other.example.org"
    );
    let env = [("GATEKEEPER_PUBLIC_URL", "https://env.example.org")];
    assert_eq!(url(&[], &env), "https://env.example.org");
    let flag = ["--public-url", "https://flag.example.org"];
    assert_eq!(url(&flag, &env), "https://flag.example.org");
}

/// Whether it was refused so, without a word of what is secret, and without leaving anything behind.
fn refused(args: &[&str], env: &[(&str, &str)], code: i32, words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = program(directory.path())
        .args(args)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?} {env:?}: {text}");
    assert!(text.contains(words), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_wrong_setting_is_refused_by_name_and_without_its_value() {
    refused(&["--bind", "nowhere"], &[], 2, "--bind: must be");
    refused(
        &["--adapter", "rocket"],
        &[],
        2,
        "--adapter: must be axum or actix",
    );
    refused(
        &[],
        &[("GATEKEEPER_SECRET", "hunter2")],
        2,
        "GATEKEEPER_SECRET: ",
    );
    refused(&["--secret=hunter2"], &[], 2, "--secret: ");
    refused(
        &[],
        &[("GATEKEEPER_SECRET", "")],
        2,
        "GATEKEEPER_SECRET: must not be empty",
    );
    for (name, value) in [
        ("GATEKEEPER_LDAP_URL", "ldap://:hunter2@localhost"),
        ("GATEKEEPER_SECRETT", "hunter2"),
    ] {
        refused(
            &[],
            &[(name, value)],
            2,
            &format!("{name}: there is no such setting"),
        );
    }
    for (name, value) in [
        ("GATEKEEPER_REDIS_URL", "http://:hunter2@localhost"),
        ("GATEKEEPER_REDIS_STRICT", "on"),
        ("GATEKEEPER_RATE_LIMITS", "hunter2"),
        ("GATEKEEPER_LOCKOUT", "hunter2"),
    ] {
        refused(&[], &[(name, value)], 2, &format!("{name}: "));
    }
    refused(
        &["--config", "missing.toml"],
        &[],
        2,
        "missing.toml: cannot be read",
    );
    let postgres = [(
        "GATEKEEPER_DATABASE_URL",
        "postgres://u:hunter2@localhost/d",
    )];
    refused(
        &[],
        &postgres,
        2,
        "GATEKEEPER_SECRET: must be given with PostgreSQL",
    );
    let malformed = [
        (
            "GATEKEEPER_DATABASE_URL",
            "postgres://u:hunter2@localhost:hunter2/d",
        ),
        ("GATEKEEPER_SECRET", SECRET),
    ];
    refused(
        &["migrate"],
        &malformed,
        2,
        "GATEKEEPER_DATABASE_URL: must be postgres://",
    );
    let away = [
        (
            "GATEKEEPER_DATABASE_URL",
            "postgres://u:hunter2@127.0.0.1:1/d",
        ),
        ("GATEKEEPER_SECRET", SECRET),
    ];
    refused(
        &["migrate"],
        &away,
        1,
        "the database postgres://127.0.0.1:1/d cannot be opened",
    );
}

#[test]
fn wrong_carriers_are_refused_by_name_and_without_their_secrets() {
    for (name, value, words) in [
        ("MAIL", "hunter2", "must be console, dir:PATH, smtp://"),
        (
            "MAIL",
            "smtp://u:hunter2@localhost?tls=none",
            "must not have a password without TLS",
        ),
        (
            "MAIL",
            "smtp://u:hunt/er2hunter2@localhost",
            "must have no path",
        ),
        ("MAIL", "sendgrid:hunter2", "must be sendgrid:, sendgrid:eu"),
        ("SMS", "twilio:hunter2", "must be none, console, twilio:"),
        ("SENDGRID_API_KEY", "hunter2 ", "must be printable ASCII"),
    ] {
        let name = format!("GATEKEEPER_{name}");
        refused(&[], &[(&name, value)], 2, &format!("{name}: {words}"));
    }
    refused(
        &["--mail", "sendgrid:"],
        &[],
        2,
        "GATEKEEPER_SENDGRID_API_KEY: must be given",
    );
    let key = [("GATEKEEPER_SENDGRID_API_KEY", "hunter2")];
    refused(
        &[
            "--mail",
            "sendgrid:http://example.org",
            "--bind",
            "127.0.0.1:0",
        ],
        &key,
        2,
        "GATEKEEPER_MAIL: the API's address must be https",
    );
    refused(
        &["--sms", "twilio:"],
        &[("GATEKEEPER_TWILIO_AUTH_TOKEN", "hunter2")],
        2,
        "GATEKEEPER_TWILIO_ACCOUNT_SID: must be given",
    );
    refused(
        &["--tls-roots", "missing.pem", "--bind", "127.0.0.1:0"],
        &[],
        2,
        "--tls-roots: must be a file that can be read",
    );
}

#[test]
fn a_wrong_file_is_refused_by_name_and_line() {
    let directory = tempfile::tempdir().unwrap();
    for (file, words) in [
        ("bind = 'nowhere'", "bind in gatekeeper.toml: must be"),
        (
            "bnd = 'x'",
            "bnd in gatekeeper.toml: there is no such setting",
        ),
        (
            "adapter = 'axum'\nsecret = hunter2",
            "gatekeeper.toml: is not TOML: line 2",
        ),
    ] {
        fs::write(directory.path().join("gatekeeper.toml"), file).unwrap();
        let output = run(directory.path(), &["migrate", "--json"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let detail = json["error"]["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(words) && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    refused(&["serv"], &[], 2, "serv");
    refused(&["user"], &[], 2, "create");
    refused(&["user", "create"], &[], 2, "--email");
    refused(&["--nothing"], &[], 2, "--nothing");
    refused(&["user", "import"], &[], 2, "import");
    let directory = tempfile::tempdir().unwrap();
    let help = run(directory.path(), &["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("[env: GATEKEEPER_DATABASE_URL] [default: sqlite://gatekeeper.db]"));
}

#[test]
fn an_address_in_use_is_said_to_be_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(
        &["--bind", &address],
        &[],
        1,
        &format!("{address} cannot be listened on"),
    );
}
