use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use super::BlacklistVerdict;
use crate::{
    Identity,
    model::{Revocation, RevocationTarget, TenantId, Timestamp, UserId},
};

/// Revocations in memory, with the number of their state.
#[derive(Debug, Default)]
pub(super) struct RevocationSet {
    entries: RwLock<Entries>,
    /// One less than the epoch that is shown.
    changes: AtomicU64,
}

/// What the set knows of an identity; of two, the later variant holds.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    Nothing,
    Outdated,
    Revoked,
}

impl From<Known> for BlacklistVerdict {
    fn from(known: Known) -> Self {
        match known {
            Known::Nothing => Self::Clean,
            Known::Outdated => Self::Outdated,
            Known::Revoked => Self::Revoked,
        }
    }
}

#[derive(Debug, Default)]
struct Entries {
    tokens: Ids<Timestamp>,
    sessions: Ids<Timestamp>,
    users: Ids<About>,
    /// Under the tenant's own id.
    tenants: Ids<About>,
    /// Expired entries are dropped when there are this many.
    sweep_at: usize,
}

/// What is known of all tokens of a user, or of a tenant.
#[derive(Debug, Default)]
struct About {
    refused: Option<Until>,
    outdated: Option<Until>,
    /// The changes of authority that were heard of, in microseconds: each makes outdated what was read before, whatever its own time.
    changes: Vec<i64>,
    /// The number of the state in which the last of all this came to be known.
    learnt: u64,
}

/// Everything that was issued in or before this second.
#[derive(Clone, Copy, Debug)]
struct Until {
    second: i64,
    expires_at: Timestamp,
}

type Ids<T> = HashMap<(TenantId, Uuid), T, BuildHasherDefault<IdHasher>>;

/// The fewest entries at which it is worth looking for expired ones.
const SWEEP_FROM: usize = 1024;

impl RevocationSet {
    /// The number of the present state. Read it before [`judge`](Self::judge).
    pub(super) fn epoch(&self) -> u64 {
        shown(self.changes.load(Ordering::Acquire))
    }

    pub(super) fn judge(&self, identity: &Identity, now: Timestamp) -> Known {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = identity.tenant_id;
        let holds = |ids: &Ids<Timestamp>, id: Uuid| {
            ids.get(&(tenant, id))
                .is_some_and(|expires_at| now < *expires_at)
        };
        if holds(&entries.tokens, identity.token_id.as_uuid())
            || holds(&entries.sessions, identity.session_id.as_uuid())
        {
            return Known::Revoked;
        }
        entries
            .about(tenant, identity.user_id)
            .map(|about| about.judge(identity, now))
            .max()
            .unwrap_or(Known::Nothing)
    }

    /// Whether there has been news of this user or tenant since the state of this number.
    pub(super) fn since(&self, tenant: TenantId, user: UserId, epoch: u64) -> Known {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if entries
            .about(tenant, user)
            .any(|about| about.learnt > epoch)
        {
            Known::Outdated
        } else {
            Known::Nothing
        }
    }

