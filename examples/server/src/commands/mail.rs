use std::fmt::Write as _;

use gatekeeper_core::{
    Gatekeeper, RequestContext, Retry,
    model::{MailId, OutboxEntry, OutboxState, PageRequest},
};
use serde_json::{Value, json};

use super::Answer;
use crate::{failure::Failure, service, settings::Settings};

/// Binds a cursor to this list.
const CURSORS: &str = "cli.mail.list";

/// Which messages to list.
pub(super) struct Wanted<'a> {
    pub(super) state: OutboxState,
    pub(super) limit: u32,
    pub(super) cursor: Option<&'a str>,
}

pub(super) async fn list(
    settings: &Settings,
    wanted: Wanted<'_>,
    tenant: Option<&str>,
) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, tenant).await?;
    let mut page = PageRequest::first(wanted.limit);
    if let Some(cursor) = wanted.cursor {
        let opened = gatekeeper.cursors().open(CURSORS, cursor);
        page.after = Some(opened.ok_or_else(|| {
            Failure::Usage("--cursor: is not one that a list ended with".to_owned())
        })?);
    }
    let outbox = gatekeeper.outbox();
    let listed = outbox.list(&cx, wanted.state, page).await?;
    let next = listed
        .next
        .map(|cursor| gatekeeper.cursors().seal(CURSORS, cursor));
    let mut text = String::new();
    let mut items = Vec::new();
    for entry in &listed.items {
        let recipient = outbox.recipient(entry);
        describe(&mut text, entry, recipient.as_deref());
        items.push(shown(entry, recipient.as_deref()));
    }
    if items.is_empty() {
        let _ = writeln!(text, "No {} messages.", wanted.state.as_str());
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

pub(super) async fn retry(
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

async fn begin(
    settings: &Settings,
    tenant: Option<&str>,
) -> Result<(Gatekeeper, RequestContext), Failure> {
    let gatekeeper = service::commanding(settings).await?.gatekeeper;
    let cx = service::context(&gatekeeper, tenant).await?;
    Ok((gatekeeper, cx))
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
