use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    Delivered, Retry,
    env::{Clock, Mail, MailError, Mailer},
    model::{OutboxEntry, OutboxKind, OutboxState, PageRequest},
};

use tokio::sync::Semaphore;

use super::world::World;
use crate::{sample, store::StoreFixture};

const MINUTE: Duration = Duration::from_mins(1);

pub(super) async fn a_mail_is_tried_four_times_and_kept(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    world.mails.fail(100);
    let due = async || world.gk.outbox().deliver_due().await.unwrap();
    // Preparing it succeeds; handing it over fails: at once, and after 1, 5 and 15 minutes.
    assert_eq!(due().await, Delivered { done: 1, failed: 1 });
    for minutes in [1, 5, 15] {
        world.advance(
            (minutes * MINUTE)
                .checked_sub(Duration::from_micros(1))
                .unwrap(),
        );
        assert_eq!(
            due().await,
            Delivered::default(),
            "before {minutes} minutes"
        );
        world.advance(Duration::from_micros(1));
        assert_eq!(
            due().await,
            Delivered { done: 0, failed: 1 },
            "after {minutes} minutes"
        );
    }
    world.advance(60 * MINUTE);
    assert_eq!(due().await, Delivered::default());
    let dead = world
        .gk
        .outbox()
        .list(&world.cx, OutboxState::Dead, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(dead.items.len(), 1);
    assert_eq!(dead.items[0].attempts, 4);
    assert!(
        dead.items[0]
            .last_error
            .as_deref()
            .unwrap()
            .contains("told to fail")
    );
}

pub(super) async fn a_dead_mail_can_be_sent_again(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.outbox.retries.clear()).await;
    world.register("ada@example.org").await;
    world.mails.fail(1);
    world.gk.outbox().deliver_due().await.unwrap();
    let dead = world
        .gk
        .outbox()
        .list(&world.cx, OutboxState::Dead, PageRequest::first(10))
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
    let retry = async || {
        let id = dead.items[0].id;
        world.gk.outbox().retry(&world.cx, id).await.unwrap()
    };
    let recipient = world.gk.outbox().recipient(&dead.items[0]);
    assert_eq!(recipient.as_deref(), Some("ada@example.org"));
    assert_eq!(retry().await, Retry::Due);
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    assert_eq!(retry().await, Retry::NotDead);
    let page = PageRequest::first(10);
    let delivered = world.gk.outbox();
    let delivered = delivered.list(&world.cx, OutboxState::Delivered, page);
    for entry in delivered.await.unwrap().items {
        assert_eq!(world.gk.outbox().recipient(&entry), None);
    }
}

/// More than one page of them, and none of another tenant's.
pub(super) async fn all_dead_mails_can_be_sent_again(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let mut tx = world.repository.begin().await.unwrap();
    let theirs = sample::tenant(2);
    tx.tenants().insert(&theirs).await.unwrap();
    // Sealed under no key of ours, so that each is given up at its first attempt.
    for n in 0..60 {
        let tenant = world.cx.tenant_id;
        tx.outbox().enqueue(&sample::mail(tenant, n)).await.unwrap();
    }
    let their_mail = sample::mail(theirs.id, 1);
    tx.outbox().enqueue(&their_mail).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.set(sample::NOW);
    let delivered = world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!(
        delivered,
        Delivered {
            done: 0,
            failed: 61
        }
    );

    assert_eq!(world.gk.outbox().retry_all(&world.cx).await.unwrap(), 60);
    assert_eq!(world.gk.outbox().retry_all(&world.cx).await.unwrap(), 0);
    let delivered = world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!(
        delivered,
        Delivered {
            done: 0,
            failed: 60
        }
    );
    let mut cx = world.cx.clone();
    let retried = world.gk.outbox().retry(&cx, their_mail.id).await.unwrap();
    assert_eq!(retried, Retry::NotDead);
    cx.tenant_id = theirs.id;
    let retried = world.gk.outbox().retry(&cx, their_mail.id).await.unwrap();
    assert_eq!(retried, Retry::Due);
}

