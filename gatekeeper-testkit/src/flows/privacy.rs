use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AuditVerdict, Identity, SealRun,
    env::Clock,
    model::{
        AuditEvent, Event, Invitation, Membership, OutboxEntry, OutboxState, PageRequest, Role,
        RoleName, UserId, UserKind,
    },
    store::{AuditFilter, InvitationFilter},
};
use serde_json::{Map, Value, json};

use super::{
    tenants::second_tenant,
    world::{PASSWORD, World, change_user, code, put_factor},
};
use crate::{
    faults::{Fault, FaultyRepository},
    sample,
    store::StoreFixture,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const TICK: Duration = Duration::from_micros(1);

async fn whole(world: &World, who: &Identity) -> Map<String, Value> {
    let export = world.gk.privacy().export_own(&world.cx, who).await;
    export.unwrap().into_document(10_000).await.unwrap()
}

/// A user who holds these permissions by a role of that name.
async fn with_role(world: &World, email: &str, role: &str, permissions: &[&str]) -> Arc<Identity> {
    let user = world.verified(email).await;
    let tenant = world.cx.tenant_id;
    let role = Role {
        name: RoleName::parse(role).unwrap(),
        ..sample::role(tenant, role, permissions)
    };
    let mut tx = world.repository.begin().await.unwrap();
    if tx.roles().find(tenant, &role.name).await.unwrap().is_none() {
        tx.roles().insert(&role).await.unwrap();
    }
    let now = world.clock.now();
    tx.roles()
        .grant(tenant, user, &role.name, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.identity(&world.sign_in(email).await).await
}

async fn about(world: &World, user: UserId) -> Vec<AuditEvent> {
    let mut tx = world.repository.begin().await.unwrap();
    let mut rows = Vec::new();
    for (actor, target) in [(Some(user), None), (None, Some(user))] {
        let filter = AuditFilter {
            actor,
            target,
            ..AuditFilter::default()
        };
        let page = PageRequest::first(100);
        rows.extend(
            tx.audit()
                .list(world.cx.tenant_id, &filter, page)
                .await
                .unwrap()
                .items,
        );
    }
    rows
}

fn is_erased(row: &AuditEvent) -> bool {
    let bare = row.ip.is_none()
        && row.user_agent.is_none()
        && row.details.is_empty()
        && row.salt.is_none();
    assert_eq!(bare, row.erased_at.is_some(), "{row:?}");
    bare
}

async fn is_proven(world: &World) {
    assert!(matches!(
        world.gk.audit().seal().await.unwrap(),
        SealRun::Done(_)
    ));
    match world.gk.audit().verify(&world.cx, None).await.unwrap() {
        AuditVerdict::Sound(proof) => assert!(proof.rows > 0),
        AuditVerdict::Broken(breach) => panic!("{breach}"),
    }
}

async fn exists(world: &World, user: UserId) -> bool {
    let mut tx = world.repository.begin().await.unwrap();
    tx.users()
        .find(world.cx.tenant_id, user)
        .await
        .unwrap()
        .is_some()
}

/// Everything of a user is in it, and nothing with which anybody could become that user.
pub(super) async fn gdpr_15_an_export_holds_all_and_no_secret(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (first, tenant) = (world.signed_in(ADA).await, world.cx.tenant_id);
    let ada = world.identity(&first).await.user_id;
    change_user(&world, ada, |user| {
        user.metadata = json!({"shoe_size": 38}).as_object().unwrap().clone();
    })
    .await;
    let mut tx = world.repository.begin().await.unwrap();
    let user = tx.users().find(tenant, ada).await.unwrap().unwrap();
    let now = world.clock.now();
    let codes = [sample::backup_code(&user, 1), sample::backup_code(&user, 2)];
    tx.mfa()
        .replace_backup_codes(tenant, ada, &codes)
        .await
        .unwrap();
    let key = sample::api_key(&user, 1);
    tx.api_keys().insert(&key).await.unwrap();
    let identity = sample::identity(&user, 1);
    tx.credentials().insert_identity(&identity).await.unwrap();
    tx.roles()
        .insert(&sample::role(tenant, "editor", &["article:write"]))
        .await
        .unwrap();
    let editor = sample::role_name("editor");
    tx.roles().grant(tenant, ada, &editor, now).await.unwrap();
    let group = sample::group(tenant, 1, &["editor"]);
    tx.groups().insert(&group).await.unwrap();
    tx.groups()
        .add_member(tenant, group.id, ada, now)
        .await
        .unwrap();
    let organization = sample::organization(tenant, 1);
    tx.organizations().insert(&organization).await.unwrap();
    let membership: Membership = sample::membership(&organization, &user, &["editor"]);
    tx.organizations().put_member(&membership).await.unwrap();
    let received = Invitation {
        email: user.email.clone(),
        ..sample::invitation(tenant, 1)
    };
    let sent = Invitation {
        invited_by: Some(ada),
        ..sample::invitation(tenant, 2)
    };
    let neither = sample::invitation(tenant, 3);
    for invitation in [&received, &sent, &neither] {
        tx.invitations().insert(invitation).await.unwrap();
    }
    let password = tx
        .credentials()
        .find_password(tenant, ada)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    // The seed of an app, and a telephone number.
    let setup = {
        let who = world.identity(&world.sign_in(ADA).await).await;
        world.gk.mfa().begin_totp(&world.cx, &who).await.unwrap()
    };
    put_factor(&world, ada, "other").await;
    change_user(&world, ada, |user| user.mfa_enabled_at = None).await;
    let second = world.sign_in(ADA).await;
    let who = world.identity(&second).await;
    world.advance(Duration::from_millis(1));
    let document = whole(&world, &who).await;

    assert_eq!(document["user"]["id"], ada.to_string());
    assert_eq!(document["user"]["email"], ADA);
    assert_eq!(document["user"]["metadata"]["shoe_size"], 38);
    assert_eq!(document["roles"]["granted"], json!(["editor"]));
    assert_eq!(document["roles"]["permissions"], json!(["article:write"]));
    assert_eq!(document["groups"][0]["name"], group.name);
    assert_eq!(
        document["organizations"][0]["id"],
        organization.id.to_string()
    );
    assert_eq!(document["organizations"][0]["roles"], json!(["editor"]));
    let list = |name: &str| document[name].as_array().unwrap().len();
    assert_eq!(list("sessions"), 3);
    assert_eq!(document["sessions"][0]["ip"], "192.0.2.7");
    assert!(list("devices") >= 1);
    assert_eq!(document["identities"][0]["subject"], identity.subject);
    assert_eq!(document["second_factors"].as_array().unwrap().len(), 2);
    assert_eq!(document["backup_codes_left"], 2);
    assert_eq!(document["api_keys"][0]["name"], key.name);
    let invitations = &document["invitations"];
    assert_eq!(invitations["received"].as_array().unwrap().len(), 1);
    assert_eq!(invitations["received"][0]["id"], received.id.to_string());
    assert_eq!(invitations["sent"].as_array().unwrap().len(), 1);
    assert_eq!(invitations["sent"][0]["id"], sent.id.to_string());
    assert_eq!(document["consents"], json!([]));
    assert_eq!(document["truncated"], false);
    let events = document["audit_events"].as_array().unwrap();
    assert_eq!(events[0]["event"], "account.exported");
    assert!(
        events
            .iter()
            .any(|event| event["event"] == "email.verified")
    );
    assert_eq!(world.newest(Event::AccountExported).await.actor, Some(ada));

    let text = Value::Object(document).to_string();
    let mut canaries = vec![
        password.hash.expose().to_owned(),
        codes[0].hash.expose().to_owned(),
        setup.secret.expose().to_owned(),
        first.access_token.expose().to_owned(),
        first.refresh_token.expose().to_owned(),
        second.access_token.expose().to_owned(),
        second.refresh_token.expose().to_owned(),
        PASSWORD.to_owned(),
        "$argon2".to_owned(),
        "hash".to_owned(),
        "salt".to_owned(),
        "digest\"".to_owned(),
    ];
    canaries.extend(
        first
            .device_token
            .iter()
            .map(|token| token.expose().to_owned()),
    );
    for bytes in [&key.hash, &received.hash.as_ref().unwrap().0] {
        canaries.push(serde_json::to_string(bytes).unwrap());
        canaries.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    for canary in canaries {
        assert!(!canary.is_empty() && !text.contains(&canary), "{canary}");
    }
}

/// It goes to somebody who was seen lately, as themselves.
pub(super) async fn an_export_asks_for_a_recent_sign_in(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world.identity(&world.signed_in(ADA).await).await;
    let privacy = world.gk.privacy();
    let export = async |who: &Identity| privacy.export_own(&world.cx, who).await.map(|_| ());
    let age = world.gk.config().mfa.binding_max_age;
    let seen = world.clock.now().since(who.authenticated_at);
    world.advance(age.checked_sub(seen).unwrap());
    export(&who).await.unwrap();
    world.advance(TICK);
    assert_eq!(code(export(&who).await), "access.step_up_required");
    let fresh = world.identity(&world.sign_in(ADA).await).await;
    export(&fresh).await.unwrap();
    // A second factor that is there has to have been shown.
    change_user(&world, fresh.user_id, |user| {
        user.mfa_enabled_at = Some(user.created_at);
    })
    .await;
    assert_eq!(code(export(&fresh).await), "access.step_up_required");
    let mut shown = (*fresh).clone();
    shown.mfa_verified = true;
    export(&shown).await.unwrap();
    let mut other = shown.clone();
    other.actor = Some(fresh.user_id);
    assert_eq!(code(export(&other).await), "access.impersonating");
    let mut key = shown.clone();
    key.api_key = Some(sample::api_key(&sample::user(world.cx.tenant_id, 1), 1).id);
    assert_eq!(code(export(&key).await), "access.session_required");
    let count = world.count(Event::AccountExported).await;
    world
        .gk
        .sessions()
        .sign_out(&world.cx, &fresh)
        .await
        .unwrap();
    assert_eq!(code(export(&shown).await), "access.invalid_token");
    assert_eq!(world.count(Event::AccountExported).await, count);
}

/// Where somebody else did something to the account, their address and device are not given out with it.
pub(super) async fn an_export_tells_nothing_of_others(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let admin = with_role(&world, "root@example.org", "helper", &["users:*"]).await;
    let mut elsewhere = world.clone();
    elsewhere.cx = elsewhere
        .cx
        .with_ip([198, 51, 100, 77].into())
        .with_user_agent("office/7");
    elsewhere
        .gk
        .privacy()
        .on_behalf_of(&admin)
        .export(&elsewhere.cx, ada)
        .await
        .unwrap();
    let own = world.identity(&world.sign_in(ADA).await).await;
    let document = whole(&world, &own).await;
    let text = Value::Object(document.clone()).to_string();
    assert!(
        !text.contains("198.51.100.77") && !text.contains("office/7"),
        "{text}"
    );
    let theirs = document["audit_events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["actor"] == admin.user_id.to_string());
    assert_eq!(theirs.unwrap()["event"], "account.exported");
    assert!(text.contains("192.0.2.7"));
}

/// What a user did and what concerned them is one list, newest first, each once; the newest alone where that is asked.
pub(super) async fn events_of_an_export_are_one_list(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let tenant = world.cx.tenant_id;
    let mut tx = world.repository.begin().await.unwrap();
    for n in 0..250 {
        let (actor, target) = [
            (Some(ada), None),
            (None, Some(ada)),
            (Some(ada), Some(ada)),
            (None, None),
        ][n as usize % 4];
        let row = AuditEvent {
            at: world.clock.now().after(Duration::from_secs(n / 3)),
            actor,
            target,
            ..sample::event(tenant, n)
        };
        tx.audit().append(&row).await.unwrap();
    }
    tx.commit().await.unwrap();
    world.advance(Duration::from_secs(100));
    let who = world.identity(&world.sign_in(ADA).await).await;
    let export = async || {
        world
            .gk
            .privacy()
            .export_own(&world.cx, &who)
            .await
            .unwrap()
    };
    let mut all = Vec::new();
    let mut events = export().await.events;
    while let Some(event) = events.next().await.unwrap() {
        all.push((
            event["at"].as_str().unwrap().to_owned(),
            event["id"].as_str().unwrap().to_owned(),
        ));
    }
    let known: Vec<_> = about(&world, ada).await.iter().map(|row| row.id).collect();
    assert!(all.len() >= 188 && known.len() > 188, "{}", all.len());
    let mut sorted = all.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!(all, sorted);
    world.advance(Duration::from_secs(1));
    let short = export().await.into_document(7).await.unwrap();
    assert_eq!(short["audit_events"].as_array().unwrap().len(), 7);
    assert_eq!(short["truncated"], true);
    let exact = export().await.into_document(all.len() + 2).await.unwrap();
    assert_eq!(exact["truncated"], false);
}

/// An administrator needs the permission and a reach that goes as far, in their own tenant.
pub(super) async fn row_53_export_and_erasure_ask_for_permission_and_rank(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let helper = with_role(
        &world,
        "helper@example.org",
        "helper",
        &["users:export", "users:erase"],
    )
    .await;
    let reader = with_role(&world, "reader@example.org", "reader", &["users:read"]).await;
    let boss = with_role(&world, "boss@example.org", "boss", &["billing:write"]).await;
    let other = second_tenant(&world).await;
    let stranger = with_role(&other, ADA, "helper", &["users:export", "users:erase"]).await;
    let before = world.trail().await.len();
    let refused = async |world: &World, who: &Identity, user: UserId, expected: &str| {
        let privacy = world.gk.privacy().on_behalf_of(who);
        assert_eq!(code(privacy.export(&world.cx, user).await), expected);
        assert_eq!(code(privacy.erase(&world.cx, user).await), expected);
    };
    refused(&world, &reader, ada, "access.forbidden").await;
    refused(&world, &helper, boss.user_id, "access.insufficient_rank").await;
    refused(&world, &stranger, ada, "access.invalid_token").await;
    refused(&other, &stranger, ada, "account.not_found").await;
    refused(&world, &helper, stranger.user_id, "account.not_found").await;
    assert_eq!(world.trail().await.len(), before);
    world.mails().await;
    assert!(exists(&world, ada).await && exists(&world, boss.user_id).await);
    assert!(about(&world, ada).await.iter().all(|row| !is_erased(row)));

    let privacy = world.gk.privacy().on_behalf_of(&helper);
    let export = privacy.export(&world.cx, ada).await.unwrap();
    assert_eq!(export.document["user"]["email"], ADA);
    let told = world.newest(Event::AccountExported).await;
    assert_eq!((told.actor, told.target), (Some(helper.user_id), Some(ada)));
    privacy.erase(&world.cx, ada).await.unwrap();
    let told = world.newest(Event::AccountErased).await;
    assert_eq!((told.actor, told.target), (Some(helper.user_id), Some(ada)));
    assert_eq!(
        code(privacy.erase(&world.cx, ada).await),
        "account.not_found"
    );
}

/// The account is gone, the trail holds ids alone, and proves them; nothing of anybody else is touched.
pub(super) async fn gdpr_17_an_erased_user_leaves_a_pseudonym(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in(ADA).await;
    let who = world.identity(&signed_in).await;
    let ada = who.user_id;
    let bob = world.identity(&world.signed_in(BOB).await).await.user_id;
    let (tenant, now) = (world.cx.tenant_id, world.clock.now());
    let address = sample::email(ADA);
    let mut tx = world.repository.begin().await.unwrap();
    for n in 1..4 {
        let email = if n < 3 {
            address.clone()
        } else {
            sample::email(BOB)
        };
        let accepted_at = (n == 2).then_some(now);
        let invitation = Invitation {
            email,
            accepted_at,
            ..sample::invitation(tenant, n)
        };
        tx.invitations().insert(&invitation).await.unwrap();
    }
    // What an impersonator did as somebody else is theirs, too.
    let acted = AuditEvent {
        at: now,
        actor: Some(bob),
        target: Some(bob),
        impersonator: Some(ada),
        ip: world.cx.ip,
        ..sample::event(tenant, 7)
    };
    tx.audit().append(&acted).await.unwrap();
    tx.commit().await.unwrap();
    // Mails that nobody could deliver.
    world
        .gk
        .passwords()
        .request_reset(&world.cx, ADA)
        .await
        .unwrap();
    world
        .gk
        .passwords()
        .request_reset(&world.cx, BOB)
        .await
        .unwrap();
    world.advance(Duration::from_secs(1));
    let privacy = world.gk.privacy();
    assert_eq!(
        code(privacy.erase_own(&world.cx, &who, &"wrong".into()).await),
        "password.current_incorrect"
    );
    assert!(exists(&world, ada).await);
    let before = about(&world, ada).await.len();
    privacy
        .erase_own(&world.cx, &who, &PASSWORD.into())
        .await
        .unwrap();
    assert!(!exists(&world, ada).await);
    assert!(!world.believes(&signed_in).await);

    let mails = world.mails().await;
    let to: Vec<_> = mails
        .iter()
        .map(|mail| (mail.to.as_str(), mail.subject.as_str()))
        .collect();
    assert_eq!(to.iter().filter(|(to, _)| *to == ADA).count(), 1, "{to:?}");
    assert_eq!(to.iter().filter(|(to, _)| *to == BOB).count(), 1, "{to:?}");
    let rows = about(&world, ada).await;
    assert_eq!(rows.len(), before + 4);
    assert!(rows.iter().all(is_erased));
    for event in [Event::AccountDeleted, Event::AccountErased] {
        let told = world.newest(event).await;
        assert_eq!((told.actor, told.target), (Some(ada), Some(ada)));
    }
    for row in about(&world, bob).await {
        assert_eq!(is_erased(&row), row.id == acted.id, "{row:?}");
    }
    let page = PageRequest::first(100);
    let mut tx = world.repository.begin().await.unwrap();
    let left = tx
        .invitations()
        .list(tenant, &InvitationFilter::default(), page)
        .await
        .unwrap();
    assert_eq!(left.items.len(), 1);
    assert_eq!(left.items[0].email.as_str(), BOB);
    for state in [OutboxState::Pending, OutboxState::Dead] {
        assert!(
            tx.outbox()
                .list(tenant, state, page)
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
    let delivered = tx
        .outbox()
        .list(tenant, OutboxState::Delivered, page)
        .await
        .unwrap();
    assert!(delivered.items.iter().all(|entry| entry.payload.is_empty()));
    drop(tx);
}

/// Erased rows are proven like all others, and an operator may erase who was deleted before.
pub(super) async fn gdpr_17_the_trail_is_proven_after_an_erasure(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let bob = world.identity(&world.signed_in(BOB).await).await;
    is_proven(&world).await;
    world.gk.privacy().erase(&world.cx, ada).await.unwrap();
    world.mails().await;
    is_proven(&world).await;
    world
        .gk
        .accounts()
        .delete(&world.cx, &bob, &PASSWORD.into())
        .await
        .unwrap();
    world.mails().await;
    assert!(
        about(&world, bob.user_id)
            .await
            .iter()
            .all(|row| !is_erased(row))
    );
    world
        .gk
        .privacy()
        .erase(&world.cx, bob.user_id)
        .await
        .unwrap();
    world.mails().await;
    assert!(about(&world, bob.user_id).await.iter().all(is_erased));
    is_proven(&world).await;
    let nobody = sample::user(world.cx.tenant_id, 99).id;
    assert_eq!(
        code(world.gk.privacy().erase(&world.cx, nobody).await),
        "account.not_found"
    );
}

/// A dead mail to the address is wiped, and none to another.
pub(super) async fn what_was_given_up_is_erased_with_its_reader(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let tenant = world.cx.tenant_id;
    for email in [ADA, BOB] {
        world
            .gk
            .passwords()
            .request_reset(&world.cx, email)
            .await
            .unwrap();
    }
    let now = world.clock.now();
    let mut tx = world.repository.begin().await.unwrap();
    let claimed: Vec<OutboxEntry> = tx.outbox().claim(now, now.after(TICK), 10).await.unwrap();
    assert_eq!(claimed.len(), 2);
    for entry in &claimed {
        let given_up = tx
            .outbox()
            .fail(entry.id, entry.attempts, "no such mailbox", None, now)
            .await
            .unwrap();
        assert!(given_up);
    }
    tx.commit().await.unwrap();
    world.advance(Duration::from_secs(1));
    world.gk.privacy().erase(&world.cx, ada).await.unwrap();
    world.mails().await;
    let mut tx = world.repository.begin().await.unwrap();
    let dead = tx
        .outbox()
        .list(tenant, OutboxState::Dead, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(dead.items.len(), 1);
    assert_eq!(
        world.gk.outbox().recipient(&dead.items[0]).as_deref(),
        Some(BOB)
    );
}

/// The last administrator stays, whoever asks; of two who go at once one does.
pub(super) async fn the_last_administrator_is_not_erased(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world.identity(&world.signed_in(ADA).await).await;
    let administration = world.gk.administration();
    administration
        .grant_role(&world.cx, who.user_id, "admin")
        .await
        .unwrap();
    let who = world.identity(&world.sign_in(ADA).await).await;
    let privacy = world.gk.privacy();
    assert_eq!(
        code(privacy.erase_own(&world.cx, &who, &PASSWORD.into()).await),
        "role.last_administrator"
    );
    assert_eq!(
        code(privacy.erase(&world.cx, who.user_id).await),
        "role.last_administrator"
    );
    assert!(exists(&world, who.user_id).await && world.mails().await.is_empty());
    let bob = world.verified(BOB).await;
    administration
        .grant_role(&world.cx, bob, "admin")
        .await
        .unwrap();
    let gone = crate::store::together(2, |n| {
        let (world, user) = (world.clone(), [who.user_id, bob][n]);
        async move { world.gk.privacy().erase(&world.cx, user).await }
    })
    .await;
    assert_eq!(
        gone.iter().filter(|done| done.is_ok()).count(),
        1,
        "{gone:?}"
    );
}

/// A program has no mailbox.
pub(super) async fn nobody_is_told_of_a_program_that_is_erased(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    change_user(&world, ada, |user| user.kind = UserKind::ServiceAccount).await;
    world.gk.privacy().erase(&world.cx, ada).await.unwrap();
    assert!(world.mails().await.is_empty());
    assert!(about(&world, ada).await.iter().all(is_erased));
}

/// Wherever a node dies, another finishes the erasure; in batches, however much there is.
pub(super) async fn an_erasure_that_was_broken_off_is_finished(fixture: StoreFixture) {
    let faulty = FaultyRepository::wrap(Arc::clone(&fixture.repository));
    let wrapped = faulty.clone();
    let world = World::built(
        fixture,
        // Twenty batches of one row an attempt: what is left goes on in another.
        |config| config.retention.batch = 1,
        |builder| builder.shared_repository(Arc::new(wrapped)),
    )
    .await;
    let tenant = world.cx.tenant_id;
    for call in 1_u64.. {
        let email = format!("user-{call}@example.org");
        let user = world.verified(&email).await;
        let mut tx = world.repository.begin().await.unwrap();
        for n in 0..25 {
            let row = AuditEvent {
                at: world.clock.now(),
                target: Some(user),
                ip: world.cx.ip,
                ..sample::event(tenant, call * 1_000 + n)
            };
            tx.audit().append(&row).await.unwrap();
        }
        tx.commit().await.unwrap();
        world.gk.privacy().erase(&world.cx, user).await.unwrap();
        faulty.arm(call * 7, Fault::Cut);
        let _ = world.gk.outbox().deliver_due().await;
        let fired = faulty.fired();
        faulty.arm(u64::MAX, Fault::Cut);
        // The lease of the one that died, or the pause after a failure.
        for _ in 0..3 {
            world.advance(Duration::from_mins(6));
            world.gk.outbox().deliver_due().await.unwrap();
        }
        world.mails.take();
        let rows = about(&world, user).await;
        assert!(rows.len() >= 27 && rows.iter().all(is_erased), "{call}");
        if !fired {
            break;
        }
        assert!(call < 100);
    }
    is_proven(&world).await;
}
