use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{client, server::program};

/// The output of the first start leads on: its curl line, as it stands there, makes an account and prints a mail.
#[test]
fn a_first_start_says_where_it_listens_and_what_to_try() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(directory.path())
        .args(["--bind", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("Gatekeeper 0."), "{first}");
    assert!(
        first.ends_with(" (axum, sqlite://gatekeeper.db)."),
        "{first}"
    );
    let second = lines.next().unwrap();
    assert!(
        second.starts_with("Made a secret and kept it in gatekeeper.secret."),
        "{second}"
    );
    let curl = lines.by_ref().find(|line| line.contains("curl")).unwrap();

    let (url, rest) = curl
        .trim()
        .strip_prefix("curl -i http://")
        .unwrap()
        .split_once(" -H 'content-type: application/json' -d '")
        .unwrap();
    let body: Value = serde_json::from_str(rest.strip_suffix('\'').unwrap()).unwrap();
    let (address, path) = url.split_at(url.find('/').unwrap());
    let answer = client::call(address, "POST", path, None, Some(&body)).unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let link = lines.find(|line| line.contains("/verify-email#token=") && line.contains("http"));
    assert!(link.unwrap().starts_with(&format!("http://{address}/")));

    child.kill().unwrap();
    child.wait().unwrap();
    #[cfg(unix)]
    for name in ["gatekeeper.secret", "gatekeeper.db"] {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(directory.path().join(name)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_database_whose_secret_is_gone_is_not_served_with_another() {
    let directory = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| crate::server::run(directory.path(), args);
    assert!(run(&["migrate"]).status.success());
    std::fs::remove_file(directory.path().join("gatekeeper.secret")).unwrap();
    let refused = run(&["user", "list"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("gatekeeper.secret"), "{text}");
    assert!(!directory.path().join("gatekeeper.secret").exists());
}

#[test]
fn another_secret_than_the_databases_own_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| crate::server::run(directory.path(), args);
    assert!(run(&["user", "list"]).status.success());
    let refused = run(&["user", "list", "--secret", crate::server::SECRET]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("cannot be read with this secret"), "{text}");
    assert!(!text.contains(crate::server::SECRET));
}
