use std::time::Duration;

use gatekeeper_core::{
    NewApiKey, NewServiceAccount, NewUser,
    model::{Event, PageRequest, UserKind},
    store::AuditFilter,
};

use super::{
    api_keys::{new_key, role, somebody},
    world::{PASSWORD, World, change_user, code},
};
use crate::store::StoreFixture;

const MINUTE: Duration = Duration::from_mins(1);
const RIGHTS: &[&str] = &["api_keys:*", "service_accounts:*", "reports:*"];

fn robot() -> NewServiceAccount {
    NewServiceAccount {
        name: "Nightly reports".to_owned(),
    }
}

pub(super) async fn a_service_account_acts_by_keys_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (root, who) = somebody(&world, "root@example.org", RIGHTS).await;
    let administration = world.gk.administration().on_behalf_of(&who);
    let cx = &world.cx;
    let account = administration
        .create_service_account(cx, robot())
        .await
        .unwrap();
    assert_eq!(account.kind, UserKind::ServiceAccount);
    let event = world.newest(Event::AccountCreated).await;
    assert_eq!((event.actor, event.target), (Some(root), Some(account.id)));
    // It has no rights of its own yet, and a key gives none.
    let scoped = || new_key(&["reports:read"]);
    let answer = administration
        .create_api_key(cx, account.id, scoped())
        .await;
    assert_eq!(code(answer), "access.insufficient_rank");
    role(&world, "reporter", &["reports:read"]).await;
    world
        .gk
        .administration()
        .grant_role(cx, account.id, "reporter")
        .await
        .unwrap();
    let made = administration
        .create_api_key(cx, account.id, scoped())
        .await
        .unwrap();
    assert_eq!(made.key.created_by, Some(root));
    let event = world.newest(Event::ApiKeyCreated).await;
    assert_eq!((event.actor, event.target), (Some(root), Some(account.id)));
    let seen = world.gk.authenticate(made.text.expose()).await.unwrap();
    assert_eq!(seen.user_id, account.id);
    assert!(seen.has_permission("reports:read"));
    // Nobody signs in as one, even if it should come by a password, and nothing is mailed to it.
    let address = account.email.as_str();
    let (ada, _) = somebody(&world, "ada@example.org", &[]).await;
    let mut tx = world.repository.begin().await.unwrap();
    let found = tx.credentials().find_password(cx.tenant_id, ada).await;
    let mut password = found.unwrap().unwrap();
    password.user_id = account.id;
    tx.credentials().set_password(&password).await.unwrap();
    tx.commit().await.unwrap();
    let answer = world.sign_in_with(address, PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    world
        .gk
        .passwords()
        .request_reset(cx, address)
        .await
        .unwrap();
    world.register(address).await;
    assert!(world.mails().await.is_empty());

    let new = administration
        .rotate_api_key(cx, account.id, made.key.id, MINUTE)
        .await
        .unwrap();
    world.gk.authenticate(new.text.expose()).await.unwrap();
    let page = PageRequest::first(10);
    let listed = administration
        .list_api_keys(cx, account.id, page)
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 2);
    administration
        .revoke_api_key(cx, account.id, new.key.id)
        .await
        .unwrap();
    let answer = world.gk.authenticate(new.text.expose()).await;
    assert_eq!(code(answer), "access.invalid_token");
    let event = world.newest(Event::ApiKeyRevoked).await;
    assert_eq!((event.actor, event.target), (Some(root), Some(account.id)));
}

pub(super) async fn service_accounts_are_listed_and_nobody_else(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, who) = somebody(&world, "root@example.org", RIGHTS).await;
    let administration = world.gk.administration().on_behalf_of(&who);
    let mut made = Vec::new();
    for _ in 0..5 {
        let account = administration.create_service_account(&world.cx, robot());
        made.push(account.await.unwrap().id);
        world.advance(Duration::from_millis(2));
    }
    let mut found = Vec::new();
    let mut page = PageRequest::first(2);
    loop {
        let listed = administration
            .list_service_accounts(&world.cx, page)
            .await
            .unwrap();
        found.extend(listed.items.iter().map(|user| user.id));
        let Some(next) = listed.next else { break };
        page.after = Some(next);
    }
    assert_eq!(found, made);
}

