//! Tenants as the platform sees them: made, changed, suspended, removed; and by nobody else.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    BrandingChanges, Error, Identity, NewTenant, SignedIn, TenantChanges, TenantSettingsChanges,
    env::Clock,
    model::{
        AuditEvent, Event, PageRequest, RevocationTarget, Role, RoleName, SessionEnd, Tenant,
        TenantId, TenantSlug, UserId,
    },
    store::{AuditFilter, InvitationFilter, UserFilter},
};
use tokio::task::JoinSet;

use super::world::{PASSWORD, World, code};
use crate::store::StoreFixture;

pub(super) fn new_tenant(slug: &str) -> NewTenant {
    NewTenant {
        slug: slug.to_owned(),
        name: format!("The tenant {slug}"),
        ..NewTenant::default()
    }
}

/// The same service, called in a tenant that the operator makes.
pub(super) async fn in_new_tenant(world: &World, slug: &str) -> World {
    let made = world
        .gk
        .administration()
        .create_tenant(&world.cx, new_tenant(slug))
        .await
        .unwrap();
    let mut there = world.clone();
    there.cx.tenant_id = made.id;
    there
}

/// Somebody with a role, signed in after it was granted.
async fn holder(world: &World, email: &str, role: Option<&str>) -> (SignedIn, Arc<Identity>) {
    let user = world.verified(email).await;
    if let Some(role) = role {
        let administration = world.gk.administration();
        administration
            .grant_role(&world.cx, user, role)
            .await
            .unwrap();
    }
    // What was said of the user's permissions in or before this second is out of date.
    world.advance(Duration::from_secs(1));
    let signed_in = world.sign_in(email).await;
    let who = world.identity(&signed_in).await;
    (signed_in, who)
}

async fn resolves(world: &World, slug: &str) -> Option<TenantId> {
    let slug = TenantSlug::parse(slug).unwrap();
    world.gk.resolve_tenant(&slug).await.unwrap()
}

async fn trail_of(world: &World, tenant: TenantId) -> Vec<AuditEvent> {
    let mut tx = world.repository.begin().await.unwrap();
    let page = PageRequest::first(100);
    tx.audit()
        .list(tenant, &AuditFilter::default(), page)
        .await
        .unwrap()
        .items
}

pub(super) async fn a_tenant_from_its_beginning_to_its_end(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let platform = world.gk.administration();
    assert_eq!(resolves(&world, "acme").await, None);
    let input = NewTenant {
        settings: TenantSettingsChanges {
            open_registration: Some(Some(false)),
            ..TenantSettingsChanges::default()
        },
        admin_email: Some("first@acme.example".to_owned()),
        ..new_tenant("acme")
    };
    let made = platform.create_tenant(&world.cx, input).await.unwrap();
    // At once, although it was asked for a moment ago.
    assert_eq!(resolves(&world, "acme").await, Some(made.id));
    assert_eq!(made.settings.open_registration, Some(false));
    let mut tx = world.repository.begin().await.unwrap();
    let roles = tx.roles().list(made.id).await.unwrap();
    let invited = tx
        .invitations()
        .list(made.id, &InvitationFilter::default(), PageRequest::first(9))
        .await
        .unwrap();
    drop(tx);
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["admin"]);
    assert_eq!(invited.items.len(), 1);
    let invitation = &invited.items[0];
    assert_eq!(invitation.email.as_str(), "first@acme.example");
    assert_eq!(invitation.roles, [RoleName::parse("admin").unwrap()]);
    assert_eq!(invitation.invited_by, None);

    let again = platform.create_tenant(&world.cx, new_tenant("acme")).await;
    assert_eq!(code(again), "tenant.slug_taken");
    for wrong in ["", "Acme", "a b", "-a"] {
        let answer = platform.create_tenant(&world.cx, new_tenant(wrong)).await;
        assert_eq!(code(answer), "request.invalid", "{wrong}");
    }
    world.advance(Duration::from_millis(1));
    let changes = TenantChanges {
        name: Some("Acme, Inc.".to_owned()),
        settings: Some(TenantSettingsChanges {
            branding: BrandingChanges {
                color: Some(Some("#0b7285".to_owned())),
                ..BrandingChanges::default()
            },
            ..TenantSettingsChanges::default()
        }),
        suspended: None,
    };
    let changed = platform
        .update_tenant(&world.cx, "acme", changes)
        .await
        .unwrap();
    assert_eq!(changed.name, "Acme, Inc.");
    assert!(changed.updated_at > made.updated_at);
    // What was not named stayed.
    assert_eq!(changed.settings.open_registration, Some(false));
    let shown = platform.find_tenant(&world.cx, "acme").await.unwrap();
    assert_eq!(shown, changed);
    let page = platform
        .list_tenants(&world.cx, PageRequest::first(10))
        .await
        .unwrap();
    let slugs: Vec<&str> = page.items.iter().map(|it| it.slug.as_str()).collect();
    assert_eq!(slugs, ["acme", "default"]);

    for wrong in ["", "acm", "ACME", "default"] {
        let answer = platform.delete_tenant(&world.cx, "acme", wrong).await;
        assert_eq!(code(answer), "request.invalid", "{wrong}");
    }
    assert_eq!(resolves(&world, "acme").await, Some(made.id));
    platform
        .delete_tenant(&world.cx, "acme", "acme")
        .await
        .unwrap();
    assert_eq!(resolves(&world, "acme").await, None);
    let answer = platform.find_tenant(&world.cx, "acme").await;
    assert_eq!(code(answer), "tenant.not_found");
    let answer = platform.delete_tenant(&world.cx, "acme", "acme").await;
    assert_eq!(code(answer), "tenant.not_found");
    assert!(trail_of(&world, made.id).await.is_empty());
}

