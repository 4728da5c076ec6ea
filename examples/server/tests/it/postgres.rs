//! A PostgreSQL of the tests' own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One server, in a temporary directory, on a free port.
pub(crate) struct Postgres {
    directory: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        // Not the tests' own temporary directory, which another user may not be able to reach.
        let directory = tempfile::Builder::new()
            .prefix("gatekeeper-postgres-")
            .tempdir_in("/tmp")
            .unwrap();
        if is_root() {
            let chowned = Command::new("chown")
                .arg("postgres")
                .arg(directory.path())
                .status();
            assert!(chowned.unwrap().success(), "there is no user postgres");
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let postgres = Self { directory, port };
        let data = postgres.data();
        postgres.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "gatekeeper",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
        );
        postgres.up();
        postgres
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    pub(crate) fn up(&self) {
        let directory = self.directory.path().display();
        let options = format!(
            "-p {} -k {directory} -c listen_addresses=127.0.0.1 -c fsync=off",
            self.port
        );
        let log = format!("{directory}/log");
        self.run(
            "pg_ctl",
            &[
                "-D",
                &self.data(),
                "-w",
                "-l",
                &log,
                "-o",
                &options,
                "start",
            ],
        );
    }

    pub(crate) fn down(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "fast", "stop"]);
    }

    /// A URL with a password, which must then never be seen.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://gatekeeper:hunter2@127.0.0.1:{}/postgres",
            self.port
        )
    }

    fn run(&self, program: &str, args: &[&str]) {
        let program = binaries().join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // The server outlives `pg_ctl`: a pipe that it inherits would never end.
        let status = command
            .args(args)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{} {args:?} failed", program.display());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            self.run(
                "pg_ctl",
                &["-D", &self.data(), "-w", "-m", "immediate", "stop"],
            );
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// Where PostgreSQL's programs are: of several versions, the last.
fn binaries() -> PathBuf {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .filter_map(|version| Some(version.ok()?.path().join("bin")))
                .filter(|path| path.join("initdb").exists())
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    found
        .pop()
        .expect("these tests need PostgreSQL's programs; on Debian: apt install postgresql")
}