/// CVE-2026-55077, CVE-2026-94000: who administers keys reaches no further by them.
pub(super) async fn row_53_keys_of_others_need_permission_and_rank(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, root) = somebody(&world, "root@example.org", &["*"]).await;
    let (_, clerk) = somebody(&world, "clerk@example.org", RIGHTS).await;
    let (person, ada) = somebody(&world, "ada@example.org", &["reports:read"]).await;
    let cx = &world.cx;
    let by = |who| world.gk.administration().on_behalf_of(who);
    let page = PageRequest::first(10);

    // Without the permission: nothing.
    let nobody = by(&ada);
    let robot_of = |name: &str| NewServiceAccount {
        name: name.to_owned(),
    };
    for answer in [
        code(nobody.create_service_account(cx, robot_of("x")).await),
        code(nobody.list_service_accounts(cx, page).await),
        code(nobody.list_api_keys(cx, person, page).await),
        code(nobody.create_api_key(cx, person, new_key(&[])).await),
    ] {
        assert_eq!(answer, "access.forbidden");
    }

    // A service account that may more than the clerk.
    let strong = by(&root)
        .create_service_account(cx, robot_of("strong"))
        .await
        .unwrap();
    world
        .gk
        .administration()
        .grant_role(cx, strong.id, "admin")
        .await
        .unwrap();
    let key = by(&root)
        .create_api_key(cx, strong.id, new_key(&["users:read"]))
        .await
        .unwrap();
    let id = key.key.id;
    for answer in [
        code(by(&clerk).create_api_key(cx, strong.id, new_key(&[])).await),
        code(by(&clerk).rotate_api_key(cx, strong.id, id, MINUTE).await),
        code(by(&clerk).revoke_api_key(cx, strong.id, id).await),
    ] {
        assert_eq!(answer, "access.insufficient_rank");
    }
    world.gk.authenticate(key.text.expose()).await.unwrap();

    // A key of a person's: that would be acting as them, unseen. Looking and revoking are allowed.
    let of_ada = world
        .gk
        .api_keys()
        .create(cx, &ada, new_key(&[]))
        .await
        .unwrap();
    for who in [&clerk, &root] {
        let answer = by(who).create_api_key(cx, person, new_key(&[])).await;
        assert_eq!(code(answer), "impersonation.not_possible");
        let answer = by(who)
            .rotate_api_key(cx, person, of_ada.key.id, MINUTE)
            .await;
        assert_eq!(code(answer), "impersonation.not_possible");
    }
    let listed = by(&clerk).list_api_keys(cx, person, page).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    // By the id of another user, it is not found.
    let answer = by(&clerk)
        .find_api_key(cx, clerk.user_id, of_ada.key.id)
        .await;
    assert_eq!(code(answer), "api_key.not_found");
    let answer = by(&root)
        .revoke_api_key(cx, clerk.user_id, of_ada.key.id)
        .await;
    assert_eq!(code(answer), "api_key.not_found");
    by(&clerk)
        .revoke_api_key(cx, person, of_ada.key.id)
        .await
        .unwrap();
    let answer = world.gk.authenticate(of_ada.text.expose()).await;
    assert_eq!(code(answer), "access.invalid_token");
}

