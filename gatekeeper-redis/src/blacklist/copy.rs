//! The copy of the revocations that Redis keeps, for nodes that connect and for strict checks. Its keys are in one slot.

use std::time::Duration;

use gatekeeper_core::{Identity, crypto::MessageSeals, model::Revocation};
use redis::Script;

use super::entry::{Entries, ID_LEN, MOST_IN_MESSAGE, ids, is_in_first_version, message};
use crate::{RedisClient, client::Away, connection::News};

/// What has expired is kept for as long as this: the clocks of nodes differ.
const SLACK: Duration = Duration::from_hours(1);
/// For how long the whole is kept beyond its last entry.
const KEEP: Duration = Duration::from_hours(24);
/// How many entries are asked for at once.
const PAGE: usize = 1000;
/// For how long one node has the filling to itself, in seconds.
const CLAIM: u32 = 30;

#[derive(Debug)]
pub(super) struct Copy {
    client: RedisClient,
    pub(super) entries: Entries,
    /// Names this node among the others.
    node: String,
    hash: String,
    index: String,
    pub(super) news: String,
    pub(super) echo: String,
    publish: Script,
    ask: Script,
    beat: Script,
    fill: Script,
}

/// Ids with their records.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Whether everything that is revoked is in the copy.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completeness {
    Complete,
    /// It is new, was flushed, or may have lost something.
    Incomplete,
}

/// What the copy says of a token.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All that it holds about the token, its session, user and tenant.
    Known(Vec<Revocation>),
    /// It cannot know: it is not complete, or holds something that is not ours.
    Unknown,
}

impl Copy {
    pub(super) fn new(client: RedisClient, seals: MessageSeals, node: String) -> Self {
        Self {
            entries: Entries::new(seals, &client.settings().prefix),
            hash: client.key("{revocations}:entries"),
            index: client.key("{revocations}:by-expiry"),
            news: client.key("{revocations}:news"),
            echo: client.key(&format!("{{revocations}}:echo:{node}")),
            publish: Script::new(include_str!("publish.lua")),
            ask: Script::new(include_str!("ask.lua")),
            beat: Script::new(include_str!("beat.lua")),
            fill: Script::new(include_str!("fill.lua")),
            client,
            node,
        }
    }

    /// Listens to news, and to this node's own heartbeat.
    pub(super) async fn listen(&self) -> Result<News, Away> {
        self.client.news(&[&self.news, &self.echo]).await
    }

    /// Takes revocations in, and tells nodes of them. Answers how many were taken before Redis went away.
    pub(super) async fn publish(&self, revocations: &[Revocation]) -> Result<(), usize> {
        self.put(revocations, true).await
    }

    async fn put(&self, revocations: &[Revocation], tell: bool) -> Result<(), usize> {
        let mut done = 0;
        let alike = |one: &Revocation, next: &Revocation| {
            is_in_first_version(one) == is_in_first_version(next)
        };
        let runs = revocations.chunk_by(alike);
        for some in runs.flat_map(|run| run.chunks(MOST_IN_MESSAGE)) {
            let entries: Vec<_> = some.iter().map(|one| self.entries.write(one)).collect();
            let revoked_at = some.iter().map(|one| one.revoked_at).max();
            let expires_at = some.iter().map(|one| one.expires_at).max();
            let (now, last) = (
                revoked_at.unwrap_or_default(),
                expires_at.unwrap_or_default(),
            );
            let mut invocation = self.publish.key(self.hash.as_str());
            invocation
                .key(self.index.as_str())
                .arg(now.before(SLACK).as_unix_micros())
                .arg((last.since(now) + KEEP).as_millis().to_string())
                .arg(self.news.as_str())
                .arg(if tell { message(&entries) } else { Vec::new() });
            for (id, record) in &entries {
                invocation.arg(id.as_slice()).arg(record.as_slice());
            }
            if self.client.run::<u8>(&invocation).await.is_err() {
                return Err(done);
            }
            done += some.len();
        }
        Ok(())
    }

    /// What it says of a token.
    pub(super) async fn ask(&self, identity: &Identity) -> Result<Answer, Away> {
        let ids = ids(identity);
        let mut invocation = self.ask.key(self.hash.as_str());
        for id in &ids {
            invocation.arg(id.as_slice());
        }
        let found: Vec<Vec<u8>> = self.client.run(&invocation).await?;
        let mut found = found.into_iter();
        if found.next().as_deref() != Some(b"1") || found.len() != ids.len() {
            return Ok(Answer::Unknown);
        }
        let mut known = Vec::new();
        for (id, records) in ids.iter().zip(found) {
            match self.entries.read(id, &records) {
                Ok(revocations) => known.extend(revocations),
                Err(_) => return Ok(Answer::Unknown),
            }
        }
        Ok(Answer::Known(known))
    }

    /// Sends a heartbeat, which comes back as news where they come through.
    pub(super) async fn beat(&self, number: u64) -> Result<Completeness, Away> {
        let mut invocation = self.beat.key(self.hash.as_str());
        invocation.arg(self.echo.as_str()).arg(number);
        Ok(if self.client.run::<u8>(&invocation).await? == 1 {
            Completeness::Complete
        } else {
            Completeness::Incomplete
        })
    }

    /// Claims the work of filling it; `false` where another node is at it.
    pub(super) async fn begin_filling(&self) -> Result<bool, Away> {
        self.fill("begin").await
    }

    /// Takes in everything there is; nobody is told.
    pub(super) async fn fill_with(&self, all: &[Revocation]) -> Result<(), Away> {
        self.put(all, false).await.map_err(|_| Away)
    }

    /// Calls it complete; `false` where it was lost meanwhile.
    pub(super) async fn end_filling(&self) -> Result<bool, Away> {
        self.fill("end").await
    }

    async fn fill(&self, step: &str) -> Result<bool, Away> {
        let mut invocation = self.fill.key(self.hash.as_str());
        invocation
            .arg(step)
            .arg(self.node.as_str())
            .arg(CLAIM)
            .arg(KEEP.as_millis().to_string());
        Ok(self.client.run::<u8>(&invocation).await? == 1)
    }

    /// Says that something is missing.
    pub(super) async fn mark_incomplete(&self) -> Result<(), Away> {
        let mut command = redis::cmd("HDEL");
        command.arg(&self.hash).arg("complete");
        self.client.command::<u64>(&command).await?;
        Ok(())
    }

    /// A page of what it holds, and where the next one begins; 0 after the last. What is not ours is left out.
    pub(super) async fn page(&self, cursor: u64) -> Result<(u64, Vec<Revocation>), Away> {
        let mut command = redis::cmd("HSCAN");
        command.arg(&self.hash).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, pairs): (u64, Pairs) = self.client.command(&command).await?;
        let mut found = Vec::with_capacity(pairs.len());
        let mut foreign = 0_u32;
        for (id, records) in &pairs {
            // The marks beside the entries are shorter.
            if id.len() != ID_LEN {
                continue;
            }
            match self.entries.read(id, records) {
                Ok(revocations) => found.extend(revocations),
                Err(_) => foreign += 1,
            }
        }
        if foreign > 0 {
            tracing::warn!(
                foreign,
                "Redis holds revocations that no node with this secret wrote; they are not believed"
            );
        }
        Ok((next, found))
    }
}
