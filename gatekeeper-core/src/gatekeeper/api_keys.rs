//! Who is asking, from an API key.
//!
//! ```text
//! text -> 128-bit keyed hash -> keys that were seen -> time, network -> blacklist (one atomic load where nothing was revoked since)
//!         else: form, checksum, environment -> the store: key and owner -> secret, in constant time -> live? active? network?
//!               -> what scopes and owner both hold
//! ```
//!
//! A key that was seen is remembered for five minutes at most, and forgotten with any news that concerns it: of the key, of its
//! owner, of what its owner may do, of a role's definition, of the tenant. Such news count whatever was issued in or before a second.
//! A key is read at an instant of this node's clock, and a change that was under way then may bear an earlier time, of another clock;
//! so what was read counts as older than it is by [`MARGIN`]. That costs one more look at the store for each piece of news, and lets
//! none slip by.
//!
//! Nothing is remembered of what was refused: a stranger fills no memory. Unknown keys cost a look by primary key, of which the
//! limits of the caller's address allow so many.

use std::{
    collections::HashMap,
    fmt,
    hash::BuildHasherDefault,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;
use quick_cache::{UnitWeighter, sync::Cache};
use siphasher::sip128::SipHasher13;

use super::{Gatekeeper, Inner};
use crate::{
    AccessError, Error, Identity,
    blacklist::{Blacklist, BlacklistVerdict},
    config::Config,
    crypto::{ApiKeyFormat, PresentedApiKey, SecretVerdict, jwt::AlreadyHashed},
    env::Random,
    flows::api_keys::effective,
    model::{Account, ApiKey, ApiKeyId, SessionId, TenantId, Timestamp, TokenId},
};

/// For how long a key that was seen is remembered.
const MEMORY: Duration = Duration::from_mins(5);
/// By how much what was read counts as older: longer than a change is under way, and than the clocks of nodes lie apart.
const MARGIN: Duration = Duration::from_secs(30);
/// How often the use of a key is noted.
const NOTED_EVERY: Duration = Duration::from_mins(1);
/// The most uses that wait to be written.
const MAX_USES: usize = 16_384;

/// Judges API keys, and remembers the good ones.
pub(crate) struct KeyDoor {
    /// `None` where the application offers no keys.
    format: Option<ApiKeyFormat>,
    seen: Option<SeenKeys>,
    memory: Duration,
    uses: Mutex<HashMap<(TenantId, ApiKeyId), Timestamp>>,
}

/// Keys that were found good.
///
/// # Security
///
/// Holds no key: see the memory of verified tokens, which is alike. The hash is over the whole text, under a random key of its own, so
/// that no entry is found by anything but the text it was made for (CVE-2026-33496).
struct SeenKeys {
    hasher: SipHasher13,
    entries: Cache<u128, Arc<Seen>, UnitWeighter, BuildHasherDefault<AlreadyHashed>>,
}

/// What is remembered of a key.
struct Seen {
    identity: Arc<Identity>,
    id: ApiKeyId,
    networks: Vec<IpNet>,
    /// When it was read. Before that, it is not believed either: the clock was set back.
    from: Timestamp,
    /// From when on it is to be read anew.
    until: Timestamp,
    /// When its use was last noted, in microseconds.
    noted: AtomicI64,
}

/// Why a key does not open a door. For the log.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Refused {
    #[error("there is no such API key")]
    Unknown,
    #[error("the secret of the API key is wrong")]
    Secret,
    #[error("the API key was revoked or has expired")]
    Over,
    #[error("the owner of the API key is disabled")]
    Owner,
    #[error("the tenant of the API key is suspended")]
    Tenant,
    #[error("the API key came from outside of its networks")]
    Network,
}

impl KeyDoor {
    pub(super) fn new(config: &Config, random: &dyn Random) -> Self {
        let keys = &config.api_keys;
        Self {
            format: keys
                .enabled
                .then(|| ApiKeyFormat::new(keys.environment.as_str())),
            seen: (keys.cache_capacity > 0).then(|| SeenKeys::new(keys.cache_capacity, random)),
            // News are kept for as long as an access token lives: whoever has not looked for longer has missed them.
            memory: MEMORY.min(config.access_tokens.lifetime),
            uses: Mutex::new(HashMap::new()),
        }
    }