/// SECURITY.md rows 51 and 52: permissions over tenants count in the default tenant alone, and at this moment.
pub(super) async fn row_52_tenants_are_the_platforms_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let other = in_new_tenant(&world, "acme").await;
    // A role that says more than it may in the other tenant, past the rules that roles are held to.
    let role = Role {
        tenant_id: other.cx.tenant_id,
        name: RoleName::parse("sly").unwrap(),
        description: String::new(),
        system: false,
        permissions: vec!["*".to_owned(), "tenants:*".to_owned()],
        inherits: Vec::new(),
        created_at: world.clock.now(),
        updated_at: world.clock.now(),
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    tx.commit().await.unwrap();

    let (_, platform) = holder(&world, "root@example.org", Some("platform_admin")).await;
    let (_, admin) = holder(&world, "admin@example.org", Some("admin")).await;
    let (_, user) = holder(&world, "user@example.org", None).await;
    let (_, their_admin) = holder(&other, "admin@example.org", Some("admin")).await;
    let (_, sly) = holder(&other, "sly@example.org", Some("sly")).await;
    let before = world
        .gk
        .administration()
        .find_tenant(&world.cx, "acme")
        .await
        .unwrap();
    for (who, called) in [
        (&admin, &world),
        (&user, &world),
        (&their_admin, &other),
        (&sly, &other),
        // With a context that is not theirs, as no transport makes it.
        (&their_admin, &world),
        (&sly, &world),
    ] {
        let there = world.gk.administration().on_behalf_of(who);
        let cx = &called.cx;
        let rename = TenantChanges {
            name: Some("Mine".to_owned()),
            suspended: Some(true),
            ..TenantChanges::default()
        };
        let answers = [
            there
                .list_tenants(cx, PageRequest::first(9))
                .await
                .map(drop),
            there.find_tenant(cx, "acme").await.map(drop),
            there.find_tenant(cx, "nobody").await.map(drop),
            there.create_tenant(cx, new_tenant("sly")).await.map(drop),
            there.update_tenant(cx, "acme", rename).await.map(drop),
            there.delete_tenant(cx, "acme", "acme").await,
        ];
        for answer in answers {
            // Not told apart: nobody learns which tenants there are.
            assert_eq!(code(answer), "access.forbidden", "{}", who.email);
        }
    }
    let there = world.gk.administration();
    assert_eq!(there.find_tenant(&world.cx, "acme").await.unwrap(), before);
    assert_eq!(
        code(there.find_tenant(&world.cx, "sly").await),
        "tenant.not_found"
    );

    // Whoever may, may; and not a moment after the role was taken away, although the token still says so.
    let there = world.gk.administration().on_behalf_of(&platform);
    there
        .create_tenant(&world.cx, new_tenant("second"))
        .await
        .unwrap();
    world
        .gk
        .administration()
        .revoke_role(&world.cx, platform.user_id, "platform_admin")
        .await
        .unwrap();
    for answer in [
        there
            .create_tenant(&world.cx, new_tenant("third"))
            .await
            .map(drop),
        there.delete_tenant(&world.cx, "second", "second").await,
        there.suspend_tenant(&world.cx, "second").await.map(drop),
    ] {
        assert_eq!(code(answer), "access.forbidden");
    }
    assert!(resolves(&world, "second").await.is_some());
}

