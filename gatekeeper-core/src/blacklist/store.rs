use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

use super::{
    Blacklist, BlacklistVerdict,
    set::{Known, RevocationSet},
};
use crate::{
    Identity,
    env::Clock,
    model::{Revocation, RevocationTarget, TenantId, Timestamp, UserId},
    store::{Repository, RevocationSignal, StoreError, StoreErrorKind},
};

/// `last_sync` before there was one.
const NEVER: i64 = i64::MIN;

/// A blacklist that follows a [`Repository`]: what is revoked by any node is known here within
/// [`poll`](StoreBlacklistSettings::poll), or at once where the store signals news, and survives a restart.
///
/// It is [stale](BlacklistVerdict::Stale) until the first load, when the last one that succeeded is older than
/// [`max_staleness`](StoreBlacklistSettings::max_staleness), and while the store's signal says that it has lost its source
/// of news. It then asks the store for each token; where that fails too, nothing is let through.
#[derive(Debug)]
pub struct StoreBlacklist {
    repository: Arc<dyn Repository>,
    settings: StoreBlacklistSettings,
    set: RevocationSet,
    signal: Option<RevocationSignal>,
    /// When the last load that succeeded began, in microseconds.
    last_sync: AtomicI64,
    /// Held while loading, so that loads do not overtake each other.
    syncing: Mutex<()>,
}

/// How closely a [`StoreBlacklist`] follows its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreBlacklistSettings {
    /// How often news are asked for where no signal wakes it; 1 s by default.
    pub poll: Duration,
    /// After how long without news its memory is no longer believed; 5 s by default. Should be several times `poll`.
    pub max_staleness: Duration,
    /// How far back each load reaches beyond the one before; 60 s by default.
    ///
    /// `revoked_at` is written by other nodes' clocks and becomes visible only with the commit of its transaction: this
    /// must be more than the difference of two clocks and the longest transaction together.
    pub overlap: Duration,
}

impl Default for StoreBlacklistSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            max_staleness: Duration::from_secs(5),
            overlap: Duration::from_mins(1),
        }
    }
}

impl StoreBlacklist {
    /// A blacklist that follows `repository`. It is stale until [`sync`](Self::sync) succeeded once.
    pub fn new(repository: Arc<dyn Repository>, settings: StoreBlacklistSettings) -> Self {
        Self {
            signal: repository.revocation_signal(),
            repository,
            settings,
            set: RevocationSet::default(),
            last_sync: AtomicI64::new(NEVER),
            syncing: Mutex::new(()),
        }
    }

    /// Loads what is new: at first everything.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a store that takes longer than [`max_staleness`](StoreBlacklistSettings::max_staleness) to answer
    /// counts as unavailable. What is known stays known.
    pub async fn sync(&self, now: Timestamp) -> Result<(), StoreError> {
        let _one = self.syncing.lock().await;
        let since = match self.last_sync.load(Ordering::Acquire) {
            NEVER => Timestamp::default(),
            // Where the clock was set back, from there.
            last => Timestamp::from_unix_micros(last)
                .min(now)
                .before(self.settings.overlap),
        };
        let news = self.load(since, now).await?;
        self.set.insert(&news, now);
        // The beginning of the load, not its end: what was written meanwhile may be missing from it.
        self.last_sync
            .store(now.as_unix_micros(), Ordering::Release);
        Ok(())
    }

    /// Takes in what was heard of by another way than the store: it holds here at once.
    pub fn learn(&self, news: &[Revocation], now: Timestamp) {
        self.set.insert(news, now);
    }

    /// Everything that the store holds and that has not expired at `now`: for whoever keeps a copy of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as of [`sync`](Self::sync).
    pub async fn all(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.load(Timestamp::default(), now).await
    }

    /// What was revoked in or after `since`; bounded in time.
    async fn load(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        timeout(
            self.settings.max_staleness,
            self.repository.revocations_since(since, now),
        )
        .await
        .map_err(|elapsed| StoreError::new(StoreErrorKind::Unavailable, elapsed))?
    }

