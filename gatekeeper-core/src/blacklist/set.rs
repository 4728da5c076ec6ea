use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use crate::{
    Identity,
    model::{Revocation, RevocationTarget, TenantId, Timestamp},
};

/// Revocations in memory, with the number of their state.
#[derive(Debug, Default)]
pub(super) struct RevocationSet {
    entries: RwLock<Entries>,
    /// One less than the epoch that is shown.
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    tokens: Ids<Timestamp>,
    sessions: Ids<Timestamp>,
    users: Ids<UserEntry>,
    /// Expired entries are dropped when there are this many.
    sweep_at: usize,
}

/// Everything of a user that was issued in or before this second.
#[derive(Clone, Copy, Debug)]
struct UserEntry {
    until_second: i64,
    expires_at: Timestamp,
}

type Ids<T> = HashMap<(TenantId, Uuid), T, BuildHasherDefault<IdHasher>>;

/// The fewest entries at which it is worth looking for expired ones.
const SWEEP_FROM: usize = 1024;

impl RevocationSet {
    /// The number of the present state. Read it before [`is_revoked`](Self::is_revoked).
    pub(super) fn epoch(&self) -> u64 {
        self.changes.load(Ordering::Acquire).saturating_add(1)
    }

    pub(super) fn is_revoked(&self, identity: &Identity, now: Timestamp) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = identity.tenant_id;
        let holds = |ids: &Ids<Timestamp>, id: Uuid| {
            ids.get(&(tenant, id))
                .is_some_and(|expires_at| now < *expires_at)
        };
        holds(&entries.tokens, identity.token_id.as_uuid())
            || holds(&entries.sessions, identity.session_id.as_uuid())
            || entries
                .users
                .get(&(tenant, identity.user_id.as_uuid()))
                .is_some_and(|entry| {
                    now < entry.expires_at
                        && identity.issued_at.as_unix_seconds() <= entry.until_second
                })
    }

    /// Adds entries, drops expired ones from time to time, and gives the state a new number where anything was new.
    pub(super) fn insert(&self, revocations: &[Revocation], now: Timestamp) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for revocation in revocations {
            changed |= entries.add(revocation);
        }
        if entries.len() >= entries.sweep_at.max(SWEEP_FROM) {
            entries.sweep(now);
            entries.sweep_at = entries.len().saturating_mul(2);
        }
        // Behind the entries and before the lock is gone: whoever reads the new number sees the new entries, and whoever
        // looked at the old entries holds the old number.
        if changed {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// Drops what has expired at `now`.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .sweep(now);
    }

    pub(super) fn len(&self) -> usize {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

impl Entries {
    /// Whether that told anything new.
    fn add(&mut self, revocation: &Revocation) -> bool {
        let tenant = revocation.tenant_id;
        let expires_at = revocation.expires_at;
        match revocation.target {
            RevocationTarget::Token(id) => {
                later(&mut self.tokens, (tenant, id.as_uuid()), expires_at)
            }
            RevocationTarget::Session(id) => {
                later(&mut self.sessions, (tenant, id.as_uuid()), expires_at)
            }
            // FRESH: not known yet.
            RevocationTarget::Tenant(_)
            | RevocationTarget::Authority(..)
            | RevocationTarget::TenantAuthority(_) => false,
            RevocationTarget::User(id, until) => {
                let new = UserEntry {
                    until_second: until.as_unix_seconds(),
                    expires_at,
                };
                match self.users.entry((tenant, id.as_uuid())) {
                    Entry::Vacant(entry) => {
                        entry.insert(new);
                        true
                    }
                    // Of two, the later time covers what the earlier one does.
                    Entry::Occupied(mut entry) => {
                        let old = *entry.get();
                        let both = UserEntry {
                            until_second: old.until_second.max(new.until_second),
                            expires_at: old.expires_at.max(new.expires_at),
                        };
                        entry.insert(both);
                        both.until_second != old.until_second || both.expires_at != old.expires_at
                    }
                }
            }
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        self.tokens.retain(|_, expires_at| now < *expires_at);
        self.sessions.retain(|_, expires_at| now < *expires_at);
        self.users.retain(|_, entry| now < entry.expires_at);
    }

    fn len(&self) -> usize {
        self.tokens.len() + self.sessions.len() + self.users.len()
    }
}

fn later(ids: &mut Ids<Timestamp>, key: (TenantId, Uuid), expires_at: Timestamp) -> bool {
    match ids.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(expires_at);
            true
        }
        Entry::Occupied(mut entry) => {
            let longer = expires_at > *entry.get();
            if longer {
                entry.insert(expires_at);
            }
            longer
        }
    }
}

