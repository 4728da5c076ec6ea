use std::time::Duration;

use tokio::time::timeout;

use super::Gatekeeper;

/// How long a dependency has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether requests can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What was asked, and what it said.
    pub checks: Vec<Check>,
}

/// One dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name: `memory`, `sqlite`, `postgres`, `workers`.
    pub name: &'static str,
    /// How it is.
    pub state: CheckState,
}

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckState {
    /// Well.
    Up,
    /// Not well, but requests are served.
    Degraded,
    /// Away: requests are refused with 503.
    Down,
}

impl Readiness {
    /// The worst of the checks.
    pub fn state(&self) -> CheckState {
        self.checks
            .iter()
            .map(|check| check.state)
            .max()
            .unwrap_or(CheckState::Up)
    }
}

impl Gatekeeper {
    /// Asks every dependency; takes two seconds at most.
    pub async fn readiness(&self) -> Readiness {
        let inner = self.inner();
        let store = match timeout(PATIENCE, inner.repository.ping()).await {
            Ok(Ok(())) => CheckState::Up,
            Ok(Err(_)) | Err(_) => CheckState::Down,
        };
        let workers = if inner.workers.are_running() {
            CheckState::Up
        } else {
            CheckState::Degraded
        };
        let mut checks = vec![
            Check {
                name: inner.repository.name(),
                state: store,
            },
            Check {
                name: "workers",
                state: workers,
            },
        ];
        checks.extend(inner.authenticator.blacklist().checks());
        let lockout = (inner.lockout.name(), inner.lockout.check());
        let limits = inner.limits.state(inner.clock.now());
        for (name, state) in limits.into_iter().chain([lockout]) {
            // What lives in the process or in the store is there when they are.
            if !matches!(name, "memory" | "store") {
                // One server may do several things; its name stands once, with the worst of them.
                match checks.iter_mut().find(|check| check.name == name) {
                    Some(check) => check.state = check.state.max(state),
                    None => checks.push(Check { name, state }),
                }
            }
        }
        Readiness { checks }
    }
}
