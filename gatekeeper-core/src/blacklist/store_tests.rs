use std::sync::{
    Mutex as StdMutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize},
};

use super::*;
use crate::{
    blacklist::{Rejected, TokenAuthenticator},
    crypto::jwt::{AccessClaims, AccessTokenSettings, AccessTokens, Keyring, SigningKey},
    env::Random,
    lockout::{LockoutKey, LockoutState},
    model::{
        Account, Algorithm, ApiKey, ApiKeyId, Authority, KeyId, NormalizedEmail, OrganizationId,
        Session, SessionId, Tenant, TenantId, TenantSlug, TokenId, UserId,
    },
    store::{RotatedSession, SessionRotation, Transaction},
    testing::{ManualClock, SeededRandom},
};

/// A store of revocations and nothing else.
#[derive(Debug, Default)]
struct FakeStore {
    rows: StdMutex<Vec<Revocation>>,
    down: AtomicBool,
    signal: StdMutex<Option<watch::Sender<(u64, bool)>>>,
    loads: StdMutex<Vec<Timestamp>>,
    asked: AtomicUsize,
}

impl FakeStore {
    fn write(&self, revocation: Revocation) {
        lock(&self.rows).push(revocation);
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "told to fail"));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &StdMutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unused<T>() -> Result<T, StoreError> {
    Err(StoreError::corrupt("not part of this fake"))
}

#[async_trait]
impl Repository for FakeStore {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        unused()
    }
    async fn find_account_by_email(
        &self,
        _: TenantId,
        _: &NormalizedEmail,
    ) -> Result<Option<Account>, StoreError> {
        unused()
    }
    async fn find_account(&self, _: TenantId, _: UserId) -> Result<Option<Account>, StoreError> {
        unused()
    }
    async fn find_authority(
        &self,
        _: TenantId,
        _: UserId,
        _: Option<OrganizationId>,
    ) -> Result<Option<Authority>, StoreError> {
        unused()
    }
    async fn find_api_key(
        &self,
        _: TenantId,
        _: ApiKeyId,
    ) -> Result<Option<(ApiKey, Account)>, StoreError> {
        unused()
    }
    async fn touch_api_key(
        &self,
        _: TenantId,
        _: ApiKeyId,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }
    async fn find_session(&self, _: TenantId, _: SessionId) -> Result<Option<Session>, StoreError> {
        unused()
    }
    async fn rotate_session(
        &self,
        _: &SessionRotation,
    ) -> Result<Option<RotatedSession>, StoreError> {
        unused()
    }
    async fn lockout_state(&self, _: &LockoutKey) -> Result<LockoutState, StoreError> {
        unused()
    }
    async fn find_tenant_by_id(&self, _: TenantId) -> Result<Option<Tenant>, StoreError> {
        unused()
    }
    async fn find_tenant(&self, _: &TenantSlug) -> Result<Option<Tenant>, StoreError> {
        unused()
    }
    async fn ping(&self) -> Result<(), StoreError> {
        unused()
    }
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn revocations_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.up()?;
        lock(&self.loads).push(since);
        let rows = lock(&self.rows);
        Ok(rows
            .iter()
            .filter(|row| row.revoked_at >= since && now < row.expires_at)
            .copied()
            .collect())
    }

    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.up()?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        let rows = lock(&self.rows);
        Ok(rows.iter().any(|row| {
            row.tenant_id == tenant
                && now < row.expires_at
                && targets.iter().any(|target| match (target, row.target) {
                    (RevocationTarget::User(id, issued), RevocationTarget::User(of, until)) => {
                        *id == of && *issued <= until
                    }
                    (target, stored) => *target == stored,
                })
        }))
    }

    fn revocation_signal(&self) -> Option<RevocationSignal> {
        lock(&self.signal).as_ref().map(watch::Sender::subscribe)
    }
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn identity(random: &dyn Random) -> Identity {
    Identity::new(
        UserId::new(NOW, random),
        TenantId::DEFAULT,
        SessionId::new(NOW, random),
        TokenId::new(NOW, random),
        NOW,
        NOW.after(SECOND * 900),
    )
}

fn revoke(target: RevocationTarget, at: Timestamp) -> Revocation {
    Revocation {
        tenant_id: TenantId::DEFAULT,
        target,
        revoked_at: at,
        expires_at: at.after(SECOND * 900),
    }
}

fn setup() -> (Arc<FakeStore>, StoreBlacklist, Identity) {
    let store = Arc::new(FakeStore::default());
    let blacklist = StoreBlacklist::new(
        Arc::<FakeStore>::clone(&store),
        StoreBlacklistSettings::default(),
    );
    (store, blacklist, identity(&SeededRandom::new(1)))
}

