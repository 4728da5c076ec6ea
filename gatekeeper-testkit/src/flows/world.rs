use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatekeeper_core::{
    Config, Error, Evidence, Gatekeeper, GatekeeperBuilder, Identity, Register, RequestContext,
    SignIn, SignedIn,
    config::EmailVerification,
    crypto::{SecretKey, password::danger::danger_weak_hashing},
    env::Mail,
    model::{AuditEvent, Event, PageRequest, SecretString, TenantId, User, UserId},
    store::{AuditFilter, Repository},
    testing::{ManualClock, RecordingMailer, SeededRandom},
};

use crate::store::StoreFixture;

/// A password that every policy takes.
pub const PASSWORD: &str = "plum-otter-91-lantern";

/// A service on a store, with the time, the randomness and the mail in hand. Clones share all of it.
#[derive(Clone, Debug)]
pub struct World {
    /// The service.
    pub gk: Gatekeeper,
    /// Its clock.
    pub clock: ManualClock,
    /// Its mails.
    pub mails: RecordingMailer,
    /// Its store.
    pub repository: Arc<dyn Repository>,
    /// Whoever calls.
    pub cx: RequestContext,
    // What each address's own device keeps, so that its second sign-in is not a stranger's.
    devices: Arc<Mutex<HashMap<String, SecretString>>>,
    // Keeps what the store lives in: a temporary directory, a database.
    fixture: Option<Arc<StoreFixture>>,
}

