use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gatekeeper_redis::{RedisClient, RedisSettings};
use redis::{Client, Commands as _, Connection};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A Redis of one's own: nothing is kept on disk, and all of it ends with this.
pub(crate) struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut server = Self {
            port: 0,
            arguments: arguments.iter().map(|&one| one.to_owned()).collect(),
            directory: tempfile::tempdir().unwrap(),
            process: None,
        };
        for _ in 0..20 {
            server.port = free_port();
            if server.spawn() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// A port at which nobody answers, for a server that is started later.
    pub(crate) fn absent() -> Self {
        let mut server = Self::start();
        server.kill();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Settings for tests, where a busy machine is no outage and a heartbeat comes soon.
    pub(crate) fn settings(&self) -> RedisSettings {
        RedisSettings::new(&self.url())
            .unwrap()
            .timeout(Duration::from_secs(5))
            .and_then(|settings| settings.heartbeat(Duration::from_millis(200)))
            .unwrap()
    }

    /// Settings for tests of outages, which must be noticed soon.
    pub(crate) fn hasty(&self) -> RedisSettings {
        self.settings().timeout(Duration::from_millis(500)).unwrap()
    }

    pub(crate) async fn client(&self) -> RedisClient {
        RedisClient::connect(self.settings()).await.unwrap()
    }

    /// Stopped where it is: connections stay open, and nothing is answered.
    pub(crate) fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    pub(crate) fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Gone, with what it held.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// There again, at the same address, empty.
    pub(crate) fn start_again(&mut self) {
        let began = Instant::now();
        while !self.spawn() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "redis-server does not start again"
            );
        }
    }

    pub(crate) fn flush(&self) {
        let _: () = redis::cmd("FLUSHALL").query(&mut self.admin()).unwrap();
    }

    /// Every key.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.admin().keys("*").unwrap()
    }

    /// A connection for the test itself.
    pub(crate) fn admin(&self) -> Connection {
        let client = Client::open(self.url()).unwrap();
        client
            .get_connection_with_timeout(Duration::from_secs(10))
            .unwrap()
    }

    fn spawn(&mut self) -> bool {
        // The kernel ends it should the test be killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server"])
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(&self.arguments)
            .arg("--dir")
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server cannot be run: run the tests with ./scripts/test.sh");
        let own = process.id();
        self.process = Some(process);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            // Whoever answers may be somebody else's on the same port.
            if self.answering() == Some(own) {
                return true;
            }
            let ended = self
                .process
                .as_mut()
                .is_none_or(|process| process.try_wait().unwrap().is_some());
            if ended {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        false
    }

    /// The number of the process that answers.
    fn answering(&self) -> Option<u32> {
        let client = Client::open(self.url()).unwrap();
        let mut connection = client
            .get_connection_with_timeout(Duration::from_secs(5))
            .ok()?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query(&mut connection)
            .ok()?;
        info.lines()
            .find_map(|line| line.strip_prefix("process_id:"))?
            .trim()
            .parse()
            .ok()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().expect("it is not running"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free at this moment, and whose cluster bus could be 10,000 above.
pub(crate) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}