#[tokio::test]
async fn it_is_stale_until_the_first_load_and_when_loads_fail_for_too_long() {
    let (store, blacklist, ada) = setup();
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Stale);
    assert_eq!(blacklist.epoch(NOW), None);
    store.set_down(true);
    assert!(blacklist.sync(NOW).await.is_err());
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Stale);
    store.set_down(false);
    blacklist.sync(NOW).await.unwrap();
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Clean);
    assert!(blacklist.epoch(NOW).is_some());

    store.set_down(true);
    let edge = NOW.after(SECOND * 5);
    assert!(blacklist.sync(edge).await.is_err());
    assert_eq!(blacklist.check(&ada, edge), BlacklistVerdict::Clean);
    let over = edge.after(Duration::from_micros(1));
    assert_eq!(blacklist.check(&ada, over), BlacklistVerdict::Stale);
    assert_eq!(blacklist.epoch(over), None);
    // A clock that was set back makes nothing new again.
    assert_eq!(
        blacklist.check(&ada, NOW.before(SECOND * 6)),
        BlacklistVerdict::Stale
    );
}

#[tokio::test]
async fn row_35_without_its_source_nothing_is_let_through() {
    let (store, blacklist, ada) = setup();
    store.set_down(true);
    let error = blacklist.check_source(&ada, NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    store.set_down(false);
    assert_eq!(
        blacklist.check_source(&ada, NOW).await.unwrap(),
        BlacklistVerdict::Clean
    );
    for target in [
        RevocationTarget::Token(ada.token_id),
        RevocationTarget::Session(ada.session_id),
        RevocationTarget::User(ada.user_id, NOW.after(Duration::from_millis(1))),
    ] {
        lock(&store.rows).clear();
        store.write(revoke(target, NOW));
        assert_eq!(
            blacklist.check_source(&ada, NOW).await.unwrap(),
            BlacklistVerdict::Revoked,
            "{target:?}"
        );
    }
}

#[tokio::test]
async fn what_is_known_to_be_revoked_is_so_even_when_stale() {
    let (store, blacklist, ada) = setup();
    store.set_down(true);
    let session = revoke(RevocationTarget::Session(ada.session_id), NOW);
    blacklist.publish(&[session]).await.unwrap();
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Revoked);
}

#[tokio::test]
async fn the_first_load_takes_all_and_later_ones_overlap() {
    let (store, blacklist, ada) = setup();
    // Revoked long ago and not expired: a restart must not forget it.
    let mut old = revoke(
        RevocationTarget::Session(ada.session_id),
        NOW.before(SECOND * 86_400),
    );
    old.expires_at = NOW.after(SECOND * 60);
    store.write(old);
    blacklist.sync(NOW).await.unwrap();
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Revoked);

    // Written by a node whose clock is 50 s behind, or committed late.
    let bob = identity(&SeededRandom::new(2));
    let later = NOW.after(SECOND);
    store.write(revoke(
        RevocationTarget::Token(bob.token_id),
        NOW.before(SECOND * 50),
    ));
    assert_eq!(blacklist.check(&bob, later), BlacklistVerdict::Clean);
    blacklist.sync(later).await.unwrap();
    assert_eq!(blacklist.check(&bob, later), BlacklistVerdict::Revoked);
    assert_eq!(
        *lock(&store.loads),
        [Timestamp::default(), NOW.before(SECOND * 60)]
    );
}

