//! Revocations as bytes.
//!
//! An id is one byte for the kind, then the tenant and what is refused, 16 bytes each (the tenant once more where it is about all
//! of it). A record is three instants in microseconds (until when the tokens that it is about were issued, 0 for single tokens
//! and sessions; when it was revoked; when the entry expires), 8 bytes each, big-endian, and a seal over id and instants. A
//! message is a version byte and up to [`MOST_IN_MESSAGE`] pairs of id and record. Version 1 knows the first three kinds and is
//! written where it suffices, so that nodes of before understand it.

use gatekeeper_core::{
    crypto::MessageSeals,
    model::{Revocation, RevocationTarget, SessionId, TenantId, Timestamp, TokenId, UserId},
};
use uuid::Uuid;

const TOKEN: u8 = 1;
const SESSION: u8 = 2;
const USER: u8 = 3;
const TENANT: u8 = 4;
const AUTHORITY: u8 = 5;
const TENANT_AUTHORITY: u8 = 6;

/// A version of messages, and the last kind that may be in one.
const VERSIONS: [(u8, u8); 2] = [(1, USER), (2, TENANT_AUTHORITY)];
const TIMES_LEN: usize = 24;
const SEAL_LEN: usize = 32;
pub(super) const ID_LEN: usize = 33;
pub(super) const RECORD_LEN: usize = TIMES_LEN + SEAL_LEN;
const ENTRY_LEN: usize = ID_LEN + RECORD_LEN;
/// How many revocations one message tells of.
pub(super) const MOST_IN_MESSAGE: usize = 64;
/// How many records one id can have: one, and one more each time that the lifetime of tokens was shortened.
const MOST_RECORDS: usize = 64;

/// Instants within the 53 bits in which scripts count exactly.
const LATEST: i64 = 1 << 52;

/// Writes and reads entries, under the installation's secret.
#[derive(Debug)]
pub(super) struct Entries {
    seals: MessageSeals,
    /// Binds seals to a place: what another application on this Redis said is not believed here.
    context: String,
}

/// What was read is not what a node of ours wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Entries {
    pub(super) fn new(seals: MessageSeals, prefix: &str) -> Self {
        Self {
            seals,
            context: format!("redis/revocation/{prefix}"),
        }
    }

    /// The id and the record of a revocation.
    pub(super) fn write(&self, revocation: &Revocation) -> ([u8; ID_LEN], [u8; RECORD_LEN]) {
        let tenant = revocation.tenant_id;
        let (kind, target, until) = match revocation.target {
            RevocationTarget::Token(id) => (TOKEN, id.as_uuid(), 0),
            RevocationTarget::Session(id) => (SESSION, id.as_uuid(), 0),
            RevocationTarget::User(id, until) => (USER, id.as_uuid(), until.as_unix_micros()),
            RevocationTarget::Tenant(until) => (TENANT, tenant.as_uuid(), until.as_unix_micros()),
            RevocationTarget::Authority(id, until) => {
                (AUTHORITY, id.as_uuid(), until.as_unix_micros())
            }
            RevocationTarget::TenantAuthority(until) => {
                let until = until.as_unix_micros();
                (TENANT_AUTHORITY, tenant.as_uuid(), until)
            }
        };
        let id = id(kind, tenant, target);
        let times = [
            until,
            revocation.revoked_at.as_unix_micros(),
            revocation.expires_at.as_unix_micros(),
        ];
        let times = times.map(|time| time.clamp(-LATEST, LATEST).to_be_bytes());
        let times = times.as_flattened();
        let seal = self.seals.seal(&self.context, &[&id, times].concat());
        let mut record = [0; RECORD_LEN];
        for (to, from) in record.iter_mut().zip(times.iter().chain(&seal)) {
            *to = *from;
        }
        (id, record)
    }

    /// Reads the records of an id.
    pub(super) fn read(&self, id: &[u8], records: &[u8]) -> Result<Vec<Revocation>, Unreadable> {
        let (records, rest) = records.as_chunks::<RECORD_LEN>();
        if !rest.is_empty() || records.len() > MOST_RECORDS {
            return Err(Unreadable);
        }
        records
            .iter()
            .map(|record| self.read_one(id, record).ok_or(Unreadable))
            .collect()
    }

    fn read_one(&self, id: &[u8], record: &[u8; RECORD_LEN]) -> Option<Revocation> {
        let (times, seal) = record.split_first_chunk::<TIMES_LEN>()?;
        self.seals
            .verify(&self.context, &[id, times].concat(), seal)
            .ok()?;
        let (&kind, ids) = id.split_first()?;
        let (tenant, target) = ids.split_first_chunk::<16>()?;
        let target = Uuid::from_slice(target).ok()?;
        let (times, _) = times.as_chunks::<8>();
        let mut times = times
            .iter()
            .map(|time| Timestamp::from_unix_micros(i64::from_be_bytes(*time)));
        let (until, revoked_at, expires_at) = (times.next()?, times.next()?, times.next()?);
        let tenant = Uuid::from_bytes(*tenant);
        Some(Revocation {
            tenant_id: TenantId::from_uuid(tenant),
            target: match kind {
                TOKEN => RevocationTarget::Token(TokenId::from_uuid(target)),
                SESSION => RevocationTarget::Session(SessionId::from_uuid(target)),
                USER => RevocationTarget::User(UserId::from_uuid(target), until),
                TENANT if target == tenant => RevocationTarget::Tenant(until),
                AUTHORITY => RevocationTarget::Authority(UserId::from_uuid(target), until),
                TENANT_AUTHORITY if target == tenant => RevocationTarget::TenantAuthority(until),
                _ => return None,
            },
            revoked_at,
            expires_at,
        })
    }

    /// Reads a message: all of it or nothing.
    pub(super) fn read_message(&self, message: &[u8]) -> Result<Vec<Revocation>, Unreadable> {
        let (&version, entries) = message.split_first().ok_or(Unreadable)?;
        let (entries, rest) = entries.as_chunks::<ENTRY_LEN>();
        let (_, last_kind) = VERSIONS
            .into_iter()
            .find(|(known, _)| *known == version)
            .ok_or(Unreadable)?;
        if !rest.is_empty() || entries.len() > MOST_IN_MESSAGE {
            return Err(Unreadable);
        }
        entries
            .iter()
            .map(|entry| {
                let (id, record) = entry.split_first_chunk::<ID_LEN>().ok_or(Unreadable)?;
                let record = record.first_chunk().ok_or(Unreadable)?;
                if kind(id) > last_kind {
                    return Err(Unreadable);
                }
                self.read_one(id, record).ok_or(Unreadable)
            })
            .collect()
    }
}

