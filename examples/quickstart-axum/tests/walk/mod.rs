//! Starts a quick start on a free port, in a directory of its own, and does what its reader would do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use serde_json::{Value, json};

pub(crate) fn walk(program: &str, source: &str) {
    let lines = source.lines().filter(|line| !line.trim().is_empty());
    assert!(lines.count() <= 15, "a quick start has 15 lines at most");

    let directory = tempfile::tempdir().unwrap();
    let ada = json!({ "email": "ada@example.org", "password": "a corridor of 12 elms" });
    let running = Running::start(program, directory.path());
    let nobody = running.call("GET", "/hello", None, None);
    assert_eq!(
        (nobody.status, nobody.code()),
        (401, "access.missing_token")
    );
    assert!(nobody.head.contains("application/problem+json"));
    assert!(
        nobody
            .head
            .to_lowercase()
            .contains("www-authenticate: bearer")
    );
    let registered = running.call("POST", "/v1/auth/register", None, Some(&ada));
    assert_eq!(registered.status, 201, "{}", registered.body);
    let first = registered.token();
    let to_keep =
        json!({ "email": ada["email"], "password": ada["password"], "token_delivery": "body" });
    let session = running.call("POST", "/v1/auth/login", None, Some(&to_keep));
    let kept = session.json["refresh_token"].as_str().unwrap().to_owned();
    let signed_in = running.call("POST", "/v1/auth/login", None, Some(&ada));
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    let second = signed_in.token();
    for token in [&first, &second] {
        let hello = running.call("GET", "/hello", Some(token), None);
        assert_eq!(
            (hello.status, &*hello.body),
            (200, "Hello, ada@example.org!")
        );
    }
    let signed_out = running.call("POST", "/v1/auth/logout", Some(&second), None);
    assert_eq!(signed_out.status, 204, "{}", signed_out.body);
    let refused = running.call("GET", "/hello", Some(&second), None);
    assert_eq!(
        (refused.status, refused.code()),
        (401, "access.invalid_token")
    );
    drop(running);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = directory.path().join("app.key").metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    // Key and database are files: the account is there after a restart, and its session too.
    let running = Running::start(program, directory.path());
    let login = running.call("POST", "/v1/auth/login", None, Some(&ada));
    assert_eq!(login.status, 200, "{}", login.body);
    let renewed = running.call(
        "POST",
        "/v1/auth/refresh",
        None,
        Some(&json!({ "refresh_token": kept })),
    );
    assert_eq!(renewed.status, 200, "{}", renewed.body);
}

/// A running program, which ends with this.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(program: &str, directory: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(program)
            .current_dir(directory)
            .env("BIND", address.to_string())
            .spawn()
            .unwrap();
        let mut running = Self { child, address };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                return running;
            }
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none(), "the program ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the program does not listen");
    }

    fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        if !body.is_empty() {
            request.push_str("content-type: application/json\r\n");
        }
        if let Some(token) = token {
            request = format!("{request}authorization: Bearer {token}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
            .write_all(format!("{request}\r\n{body}").as_bytes())
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            json: serde_json::from_str(body).unwrap_or_default(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the assertions will have said.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
    json: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    fn token(&self) -> String {
        self.json["access_token"].as_str().unwrap().to_owned()
    }
}