#[tokio::test]
async fn a_lost_source_of_news_makes_it_stale() {
    let store = Arc::new(FakeStore::default());
    let (sender, _receiver) = watch::channel((0, true));
    *lock(&store.signal) = Some(sender);
    let blacklist = StoreBlacklist::new(
        Arc::<FakeStore>::clone(&store),
        StoreBlacklistSettings::default(),
    );
    let ada = identity(&SeededRandom::new(1));
    blacklist.sync(NOW).await.unwrap();
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Clean);
    let send = |value| lock(&store.signal).as_ref().unwrap().send_replace(value);
    send((1, false));
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Stale);
    assert_eq!(blacklist.epoch(NOW), None);
    send((2, true));
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Clean);
    // Whoever sent the news is gone.
    *lock(&store.signal) = None;
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Stale);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_a_store_that_is_away() {
    #[derive(Debug)]
    struct Hanging(FakeStore);
    #[async_trait]
    impl Repository for Hanging {
        async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
            unused()
        }
        async fn find_account_by_email(
            &self,
            _: TenantId,
            _: &NormalizedEmail,
        ) -> Result<Option<Account>, StoreError> {
            unused()
        }
        async fn find_account(
            &self,
            _: TenantId,
            _: UserId,
        ) -> Result<Option<Account>, StoreError> {
            unused()
        }
        async fn find_authority(
            &self,
            _: TenantId,
            _: UserId,
            _: Option<OrganizationId>,
        ) -> Result<Option<Authority>, StoreError> {
            unused()
        }
        async fn find_api_key(
            &self,
            _: TenantId,
            _: ApiKeyId,
        ) -> Result<Option<(ApiKey, Account)>, StoreError> {
            unused()
        }
        async fn touch_api_key(
            &self,
            _: TenantId,
            _: ApiKeyId,
            _: Timestamp,
            _: Timestamp,
        ) -> Result<bool, StoreError> {
            unused()
        }
        async fn find_session(
            &self,
            _: TenantId,
            _: SessionId,
        ) -> Result<Option<Session>, StoreError> {
            unused()
        }
        async fn rotate_session(
            &self,
            _: &SessionRotation,
        ) -> Result<Option<RotatedSession>, StoreError> {
            unused()
        }
        async fn lockout_state(&self, _: &LockoutKey) -> Result<LockoutState, StoreError> {
            unused()
        }
        async fn find_tenant_by_id(&self, _: TenantId) -> Result<Option<Tenant>, StoreError> {
            unused()
        }
        async fn find_tenant(&self, _: &TenantSlug) -> Result<Option<Tenant>, StoreError> {
            unused()
        }
        async fn revocations_since(
            &self,
            _: Timestamp,
            _: Timestamp,
        ) -> Result<Vec<Revocation>, StoreError> {
            std::future::pending().await
        }
        async fn is_revoked(
            &self,
            tenant: TenantId,
            targets: &[RevocationTarget],
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            self.0.is_revoked(tenant, targets, now).await
        }
        async fn ping(&self) -> Result<(), StoreError> {
            unused()
        }
        fn name(&self) -> &'static str {
            "hanging"
        }
    }
    let store = Arc::new(Hanging(FakeStore::default()));
    let blacklist = StoreBlacklist::new(store, StoreBlacklistSettings::default());
    let error = blacklist.sync(NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn it_follows_by_polling_and_by_signal_until_told_to_stop() {
    let store = Arc::new(FakeStore::default());
    let (sender, _receiver) = watch::channel((0, true));
    *lock(&store.signal) = Some(sender);
    let blacklist = Arc::new(StoreBlacklist::new(
        Arc::<FakeStore>::clone(&store),
        StoreBlacklistSettings::default(),
    ));
    let clock = ManualClock::at(NOW);
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(Arc::clone(&blacklist).run(Arc::new(clock.clone()), stopped));
    let ada = identity(&SeededRandom::new(1));
    let settle = Duration::from_millis(10);
    sleep(settle).await;
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Clean);

    // By signal: long before the next poll.
    store.write(revoke(RevocationTarget::Session(ada.session_id), NOW));
    let signal = |value| lock(&store.signal).as_ref().unwrap().send_replace(value);
    signal((1, true));
    sleep(settle).await;
    assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Revoked);

    // By polling.
    let bob = identity(&SeededRandom::new(2));
    store.write(revoke(RevocationTarget::Token(bob.token_id), NOW));
    sleep(settle).await;
    assert_eq!(blacklist.check(&bob, NOW), BlacklistVerdict::Clean);
    sleep(SECOND).await;
    assert_eq!(blacklist.check(&bob, NOW), BlacklistVerdict::Revoked);

    // An outage makes it stale, and its end fresh again.
    let eve = identity(&SeededRandom::new(3));
    store.set_down(true);
    clock.advance(SECOND * 6);
    sleep(SECOND * 6).await;
    assert_eq!(blacklist.check(&eve, clock.now()), BlacklistVerdict::Stale);
    store.set_down(false);
    sleep(SECOND * 2).await;
    assert_eq!(blacklist.check(&eve, clock.now()), BlacklistVerdict::Clean);

    stop.send_replace(true);
    task.await.unwrap();
    // Without anybody to stop it, it stops too.
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(Arc::clone(&blacklist).run(Arc::new(clock), stopped));
    sleep(settle).await;
    drop(stop);
    task.await.unwrap();
}

fn tokens(random: &dyn Random) -> AccessTokens {
    let key = SigningKey::generate(Algorithm::EdDsa, KeyId::new(NOW, random), random).unwrap();
    let settings = AccessTokenSettings::new("https://auth.example", "https://api.example");
    AccessTokens::new(settings, Keyring::new(key), random).unwrap()
}