    /// How many revocations are kept.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the memory may be behind.
    fn is_stale(&self, now: Timestamp) -> bool {
        let last = self.last_sync.load(Ordering::Acquire);
        if last == NEVER {
            return true;
        }
        let last = Timestamp::from_unix_micros(last);
        let limit = self.settings.max_staleness;
        // The second: a clock that was set back must not make an old load look new for hours.
        if now.since(last) > limit || last.since(now) > limit {
            return true;
        }
        self.signal
            .as_ref()
            .is_some_and(|signal| signal.has_changed().is_err() || !signal.borrow().1)
    }
}

#[async_trait]
impl Blacklist for StoreBlacklist {
    fn check(&self, identity: &Identity, now: Timestamp) -> BlacklistVerdict {
        // What is known to be revoked is so even where other things are not known.
        match self.set.judge(identity, now) {
            Known::Revoked => BlacklistVerdict::Revoked,
            Known::Nothing | Known::Outdated if self.is_stale(now) => BlacklistVerdict::Stale,
            known @ (Known::Nothing | Known::Outdated) => known.into(),
        }
    }

    fn authority_since(
        &self,
        tenant: TenantId,
        user: UserId,
        epoch: u64,
        now: Timestamp,
    ) -> BlacklistVerdict {
        if self.is_stale(now) {
            return BlacklistVerdict::Stale;
        }
        self.set.since(tenant, user, epoch).into()
    }

    fn epoch(&self, now: Timestamp) -> Option<u64> {
        (!self.is_stale(now)).then(|| self.set.epoch())
    }

    async fn check_source(
        &self,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<BlacklistVerdict, StoreError> {
        let (user, issued_at) = (identity.user_id, identity.issued_at);
        let refusing = [
            RevocationTarget::Token(identity.token_id),
            RevocationTarget::Session(identity.session_id),
            RevocationTarget::User(user, issued_at),
            RevocationTarget::Tenant(issued_at),
        ];
        let outdating = [
            RevocationTarget::Authority(user, issued_at),
            RevocationTarget::TenantAuthority(issued_at),
        ];
        let said = async |targets: &[RevocationTarget]| {
            let tenant = identity.tenant_id;
            self.repository.is_revoked(tenant, targets, now).await
        };
        // Nearly always there is nothing of all that: one question.
        let found = if !said(&[&refusing[..], &outdating].concat()).await? {
            Known::Nothing
        } else if said(&refusing).await? {
            Known::Revoked
        } else {
            // Of what was read after the token was issued the store cannot say whether this came later: it counts as if.
            Known::Outdated
        };
        Ok(found.max(self.set.judge(identity, now)).into())
    }

    /// Other nodes hear of it through the store.
    async fn publish(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let now = revocations
            .iter()
            .map(|revocation| revocation.revoked_at)
            .max()
            .unwrap_or_default();
        self.set.insert(revocations, now);
        Ok(())
    }

    /// Follows the store until `shutdown` is true or its sender is gone: loads at once, then at each signal and each
    /// [`poll`](StoreBlacklistSettings::poll). To be spawned as a task.
    async fn run(self: Arc<Self>, clock: Arc<dyn Clock>, mut shutdown: watch::Receiver<bool>) {
        let mut signal = self.signal.clone();
        let mut failing = false;
        while !*shutdown.borrow_and_update() {
            if let Some(signal) = &mut signal {
                // Seen before the load: news that come during it wake the loop again.
                signal.mark_unchanged();
            }
            // Said once for each outage; the store's own logs have the rest.
            match self.sync(clock.now()).await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("revocations are read again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "revocations cannot be read; soon each token costs a query"
                        );
                    }
                }
            }
            let news = async {
                match &mut signal {
                    Some(signal) => {
                        if signal.changed().await.is_err() {
                            std::future::pending::<()>().await;
                        }
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = news => {}
                () = sleep(self.settings.poll) => {}
                stopped = shutdown.changed() => if stopped.is_err() {
                    return;
                },
            }
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