fn kind(id: &[u8; ID_LEN]) -> u8 {
    let [kind, ..] = id;
    *kind
}

/// Whether nodes of before know this kind too: it is told apart from those that they do not.
pub(super) const fn is_in_first_version(revocation: &Revocation) -> bool {
    match revocation.target {
        RevocationTarget::Token(_) | RevocationTarget::Session(_) | RevocationTarget::User(..) => {
            true
        }
        RevocationTarget::Tenant(_)
        | RevocationTarget::Authority(..)
        | RevocationTarget::TenantAuthority(_) => false,
    }
}

/// The message that tells of these entries.
pub(super) fn message(entries: &[([u8; ID_LEN], [u8; RECORD_LEN])]) -> Vec<u8> {
    let last = entries.iter().map(|(id, _)| kind(id)).max().unwrap_or(0);
    let [(first, last_of_first), (second, _)] = VERSIONS;
    let mut message = Vec::with_capacity(1 + entries.len() * ENTRY_LEN);
    message.push(if last <= last_of_first { first } else { second });
    for (id, record) in entries {
        message.extend_from_slice(id);
        message.extend_from_slice(record);
    }
    message
}

/// The ids of what could concern a token: its own, its session's, its user's and its tenant's.
pub(super) fn ids(identity: &gatekeeper_core::Identity) -> [[u8; ID_LEN]; 6] {
    let tenant = identity.tenant_id;
    [
        id(TOKEN, tenant, identity.token_id.as_uuid()),
        id(SESSION, tenant, identity.session_id.as_uuid()),
        id(USER, tenant, identity.user_id.as_uuid()),
        id(TENANT, tenant, tenant.as_uuid()),
        id(AUTHORITY, tenant, identity.user_id.as_uuid()),
        id(TENANT_AUTHORITY, tenant, tenant.as_uuid()),
    ]
}

fn id(kind: u8, tenant: TenantId, target: Uuid) -> [u8; ID_LEN] {
    let mut id = [0; ID_LEN];
    let bytes = std::iter::once(kind)
        .chain(*tenant.as_uuid().as_bytes())
        .chain(*target.as_bytes());
    for (to, from) in id.iter_mut().zip(bytes) {
        *to = from;
    }
    id
}

#[cfg(test)]
mod tests {
    use gatekeeper_core::{
        crypto::{SecretKey, SecretKeys},
        testing::SeededRandom,
    };

    use super::*;