pub(super) async fn the_default_tenant_stays(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let platform = world.gk.administration();
    let answer = platform
        .delete_tenant(&world.cx, "default", "default")
        .await;
    assert_eq!(code(answer), "tenant.default");
    let answer = platform.suspend_tenant(&world.cx, "default").await;
    assert_eq!(code(answer), "tenant.default");
    assert_eq!(world.count(Event::TenantSuspended).await, 0);
    world.signed_in("ada@example.org").await;
}

/// CVE-2026-55670: the name and the addresses are the same, the tenant is another.
pub(super) async fn row_10_a_recycled_slug_is_a_new_tenant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let old = in_new_tenant(&world, "acme").await;
    let signed_in = old.signed_in("ada@example.org").await;
    let link = {
        let passwords = old.gk.passwords();
        passwords
            .request_reset(&old.cx, "ada@example.org")
            .await
            .unwrap();
        old.mailed_token().await
    };
    let platform = world.gk.administration();
    platform
        .delete_tenant(&world.cx, "acme", "acme")
        .await
        .unwrap();
    let new = in_new_tenant(&world, "acme").await;
    assert_ne!(old.cx.tenant_id, new.cx.tenant_id);
    new.signed_in("ada@example.org").await;
    for world in [&old, &new] {
        let answer = world.refresh(&signed_in).await;
        assert_eq!(code(answer), "session.invalid_refresh_token");
    }
    let passwords = new.gk.passwords();
    let answer = passwords.reset(&new.cx, &link, &PASSWORD.into()).await;
    assert_eq!(code(answer), "token.invalid");
    let mut tx = world.repository.begin().await.unwrap();
    let all = UserFilter::default();
    let users = tx.users();
    let left = users.list(old.cx.tenant_id, &all, PageRequest::first(9));
    assert!(left.await.unwrap().items.is_empty());
}

/// Every node hears of it: the revocation outlives the tenant.
pub(super) async fn a_deleted_tenants_tokens_are_dead(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let signed_in = there.signed_in("ada@example.org").await;
    assert!(there.believes(&signed_in).await);
    let now = world.clock.now();
    let platform = world.gk.administration();
    platform
        .delete_tenant(&world.cx, "acme", "acme")
        .await
        .unwrap();
    let all = world.repository.revocations_since(now, now).await.unwrap();
    let ours = all.iter().find(|one| one.tenant_id == there.cx.tenant_id);
    assert_eq!(ours.unwrap().target, RevocationTarget::Tenant(now));
    assert!(!there.believes(&signed_in).await);
}

/// What the platform does is seen on both sides, and its people on one.
pub(super) async fn both_trails_say_what_the_platform_did(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, root) = holder(&world, "root@example.org", Some("platform_admin")).await;
    let platform = world.gk.administration().on_behalf_of(&root);
    let made = platform
        .create_tenant(&world.cx, new_tenant("acme"))
        .await
        .unwrap();
    world.advance(Duration::from_millis(1));
    platform.suspend_tenant(&world.cx, "acme").await.unwrap();
    world.advance(Duration::from_millis(1));
    platform.suspend_tenant(&world.cx, "acme").await.unwrap();
    platform.resume_tenant(&world.cx, "acme").await.unwrap();
    let expected = [
        Event::TenantResumed,
        Event::TenantSuspended,
        Event::TenantCreated,
    ];
    let theirs = trail_of(&world, made.id).await;
    let events: Vec<Event> = theirs.iter().map(|row| row.event).collect();
    assert_eq!(events, expected);
    for row in &theirs {
        assert_eq!((row.actor, row.ip, &row.user_agent), (None, None, &None));
        assert_eq!(row.correlation_id, world.cx.correlation_id);
    }
    let ours = world.trail().await;
    for event in expected {
        let rows: Vec<_> = ours.iter().filter(|row| row.event == event).collect();
        assert_eq!(rows.len(), 1, "{event:?}");
        assert_eq!(rows[0].actor, Some(root.user_id));
        assert_eq!(rows[0].details["tenant"], "acme");
        assert_eq!(rows[0].details["tenant_id"], made.id.to_string());
    }
    platform
        .delete_tenant(&world.cx, "acme", "acme")
        .await
        .unwrap();
    let row = world.newest(Event::TenantDeleted).await;
    assert_eq!(row.actor, Some(root.user_id));
    assert_eq!(row.details["tenant"], "acme");
}

