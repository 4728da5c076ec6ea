//! What can be asked of the program, one file a subject.

mod keys;
mod mail;
mod migrate;
mod role;
mod user;

use serde_json::Value;

use crate::{
    cli::{Invocation, Task},
    failure::Failure,
    serve,
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
    pub(crate) fn print(&self, json: bool) {
        use std::io::Write as _;

        let mut out = std::io::stdout().lock();
        // A reader that went away is no failure of the command.
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
        Task::UserCreate {
            email,
            name,
            roles,
            password_stdin,
            tenant,
        } => {
            let account = user::New {
                email,
                name: name.as_deref(),
                roles,
                password_stdin: *password_stdin,
            };
            user::create(&settings, account, tenant.as_deref()).await?
        }
        Task::UserList {
            role,
            active,
            limit,
            cursor,
            tenant,
        } => {
            let wanted = user::Wanted {
                role: role.as_deref(),
                active: *active,
                limit: *limit,
                cursor: cursor.as_deref(),
            };
            user::list(&settings, wanted, tenant.as_deref()).await?
        }
        Task::UserDisable { email, tenant } => {
            user::disable(&settings, email, tenant.as_deref()).await?
        }
        Task::UserEnable { email, tenant } => {
            user::enable(&settings, email, tenant.as_deref()).await?
        }
        Task::UserRequirePasswordChange { email, tenant } => {
            user::require_password_change(&settings, email, tenant.as_deref()).await?
        }
        Task::UserUnlock { email, tenant } => {
            user::unlock(&settings, email, tenant.as_deref()).await?
        }
        Task::RoleGrant {
            email,
            role,
            tenant,
        } => role::grant(&settings, email, role, tenant.as_deref()).await?,
        Task::MailList {
            state,
            limit,
            cursor,
            tenant,
        } => {
            let wanted = mail::Wanted {
                state: *state,
                limit: *limit,
                cursor: cursor.as_deref(),
            };
            mail::list(&settings, wanted, tenant.as_deref()).await?
        }
        Task::MailRetry { id, all, tenant } => {
            mail::retry(&settings, id.as_deref(), *all, tenant.as_deref()).await?
        }
        Task::KeysRotate { compromised } => keys::rotate(&settings, *compromised).await?,
    };
    answer.print(invocation.json);
    Ok(())
}