    fn entries(seed: u64, prefix: &str) -> Entries {
        let key = SecretKey::generate(&SeededRandom::new(seed));
        Entries::new(MessageSeals::new(&SecretKeys::new(key)), prefix)
    }

    fn revocations() -> Vec<Revocation> {
        let random = SeededRandom::new(9);
        let now = Timestamp::from_unix_micros(1_795_000_000_123_456);
        [
            RevocationTarget::Token(TokenId::new(now, &random)),
            RevocationTarget::Session(SessionId::new(now, &random)),
            RevocationTarget::User(UserId::new(now, &random), now),
            RevocationTarget::Tenant(now),
            RevocationTarget::Authority(UserId::new(now, &random), now),
            RevocationTarget::TenantAuthority(now),
        ]
        .map(|target| Revocation {
            tenant_id: TenantId::new(now, &random),
            target,
            revoked_at: now,
            expires_at: now.after(std::time::Duration::from_mins(15)),
        })
        .to_vec()
    }

    #[test]
    fn what_is_written_is_read() {
        let entries = entries(1, "a");
        let revocations = revocations();
        let written: Vec<_> = revocations.iter().map(|one| entries.write(one)).collect();
        assert_eq!(
            entries.read_message(&message(&written)).unwrap(),
            revocations
        );
        for ((id, record), revocation) in written.iter().zip(&revocations) {
            assert_eq!(entries.read(id, record).unwrap(), [*revocation]);
            let twice = [record.as_slice(), record].concat();
            assert_eq!(entries.read(id, &twice).unwrap().len(), 2);
            assert_eq!(entries.read(id, &[]).unwrap(), []);
        }
    }

    #[test]
    fn nodes_of_before_understand_what_they_know() {
        let entries = entries(1, "a");
        let (known, new): (Vec<_>, Vec<_>) =
            revocations().into_iter().partition(is_in_first_version);
        assert_eq!((known.len(), new.len()), (3, 3));
        let written =
            |all: &[Revocation]| -> Vec<_> { all.iter().map(|one| entries.write(one)).collect() };
        let of_before = message(&written(&known));
        assert_eq!(of_before.first(), Some(&1));
        assert_eq!(entries.read_message(&of_before).unwrap(), known);
        // Of a version that does not know it, a kind is not believed.
        for one in &new {
            let mut told = message(&written(&[*one]));
            assert_eq!(told.first(), Some(&2));
            assert_eq!(entries.read_message(&told).unwrap(), [*one]);
            told[0] = 1;
            assert_eq!(entries.read_message(&told), Err(Unreadable));
        }
    }

    #[test]
    fn what_is_about_a_whole_tenant_names_it_twice() {
        let entries = entries(1, "a");
        for one in revocations() {
            let (mut id, record) = entries.write(&one);
            id[32] ^= 1;
            let times = &record[..TIMES_LEN];
            let seal = entries.seals.seal(&entries.context, &[&id, times].concat());
            let sealed = [times, &seal].concat();
            let whole = matches!(
                one.target,
                RevocationTarget::Tenant(_) | RevocationTarget::TenantAuthority(_)
            );
            assert_eq!(entries.read(&id, &sealed).is_err(), whole, "{one:?}");
        }
    }

    #[test]
    fn a_message_that_no_node_of_ours_wrote_is_refused_whole() {
        let ours = entries(1, "a");
        let written: Vec<_> = revocations().iter().map(|one| ours.write(one)).collect();
        let good = message(&written);
        assert!(ours.read_message(&good).is_ok());
        // Under another secret, or for another application on the same Redis.
        assert_eq!(entries(2, "a").read_message(&good), Err(Unreadable));
        assert_eq!(entries(1, "b").read_message(&good), Err(Unreadable));
        for at in 0..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert_eq!(ours.read_message(&damaged), Err(Unreadable), "{at}");
        }
        for length in 0..good.len() {
            let cut = &good[..length];
            let read = ours.read_message(cut);
            let whole = length % ENTRY_LEN == 1;
            assert_eq!(read.is_ok(), whole, "{length}");
        }
        let many: Vec<_> = std::iter::repeat_n(written[0], MOST_IN_MESSAGE + 1).collect();
        assert!(ours.read_message(&message(&many[1..])).is_ok());
        assert_eq!(ours.read_message(&message(&many)), Err(Unreadable));
        // A record belongs to its id.
        assert_eq!(ours.read(&written[0].0, &written[1].1), Err(Unreadable));
        let records = written[0].1.repeat(MOST_RECORDS + 1);
        assert_eq!(ours.read(&written[0].0, &records), Err(Unreadable));
    }
}