    /// What this process can tell by itself; `None` says that the store has to be asked.
    fn judge(
        &self,
        text: &str,
        address: Option<IpAddr>,
        blacklist: &dyn Blacklist,
        now: Timestamp,
    ) -> Option<Result<Arc<Identity>, Error>> {
        let refused = || Some(Err(AccessError::Invalid.into()));
        let Some(format) = &self.format else {
            return refused();
        };
        if text.len() <= ApiKeyFormat::MAX_LENGTH
            && let Some(seen) = &self.seen
            && let Some((key, found)) = seen.find(text)
        {
            return match found.freshness(blacklist, now) {
                Freshness::Fresh => Some(self.admit(&found, address, now)),
                Freshness::Old => {
                    seen.entries.remove(&key);
                    None
                }
                Freshness::Unsure => None,
            };
        }
        match format.parse(text) {
            Ok(_) => None,
            Err(rejection) => {
                tracing::debug!(%rejection, "an API key was refused");
                refused()
            }
        }
    }

    /// Lets a good key in from where it may be used.
    fn admit(
        &self,
        seen: &Seen,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Error> {
        match seen.allows(address) {
            Allowed::Yes => {
                self.note_use(seen, now);
                Ok(Arc::clone(&seen.identity))
            }
            Allowed::No => Err(refuse(seen.id, Refused::Network)),
        }
    }

    /// Leaves the use of a key to be written, at most once a minute.
    fn note_use(&self, seen: &Seen, now: Timestamp) {
        let last = seen.noted.load(Ordering::Relaxed);
        let now_micros = now.as_unix_micros();
        if now.before(NOTED_EVERY).as_unix_micros() < last {
            return;
        }
        let won =
            seen.noted
                .compare_exchange(last, now_micros, Ordering::Relaxed, Ordering::Relaxed);
        if won.is_err() {
            return;
        }
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MAX_USES {
            uses.insert((seen.identity.tenant_id, seen.id), now);
        }
    }

    fn take_uses(&self) -> HashMap<(TenantId, ApiKeyId), Timestamp> {
        std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for KeyDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDoor").finish_non_exhaustive()
    }
}

impl SeenKeys {
    fn new(capacity: usize, random: &dyn Random) -> Self {
        Self {
            hasher: SipHasher13::new_with_key(&random.bytes()),
            entries: Cache::with(
                capacity,
                u64::try_from(capacity).unwrap_or(u64::MAX),
                UnitWeighter,
                BuildHasherDefault::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
        }
    }

    fn key(&self, text: &str) -> u128 {
        self.hasher.hash(text.as_bytes()).as_u128()
    }

    fn find(&self, text: &str) -> Option<(u128, Arc<Seen>)> {
        let key = self.key(text);
        self.entries.get(&key).map(|found| (key, found))
    }
}

/// Whether what is remembered is still so.
#[must_use]
enum Freshness {
    Fresh,
    Old,
    /// The blacklist may be behind.
    Unsure,
}

/// Whether a key may be used from somewhere.
#[must_use]
enum Allowed {
    Yes,
    No,
}

impl Seen {
    fn freshness(&self, blacklist: &dyn Blacklist, now: Timestamp) -> Freshness {
        if now < self.from || now >= self.until {
            return Freshness::Old;
        }
        // The number of the state must be read before the state is looked at.
        let Some(epoch) = blacklist.epoch(now) else {
            return Freshness::Unsure;
        };
        if self.identity.clean.is(epoch) {
            return Freshness::Fresh;
        }
        if blacklist.check(&self.identity, now) == BlacklistVerdict::Clean {
            self.identity.clean.set(epoch);
            Freshness::Fresh
        } else {
            // Of whatever kind the news are: the store knows what has become of the key.
            Freshness::Old
        }
    }

