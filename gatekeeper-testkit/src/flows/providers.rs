use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use gatekeeper_core::{
    AuthProvider, BuildError, Error, Evidence, GatekeeperBuilder, Hooks, Provisioning, Refusal,
    Registration, RequestContext, Subject, Verification, VerifiedIdentity,
    model::{AuthMethod, EmailAddress, Event, Session, User, UserId},
    store::{StoreError, StoreErrorKind},
};
use serde_json::{Map, Value, json};

use super::world::{PASSWORD, World, code, sign_up};
use crate::store::StoreFixture;

/// A corporate directory: it knows `boss` and decides about everybody `@corp.example`.
#[derive(Debug)]
struct Directory {
    name: &'static str,
    provisioning: Provisioning,
    away: bool,
    subject: String,
    vouches_for_address: bool,
}

impl Directory {
    fn new(provisioning: Provisioning) -> Self {
        Self {
            name: "directory",
            provisioning,
            away: false,
            subject: "uid=boss,dc=corp".to_owned(),
            vouches_for_address: true,
        }
    }
}

#[async_trait]
impl AuthProvider for Directory {
    fn id(&self) -> &str {
        self.name
    }

    fn accepts(&self, evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::Password { identifier, .. } if identifier.ends_with("@corp.example"))
    }

    fn provisioning(&self) -> Provisioning {
        self.provisioning
    }

    async fn finish(
        &self,
        _cx: &RequestContext,
        evidence: &Evidence,
    ) -> Result<Verification, Error> {
        if self.away {
            return Err(
                StoreError::new(StoreErrorKind::Unavailable, "the directory is away").into(),
            );
        }
        let Evidence::Password {
            identifier,
            password,
        } = evidence
        else {
            panic!("{evidence:?}")
        };
        if identifier != "boss@corp.example" || password.expose() != "directory password" {
            return Ok(Verification::Refused {
                reason: "directory_refused",
                account: None,
            });
        }
        let subject = Subject::External {
            subject: self.subject.clone(),
            verified_email: EmailAddress::parse(identifier)
                .ok()
                .filter(|_| self.vouches_for_address),
            name: Some("The Boss".to_owned()),
        };
        Ok(Verification::Verified(VerifiedIdentity {
            subject,
            methods: vec![AuthMethod::Federated],
        }))
    }
}

async fn with_directory(fixture: StoreFixture, provisioning: Provisioning, away: bool) -> World {
    let directory = Directory {
        away,
        ..Directory::new(provisioning)
    };
    World::built(fixture, |_| {}, |builder| builder.provider(directory)).await
}

pub(super) async fn a_directory_signs_users_in(fixture: StoreFixture) {
    let world = with_directory(fixture, Provisioning::Create, false).await;
    let wrong = world.sign_in_with("boss@corp.example", "wrong").await;
    assert_eq!(code(wrong), "password.invalid_credentials");
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("directory_refused")
    );
    let first = world
        .sign_in_with("boss@corp.example", "directory password")
        .await
        .unwrap();
    let who = world.identity(&first).await;
    assert_eq!(who.methods, ["fed"]);
    assert_eq!(first.profile.user.name.as_deref(), Some("The Boss"));
    assert!(first.profile.user.email_verified());
    let second = world
        .sign_in_with("boss@corp.example", "directory password")
        .await
        .unwrap();
    assert_eq!(second.profile.user.id, first.profile.user.id);
    assert_eq!(world.count(Event::IdentityLinked).await, 1);
    // Everybody else goes on as before.
    world.signed_in("ada@example.org").await;
    // Disabled here is disabled, whatever the directory says.
    world
        .gk
        .administration()
        .disable(&world.cx, who.user_id)
        .await
        .unwrap();
    let refused = world
        .sign_in_with("boss@corp.example", "directory password")
        .await;
    assert_eq!(code(refused), "password.invalid_credentials");
}

pub(super) async fn a_directory_that_is_away_lets_nobody_in(fixture: StoreFixture) {
    let world = with_directory(fixture, Provisioning::Create, true).await;
    let answer = world
        .sign_in_with("boss@corp.example", "directory password")
        .await;
    assert_eq!(code(answer), "service.unavailable");
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

pub(super) async fn row_8_an_address_alone_links_nothing(fixture: StoreFixture) {
    let world = with_directory(fixture, Provisioning::Create, false).await;
    // Somebody has the address already: the directory's word does not open their account.
    world.register("boss@corp.example").await;
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    let answer = world
        .sign_in_with("boss@corp.example", "directory password")
        .await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("email_taken")
    );
    assert_eq!(world.count(Event::IdentityLinked).await, 0);
}

/// An application's say.
#[derive(Debug)]
struct Bouncer;

#[async_trait]
impl Hooks for Bouncer {
    async fn before_register(
        &self,
        _cx: &RequestContext,
        who: &Registration,
    ) -> Result<(), Refusal> {
        if who.email.normalized().domain() == "banned.example" {
            return Err(Refusal::new("banned", "This domain is not welcome."));
        }
        Ok(())
    }

    async fn before_sign_in(&self, _cx: &RequestContext, user: &User) -> Result<(), Refusal> {
        if user.name.as_deref() == Some("Unpaid") {
            return Err(Refusal::new("unpaid", "Please pay first."));
        }
        Ok(())
    }

    async fn claims(
        &self,
        _cx: &RequestContext,
        user: &User,
        _session: &Session,
    ) -> Result<Map<String, Value>, Refusal> {
        let forged = user.name.as_deref() == Some("Forger");
        let name = if forged { "roles" } else { "plan" };
        Ok(Map::from_iter([(name.to_owned(), json!(["gold"]))]))
    }
}

