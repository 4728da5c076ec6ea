use std::fmt::Write as _;

use gatekeeper_core::{
    Retry,
    model::{MailId, OutboxEntry, OutboxState},
};
use serde_json::{Value, json};

use super::{Answer, begin, next, page};
use crate::{
    cli::{Part, mail::Task},
    failure::Failure,
    settings::Settings,
};

/// Binds a cursor to this list.
const CURSORS: &str = "cli.mail.list";

pub(super) async fn run(settings: &Settings, task: &Task) -> Result<Answer, Failure> {
    match task {
        Task::List {
            state,
            part,
            tenant,
        } => list(settings, *state, part, tenant.as_deref()).await,
        Task::Retry { id, all, tenant } => {
            retry(settings, id.as_deref(), *all, tenant.as_deref()).await
        }
    }
}

async fn list(
    settings: &Settings,
    state: OutboxState,
    part: &Part,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let page = page(&gatekeeper, CURSORS, part)?;
    let outbox = gatekeeper.outbox();
    let listed = outbox.list(&cx, state, page).await?;
    let next = next(&gatekeeper, CURSORS, listed.next);
    let mut text = String::new();
    let mut items = Vec::new();
    for entry in &listed.items {
        let recipient = outbox.recipient(entry);
        describe(&mut text, entry, recipient.as_deref());
        items.push(shown(entry, recipient.as_deref()));
    }
    if items.is_empty() {
        let _ = writeln!(text, "No {} messages.", state.as_str());
    }
    if let Some(next) = &next {
        let _ = writeln!(text, "\nThere are more: --cursor {next}");
    }
    Ok(Answer {
        text,
        json: json!({ "items": items, "next_cursor": next }),
    })
}

fn describe(text: &mut String, entry: &OutboxEntry, recipient: Option<&str>) {
    let (what, when) = match entry.state {
        OutboxState::Pending => ("due", Some(entry.due_at)),
        OutboxState::Dead => ("given up", entry.finished_at),
        OutboxState::Delivered => ("delivered", entry.finished_at),
    };
    let when = when.map_or_else(String::new, |when| format!(" {when}"));
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}  {:<12}  {}  made {}, {what}{when}, attempts: {}",
        entry.id,
        entry.kind.as_str(),
        recipient.unwrap_or("-"),
        entry.created_at,
        entry.attempts,
    );
    if let Some(error) = &entry.last_error {
        let _ = writeln!(text, "    {error}");
    }
}

async fn retry(
    settings: &Settings,
    id: Option<&str>,
    all: bool,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let retried = match (id, all) {
        (Some(id), false) => {
            let wrong = || Failure::Usage("ID: must be one that `mail list` shows".to_owned());
            let id: MailId = id.parse().map_err(|_| wrong())?;
            let (gatekeeper, cx) = begin(settings, tenant).await?;
            match gatekeeper.outbox().retry(&cx, id).await? {
                Retry::Due => 1,
                Retry::NotDead => {
                    return Err(Failure::failed(
                        "mail.not_dead",
                        "there is no message with this id that was given up",
                    ));
                }
            }
        }
        (None, true) => {
            let (gatekeeper, cx) = begin(settings, tenant).await?;
            gatekeeper.outbox().retry_all(&cx).await?
        }
        (Some(_), true) | (None, false) => {
            let reason = "mail retry: takes either the ID of a message or --all";
            return Err(Failure::Usage(reason.to_owned()));
        }
    };
    Ok(Answer {
        text: format!("Due again: {retried}. A server that runs sends within seconds."),
        json: json!({ "retried": retried }),
    })
}

/// Never what a message says: it carries a link or a code that is perhaps still good.
fn shown(entry: &OutboxEntry, recipient: Option<&str>) -> Value {
    json!({
        "id": entry.id,
        "kind": entry.kind.as_str(),
        "state": entry.state.as_str(),
        "recipient": recipient,
        "attempts": entry.attempts,
        "created_at": entry.created_at,
        "due_at": (entry.state == OutboxState::Pending).then_some(entry.due_at),
        "finished_at": entry.finished_at,
        "last_error": entry.last_error,
    })
}
