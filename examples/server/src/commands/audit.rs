use std::{
    fmt::Write as _,
    io::{BufWriter, Write as _},
    time::Duration,
};

use gatekeeper_core::{
    AnchorStanding, AuditAnchor, AuditVerdict, Gatekeeper, RequestContext,
    model::{AuditEvent, PageRequest, Timestamp},
    store::AuditFilter,
};
use serde_json::{Value, json};

use super::{Answer, begin};
use crate::{cli::audit::Task, failure::Failure, settings::Settings};

/// How often `tail --follow` looks.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(settings: &Settings, task: &Task, json: bool) -> Result<Answer, Failure> {
    match task {
        Task::Tail {
            lines,
            follow,
            tenant,
        } => {
            let (gatekeeper, cx) = begin(settings, tenant.as_deref()).await?;
            tail(&gatekeeper, &cx, *lines, *follow, json).await
        }
        Task::Verify { anchor, tenant } => {
            let anchor = anchor.as_deref().map(parse_anchor).transpose()?;
            let (gatekeeper, cx) = begin(settings, tenant.as_deref()).await?;
            verify(&gatekeeper, &cx, anchor).await
        }
        Task::Export {
            since,
            until,
            tenant,
        } => {
            let time = |name, text: &Option<String>| -> Result<Option<Timestamp>, Failure> {
                let Some(text) = text else { return Ok(None) };
                let read = serde_json::from_value(Value::from(text.as_str()));
                read.map(Some)
                    .map_err(|_| Failure::Usage(format!("--{name}: must be a time of RFC 3339")))
            };
            let (since, until) = (time("since", since)?, time("until", until)?);
            let (gatekeeper, cx) = begin(settings, tenant.as_deref()).await?;
            export(&gatekeeper, &cx, since, until).await
        }
    }
}

fn parse_anchor(text: &str) -> Result<AuditAnchor, Failure> {
    text.parse()
        .map_err(|error| Failure::Usage(format!("--anchor: {error}")))
}

async fn tail(
    gatekeeper: &Gatekeeper,
    cx: &RequestContext,
    lines: u32,
    follow: bool,
    json: bool,
) -> Result<Answer, Failure> {
    let mut newest = None;
    let mut limit = lines;
    loop {
        let filter = AuditFilter {
            since: newest.map(|(at, _)| at),
            ..AuditFilter::default()
        };
        let page = PageRequest::first(limit);
        let mut events = gatekeeper.audit().list(cx, &filter, page).await?.items;
        events.reverse();
        for event in &events {
            let key = (event.at, event.id);
            if newest.is_none_or(|newest| key > newest) {
                newest = Some(key);
                let line = if json {
                    shown(event).to_string()
                } else {
                    describe(event)
                };
                let written = writeln!(std::io::stdout(), "{line}");
                written.map_err(|error| Failure::because("the rows cannot be written", &error))?;
            }
        }
        if !follow {
            return Ok(Answer::nothing(events.len() as u64));
        }
        limit = gatekeeper_core::model::MAX_PAGE;
        tokio::time::sleep(LOOK).await;
    }
}

fn describe(event: &AuditEvent) -> String {
    let mut text = format!(
        "{}  {:<7}  {}",
        event.at,
        event.outcome.as_str(),
        event.event.code()
    );
    // Writing to a string does not fail.
    if let Some(reason) = &event.reason {
        let _ = write!(text, " ({reason})");
    }
    if let Some(actor) = event.actor {
        let _ = write!(text, "  by {actor}");
    }
    if let Some(impersonator) = event.impersonator {
        let _ = write!(text, " (in truth {impersonator})");
    }
    if let Some(target) = event.target.filter(|target| event.actor != Some(*target)) {
        let _ = write!(text, "  to {target}");
    }
    if let Some(ip) = event.ip {
        let _ = write!(text, "  from {ip}");
    }
    text
}

fn shown(event: &AuditEvent) -> Value {
    json!({
        "id": event.id,
        "at": event.at,
        "event": event.event.code(),
        "outcome": event.outcome.as_str(),
        "reason": event.reason,
        "actor": event.actor,
        "impersonator": event.impersonator,
        "api_key": event.api_key,
        "target": event.target,
        "ip": event.ip,
        "user_agent": event.user_agent,
        "correlation_id": event.correlation_id,
        "details": event.details,
        "sequence": event.seal.map(|seal| seal.sequence),
    })
}

async fn verify(
    gatekeeper: &Gatekeeper,
    cx: &RequestContext,
    anchor: Option<AuditAnchor>,
) -> Result<Answer, Failure> {
    match gatekeeper.audit().verify(cx, anchor).await? {
        AuditVerdict::Sound(proof) => {
            let mut text = format!("Sound: {} rows say what they said.", proof.rows);
            // Writing to a string does not fail.
            for (count, what) in [
                (proof.erased, "were erased"),
                (proof.undigested, "are of before there was a chain"),
                (proof.unsealed, "have no place in it yet"),
            ] {
                if count > 0 {
                    let _ = write!(text, " {count} {what}.");
                }
            }
            if proof.purged > 0 {
                let _ = write!(text, " Up to number {} they went with age.", proof.purged);
            }
            let given = match proof.given {
                AnchorStanding::NotGiven => "not_given",
                AnchorStanding::Met => "met",
                AnchorStanding::Purged => "purged",
            };
            let _ = write!(
                text,
                "\nKeep this outside of the database, for the next time:\n\n  --anchor {}",
                proof.anchor
            );
            Ok(Answer {
                text,
                json: json!({
                    "verdict": "sound",
                    "rows": proof.rows,
                    "erased": proof.erased,
                    "undigested": proof.undigested,
                    "unsealed": proof.unsealed,
                    "purged": proof.purged,
                    "given_anchor": given,
                    "anchor": proof.anchor.to_string(),
                }),
            })
        }
        AuditVerdict::Broken(breach) => Err(Failure::failed(
            "audit.broken",
            format!(
                "the audit trail is not what it was: {breach}; {} rows before it are sound",
                breach.sound
            ),
        )),
    }
}

async fn export(
    gatekeeper: &Gatekeeper,
    cx: &RequestContext,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Answer, Failure> {
    let unwritable = |error: std::io::Error| Failure::because("the rows cannot be written", &error);
    let mut export = gatekeeper.audit().export(cx, since, until).await?;
    let mut out = BufWriter::new(std::io::stdout());
    let mut rows = 0;
    while let Some(line) = export.next().await? {
        out.write_all(line.as_bytes()).map_err(unwritable)?;
        rows += 1;
    }
    out.flush().map_err(unwritable)?;
    eprintln!("anchor: {}", export.anchor());
    Ok(Answer::nothing(rows))
}
