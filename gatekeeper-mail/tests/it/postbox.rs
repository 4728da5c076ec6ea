//! Runs aiosmtpd, a mail server that others wrote.

use std::{io::Write as _, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::certificates::Identity;

const PROGRAM: &str = include_str!("aiosmtpd_server.py");
/// For what takes as long as it takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server, in a process of its own that ends with it.
pub(crate) struct Postbox {
    pub(crate) port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _files: tempfile::TempDir,
}

/// A mail that it took.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) envelope: Value,
    /// As it came, dots undone.
    pub(crate) content: String,
}

impl Postbox {
    /// Reached by `starttls` or `implicit` TLS; `excluded` is a mechanism of AUTH that it is not to offer.
    pub(crate) async fn start(mode: &str, identity: &Identity, excluded: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            let mut file = std::fs::File::create(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            path
        };
        let (certificate, key) = identity.pem();
        let mut child = Command::new(python().await)
            .arg(write("server.py", PROGRAM))
            .arg(mode)
            .arg(write("certificate.pem", &certificate))
            .arg(write("key.pem", &key))
            .arg(excluded)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut postbox = Self {
            port: 0,
            lines,
            _child: child,
            _files: files,
        };
        let port = postbox.line().await["port"].as_u64().unwrap();
        postbox.port = u16::try_from(port).unwrap();
        postbox
    }

    /// The next mail.
    pub(crate) async fn take(&mut self) -> Taken {
        let envelope = self.line().await;
        let content = envelope["content"].as_str().unwrap();
        let content = String::from_utf8(from_base64(content)).unwrap();
        Taken { envelope, content }
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().expect("aiosmtpd ended")).unwrap()
    }
}

/// Debian's own Python is the one that has Debian's packages; another may come before it in the path.
async fn python() -> &'static str {
    for python in ["/usr/bin/python3", "python3"] {
        let mut command = Command::new(python);
        command.args(["-c", "import aiosmtpd"]);
        command.stderr(Stdio::null());
        if command.status().await.is_ok_and(|status| status.success()) {
            return python;
        }
    }
    panic!("no Python with aiosmtpd: scripts/install-prerequisites.sh installs it");
}

pub(crate) fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| -> u32 {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let place = alphabet.iter().position(|other| *other == byte).unwrap();
        u32::try_from(place).unwrap()
    };
    let digits: Vec<u32> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'=' | b'\r' | b'\n'))
        .map(value)
        .collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit);
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