    fn allows(&self, address: Option<IpAddr>) -> Allowed {
        if self.networks.is_empty() {
            return Allowed::Yes;
        }
        let inside = address.is_some_and(|address| {
            let address = address.to_canonical();
            self.networks
                .iter()
                .any(|network| network.contains(&address))
        });
        if inside { Allowed::Yes } else { Allowed::No }
    }
}

/// Notes why, and tells the caller what every caller is told.
fn refuse(key: ApiKeyId, reason: Refused) -> Error {
    tracing::info!(%key, %reason, "an API key was refused");
    AccessError::Invalid.into()
}

impl Inner {
    /// Who is asking, as the store says at this moment.
    async fn read_key(&self, text: &str, address: Option<IpAddr>) -> Result<Arc<Identity>, Error> {
        let door = &self.api_keys;
        let now = self.clock.now();
        // Before the store is read: what is known by now, what is read already says.
        let epoch = self.authenticator.blacklist().epoch(now);
        let presented = door
            .format
            .as_ref()
            .and_then(|format| format.parse(text).ok())
            .ok_or(AccessError::Invalid)?;
        let found = self
            .repository
            .find_api_key(presented.tenant_id, presented.id)
            .await?;
        let (key, owner) = check(&presented, found, now)?;
        if key.tenant_id != TenantId::DEFAULT {
            let tenant = self.repository.find_tenant_by_id(key.tenant_id).await?;
            if tenant.is_none_or(|tenant| tenant.suspended_at.is_some()) {
                return Err(refuse(key.id, Refused::Tenant));
            }
        }
        let until = now.after(door.memory);
        let until = key.expires_at.map_or(until, |at| at.min(until));
        let seen = Arc::new(Seen {
            id: key.id,
            from: now,
            until,
            noted: AtomicI64::new(key.last_used_at.map_or(i64::MIN, Timestamp::as_unix_micros)),
            identity: Arc::new(identity(&key, &owner, now, until)),
            networks: key.networks,
        });
        if let Some(epoch) = epoch {
            seen.identity.clean.set(epoch);
        }
        let admitted = door.admit(&seen, address, now);
        if let Some(memory) = &door.seen {
            memory.entries.insert(memory.key(text), seen);
        }
        admitted
    }

    /// Writes what requests left to be written.
    pub(crate) async fn note_key_uses(&self) -> Result<u64, Error> {
        let mut written = 0;
        for ((tenant, key), at) in self.api_keys.take_uses() {
            let touched = self
                .repository
                .touch_api_key(tenant, key, at, at.before(NOTED_EVERY))
                .await?;
            written += u64::from(touched);
        }
        Ok(written)
    }
}

/// Everything about a key and its owner that does not depend on where it came from.
fn check(
    presented: &PresentedApiKey,
    found: Option<(ApiKey, Account)>,
    now: Timestamp,
) -> Result<(ApiKey, Account), Error> {
    let Some((key, owner)) = found else {
        return Err(refuse(presented.id, Refused::Unknown));
    };
    let reason = match presented.is(&key.hash) {
        SecretVerdict::Mismatch => Refused::Secret,
        SecretVerdict::Match if !key.is_live(now) => Refused::Over,
        SecretVerdict::Match if !owner.user.is_active() => Refused::Owner,
        SecretVerdict::Match => return Ok((key, owner)),
    };
    Err(refuse(key.id, reason))
}

/// Who a key says is asking. It has no roles and has shown no factor: what asks for either, a key does not meet.
fn identity(key: &ApiKey, owner: &Account, now: Timestamp, until: Timestamp) -> Identity {
    let uuid = key.id.as_uuid();
    let mut identity = Identity::new(
        key.user_id,
        key.tenant_id,
        SessionId::from_uuid(uuid),
        TokenId::from_uuid(uuid),
        now.before(MARGIN),
        until,
    );
    owner.user.email.as_str().clone_into(&mut identity.email);
    identity.permissions = effective(
        key.tenant_id,
        &key.permissions,
        &owner.authority.permissions,
    );
    identity.authenticated_at = key.created_at;
    identity.api_key = Some(key.id);
    identity
}

impl Gatekeeper {
    /// As [`authenticate_cached`](Self::authenticate_cached), and says from where the request came: an API key may be confined to
    /// networks, and is refused where the address is not known.
    ///
    /// `None` says that the store has to be asked: [`authenticate_from`](Self::authenticate_from).
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where the token or key is not to be believed; the log has the true reason.
    pub fn authenticate_cached_from(
        &self,
        token: &str,
        address: Option<IpAddr>,
    ) -> Option<Result<Arc<Identity>, Error>> {
        if ApiKeyFormat::claims(token) {
            self.key_cached(token, address)
        } else {
            self.authenticate_cached(token)
        }
    }

