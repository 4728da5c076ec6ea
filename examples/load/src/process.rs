//! What the kernel knows of a server.

use std::{
    fs, io,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Failure;

/// A server that ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts what answers on this address, once it does. Its output is thrown away.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Result<Self, Failure> {
        let child = command
            // The bench server ends when this pipe closes, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { child, address })
    }

    /// Errs where it has ended already.
    pub(crate) fn running(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the server ended: {status}").into()),
        }
    }

    /// How long its threads have run on a core. Threads that ended are not counted: a server under load keeps its own.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Failure> {
        let mut nanos = 0_u64;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(text) => nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u32, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.split_whitespace().next())
            .ok_or("no VmRSS")?
            .parse()
            .map_err(Failure::from)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail where it has ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A command of a program beside this one.
pub(crate) fn sibling(name: &str) -> Result<Command, Failure> {
    let this = std::env::current_exe()?;
    let path = this.parent().unwrap_or_else(|| Path::new(".")).join(name);
    if path.exists() {
        Ok(Command::new(path))
    } else {
        Err(format!("{} is not built", path.display()).into())
    }
}