/// Silent about one recipient until it is let go; hands all else over.
#[derive(Clone, Debug)]
struct Stalling {
    handed_over: Arc<Semaphore>,
    silence: Arc<Semaphore>,
}

impl Stalling {
    fn new() -> Self {
        Self {
            handed_over: Arc::new(Semaphore::new(0)),
            silence: Arc::new(Semaphore::new(0)),
        }
    }
}

#[async_trait]
impl Mailer for Stalling {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if mail.to.as_str() == "silent@example.org" {
            self.silence.acquire().await.unwrap().forget();
        } else {
            self.handed_over.add_permits(1);
        }
        Ok(())
    }
}

/// A carrier that is silent about one mail holds up no other, not even one that comes later.
pub(super) async fn a_silent_carrier_holds_up_nobody_else(fixture: StoreFixture) {
    let stalling = Stalling::new();
    let world = World::built(fixture, |_| {}, |builder| builder.mailer(stalling.clone())).await;
    for name in ["silent", "a", "b", "c", "d", "e", "f"] {
        world.register(&format!("{name}@example.org")).await;
    }
    let delivering = async { world.gk.outbox().deliver_due().await.unwrap() };
    let others = async {
        let six = stalling.handed_over.acquire_many(6).await;
        six.unwrap().forget();
        world.register("late@example.org").await;
        stalling.handed_over.acquire().await.unwrap().forget();
        // All others are handed over; only now that one is let go.
        stalling.silence.add_permits(1);
    };
    let (delivered, ()) = tokio::join!(delivering, others);
    // Each is prepared, then handed over.
    assert_eq!(
        delivered,
        Delivered {
            done: 16,
            failed: 0
        }
    );
}

/// The lease is longer than an attempt: a silent carrier is broken off before another worker may take the mail.
pub(super) async fn a_silent_carrier_is_broken_off(fixture: StoreFixture) {
    let stalling = Stalling::new();
    let world = World::built(
        fixture,
        |config| config.outbox.attempt = Duration::from_secs(1),
        |builder| builder.mailer(stalling.clone()),
    )
    .await;
    world.register("silent@example.org").await;
    let delivered = world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!(delivered, Delivered { done: 1, failed: 1 });
    world.advance(MINUTE);
    stalling.silence.add_permits(1);
    let delivered = world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!(delivered, Delivered { done: 1, failed: 0 });
}

/// A worker that dies between handing a mail over and noting it: its lease runs out, and the mail goes out once more.
pub(super) async fn a_crash_before_the_note_doubles_one_mail(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    world.mails.fail(1);
    world.gk.outbox().deliver_due().await.unwrap();
    world.advance(MINUTE);
    let now = world.clock.now();
    let lease = now.after(world.gk.config().outbox.lease);
    let mut tx = world.repository.begin().await.unwrap();
    let claimed = tx.outbox().claim(now, lease, 10).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.len(), 1);
    // It is another's until the lease runs out.
    assert!(world.mails().await.is_empty());
    world.advance(world.gk.config().outbox.lease);
    let mail = world.mail().await;
    assert_eq!(mail.id, claimed[0].id);
    world.advance(60 * MINUTE);
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_crash_before_delivery_loses_nothing(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    // The process that answered is gone; another one delivers.
    let other = world.another_node(node).await;
    let token = other.mailed_token().await;
    other
        .gk
        .accounts()
        .verify_email(&other.cx, &token)
        .await
        .unwrap();
}