pub(super) async fn sixteen_tenants_of_one_name_are_one(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let world = world.clone();
        tasks.spawn(async move {
            let platform = world.gk.administration();
            platform.create_tenant(&world.cx, new_tenant("acme")).await
        });
    }
    let answers: Vec<Result<Tenant, Error>> = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(world.count(Event::TenantCreated).await, 1);
}

pub(super) async fn a_suspended_tenant_is_none(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let ada = there.signed_in("ada@example.org").await;
    let platform = world.gk.administration();
    assert!(resolves(&world, "acme").await.is_some());
    let suspended = platform.suspend_tenant(&world.cx, "acme").await.unwrap();
    assert!(suspended.suspended_at.is_some());
    // On this node not for a moment more.
    assert_eq!(resolves(&world, "acme").await, None);
    let answer = there.refresh(&ada).await;
    assert_eq!(code(answer), "session.invalid_refresh_token");
    let answer = there.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "tenant.not_found");
    let session = world
        .repository
        .find_session(there.cx.tenant_id, ada.session.id)
        .await
        .unwrap();
    assert_eq!(
        session.unwrap().end_reason,
        Some(SessionEnd::TenantSuspended)
    );
    // Nobody else's end.
    world.signed_in("ada@example.org").await;

    platform.resume_tenant(&world.cx, "acme").await.unwrap();
    assert!(resolves(&world, "acme").await.is_some());
    let answer = there.refresh(&ada).await;
    assert_eq!(code(answer), "session.invalid_refresh_token");
    world.advance(Duration::from_secs(1));
    let again = there.sign_in("ada@example.org").await;
    assert!(there.believes(&again).await);
    there.refresh(&again).await.unwrap();
}

pub(super) async fn a_suspended_tenants_tokens_are_dead(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let theirs = there.signed_in("ada@example.org").await;
    let ours = world.signed_in("ada@example.org").await;
    let platform = world.gk.administration();
    platform.suspend_tenant(&world.cx, "acme").await.unwrap();
    assert!(!there.believes(&theirs).await);
    assert!(world.believes(&ours).await);
}

/// What another node remembers for ten seconds lets nobody in, to the instant at which it has heard.
pub(super) async fn another_node_begins_no_session_in_a_suspended_tenant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let user: UserId = there.verified("ada@example.org").await;
    let mut node = there.another_node(Arc::clone(&world.repository)).await;
    node.cx.tenant_id = there.cx.tenant_id;
    assert!(resolves(&node, "acme").await.is_some());
    let platform = world.gk.administration();
    platform.suspend_tenant(&world.cx, "acme").await.unwrap();
    assert!(resolves(&node, "acme").await.is_some());
    let answer = node.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "tenant.not_found");
    let mut tx = world.repository.begin().await.unwrap();
    let live = tx
        .sessions()
        .live_for_user(there.cx.tenant_id, user, world.clock.now())
        .await
        .unwrap();
    assert!(live.is_empty());
    drop(tx);
    world.advance(Duration::from_secs(10));
    assert_eq!(resolves(&node, "acme").await, None);
}

/// Mails of a suspended tenant rest, and go out when it is resumed; what nobody could use any more does not.
pub(super) async fn mails_of_a_suspended_tenant_rest(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let platform = world.gk.administration();
    let passwords = there.gk.passwords();
    there.verified("ada@example.org").await;
    for (rest, sent) in [(Duration::from_hours(1), 1), (Duration::from_hours(24), 0)] {
        passwords
            .request_reset(&there.cx, "ada@example.org")
            .await
            .unwrap();
        platform.suspend_tenant(&world.cx, "acme").await.unwrap();
        assert!(world.mails().await.is_empty());
        world.advance(rest);
        assert!(world.mails().await.is_empty());
        // Those of other tenants do not wait for it.
        let ours = world.gk.passwords();
        world.verified(&format!("bob-{sent}@example.org")).await;
        ours.request_reset(&world.cx, &format!("bob-{sent}@example.org"))
            .await
            .unwrap();
        assert_eq!(world.mails().await.len(), 1);
        platform.resume_tenant(&world.cx, "acme").await.unwrap();
        let mails = world.mails().await;
        assert_eq!(mails.len(), sent, "{mails:?}");
    }
}