/// An administrator's key administers within its scopes, and makes no keys.
pub(super) async fn row_55_a_key_administers_within_its_scopes(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, root) = somebody(&world, "root@example.org", &["*"]).await;
    let (person, ada) = somebody(&world, "ada@example.org", &["reports:read"]).await;
    let (cx, keys) = (&world.cx, world.gk.api_keys());
    let of_ada = keys.create(cx, &ada, new_key(&[])).await.unwrap();
    let shown = async |scopes: &[&str]| {
        let input = NewApiKey {
            name: "admin".to_owned(),
            ..new_key(scopes)
        };
        let made = keys.create(cx, &root, input).await.unwrap();
        world.gk.authenticate(made.text.expose()).await.unwrap()
    };
    let revoke = async |scopes: &[&str]| {
        let who = shown(scopes).await;
        let administration = world.gk.administration().on_behalf_of(&who);
        administration
            .revoke_api_key(cx, person, of_ada.key.id)
            .await
    };
    assert_eq!(code(revoke(&["api_keys:read"]).await), "access.forbidden");
    assert_eq!(code(revoke(&[]).await), "access.forbidden");
    // The permission alone is not enough: the key must reach as far as whom it touches.
    assert_eq!(
        code(revoke(&["api_keys:write"]).await),
        "access.insufficient_rank"
    );
    let who = shown(&["*"]).await;
    let administration = world.gk.administration().on_behalf_of(&who);
    let made = administration
        .create_service_account(cx, robot())
        .await
        .unwrap();
    let answer = administration
        .create_api_key(cx, made.id, new_key(&[]))
        .await;
    assert_eq!(code(answer), "access.session_required");
    // What it does stands in the trail under its name.
    let event = world.newest(Event::AccountCreated).await;
    assert_eq!(event.actor, Some(root.user_id));
    revoke(&["api_keys:write", "reports:*"]).await.unwrap();
}

/// What is no person signs in by nothing, and is mailed nothing.
pub(super) async fn a_service_account_has_no_way_in_but_keys(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let live = world.signed_in("ada@example.org").await;
    let ada = live.profile.user.id;
    let passwords = world.gk.passwords();
    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    let links = world.gk.magic_links();
    let asked = links.request(&world.cx, "ada@example.org").await.unwrap();
    let link = world.mailed_token().await;
    change_user(&world, ada, |user| user.kind = UserKind::ServiceAccount).await;

    let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.invalid_credentials");
    let row = world.newest(Event::SignInFailed).await;
    assert_eq!(row.reason.as_deref(), Some("service_account"));
    let answer = passwords
        .reset(&world.cx, &reset, &"birch-falcon-37".into())
        .await;
    assert_eq!(code(answer), "token.invalid");
    let answer = links.redeem(&world.cx, &link, asked.binding.as_ref()).await;
    assert_eq!(code(answer), "token.invalid");
    // Nobody takes it over by signing up, though it proves no mailbox.
    change_user(&world, ada, |user| user.email_verified_at = None).await;
    world.register("ada@example.org").await;
    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    links.request(&world.cx, "ada@example.org").await.unwrap();
    let accounts = world.gk.accounts();
    accounts
        .request_verification(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let administration = world.gk.administration();
    administration.reset_password(&world.cx, ada).await.unwrap();
    let mails = world.mails().await;
    // The notice of the reset goes to where it was told to go; links, which are the way in, go nowhere.
    assert!(
        mails.iter().all(|mail| !mail.text.contains("token=")),
        "{mails:?}"
    );
    // At its own domain there is no mailbox at all.
    let address = "robot@service-accounts.invalid";
    let made = NewUser {
        email: address.to_owned(),
        name: None,
        roles: Vec::new(),
        password: None,
    };
    let robot = administration.create_user(&world.cx, made).await.unwrap();
    let robot = robot.user.id;
    change_user(&world, robot, |user| user.kind = UserKind::ServiceAccount).await;
    administration.delete_user(&world.cx, robot).await.unwrap();
    assert!(world.mails().await.is_empty());
    let filter = AuditFilter {
        target: Some(ada),
        event: Some(Event::SessionCreated),
        ..AuditFilter::default()
    };
    let mut tx = world.repository.begin().await.unwrap();
    let rows = tx
        .audit()
        .list(world.cx.tenant_id, &filter, PageRequest::first(10));
    assert_eq!(rows.await.unwrap().items.len(), 1);
}