/// Hashes pairs of UUIDs by folding them. Enough here: ids are made by the server from random bits, and what is looked up
/// comes from verified tokens, so that nobody outside chooses a key.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            let (low, high) = (self.0 ^ u64::from_le_bytes(word)).carrying_mul(ODD, 0);
            self.0 = high ^ low;
        }
    }

    // The length of a UUID says nothing.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hash::BuildHasher, time::Duration};

    use super::*;
    use crate::{
        env::Random,
        model::{SessionId, TokenId, UserId},
        testing::SeededRandom,
    };

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn identity(random: &dyn Random) -> Identity {
        Identity::new(
            UserId::new(NOW, random),
            TenantId::DEFAULT,
            SessionId::new(NOW, random),
            TokenId::new(NOW, random),
            NOW,
            NOW.after(Duration::from_mins(15)),
        )
    }

    fn revocation(target: RevocationTarget) -> Revocation {
        Revocation {
            tenant_id: TenantId::DEFAULT,
            target,
            revoked_at: NOW,
            expires_at: NOW.after(Duration::from_mins(15)),
        }
    }

    #[test]
    fn each_target_revokes_what_it_names_and_nothing_else() {
        let random = SeededRandom::new(1);
        let (ada, bob) = (identity(&random), identity(&random));
        for target in [
            RevocationTarget::Token(ada.token_id),
            RevocationTarget::Session(ada.session_id),
            RevocationTarget::User(ada.user_id, NOW),
        ] {
            let set = RevocationSet::default();
            assert!(!set.is_revoked(&ada, NOW));
            set.insert(&[revocation(target)], NOW);
            assert!(set.is_revoked(&ada, NOW), "{target:?}");
            assert!(!set.is_revoked(&bob, NOW), "{target:?}");
            let mut elsewhere = ada.clone();
            elsewhere.tenant_id = TenantId::new(NOW, &random);
            assert!(!set.is_revoked(&elsewhere, NOW), "{target:?}");
        }
    }

    #[test]
    fn an_id_of_one_kind_is_none_of_another() {
        let random = SeededRandom::new(1);
        let ada = identity(&random);
        let set = RevocationSet::default();
        set.insert(
            &[
                revocation(RevocationTarget::Token(TokenId::from_uuid(
                    ada.session_id.as_uuid(),
                ))),
                revocation(RevocationTarget::Session(SessionId::from_uuid(
                    ada.user_id.as_uuid(),
                ))),
                revocation(RevocationTarget::User(
                    UserId::from_uuid(ada.token_id.as_uuid()),
                    NOW,
                )),
            ],
            NOW,
        );
        assert!(!set.is_revoked(&ada, NOW));
    }

    #[test]
    fn a_user_is_refused_to_the_end_of_the_second() {
        let random = SeededRandom::new(1);
        let mut ada = identity(&random);
        let set = RevocationSet::default();
        let half = NOW.after(Duration::from_millis(500));
        set.insert(
            &[revocation(RevocationTarget::User(ada.user_id, half))],
            NOW,
        );
        for (issued_at, refused) in [
            (NOW.before(Duration::from_secs(1)), true),
            (NOW, true),
            (NOW.after(Duration::from_secs(1)), false),
        ] {
            ada.issued_at = issued_at;
            assert_eq!(set.is_revoked(&ada, NOW), refused, "{issued_at}");
        }
        // An earlier one that comes later takes nothing back.
        let earlier = NOW.before(Duration::from_mins(1));
        set.insert(
            &[revocation(RevocationTarget::User(ada.user_id, earlier))],
            NOW,
        );
        ada.issued_at = NOW;
        assert!(set.is_revoked(&ada, NOW));
    }

    #[test]
    fn the_later_of_two_expiries_holds() {
        let random = SeededRandom::new(1);
        let ada = identity(&random);
        let set = RevocationSet::default();
        let mut long = revocation(RevocationTarget::Session(ada.session_id));
        let mut short = long;
        long.expires_at = NOW.after(Duration::from_secs(10));
        short.expires_at = NOW.after(Duration::from_secs(5));
        set.insert(&[long, short], NOW);
        let micro = Duration::from_micros(1);
        assert!(set.is_revoked(&ada, long.expires_at.before(micro)));
        assert!(!set.is_revoked(&ada, long.expires_at));
    }

    #[test]
    fn the_number_of_the_state_grows_with_news_alone() {
        let random = SeededRandom::new(1);
        let ada = identity(&random);
        let set = RevocationSet::default();
        assert_eq!(set.epoch(), 1);
        let one = revocation(RevocationTarget::Session(ada.session_id));
        let user = revocation(RevocationTarget::User(ada.user_id, NOW));
        set.insert(&[one], NOW);
        assert_eq!(set.epoch(), 2);
        set.insert(&[one], NOW);
        set.insert(&[], NOW);
        assert_eq!(set.epoch(), 2);
        set.insert(&[user], NOW);
        assert_eq!(set.epoch(), 3);
        set.insert(&[user, one], NOW);
        assert_eq!(set.epoch(), 3);
    }

    #[test]
    fn expired_entries_go() {
        let random = SeededRandom::new(1);
        let set = RevocationSet::default();
        let later = NOW.after(Duration::from_mins(15));
        for _ in 0..SWEEP_FROM {
            let id = TokenId::new(NOW, &random);
            set.insert(&[revocation(RevocationTarget::Token(id))], NOW);
        }
        assert_eq!(set.len(), SWEEP_FROM);
        // The set has learnt to wait for twice as many.
        for _ in 0..SWEEP_FROM {
            let id = SessionId::new(NOW, &random);
            let mut one = revocation(RevocationTarget::Session(id));
            one.expires_at = later.after(Duration::from_secs(1));
            set.insert(&[one], later);
        }
        assert_eq!(set.len(), SWEEP_FROM);
        set.sweep(later.after(Duration::from_secs(1)));
        assert_eq!(set.len(), 0);
    }

    #[test]
    fn ids_made_in_one_millisecond_spread() {
        let random = SeededRandom::new(1);
        let build = BuildHasherDefault::<IdHasher>::default();
        let hashes: HashSet<u64> = (0..10_000)
            .map(|_| build.hash_one((TenantId::DEFAULT, TokenId::new(NOW, &random).as_uuid())))
            .collect();
        assert_eq!(hashes.len(), 10_000);
        let buckets: HashSet<u64> = hashes.iter().map(|hash| hash % 4096).collect();
        assert!(buckets.len() > 3_500, "{}", buckets.len());
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert_eq!(tags.len(), 128);
    }
}