pub(super) async fn two_workers_send_each_mail_once(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    for n in 0..20 {
        world.register(&format!("user-{n}@example.org")).await;
    }
    let (one, two) = tokio::join!(
        async { world.gk.outbox().deliver_due().await.unwrap() },
        async { other.gk.outbox().deliver_due().await.unwrap() },
    );
    // What one of them prepared last, nobody may have come to send yet.
    world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!((one.failed, two.failed), (0, 0));
    let mut to: Vec<String> = world
        .mails
        .take()
        .iter()
        .map(|mail| mail.to.as_str().to_owned())
        .collect();
    assert_eq!(to.len(), 20);
    to.sort_unstable();
    to.dedup();
    assert_eq!(to.len(), 20);
}

pub(super) async fn what_waits_is_sealed(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    world.mails.fail(1);
    world.gk.outbox().deliver_due().await.unwrap();
    world.advance(MINUTE);
    let now = world.clock.now();
    let mut tx = world.repository.begin().await.unwrap();
    let entries = tx.outbox().claim(now, now, 10).await.unwrap();
    drop(tx);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].kind, OutboxKind::Mail);
    let mail = world.mail().await;
    let token = super::world::token_of(&mail);
    let payload = String::from_utf8_lossy(&entries[0].payload).into_owned();
    assert!(!payload.contains(token.expose()) && !payload.contains("ada@example.org"));
}

/// What somebody who can write to the store copies from one entry to another is not sent, and not tried again.
pub(super) async fn what_is_sealed_opens_in_its_own_place_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let claim = async || {
        let now = world.clock.now();
        let mut tx = world.repository.begin().await.unwrap();
        let mut entries = tx.outbox().claim(now, now, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    };
    let request = claim().await;
    world.mails.fail(1);
    world.gk.outbox().deliver_due().await.unwrap();
    world.advance(MINUTE);
    let mail = claim().await;
    world.mails().await;

    let fresh = |entry: &OutboxEntry, n: u64| OutboxEntry {
        id: sample::mail(world.cx.tenant_id, n).id,
        state: OutboxState::Pending,
        attempts: 0,
        due_at: world.clock.now(),
        ..entry.clone()
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.outbox().enqueue(&fresh(&request, 90)).await.unwrap();
    tx.outbox().enqueue(&fresh(&mail, 91)).await.unwrap();
    tx.commit().await.unwrap();
    let delivered = world.gk.outbox().deliver_due().await.unwrap();
    assert_eq!(delivered, Delivered { done: 0, failed: 2 });
    assert!(world.mails.take().is_empty());
    let dead = world
        .gk
        .outbox()
        .list(&world.cx, OutboxState::Dead, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(dead.items.len(), 2);

    // Under its own id, but as another tenant's, or as another kind of entry.
    let sample = sample::tenant(2);
    let mut tx = world.repository.begin().await.unwrap();
    let later = world.clock.now().after(MINUTE);
    tx.outbox().purge_expired(later, 100).await.unwrap();
    tx.tenants().insert(&sample).await.unwrap();
    let other_tenant = OutboxEntry {
        id: mail.id,
        tenant_id: sample.id,
        ..fresh(&mail, 92)
    };
    let other_kind = OutboxEntry {
        id: request.id,
        kind: OutboxKind::Mail,
        ..fresh(&request, 93)
    };
    tx.outbox().enqueue(&other_tenant).await.unwrap();
    tx.outbox().enqueue(&other_kind).await.unwrap();
    tx.commit().await.unwrap();
    world.gk.outbox().deliver_due().await.unwrap();
    assert!(world.mails.take().is_empty());
    for entry in [other_tenant, other_kind] {
        let mut cx = world.cx.clone();
        cx.tenant_id = entry.tenant_id;
        let page = PageRequest::first(10);
        let dead = world
            .gk
            .outbox()
            .list(&cx, OutboxState::Dead, page)
            .await
            .unwrap();
        let mut dead = dead.items.into_iter();
        let dead = dead.find(|dead| dead.id == entry.id).unwrap();
        assert_eq!(
            dead.last_error.as_deref(),
            Some("it was sealed under another secret")
        );
    }
}
