//! Starts the program.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::client::{self, Answer};

/// A secret for tests on PostgreSQL.
pub(crate) const SECRET: &str = "hnS1pQzVtT3rYw8mX0aK5cJd2LuGbFqNe7RiOvHyU4E";
pub(crate) const PASSWORD: &str = "seven quiet herons at dawn";

/// The program, in a directory, without any setting of the environment the tests run in.
pub(crate) fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatekeeper-server"));
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GATEKEEPER_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(directory: &Path, args: &[&str]) -> Output {
    program(directory).args(args).output().unwrap()
}

/// Runs a command with something on its standard input.
pub(crate) fn run_with_input(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut child = program(directory)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a command that is to succeed, with `--json`.
pub(crate) fn json_of(directory: &Path, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    let output = run(directory, &args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The line it began with.
    pub(crate) announced: Value,
    directory: PathBuf,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// One that writes its mails to `mails`.
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Self {
        Self::start_with(directory, args, &[])
    }

    pub(crate) fn start_with(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mail: &[&str] = if args.contains(&"--mail") {
            &[]
        } else {
            &["--mail", "dir:mails"]
        };
        let mut child = program(directory)
            .args(["serve", "--json", "--bind", "127.0.0.1:0"])
            .args(mail)
            .args(args)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = child.stderr.take().unwrap();
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line:?}, {}", log.lock().unwrap()));
        let drain = thread::spawn(move || {
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        });
        let address = announced["url"].as_str().unwrap().replace("http://", "");
        Self {
            child,
            address,
            announced,
            directory: directory.to_owned(),
            log,
            readers: vec![reader, drain],
        }
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Answer {
        client::call(&self.address, "GET", path, token, None).unwrap()
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        client::call(&self.address, "POST", path, token, Some(body)).unwrap()
    }

    /// Signs up; the mail's token verifies the address.
    pub(crate) fn register(&self, email: &str) -> Answer {
        self.post(
            "/v1/auth/register",
            None,
            &json!({ "email": email, "password": PASSWORD }),
        )
    }

    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password, "token_delivery": "body" });
        self.post("/v1/auth/login", None, &body)
    }

    /// The token of the newest mail to this address that has one, waited for.
    pub(crate) fn mailed_token(&self, email: &str) -> String {
        let to = format!("To: {email}\r\n");
        let mail = within(Duration::from_secs(30), || {
            self.mails()
                .into_iter()
                .rev()
                .find(|mail| mail.contains(&to) && mail.contains("#token="))
        })
        .unwrap_or_else(|| panic!("no mail to {email}: {}", self.log()));
        token_in(&mail)
    }

    /// Every mail, oldest first.
    pub(crate) fn mails(&self) -> Vec<String> {
        let mut files: Vec<_> = fs::read_dir(self.directory.join("mails"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort();
        files
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect()
    }

    /// Signs up, verifies, signs in; answers the sign-in.
    pub(crate) fn member(&self, email: &str) -> Answer {
        assert_eq!(self.register(email).status, 202);
        let token = self.mailed_token(email);
        let verified = self.post("/v1/auth/email/verify", None, &json!({ "token": token }));
        assert_eq!(verified.status, 200, "{verified:?}");
        let signed_in = self.sign_in(email, PASSWORD);
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        signed_in
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; answers its log.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status, self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token of a link, `#token=`.
pub(crate) fn token_in(text: &str) -> String {
    let (_, rest) = text
        .split_once("#token=")
        .unwrap_or_else(|| panic!("no link in {text}"));
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

/// Tries until there is an answer, but no longer than this.
pub(crate) fn within<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let late = began.elapsed() > limit;
        if let Some(answer) = attempt() {
            return Some(answer);
        }
        if late {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