/// Randomness that no other service of this process has: two nodes with one stream would give the same ids twice.
fn fresh_random() -> SeededRandom {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    SeededRandom::new(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The settings of the suite: the defaults, with hashing that costs next to nothing, and without limits, since its clock
/// stands still and its callers are many at one address.
pub(super) fn config() -> Config {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.rate_limits.enabled = false;
    config
}

impl World {
    /// A service with the suite's settings.
    ///
    /// # Panics
    ///
    /// Where it cannot be built.
    pub async fn new(fixture: StoreFixture) -> Self {
        Self::configured(fixture, |_| {}).await
    }

    /// A service with settings that differ.
    pub(super) async fn configured(
        fixture: StoreFixture,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::built(fixture, change, |builder| builder).await
    }

    /// A service with whatever the builder takes.
    pub(super) async fn built(
        fixture: StoreFixture,
        change: impl FnOnce(&mut Config),
        build: impl FnOnce(GatekeeperBuilder) -> GatekeeperBuilder,
    ) -> Self {
        let repository = Arc::clone(&fixture.repository);
        let mut world = Self::on(repository, change, build).await.unwrap();
        world.fixture = Some(Arc::new(fixture));
        world
    }

    /// A service on a store that somebody else keeps.
    ///
    /// # Errors
    ///
    /// Where it cannot be built.
    pub async fn on(
        repository: Arc<dyn Repository>,
        change: impl FnOnce(&mut Config),
        build: impl FnOnce(GatekeeperBuilder) -> GatekeeperBuilder,
    ) -> Result<Self, gatekeeper_core::BuildError> {
        let clock = ManualClock::default();
        let mails = RecordingMailer::new();
        let mut config = config();
        change(&mut config);
        let builder = Gatekeeper::builder()
            .shared_repository(Arc::clone(&repository))
            .secret(SecretKey::generate(&SeededRandom::new(7)))
            .public_url("https://auth.example.org")
            .config(config)
            .mailer(mails.clone())
            .clock(clock.clone())
            .random(fresh_random())
            .without_workers();
        let gk = build(builder).build().await?;
        let cx = RequestContext::internal(TenantId::DEFAULT, "test-request")
            .with_ip([192, 0, 2, 7].into())
            .with_user_agent("suite/1");
        Ok(Self {
            gk,
            clock,
            mails,
            repository,
            cx,
            devices: Arc::default(),
            fixture: None,
        })
    }

    /// A second service on the same data, as another process would be: its own memory, the same clock, secret and mails.
    pub(super) async fn another_node(&self, repository: Arc<dyn Repository>) -> Self {
        let gk = Gatekeeper::builder()
            .shared_repository(Arc::clone(&repository))
            .secret(SecretKey::generate(&SeededRandom::new(7)))
            .public_url("https://auth.example.org")
            .config(self.gk.config().clone())
            .mailer(self.mails.clone())
            .clock(self.clock.clone())
            .random(fresh_random())
            .without_workers()
            .build()
            .await
            .unwrap();
        Self {
            gk,
            repository,
            ..self.clone()
        }
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Delivers what is due and takes the mails.
    pub(super) async fn mails(&self) -> Vec<Mail> {
        self.gk.outbox().deliver_due().await.unwrap();
        self.mails.take()
    }

    /// The one mail that is due.
    pub(super) async fn mail(&self) -> Mail {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0)
    }

    /// The token of the one mail that is due.
    pub(super) async fn mailed_token(&self) -> SecretString {
        token_of(&self.mail().await)
    }

    pub(super) async fn register(&self, email: &str) {
        let answer = self
            .gk
            .accounts()
            .register(&self.cx, sign_up(email))
            .await
            .unwrap();
        assert!(matches!(
            answer,
            gatekeeper_core::Registered::VerificationRequired
        ));
    }

    /// An account whose address is verified.
    pub async fn verified(&self, email: &str) -> UserId {
        self.register(email).await;
        let mails = self.mails().await;
        let mail = mails
            .iter()
            .find(|mail| mail.to.as_str() == email && mail.text.contains("#token="));
        let token = token_of(mail.unwrap());
        self.gk
            .accounts()
            .verify_email(&self.cx, &token)
            .await
            .unwrap();
        // The welcome.
        self.mails().await;
        self.gk
            .administration()
            .find_user_by_email(&self.cx, email)
            .await
            .unwrap()
            .id
    }

    /// Signs in with the suite's password.
    pub async fn sign_in(&self, email: &str) -> SignedIn {
        self.sign_in_with(email, PASSWORD).await.unwrap()
    }

    /// Signs in with another password.
    ///
    /// # Errors
    ///
    /// As [`Sessions::sign_in`](gatekeeper_core::Sessions::sign_in).
    pub async fn sign_in_with(&self, email: &str, password: &str) -> Result<SignedIn, Error> {
        // Events of one instant have no order; two tries are never of one instant.
        self.advance(Duration::from_millis(1));
        let evidence = Evidence::Password {
            identifier: email.to_owned(),
            password: password.into(),
        };
        let cx = self.at_home(email);
        match self.gk.sessions().sign_in(&cx, evidence).await? {
            SignIn::SignedIn(signed_in) => {
                self.keep_device(email, &signed_in);
                Ok(*signed_in)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The caller on the device that this address signs in from.
    pub(super) fn at_home(&self, email: &str) -> RequestContext {
        let devices = self.devices.lock().unwrap();
        RequestContext {
            // A case that says where it is means it.
            device_token: (self.cx.device_token.clone())
                .or_else(|| devices.get(&email.to_lowercase()).cloned()),
            ..self.cx.clone()
        }
    }

    /// Has the address's device keep its token.
    pub(super) fn keep_device(&self, email: &str, signed_in: &SignedIn) {
        if let Some(token) = &signed_in.device_token {
            let mut devices = self.devices.lock().unwrap();
            devices.insert(email.to_lowercase(), token.clone());
        }
    }

    /// One try at a password from somewhere, whatever comes of it.
    pub(super) async fn attempt(
        &self,
        cx: &RequestContext,
        email: &str,
        password: &str,
    ) -> Result<SignIn, Error> {
        self.advance(Duration::from_millis(1));
        let evidence = Evidence::Password {
            identifier: email.to_owned(),
            password: password.into(),
        };
        self.gk.sessions().sign_in(cx, evidence).await
    }

    /// A verified account that is signed in.
    pub async fn signed_in(&self, email: &str) -> SignedIn {
        self.verified(email).await;
        self.sign_in(email).await
    }

    /// Who the access token belongs to.
    pub async fn identity(&self, signed_in: &SignedIn) -> Arc<Identity> {
        self.gk
            .authenticate(signed_in.access_token.expose())
            .await
            .unwrap()
    }

    /// Whether the access token is believed.
    pub async fn believes(&self, signed_in: &SignedIn) -> bool {
        match self.gk.authenticate(signed_in.access_token.expose()).await {
            Ok(_) => true,
            Err(Error::Access(_)) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(super) async fn refresh(&self, signed_in: &SignedIn) -> Result<SignedIn, Error> {
        self.gk
            .sessions()
            .refresh(&self.cx, &signed_in.refresh_token)
            .await
    }

    /// The whole audit trail of the default tenant, newest first.
    pub(super) async fn trail(&self) -> Vec<AuditEvent> {
        let mut tx = self.repository.begin().await.unwrap();
        let page = PageRequest::first(100);
        tx.audit()
            .list(self.cx.tenant_id, &AuditFilter::default(), page)
            .await
            .unwrap()
            .items
    }

    /// How often something stands in the audit trail.
    pub(super) async fn count(&self, event: Event) -> usize {
        self.trail()
            .await
            .iter()
            .filter(|row| row.event == event)
            .count()
    }

    /// Asserts the newest row of the audit trail of this kind, and answers it.
    pub(super) async fn newest(&self, event: Event) -> AuditEvent {
        let trail = self.trail().await;
        // Whatever comes next is newer.
        self.advance(Duration::from_millis(1));
        trail
            .into_iter()
            .find(|row| row.event == event)
            .unwrap_or_else(|| panic!("no {event:?}"))
    }
}

/// A sign-up with the suite's password.
pub(super) fn sign_up(email: &str) -> Register {
    Register {
        email: email.to_owned(),
        password: PASSWORD.into(),
        name: Some("Ada".to_owned()),
        locale: None,
    }
}

/// The token in a mail's link.
pub(super) fn token_of(mail: &Mail) -> SecretString {
    let (_, rest) = mail
        .text
        .split_once("#token=")
        .unwrap_or_else(|| panic!("no link in {:?}", mail.subject));
    SecretString::new(rest.split_whitespace().next().unwrap())
}

/// Settings in which an address need not be verified.
pub(super) fn optional_verification(config: &mut Config) {
    config.email.verification = EmailVerification::Optional;
}

/// The stable code of a refusal.
#[track_caller]
pub(super) fn code<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    answer.unwrap_err().code().to_owned()
}

/// The token of the mail with a link to this address.
#[track_caller]
pub(super) fn token_to(mails: &[Mail], to: &str) -> SecretString {
    let linked = |mail: &&Mail| mail.to.as_str() == to && mail.text.contains("#token=");
    token_of(mails.iter().find(linked).unwrap())
}

/// Changes a user in the store itself, as an application with tools of its own may.
pub(super) async fn change_user(world: &World, user: UserId, change: impl FnOnce(&mut User)) {
    let mut tx = world.repository.begin().await.unwrap();
    let found = tx.users().find(world.cx.tenant_id, user).await.unwrap();
    let mut user = found.unwrap();
    change(&mut user);
    tx.users().update(&user).await.unwrap();
    tx.commit().await.unwrap();
}

/// Puts a second factor in force, as the flow of second factors does.
pub(super) async fn put_factor(world: &World, user: UserId, method: &str) {
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let factor = gatekeeper_core::model::MfaCredential {
        tenant_id: world.cx.tenant_id,
        user_id: user,
        method: method.to_owned(),
        sealed: vec![1],
        created_at: now,
        confirmed_at: None,
        counter: -1,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.mfa().put(&factor).await.unwrap();
    let confirmed = tx
        .mfa()
        .confirm(world.cx.tenant_id, user, method, -1, now)
        .await
        .unwrap();
    assert!(confirmed);
    tx.commit().await.unwrap();
    change_user(world, user, |user| user.mfa_enabled_at = Some(now)).await;
}