    /// As [`authenticate`](Self::authenticate), and says from where the request came.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`]; a failure of the store, which is never taken for a yes.
    pub async fn authenticate_from(
        &self,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<Identity>, Error> {
        if ApiKeyFormat::claims(token) {
            self.key(token, address).await
        } else {
            self.authenticate(token).await
        }
    }

    /// Who an API key acts as, as far as this process knows.
    pub(super) fn key_cached(
        &self,
        text: &str,
        address: Option<IpAddr>,
    ) -> Option<Result<Arc<Identity>, Error>> {
        let inner = self.inner();
        let blacklist = inner.authenticator.blacklist().as_ref();
        inner
            .api_keys
            .judge(text, address, blacklist, inner.clock.now())
    }

    /// Who an API key acts as.
    pub(super) async fn key(
        &self,
        text: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<Identity>, Error> {
        match self.key_cached(text, address) {
            Some(judged) => judged,
            None => self.inner().read_key(text, address).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        blacklist::MemoryBlacklist,
        model::{Revocation, RevocationTarget, UserId},
        testing::SeededRandom,
    };

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    /// What is remembered of a key that was read at [`NOW`].
    fn seen() -> Seen {
        let random = SeededRandom::new(1);
        let id = ApiKeyId::new(NOW, &random);
        Seen {
            identity: Arc::new(Identity::new(
                UserId::new(NOW, &random),
                TenantId::DEFAULT,
                SessionId::from_uuid(id.as_uuid()),
                TokenId::from_uuid(id.as_uuid()),
                NOW.before(MARGIN),
                NOW.after(MEMORY),
            )),
            id,
            networks: Vec::new(),
            from: NOW,
            until: NOW.after(MEMORY),
            noted: AtomicI64::new(i64::MIN),
        }
    }

    async fn tell(blacklist: &MemoryBlacklist, target: RevocationTarget) {
        let news = Revocation {
            tenant_id: TenantId::DEFAULT,
            target,
            revoked_at: NOW,
            expires_at: NOW.after(Duration::from_hours(1)),
        };
        blacklist.publish(&[news]).await.unwrap();
    }

    fn is_fresh(seen: &Seen, blacklist: &dyn Blacklist, now: Timestamp) -> bool {
        matches!(seen.freshness(blacklist, now), Freshness::Fresh)
    }

    #[tokio::test]
    async fn row_63_a_change_that_was_under_way_when_a_key_was_read_is_not_missed() {
        for (age, fresh) in [(0, false), (10, false), (30, false), (31, true)] {
            let (blacklist, seen) = (MemoryBlacklist::new(), seen());
            seen.identity.clean.set(blacklist.epoch(NOW).unwrap());
            assert!(is_fresh(&seen, &blacklist, NOW));
            // It began before the key was read, and comes to be known after it.
            let began = NOW.before(Duration::from_secs(age));
            tell(
                &blacklist,
                RevocationTarget::User(seen.identity.user_id, began),
            )
            .await;
            assert_eq!(is_fresh(&seen, &blacklist, NOW), fresh, "{age}");
        }
    }

    #[tokio::test]
    async fn news_of_the_key_itself_count_whenever_it_was_read() {
        let (blacklist, seen) = (MemoryBlacklist::new(), seen());
        let other = SessionId::new(NOW, &SeededRandom::new(2));
        tell(&blacklist, RevocationTarget::Session(other)).await;
        assert!(is_fresh(&seen, &blacklist, NOW));
        assert!(seen.identity.clean.is(blacklist.epoch(NOW).unwrap()));
        let own = seen.identity.session_id;
        tell(&blacklist, RevocationTarget::Session(own)).await;
        assert!(!is_fresh(&seen, &blacklist, NOW));
    }

    #[test]
    fn a_key_is_remembered_for_five_minutes_and_no_longer_than_news_are_kept() {
        let (blacklist, seen) = (MemoryBlacklist::new(), seen());
        let micro = Duration::from_micros(1);
        for (now, fresh) in [
            (NOW.before(micro), false),
            (NOW, true),
            (NOW.after(MEMORY).before(micro), true),
            (NOW.after(MEMORY), false),
        ] {
            assert_eq!(is_fresh(&seen, &blacklist, now), fresh, "{now}");
        }
        let mut config = Config::default();
        assert_eq!(KeyDoor::new(&config, &SeededRandom::new(1)).memory, MEMORY);
        config.access_tokens.lifetime = Duration::from_mins(1);
        let door = KeyDoor::new(&config, &SeededRandom::new(1));
        assert_eq!(door.memory, Duration::from_mins(1));
    }
}
