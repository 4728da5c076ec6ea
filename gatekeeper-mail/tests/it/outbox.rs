//! Through the whole outbox: a sign-up, and the mail that it causes.

use std::time::Duration;

use gatekeeper_core::{
    Delivered, Gatekeeper, Register, RequestContext, Retry,
    crypto::{SecretKey, password::danger::danger_weak_hashing},
    env::Mailer,
    model::{OutboxState, PageRequest, TenantId},
    testing::{ManualClock, SeededRandom},
};

use crate::{
    Outcome, builder,
    certificates::Authority,
    postbox::Postbox,
    scripted::{Plan, Reply, Security, Server},
};

const MINUTE: Duration = Duration::from_mins(1);

struct World {
    gk: Gatekeeper,
    clock: ManualClock,
    cx: RequestContext,
}

impl World {
    async fn new(mailer: impl Mailer + 'static) -> Self {
        let clock = ManualClock::default();
        let mut config = gatekeeper_core::Config::default();
        config.hashing = danger_weak_hashing();
        let gk = Gatekeeper::builder()
            .in_memory()
            .secret(SecretKey::generate(&SeededRandom::new(7)))
            .public_url("https://auth.example.org")
            .config(config)
            .mailer(mailer)
            .clock(clock.clone())
            .without_workers()
            .build()
            .await
            .unwrap();
        let cx = RequestContext::internal(TenantId::DEFAULT, "test");
        Self { gk, clock, cx }
    }

    async fn sign_up(&self, email: &str) {
        let input = Register {
            email: email.to_owned(),
            password: "plum-otter-91-lantern".into(),
            name: None,
            locale: None,
        };
        let answer = self.gk.accounts().register(&self.cx, input).await;
        assert!(matches!(
            answer,
            Ok(gatekeeper_core::Registered::VerificationRequired)
        ));
    }

    async fn deliver(&self) -> Delivered {
        self.gk.outbox().deliver_due().await.unwrap()
    }

    async fn verify(&self, mail: &str) {
        let (_, rest) = mail.split_once("#token=").unwrap();
        let token: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .collect();
        let accounts = self.gk.accounts();
        accounts
            .verify_email(&self.cx, &token.into())
            .await
            .unwrap();
    }
}

const DONE: Delivered = Delivered { done: 1, failed: 0 };
const FAILED: Delivered = Delivered { done: 0, failed: 1 };

#[tokio::test]
async fn a_verification_mail_goes_through_a_real_server() -> Outcome {
    let authority = Authority::new();
    let mut postbox = Postbox::start("starttls", &authority.identity("localhost"), "").await;
    let url = format!(
        "smtp://ann%40example.com:p%3A%2F%40%C3%9F@localhost:{}",
        postbox.port
    );
    let mailer = builder(&url).root_certificates(authority.pem.as_bytes())?;
    let world = World::new(mailer.build()?).await;
    world.sign_up("ann@example.org").await;
    world.deliver().await;
    let taken = postbox.take().await;
    assert_eq!(taken.envelope["to"], serde_json::json!(["ann@example.org"]));
    world.verify(&taken.content).await;
    Ok(())
}

#[tokio::test]
async fn while_the_server_is_away_mails_wait_and_then_go() {
    let server = Server::start(Plan::new(Security::None).with("CONNECT", Reply::Drop)).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    let world = World::new(builder(&url).build().unwrap()).await;
    world.sign_up("ann@example.org").await;
    assert_eq!(world.deliver().await, Delivered { done: 1, failed: 1 });
    world.clock.advance(MINUTE);
    // Greylisted by the next server, which then loses its answer: two of the same, and no more.
    let plan = Plan::new(Security::None).once("RCPT", Reply::Say("451 4.7.1 later"));
    server.plan(plan.once(".", Reply::Say("400 what?")));
    assert_eq!(world.deliver().await, FAILED);
    world.clock.advance(5 * MINUTE);
    assert_eq!(world.deliver().await, FAILED);
    world.clock.advance(15 * MINUTE);
    assert_eq!(world.deliver().await, DONE);
    world.clock.advance(60 * MINUTE);
    assert_eq!(world.deliver().await, Delivered::default());
    let mails = server.heard().mails;
    assert_eq!(mails.len(), 1);
    world.verify(&mails[0]).await;
}

#[tokio::test]
async fn a_mail_is_dead_after_the_last_attempt_and_goes_when_it_is_sent_again() {
    let server = Server::start(Plan::new(Security::None).with("MAIL", Reply::Silence)).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    let times = gatekeeper_mail::SmtpTimeouts {
        whole: Duration::from_millis(300),
        ..crate::PATIENT
    };
    let world = World::new(builder(&url).timeouts(times).build().unwrap()).await;
    world.sign_up("ann@example.org").await;
    assert_eq!(world.deliver().await, Delivered { done: 1, failed: 1 });
    for minutes in [1, 5, 15] {
        world.clock.advance(minutes * MINUTE);
        assert_eq!(world.deliver().await, FAILED);
    }
    let outbox = world.gk.outbox();
    let page = PageRequest::first(10);
    let dead = outbox.list(&world.cx, OutboxState::Dead, page).await;
    let dead = dead.unwrap().items;
    assert_eq!((dead.len(), dead[0].attempts), (1, 4));
    assert_eq!(
        outbox.recipient(&dead[0]).as_deref(),
        Some("ann@example.org")
    );
    let error = dead[0].last_error.as_deref().unwrap();
    assert!(error.contains("took too long"), "{error}");

    server.plan(Plan::new(Security::None));
    assert_eq!(world.deliver().await, Delivered::default());
    let retried = outbox.retry(&world.cx, dead[0].id).await.unwrap();
    assert_eq!(retried, Retry::Due);
    // A machine that is slow may need another attempt.
    let mut delivered = world.deliver().await;
    for _ in 0..3 {
        if delivered == FAILED {
            world.clock.advance(15 * MINUTE);
            delivered = world.deliver().await;
        }
    }
    assert_eq!(delivered, DONE);
    world.verify(&server.heard().mails[0]).await;
}

#[tokio::test]
async fn a_mail_that_is_refused_is_dead_at_once() {
    let plan = Plan::new(Security::None).with("RCPT", Reply::Say("550 5.1.1 no such user"));
    let server = Server::start(plan).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    let world = World::new(builder(&url).build().unwrap()).await;
    world.sign_up("ann@example.org").await;
    assert_eq!(world.deliver().await, Delivered { done: 1, failed: 1 });
    let outbox = world.gk.outbox();
    let page = PageRequest::first(10);
    let dead = outbox.list(&world.cx, OutboxState::Dead, page).await;
    let dead = dead.unwrap().items;
    assert_eq!(dead[0].attempts, 1);
    let error = dead[0].last_error.as_deref();
    assert_eq!(
        error,
        Some("the mail server answered RCPT with 550 5.1.1 no such user")
    );
}
