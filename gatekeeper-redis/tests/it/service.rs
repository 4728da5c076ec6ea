//! A whole service on Redis, which goes away under it.

use std::sync::Arc;

use gatekeeper_core::{
    CheckState, Config, Error, Evidence, Gatekeeper, RequestContext, SignIn, SignedIn,
    crypto::password::danger::danger_weak_hashing,
    model::{SecretString, TenantId},
    store::{Repository, memory::MemoryRepository},
};
use gatekeeper_redis::{RedisBlacklist, RedisClient, RedisLockout, RedisRateLimiter};

use crate::support::{node::secrets, server::RedisServer, until};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "plum-otter-91-lantern";

struct Service {
    gatekeeper: Gatekeeper,
    cx: RequestContext,
}

impl Service {
    async fn start(server: &RedisServer, repository: &Arc<dyn Repository>) -> Self {
        let redis = RedisClient::connect(server.hasty()).await.unwrap();
        let mut config = Config::default();
        config.hashing = danger_weak_hashing();
        let secrets = secrets(1);
        let gatekeeper = Gatekeeper::builder()
            .shared_repository(Arc::clone(repository))
            .secrets(secrets.clone())
            .public_url("https://auth.example.org")
            .config(config)
            .rate_limiter(RedisRateLimiter::new(redis.clone()))
            .lockout_counters(RedisLockout::new(redis.clone(), Arc::clone(repository)))
            .blacklist(move |store| Arc::new(RedisBlacklist::new(redis, &secrets, store)))
            .build()
            .await
            .unwrap();
        Self {
            gatekeeper,
            cx: RequestContext::internal(TenantId::DEFAULT, "test"),
        }
    }

    async fn sign_in(&self, password: &str) -> Result<Box<SignedIn>, Error> {
        let evidence = Evidence::Password {
            identifier: EMAIL.to_owned(),
            password: SecretString::from(password),
        };
        match self
            .gatekeeper
            .sessions()
            .sign_in(&self.cx, evidence)
            .await?
        {
            SignIn::SignedIn(signed_in) => Ok(signed_in),
            other => panic!("{other:?}"),
        }
    }

    async fn believes(&self, who: &SignedIn) -> bool {
        self.gatekeeper
            .authenticate(who.access_token.expose())
            .await
            .is_ok()
    }

    async fn state(&self) -> CheckState {
        let readiness = self.gatekeeper.readiness().await;
        let redis: Vec<_> = readiness
            .checks
            .iter()
            .filter(|check| check.name == "redis")
            .collect();
        assert_eq!(redis.len(), 1, "{readiness:?}");
        assert_eq!(readiness.state(), redis[0].state, "{readiness:?}");
        readiness.state()
    }

    async fn is(&self, state: CheckState) {
        until(&format!("readiness to be {state:?}"), async || {
            self.state().await == state
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_goes_on_and_nothing_revoked_works_again() {
    let mut server = RedisServer::absent();
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Service::start(&server, &repository).await;
    let there = Service::start(&server, &repository).await;
    let user = gatekeeper_core::NewUser {
        email: EMAIL.to_owned(),
        name: None,
        roles: Vec::new(),
        password: Some(SecretString::from(PASSWORD)),
    };
    here.gatekeeper
        .administration()
        .create_user(&here.cx, user)
        .await
        .unwrap();
    let mut ended = Vec::new();
    // Signs in at one node, is believed by both; signs out at one, and is believed by neither, now and later.
    let round = async |ended: &mut Vec<Box<SignedIn>>| {
        let ada = here.sign_in(PASSWORD).await.unwrap();
        assert!(here.believes(&ada).await && there.believes(&ada).await);
        there
            .gatekeeper
            .sessions()
            .sign_out_by_refresh_token(&there.cx, &ada.refresh_token)
            .await
            .unwrap();
        assert!(!there.believes(&ada).await);
        until("the other node to refuse it", async || {
            !here.believes(&ada).await
        })
        .await;
        ended.push(ada);
        for one in ended.iter() {
            assert!(!here.believes(one).await && !there.believes(one).await);
        }
    };
    // Gone at the start.
    assert_eq!(here.state().await, CheckState::Degraded);
    round(&mut ended).await;
    // There.
    server.start_again();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    round(&mut ended).await;
    // Stopped.
    server.pause();
    round(&mut ended).await;
    here.is(CheckState::Degraded).await;
    server.resume();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    round(&mut ended).await;
    // Flushed.
    server.flush();
    round(&mut ended).await;
    // Lost, and back with nothing.
    server.kill();
    round(&mut ended).await;
    here.is(CheckState::Degraded).await;
    there.is(CheckState::Degraded).await;
    server.start_again();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    round(&mut ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_locked_stays_so_without_redis() {
    let mut server = RedisServer::start();
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Service::start(&server, &repository).await;
    let there = Service::start(&server, &repository).await;
    let user = gatekeeper_core::NewUser {
        email: EMAIL.to_owned(),
        name: None,
        roles: Vec::new(),
        password: Some(SecretString::from(PASSWORD)),
    };
    here.gatekeeper
        .administration()
        .create_user(&here.cx, user)
        .await
        .unwrap();
    for n in 0..5 {
        let node = if n % 2 == 0 { &here } else { &there };
        let error = node.sign_in("wrong-otter-92-lantern").await.unwrap_err();
        assert_eq!(error.code(), "password.invalid_credentials");
    }
    // Counted together, they have locked it: the right password says nothing now, with Redis and without.
    for node in [&here, &there] {
        let error = node.sign_in(PASSWORD).await.unwrap_err();
        assert_eq!(error.code(), "password.invalid_credentials");
    }
    server.kill();
    for node in [&here, &there] {
        let error = node.sign_in(PASSWORD).await.unwrap_err();
        assert_eq!(error.code(), "password.invalid_credentials");
    }
}