pub(super) async fn hooks_may_refuse_and_add_claims(fixture: StoreFixture) {
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(Bouncer)).await;
    let refused = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("eve@banned.example"))
        .await;
    assert_eq!(code(refused), "hook.refused");
    assert!(world.trail().await.is_empty());

    let signed_in = world.signed_in("ada@example.org").await;
    assert_eq!(
        world.identity(&signed_in).await.claims["plan"],
        json!(["gold"])
    );
    let refreshed = world.refresh(&signed_in).await.unwrap();
    assert_eq!(
        world.identity(&refreshed).await.claims["plan"],
        json!(["gold"])
    );

    let mut unpaid = sign_up("unpaid@example.org");
    unpaid.name = Some("Unpaid".to_owned());
    let _ = world
        .gk
        .accounts()
        .register(&world.cx, unpaid)
        .await
        .unwrap();
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    // Only after the right password, so that the refusal tells a stranger nothing.
    let wrong = world.sign_in_with("unpaid@example.org", "wrong").await;
    assert_eq!(code(wrong), "password.invalid_credentials");
    world.advance(std::time::Duration::from_millis(1));
    assert_eq!(
        code(world.sign_in_with("unpaid@example.org", PASSWORD).await),
        "hook.refused"
    );
    assert_eq!(
        world.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("refused_by_hook")
    );
}

pub(super) async fn a_hook_may_not_forge_a_claim(fixture: StoreFixture) {
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(Bouncer)).await;
    let mut forger = sign_up("forger@example.org");
    forger.name = Some("Forger".to_owned());
    let _ = world
        .gk
        .accounts()
        .register(&world.cx, forger)
        .await
        .unwrap();
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    assert_eq!(
        code(world.sign_in_with("forger@example.org", PASSWORD).await),
        "internal"
    );
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

/// Has something happen between the check of a password and the session, and counts who came in.
#[derive(Clone, Default)]
pub(super) struct Overtaking {
    armed: Arc<Mutex<Option<BoxFuture>>>,
    told: Arc<Mutex<Vec<UserId>>>,
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl fmt::Debug for Overtaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overtaking").finish_non_exhaustive()
    }
}

impl Overtaking {
    pub(super) fn arm(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.armed.lock().unwrap() = Some(Box::pin(what));
    }
}

#[async_trait]
impl Hooks for Overtaking {
    async fn before_sign_in(&self, _cx: &RequestContext, _user: &User) -> Result<(), Refusal> {
        let armed = self.armed.lock().unwrap().take();
        if let Some(armed) = armed {
            armed.await;
        }
        Ok(())
    }

    async fn after_sign_in(&self, _cx: &RequestContext, user: &User, _session: &Session) {
        self.told.lock().unwrap().push(user.id);
    }
}

pub(super) async fn hooks_are_told_who_came_in(fixture: StoreFixture) {
    let hook = Overtaking::default();
    let told = Arc::clone(&hook.told);
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(hook)).await;
    let user_id = world.verified("ada@example.org").await;
    let _ = world.sign_in_with("ada@example.org", "wrong").await;
    assert!(told.lock().unwrap().is_empty());
    world.sign_in("ada@example.org").await;
    assert_eq!(*told.lock().unwrap(), [user_id]);
}

pub(super) async fn a_directory_makes_accounts_only_where_it_may(fixture: StoreFixture) {
    let repository = Arc::clone(&fixture.repository);
    let kept = fixture;
    let try_with = async |directory: Directory| {
        let repository = Arc::clone(&repository);
        let world = World::on(repository, |_| {}, |builder| builder.provider(directory))
            .await
            .unwrap();
        let answer = world
            .sign_in_with("boss@corp.example", "directory password")
            .await;
        assert_eq!(world.count(Event::AccountRegistered).await, 0);
        (world, code(answer))
    };
    let reason = async |world: &World| world.newest(Event::SignInFailed).await.reason.unwrap();
    let (world, answer) = try_with(Directory::new(Provisioning::Refuse)).await;
    assert_eq!(answer, "password.invalid_credentials");
    assert_eq!(reason(&world).await, "identity_not_linked");
    let (world, answer) = try_with(Directory {
        vouches_for_address: false,
        ..Directory::new(Provisioning::Create)
    })
    .await;
    assert_eq!(answer, "password.invalid_credentials");
    // The clocks of the two are one: what is asked is whether there is a row.
    let trail = world.trail().await;
    assert!(
        trail
            .iter()
            .any(|row| row.reason.as_deref() == Some("no_verified_email"))
    );
    for subject in [String::new(), "x".repeat(256)] {
        let (_, answer) = try_with(Directory {
            subject,
            ..Directory::new(Provisioning::Create)
        })
        .await;
        assert_eq!(answer, "internal");
    }
    drop(kept);
}

/// A name that is malformed or taken could stand for another's identities.
pub(super) async fn each_provider_has_a_name_of_its_own(fixture: StoreFixture) {
    for name in ["", "Directory", "a b", "password", "directory"] {
        let repository = Arc::clone(&fixture.repository);
        let build = |builder: GatekeeperBuilder| {
            builder
                .provider(Directory::new(Provisioning::Refuse))
                .provider(Directory {
                    name,
                    ..Directory::new(Provisioning::Refuse)
                })
        };
        let started = World::on(repository, |_| {}, build).await;
        assert!(matches!(started, Err(BuildError::Provider(_))), "{name:?}");
    }
}
