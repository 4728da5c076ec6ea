use std::{
    collections::HashSet,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatekeeper_core::{
    BuildError, Config, Error, ErrorClass, Evidence, NewUser, async_trait,
    config::BreachFailure,
    env::{HttpClient, HttpClientError, HttpRequest, HttpResponse},
    model::{Event, PasswordCredential, SecretString},
    password_policy::{Breach, BreachChecker, BreachError},
};

use super::world::{PASSWORD, World, code, sign_up};
use crate::store::StoreFixture;

const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

/// Knows what it is told, and fails or stalls as it is told.
#[derive(Clone, Default)]
struct Known(Arc<Inside>);

#[derive(Default)]
struct Inside {
    passwords: Mutex<HashSet<String>>,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
    meanwhile: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Answers,
    Fails,
    Stalls,
}

impl Known {
    fn learn(&self, password: &str) {
        self.0.passwords.lock().unwrap().insert(password.to_owned());
    }

    fn mood(&self, mood: Mood) {
        *self.0.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

#[async_trait]
impl BreachChecker for Known {
    async fn check(&self, password: &SecretString) -> Result<Breach, BreachError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let meanwhile = self.0.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let mood = *self.0.mood.lock().unwrap();
        match mood {
            Mood::Answers => {}
            Mood::Fails => return Err(BreachError::Status(500)),
            Mood::Stalls => std::future::pending().await,
        }
        let known = self.0.passwords.lock().unwrap();
        if known.contains(password.expose()) {
            Ok(Breach::Known)
        } else {
            Ok(Breach::Unknown)
        }
    }
}

async fn world(fixture: StoreFixture, change: impl FnOnce(&mut Config)) -> (World, Known) {
    let known = Known::default();
    let checker = known.clone();
    let world = World::built(fixture, change, |builder| builder.breach_checker(checker)).await;
    (world, known)
}

fn at_sign_in(config: &mut Config) {
    config.breach.at_sign_in = true;
}

#[track_caller]
fn assert_breached<T: fmt::Debug>(answer: Result<T, Error>, pointer: &str) {
    match answer {
        Err(Error::Invalid(violations)) => {
            let [violation] = violations.as_slice() else {
                panic!("{violations:?}");
            };
            assert_eq!(violation.code, "password.breached");
            assert_eq!(violation.pointer, pointer);
            assert!(!violation.detail.contains(NEW_PASSWORD));
        }
        other => panic!("{other:?}"),
    }
}

fn new_user(password: &str) -> NewUser {
    NewUser {
        email: "made@example.org".to_owned(),
        name: None,
        roles: Vec::new(),
        password: Some(password.into()),
    }
}

async fn reset_link(world: &World, email: &str) -> SecretString {
    let passwords = world.gk.passwords();
    passwords.request_reset(&world.cx, email).await.unwrap();
    let mails = world.mails().await;
    let mail = mails.iter().find(|mail| mail.text.contains("#token="));
    super::world::token_of(mail.unwrap())
}

pub(super) async fn asvs_6_2_12_a_breached_password_is_refused_wherever_it_is_chosen(
    fixture: StoreFixture,
) {
    let (world, known) = world(fixture, |_| {}).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    known.learn(NEW_PASSWORD);

    let mut input = sign_up("new@example.org");
    input.password = NEW_PASSWORD.into();
    let answer = world.gk.accounts().register(&world.cx, input).await;
    assert_breached(answer, "/password");
    let administration = world.gk.administration();
    let answer = administration
        .create_user(&world.cx, new_user(NEW_PASSWORD))
        .await;
    assert_breached(answer, "/password");
    let passwords = world.gk.passwords();
    let answer = passwords
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await;
    assert_breached(answer, "/new_password");
    let link = reset_link(&world, "ada@example.org").await;
    let answer = passwords
        .reset(&world.cx, &link, &NEW_PASSWORD.into())
        .await;
    assert_breached(answer, "/new_password");

    for email in ["new@example.org", "made@example.org"] {
        let answer = administration.find_user_by_email(&world.cx, email).await;
        assert_eq!(code(answer), "account.not_found");
    }
    world.sign_in("ada@example.org").await;
    let other = SecretString::new("cedar-marmot-58-anchor");
    passwords.reset(&world.cx, &link, &other).await.unwrap();
    let row = world.newest(Event::PasswordReset).await;
    assert!(!row.details.contains_key("breach_check"), "{row:?}");
}

pub(super) async fn without_an_answer_a_password_passes_and_the_trail_says_so(
    fixture: StoreFixture,
) {
    let (world, known) = world(fixture, |_| {}).await;
    known.mood(Mood::Fails);
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let passwords = world.gk.passwords();
    world.advance(Duration::from_secs(1));
    passwords
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    let link = reset_link(&world, "ada@example.org").await;
    let other = SecretString::new("cedar-marmot-58-anchor");
    passwords.reset(&world.cx, &link, &other).await.unwrap();
    let administration = world.gk.administration();
    administration
        .create_user(&world.cx, new_user(NEW_PASSWORD))
        .await
        .unwrap();
    for event in [
        Event::AccountRegistered,
        Event::PasswordChanged,
        Event::PasswordReset,
        Event::AccountCreated,
    ] {
        let row = world.newest(event).await;
        assert_eq!(row.details["breach_check"], "unanswered", "{event:?}");
    }
    // The bundled list is the floor, whoever is away.
    let answer = administration
        .create_user(&world.cx, new_user("passwordpassword"))
        .await;
    assert_eq!(code(answer), "request.invalid");
}

pub(super) async fn without_an_answer_a_password_is_refused_where_so_set(fixture: StoreFixture) {
    let (world, known) = world(fixture, |config| {
        config.breach.on_failure = BreachFailure::Refuse;
    })
    .await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let link = reset_link(&world, "ada@example.org").await;
    known.mood(Mood::Fails);
    let passwords = world.gk.passwords();
    let hashes = world.gk.password_hashes();
    let mut input = sign_up("new@example.org");
    input.password = NEW_PASSWORD.into();
    let new = SecretString::new(NEW_PASSWORD);
    let answers = [
        world
            .gk
            .accounts()
            .register(&world.cx, input)
            .await
            .map(drop),
        world
            .gk
            .administration()
            .create_user(&world.cx, new_user(NEW_PASSWORD))
            .await
            .map(drop),
        passwords.reset(&world.cx, &link, &new).await,
        passwords
            .change(&world.cx, &who, &PASSWORD.into(), &new)
            .await,
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), "service.unavailable");
        assert_eq!(error.class(), ErrorClass::Unavailable);
        assert!(error.retry_after().is_some());
    }
    // The current password of the change, and none besides.
    assert_eq!(world.gk.password_hashes(), hashes + 1);
    known.mood(Mood::Answers);
    world.sign_in("ada@example.org").await;
    passwords.reset(&world.cx, &link, &new).await.unwrap();
}

