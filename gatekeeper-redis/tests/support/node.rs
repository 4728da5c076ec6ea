use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CheckState, Identity,
    blacklist::{Blacklist, BlacklistVerdict, StoreBlacklist, StoreBlacklistSettings},
    crypto::{SecretKey, SecretKeys},
    env::{Clock as _, SystemClock},
    model::{Revocation, RevocationTarget, SessionId, TenantId, TokenId, UserId},
    store::{Repository, StoreError},
    testing::SeededRandom,
};
use gatekeeper_redis::{RedisBlacklist, RedisClient};
use tokio::{sync::watch, task::JoinHandle};

use super::until;

/// How a node is to be.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) strict: bool,
    /// Whether the store tells it within an hour only: then whatever it knows sooner, it has from Redis.
    pub(crate) deaf_to_store: bool,
    /// Seeds the secret.
    pub(crate) secret: u64,
}

pub(crate) const USUAL: Kind = Kind {
    strict: false,
    deaf_to_store: false,
    secret: 1,
};
pub(crate) const DEAF: Kind = Kind {
    deaf_to_store: true,
    ..USUAL
};
pub(crate) const STRICT: Kind = Kind {
    strict: true,
    ..USUAL
};

/// One node's blacklist, running.
pub(crate) struct Node {
    pub(crate) blacklist: Arc<RedisBlacklist>,
    pub(crate) store: Arc<StoreBlacklist>,
    pub(crate) repository: Arc<dyn Repository>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

pub(crate) fn secrets(seed: u64) -> SecretKeys {
    SecretKeys::new(SecretKey::generate(&SeededRandom::new(seed)))
}

impl Node {
    pub(crate) async fn start(
        client: RedisClient,
        repository: &Arc<dyn Repository>,
        kind: Kind,
    ) -> Self {
        let mut settings = StoreBlacklistSettings::default();
        if kind.deaf_to_store {
            settings.poll = Duration::from_hours(1);
            settings.max_staleness = Duration::from_hours(24);
        }
        let store = Arc::new(StoreBlacklist::new(Arc::clone(repository), settings));
        store.sync(SystemClock.now()).await.unwrap();
        let make = if kind.strict {
            RedisBlacklist::strict
        } else {
            RedisBlacklist::new
        };
        let blacklist = Arc::new(make(client, &secrets(kind.secret), Arc::clone(&store)));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&blacklist).run(Arc::new(SystemClock), stopped));
        Self {
            blacklist,
            store,
            repository: Arc::clone(repository),
            stop,
            task,
        }
    }

    /// What a flow does: writes it, commits, publishes.
    pub(crate) async fn revoke(&self, identity: &Identity) {
        self.revoke_all(&[session_of(identity)]).await;
    }

    pub(crate) async fn revoke_all(&self, revocations: &[Revocation]) {
        write(&self.repository, revocations).await;
        self.blacklist.publish(revocations).await.unwrap();
    }

    /// Whether this process knows, without asking anybody.
    pub(crate) fn knows(&self, identity: &Identity) -> bool {
        self.blacklist.check(identity, SystemClock.now()) == BlacklistVerdict::Revoked
    }

    /// What a request is answered.
    pub(crate) async fn verdict(
        &self,
        identity: &Identity,
    ) -> Result<BlacklistVerdict, StoreError> {
        let now = SystemClock.now();
        match self.blacklist.check(identity, now) {
            BlacklistVerdict::Stale => self.blacklist.check_source(identity, now).await,
            verdict => Ok(verdict),
        }
    }

    pub(crate) fn state(&self) -> CheckState {
        let checks = self.blacklist.checks();
        assert_eq!((checks.len(), checks[0].name), (1, "redis"));
        checks[0].state
    }

    pub(crate) async fn is(&self, state: CheckState) {
        until(&format!("to be {state:?}"), async || self.state() == state).await;
    }

    pub(crate) async fn hears_of(&self, identity: &Identity) {
        until("to hear of a revocation", async || self.knows(identity)).await;
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

pub(crate) async fn write(repository: &Arc<dyn Repository>, revocations: &[Revocation]) {
    let mut tx = repository.begin().await.unwrap();
    for revocation in revocations {
        tx.revocations().insert(revocation).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(crate) fn identity(random: &SeededRandom) -> Identity {
    let now = SystemClock.now();
    Identity::new(
        UserId::new(now, random),
        TenantId::DEFAULT,
        SessionId::new(now, random),
        TokenId::new(now, random),
        now,
        now.after(Duration::from_mins(15)),
    )
}

pub(crate) fn revocation_of(target: RevocationTarget) -> Revocation {
    let now = SystemClock.now();
    Revocation {
        tenant_id: TenantId::DEFAULT,
        target,
        revoked_at: now,
        expires_at: now.after(Duration::from_mins(15)),
    }
}

pub(crate) fn session_of(identity: &Identity) -> Revocation {
    revocation_of(RevocationTarget::Session(identity.session_id))
}
