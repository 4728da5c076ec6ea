//! What can be asked of the program, one file a subject.

mod audit;
mod keys;
mod mail;
mod migrate;
mod role;
mod tenant;
mod transfer;
mod user;

use gatekeeper_core::{
    Gatekeeper, RequestContext,
    model::{Cursor, PageRequest},
};
use serde_json::Value;

use crate::{
    cli::{Invocation, Part, Task},
    failure::Failure,
    serve, service,
    settings::Settings,
};

/// What a command has to say.
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
}

impl Answer {
    /// What was asked stands on standard output already, as so many rows.
    fn nothing(rows: u64) -> Self {
        Self {
            text: String::new(),
            json: Value::from(rows),
        }
    }

    pub(crate) fn print(&self, json: bool) {
        use std::io::Write as _;

        let mut out = std::io::stdout().lock();
        // A reader that went away is no failure of the command.
        if self.text.is_empty() {
            return;
        }
        let _ = if json {
            writeln!(out, "{}", self.json)
        } else {
            writeln!(out, "{}", self.text.trim_end())
        }
        .and_then(|()| out.flush());
    }
}

pub(crate) async fn run(invocation: &Invocation, settings: Settings) -> Result<(), Failure> {
    let answer = match &invocation.command {
        Task::Serve => return Box::pin(serve::run(settings, invocation.json)).await,
        Task::Migrate => migrate::run(&settings).await?,
        Task::Audit(task) => audit::run(&settings, task, invocation.json).await?,
        Task::Keys(task) => keys::run(&settings, task).await?,
        Task::Mail(task) => mail::run(&settings, task).await?,
        Task::Role(task) => role::run(&settings, task).await?,
        Task::Tenant(task) => tenant::run(&settings, task).await?,
        Task::User(task) => user::run(&settings, task, invocation.json).await?,
    };
    answer.print(invocation.json);
    Ok(())
}

/// What a command acts on.
async fn begin(
    settings: &Settings,
    tenant: Option<&str>,
) -> Result<(Gatekeeper, RequestContext), Failure> {
    let gatekeeper = service::commanding(settings).await?.gatekeeper;
    let cx = service::context(&gatekeeper, tenant).await?;
    Ok((gatekeeper, cx))
}

/// The part of a list that was asked for; `list` binds cursors to it.
fn page(gatekeeper: &Gatekeeper, list: &str, part: &Part) -> Result<PageRequest, Failure> {
    let mut page = PageRequest::first(part.limit);
    if let Some(cursor) = &part.cursor {
        let opened = gatekeeper.cursors().open(list, cursor);
        page.after = Some(opened.ok_or_else(|| {
            Failure::Usage("--cursor: is not one that a list ended with".to_owned())
        })?);
    }
    Ok(page)
}

/// Where a list goes on, for `--cursor`.
fn next(gatekeeper: &Gatekeeper, list: &str, next: Option<Cursor>) -> Option<String> {
    next.map(|cursor| gatekeeper.cursors().seal(list, cursor))
}