    /// Adds entries, drops expired ones from time to time, and gives the state a new number where anything was new.
    pub(super) fn insert(&self, revocations: &[Revocation], now: Timestamp) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // The number of the state that comes to be. The lock is held, so that nobody else makes another meanwhile.
        let next = shown(self.changes.load(Ordering::Relaxed)).saturating_add(1);
        let mut changed = false;
        for revocation in revocations {
            changed |= entries.add(revocation, next);
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

const fn shown(changes: u64) -> u64 {
    changes.saturating_add(1)
}

impl Entries {
    /// What is known of a user and of the tenant.
    fn about(&self, tenant: TenantId, user: UserId) -> impl Iterator<Item = &About> {
        let user = self.users.get(&(tenant, user.as_uuid()));
        let all = self.tenants.get(&(tenant, tenant.as_uuid()));
        user.into_iter().chain(all)
    }

    /// Whether that told anything new, which then came to be known in the state of this number.
    fn add(&mut self, revocation: &Revocation, learnt: u64) -> bool {
        let tenant = revocation.tenant_id;
        let expires_at = revocation.expires_at;
        let until = |until: Timestamp| Until {
            second: until.as_unix_seconds(),
            expires_at,
        };
        let user = |id: UserId| (tenant, id.as_uuid());
        let all = (tenant, tenant.as_uuid());
        let (about, changed) = match revocation.target {
            RevocationTarget::Token(id) => {
                return later(&mut self.tokens, (tenant, id.as_uuid()), expires_at);
            }
            RevocationTarget::Session(id) => {
                return later(&mut self.sessions, (tenant, id.as_uuid()), expires_at);
            }
            RevocationTarget::User(id, at) => {
                let about = self.users.entry(user(id)).or_default();
                let changed = extend(&mut about.refused, until(at));
                (about, changed)
            }
            RevocationTarget::Tenant(at) => {
                let about = self.tenants.entry(all).or_default();
                let changed = extend(&mut about.refused, until(at));
                (about, changed)
            }
            RevocationTarget::Authority(id, at) => {
                let about = self.users.entry(user(id)).or_default();
                let changed = about.outdate(at, until(at));
                (about, changed)
            }
            RevocationTarget::TenantAuthority(at) => {
                let about = self.tenants.entry(all).or_default();
                let changed = about.outdate(at, until(at));
                (about, changed)
            }
        };
        if changed {
            about.learnt = learnt;
        }
        changed
    }

    fn sweep(&mut self, now: Timestamp) {
        self.tokens.retain(|_, expires_at| now < *expires_at);
        self.sessions.retain(|_, expires_at| now < *expires_at);
        self.users.retain(|_, about| about.concerns_anybody(now));
        self.tenants.retain(|_, about| about.concerns_anybody(now));
    }

    fn len(&self) -> usize {
        self.tokens.len() + self.sessions.len() + self.users.len() + self.tenants.len()
    }
}

impl About {
    fn judge(&self, identity: &Identity, now: Timestamp) -> Known {
        let covers = |until: &Option<Until>| {
            until.is_some_and(|until| {
                now < until.expires_at && identity.issued_at.as_unix_seconds() <= until.second
            })
        };
        let outdated = || match identity.authority_epoch() {
            None => covers(&self.outdated),
            Some(epoch) => self.learnt > epoch,
        };
        if covers(&self.refused) {
            Known::Revoked
        } else if outdated() {
            Known::Outdated
        } else {
            Known::Nothing
        }
    }

    /// Takes a change of authority in; whether it is a new one, or holds for longer.
    fn outdate(&mut self, at: Timestamp, until: Until) -> bool {
        let extended = extend(&mut self.outdated, until);
        match self.changes.binary_search(&at.as_unix_micros()) {
            Ok(_) => extended,
            Err(place) => {
                self.changes.insert(place, at.as_unix_micros());
                true
            }
        }
    }

    fn concerns_anybody(&self, now: Timestamp) -> bool {
        let holds = |until: Option<Until>| until.is_some_and(|until| now < until.expires_at);
        holds(self.refused) || holds(self.outdated)
    }
}

/// Of two, the later time covers what the earlier one does. Whether that changed anything.
fn extend(place: &mut Option<Until>, new: Until) -> bool {
    let old = place.unwrap_or(Until {
        second: i64::MIN,
        expires_at: Timestamp::from_unix_micros(i64::MIN),
    });
    let both = Until {
        second: old.second.max(new.second),
        expires_at: old.expires_at.max(new.expires_at),
    };
    *place = Some(both);
    both.second != old.second || both.expires_at != old.expires_at
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
        authority::{Origin, ReadMark},
        env::Random,
        model::{SessionId, TokenId},
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

    fn revokes(set: &RevocationSet, identity: &Identity, now: Timestamp) -> bool {
        match set.judge(identity, now) {
            Known::Revoked => true,
            Known::Nothing | Known::Outdated => false,
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
            RevocationTarget::Tenant(NOW),
        ] {
            let set = RevocationSet::default();
            assert!(!revokes(&set, &ada, NOW));
            set.insert(&[revocation(target)], NOW);
            assert!(revokes(&set, &ada, NOW), "{target:?}");
            let everybody = target == RevocationTarget::Tenant(NOW);
            assert_eq!(revokes(&set, &bob, NOW), everybody, "{target:?}");
            let mut elsewhere = ada.clone();
            elsewhere.tenant_id = TenantId::new(NOW, &random);
            assert!(!revokes(&set, &elsewhere, NOW), "{target:?}");
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
        assert!(!revokes(&set, &ada, NOW));
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
            assert_eq!(revokes(&set, &ada, NOW), refused, "{issued_at}");
        }
        // An earlier one that comes later takes nothing back.
        let earlier = NOW.before(Duration::from_mins(1));
        set.insert(
            &[revocation(RevocationTarget::User(ada.user_id, earlier))],
            NOW,
        );
        ada.issued_at = NOW;
        assert!(revokes(&set, &ada, NOW));
    }

    #[test]
    fn a_change_of_authority_makes_older_tokens_outdated_and_revokes_none() {
        let random = SeededRandom::new(1);
        let (mut ada, bob) = (identity(&random), identity(&random));
        let mut elsewhere = ada.clone();
        elsewhere.tenant_id = TenantId::new(NOW, &random);
        for (target, everybody) in [
            (RevocationTarget::Authority(ada.user_id, NOW), false),
            (RevocationTarget::TenantAuthority(NOW), true),
        ] {
            let set = RevocationSet::default();
            set.insert(&[revocation(target)], NOW);
            let bobs = if everybody {
                Known::Outdated
            } else {
                Known::Nothing
            };
            assert_eq!(set.judge(&bob, NOW), bobs, "{target:?}");
            assert_eq!(set.judge(&elsewhere, NOW), Known::Nothing, "{target:?}");
            for (issued_at, known) in [
                (NOW, Known::Outdated),
                (NOW.after(Duration::from_secs(1)), Known::Nothing),
            ] {
                ada.issued_at = issued_at;
                assert_eq!(set.judge(&ada, NOW), known, "{target:?}");
            }
            ada.issued_at = NOW;
            // Revoked goes before outdated.
            let session = revocation(RevocationTarget::Session(ada.session_id));
            set.insert(&[session], NOW);
            assert_eq!(set.judge(&ada, NOW), Known::Revoked);
        }
    }

    #[test]
    fn what_was_read_is_outdated_by_whatever_came_to_be_known_after() {
        let random = SeededRandom::new(1);
        let mut ada = identity(&random);
        let set = RevocationSet::default();
        let minute = Duration::from_mins(1);
        let change = |at: Timestamp| revocation(RevocationTarget::Authority(ada.user_id, at));
        let first = change(NOW);
        set.insert(&[first], NOW);
        let read = |set: &RevocationSet| Origin::Store(ReadMark::new(1, set.epoch(), NOW));
        let origin = read(&set);
        ada.origin = origin;
        // The token is older than the change; what was read is not.
        assert_eq!(set.judge(&ada, NOW), Known::Nothing);
        let epoch = set.epoch();
        assert_eq!(set.since(ada.tenant_id, ada.user_id, epoch), Known::Nothing);
        // The same change once more is no news.
        set.insert(&[first], NOW);
        assert_eq!(set.judge(&ada, NOW), Known::Nothing);
        // One that a node with a clock behind made, and one of before that was under way for long, are.
        for news in [
            change(NOW.before(minute)),
            change(NOW.before(Duration::from_micros(1))),
            revocation(RevocationTarget::TenantAuthority(NOW.before(minute))),
            revocation(RevocationTarget::User(ada.user_id, NOW.before(minute))),
            revocation(RevocationTarget::Tenant(NOW.before(minute))),
        ] {
            let mut ada = ada.clone();
            ada.origin = read(&set);
            let epoch = set.epoch();
            assert_eq!(set.judge(&ada, NOW), Known::Nothing, "{news:?}");
            set.insert(&[news], NOW);
            assert_eq!(set.judge(&ada, NOW), Known::Outdated, "{news:?}");
            assert_eq!(
                set.since(ada.tenant_id, ada.user_id, epoch),
                Known::Outdated
            );
            ada.origin = read(&set);
            assert_eq!(set.judge(&ada, NOW), Known::Nothing, "{news:?}");
        }
        // What concerns somebody else is none.
        ada.origin = read(&set);
        let bob = UserId::new(NOW, &random);
        set.insert(&[revocation(RevocationTarget::Authority(bob, NOW))], NOW);
        assert_eq!(set.judge(&ada, NOW), Known::Nothing);
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
        assert!(revokes(&set, &ada, long.expires_at.before(micro)));
        assert!(!revokes(&set, &ada, long.expires_at));
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