pub(super) async fn a_checker_that_stalls_is_not_waited_for(fixture: StoreFixture) {
    let (world, known) = world(fixture, |config| {
        config.breach.timeout = Duration::from_millis(100);
        at_sign_in(config);
    })
    .await;
    known.mood(Mood::Stalls);
    world.signed_in("ada@example.org").await;
    let row = world.newest(Event::AccountRegistered).await;
    assert_eq!(row.details["breach_check"], "unanswered");
}

pub(super) async fn a_form_that_is_refused_anyhow_asks_nobody(fixture: StoreFixture) {
    let (world, known) = world(fixture, |_| {}).await;
    for (email, password) in [
        ("ada@example.org", "short"),
        ("ada@example.org", "passwordpassword"),
        ("no address", PASSWORD),
    ] {
        let mut input = sign_up(email);
        input.password = password.into();
        let answer = world.gk.accounts().register(&world.cx, input).await;
        assert_eq!(code(answer), "request.invalid");
    }
    let guess = SecretString::new("A".repeat(43));
    let passwords = world.gk.passwords();
    let answer = passwords.reset(&world.cx, &guess, &PASSWORD.into()).await;
    assert_eq!(code(answer), "token.invalid");
    assert_eq!(known.asked(), 0);
}

pub(super) async fn nist_3_1_1_2_a_breached_password_opens_no_session(fixture: StoreFixture) {
    let (world, known) = world(fixture, at_sign_in).await;
    let user_id = world.verified("ada@example.org").await;
    let live = world.sign_in("ada@example.org").await;
    let _ = world.mails().await;
    let sessions = world.count(Event::SessionCreated).await;
    known.learn(PASSWORD);
    let asked = known.asked();
    for _ in 0..2 {
        let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
        assert_eq!(code(answer), "password.change_required");
        let wrong = world.sign_in_with("ada@example.org", "wrong").await;
        assert_eq!(code(wrong), "password.invalid_credentials");
    }
    assert_eq!(known.asked(), asked + 1, "once is enough");
    assert_eq!(world.count(Event::SessionCreated).await, sessions);
    assert_eq!(world.count(Event::PasswordChangeRequired).await, 1);
    let row = world.newest(Event::PasswordChangeRequired).await;
    assert_eq!(row.target, Some(user_id));
    assert_eq!(row.reason.as_deref(), Some("breached"));
    assert!(world.mail().await.subject.contains("changed"));
    // Who is signed in may go on, and change it.
    assert!(world.believes(&live).await);

    let link = reset_link(&world, "ada@example.org").await;
    let passwords = world.gk.passwords();
    passwords
        .reset(&world.cx, &link, &NEW_PASSWORD.into())
        .await
        .unwrap();
    world
        .sign_in_with("ada@example.org", NEW_PASSWORD)
        .await
        .unwrap();
}