fn claims(random: &dyn Random) -> AccessClaims {
    AccessClaims {
        ends_at: None,
        user_id: UserId::new(NOW, random),
        tenant_id: TenantId::DEFAULT,
        session_id: SessionId::new(NOW, random),
        token_id: TokenId::new(NOW, random),
        email: "ada@example.org".to_owned(),
        roles: Vec::new(),
        permissions: Vec::new(),
        organization: None,
        authority_omitted: false,
        mfa_verified: false,
        authenticated_at: NOW,
        methods: vec!["pwd".to_owned()],
        issued_at: NOW,
        actor: None,
        custom: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn asvs_7_4_1_a_revoked_token_is_refused_although_it_was_seen_before() {
    let random = SeededRandom::new(1);
    let tokens = tokens(&random);
    let (store, blacklist, _) = setup();
    let blacklist = Arc::new(blacklist);
    blacklist.sync(NOW).await.unwrap();
    let authenticator =
        TokenAuthenticator::new(tokens.clone(), Arc::<StoreBlacklist>::clone(&blacklist));
    for kind in 0..3 {
        let claims = claims(&random);
        let token = tokens.issue(&claims).unwrap();
        for _ in 0..3 {
            assert!(authenticator.authenticate(token.expose(), NOW).is_ok());
        }
        let target = match kind {
            0 => RevocationTarget::Token(claims.token_id),
            1 => RevocationTarget::Session(claims.session_id),
            _ => RevocationTarget::User(claims.user_id, NOW),
        };
        store.write(revoke(target, NOW));
        if kind == 1 {
            blacklist.sync(NOW).await.unwrap();
        } else {
            blacklist.publish(&[revoke(target, NOW)]).await.unwrap();
        }
        for _ in 0..2 {
            assert!(matches!(
                authenticator.authenticate(token.expose(), NOW),
                Err(Rejected::Revoked)
            ));
            assert_eq!(
                authenticator
                    .authenticate_fully(token.expose(), NOW)
                    .await
                    .unwrap_err()
                    .code(),
                "access.invalid_token"
            );
        }
    }
}

#[tokio::test]
async fn a_stale_blacklist_costs_a_question_and_never_an_answer_too_many() {
    let random = SeededRandom::new(1);
    let tokens = tokens(&random);
    let (store, blacklist, _) = setup();
    let blacklist = Arc::new(blacklist);
    let authenticator =
        TokenAuthenticator::new(tokens.clone(), Arc::<StoreBlacklist>::clone(&blacklist));
    let claims = claims(&random);
    let token = tokens.issue(&claims).unwrap();
    let token = token.expose();

    // Fresh once, and found clean: the mark must not outlive the freshness.
    blacklist.sync(NOW).await.unwrap();
    assert!(authenticator.authenticate(token, NOW).is_ok());
    let late = NOW.after(SECOND * 6);
    assert!(matches!(
        authenticator.authenticate(token, late),
        Err(Rejected::NeedsSource(_))
    ));
    assert_eq!(store.asked.load(Ordering::SeqCst), 0);
    assert!(authenticator.authenticate_fully(token, late).await.is_ok());
    assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    store.set_down(true);
    let error = authenticator
        .authenticate_fully(token, late)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "service.unavailable");
    store.set_down(false);
    store.write(revoke(RevocationTarget::Session(claims.session_id), NOW));
    let error = authenticator
        .authenticate_fully(token, late)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "access.invalid_token");
}

#[tokio::test]
async fn the_mark_of_one_blacklist_means_nothing_to_another() {
    let random = SeededRandom::new(1);
    let tokens = tokens(&random);
    let (one, other) = (
        Arc::new(crate::blacklist::MemoryBlacklist::new()),
        Arc::new(crate::blacklist::MemoryBlacklist::new()),
    );
    let claims = claims(&random);
    let token = tokens.issue(&claims).unwrap();
    let revocation = revoke(RevocationTarget::Token(claims.token_id), NOW);
    let unrelated = revoke(RevocationTarget::Token(TokenId::new(NOW, &random)), NOW);
    one.publish(&[unrelated]).await.unwrap();
    other.publish(&[revocation]).await.unwrap();
    assert_eq!(one.epoch(NOW), other.epoch(NOW));
    let first = TokenAuthenticator::new(tokens.clone(), one);
    let second = TokenAuthenticator::new(tokens, other);
    assert!(first.authenticate(token.expose(), NOW).is_ok());
    assert!(matches!(
        second.authenticate(token.expose(), NOW),
        Err(Rejected::Revoked)
    ));
}