/// That something outside is asked takes time: it may happen only where a right password is no secret.
pub(super) async fn row_13_neither_a_wrong_password_nor_a_locked_account_is_looked_up(
    fixture: StoreFixture,
) {
    let (world, known) = world(fixture, |config| {
        at_sign_in(config);
        config.rate_limits.enabled = false;
    })
    .await;
    world.verified("ada@example.org").await;
    let asked = known.asked();
    let sign_in = |password: &str| Evidence::Password {
        identifier: "ada@example.org".to_owned(),
        password: password.into(),
    };
    let sessions = world.gk.sessions();
    for _ in 0..50 {
        let answer = sessions.sign_in(&world.cx, sign_in("wrong")).await;
        assert_eq!(code(answer), "password.invalid_credentials");
    }
    known.learn(PASSWORD);
    let answer = sessions.sign_in(&world.cx, sign_in(PASSWORD)).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(known.asked(), asked);
    assert_eq!(world.count(Event::PasswordChangeRequired).await, 0);
}

pub(super) async fn without_an_answer_a_sign_in_goes_on(fixture: StoreFixture) {
    let (world, known) = world(fixture, |config| {
        at_sign_in(config);
        config.breach.on_failure = BreachFailure::Refuse;
    })
    .await;
    world.verified("ada@example.org").await;
    let asked = known.asked();
    known.learn(PASSWORD);
    known.mood(Mood::Fails);
    world.sign_in("ada@example.org").await;
    world.sign_in("ada@example.org").await;
    assert_eq!(
        known.asked(),
        asked + 1,
        "after a failure it is left in peace"
    );
    known.mood(Mood::Answers);
    world.advance(Duration::from_secs(30));
    let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.change_required");
}

pub(super) async fn a_sign_in_asks_only_where_so_set(fixture: StoreFixture) {
    let (world, known) = world(fixture, |_| {}).await;
    world.verified("ada@example.org").await;
    let asked = known.asked();
    known.learn(PASSWORD);
    world.sign_in("ada@example.org").await;
    assert_eq!(known.asked(), asked);
}

/// The password is changed while the other one is looked up: the new one is not marked.
pub(super) async fn the_password_that_was_looked_up_is_marked_and_no_other(fixture: StoreFixture) {
    let (world, known) = world(fixture, at_sign_in).await;
    let user_id = world.verified("ada@example.org").await;
    known.learn(PASSWORD);
    world.advance(Duration::from_secs(1));
    let stored = PasswordCredential {
        user_id,
        tenant_id: world.cx.tenant_id,
        hash: SecretString::new("$argon2id$another"),
        changed_at: gatekeeper_core::env::Clock::now(&world.clock),
        must_change_since: None,
    };
    let repository = Arc::clone(&world.repository);
    *known.0.meanwhile.lock().unwrap() = Some(Box::pin(async move {
        let mut tx = repository.begin().await.unwrap();
        tx.credentials().set_password(&stored).await.unwrap();
        tx.commit().await.unwrap();
    }));
    let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(world.count(Event::PasswordChangeRequired).await, 0);
    let mut tx = world.repository.begin().await.unwrap();
    let now = tx
        .credentials()
        .find_password(world.cx.tenant_id, user_id)
        .await
        .unwrap();
    assert_eq!(now.unwrap().must_change_since, None);
}

#[derive(Debug)]
struct NoClient;

#[async_trait]
impl HttpClient for NoClient {
    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
        Err(HttpClientError::Unreachable("there is none".to_owned()))
    }
}

pub(super) async fn settings_that_cannot_work_are_refused(fixture: StoreFixture) {
    let url = || Some("https://ranges.example.org".to_owned());
    let refused = |error: BuildError| match error {
        BuildError::Config(error) => error.setting,
        BuildError::Missing(what) => what,
        other => panic!("{other:?}"),
    };
    let on = |change: fn(&mut Config)| {
        World::on(Arc::clone(&fixture.repository), change, |builder| builder)
    };
    assert_eq!(
        refused(on(at_sign_in).await.unwrap_err()),
        "breach.at_sign_in"
    );
    let with_url = |config: &mut Config| config.breach.range_url = url();
    let built = World::on(Arc::clone(&fixture.repository), with_url, |builder| builder).await;
    assert_eq!(refused(built.unwrap_err()), "http_client");
    let built = World::on(Arc::clone(&fixture.repository), with_url, |builder| {
        builder
            .http_client(NoClient)
            .breach_checker(Known::default())
    });
    assert_eq!(refused(built.await.unwrap_err()), "breach.range_url");
    let built = World::on(Arc::clone(&fixture.repository), with_url, |builder| {
        builder.http_client(NoClient)
    });
    let world = built.await.unwrap();
    // And the service of the settings is asked.
    world.register("ada@example.org").await;
    let row = world.newest(Event::AccountRegistered).await;
    assert_eq!(row.details["breach_check"], "unanswered");
}
