use std::time::Duration;

use gatekeeper_core::{
    NewUser,
    env::Clock,
    model::{Event, PageRequest, RevocationTarget, SecretString, UserId},
    store::UserFilter,
};

use super::world::{PASSWORD, World, code};
use crate::store::StoreFixture;

fn new_user(email: &str, password: Option<&str>, roles: &[&str]) -> NewUser {
    NewUser {
        email: email.to_owned(),
        name: Some("Ada".to_owned()),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        password: password.map(SecretString::from),
    }
}

pub(super) async fn an_operator_makes_verified_accounts(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let input = new_user("root@example.org", Some(PASSWORD), &["admin"]);
    let made = administration.create_user(&world.cx, input).await.unwrap();
    assert!(made.setup_link.is_none());
    let signed_in = world.sign_in("root@example.org").await;
    assert_eq!(signed_in.profile.authority.roles, ["admin", "user"]);
    assert!(world.mails().await.is_empty());
    assert_eq!(
        world.newest(Event::AccountCreated).await.target,
        Some(made.user.id)
    );
    assert_eq!(
        world.newest(Event::RoleGranted).await.details["role"],
        "admin"
    );
    let page = administration
        .list_users(&world.cx, &UserFilter::default(), PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
}

pub(super) async fn a_setup_link_sets_the_first_password(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let made = world
        .gk
        .administration()
        .create_user(&world.cx, new_user("ada@example.org", None, &[]))
        .await
        .unwrap();
    let link = made.setup_link.unwrap();
    let (page, token) = link.expose().split_once("#token=").unwrap();
    assert_eq!(page, "https://auth.example.org/reset-password");
    assert_eq!(
        code(world.sign_in_with("ada@example.org", "").await),
        "password.invalid_credentials"
    );
    let token = token.into();
    world
        .gk
        .passwords()
        .reset(&world.cx, &token, &PASSWORD.into())
        .await
        .unwrap();
    world.sign_in("ada@example.org").await;
    assert_eq!(
        code(
            world
                .gk
                .passwords()
                .reset(&world.cx, &token, &PASSWORD.into())
                .await
        ),
        "token.invalid"
    );
}

pub(super) async fn row_31_disabling_closes_every_door(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    let signed_in = world.sign_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    world
        .gk
        .administration()
        .disable(&world.cx, user_id)
        .await
        .unwrap();

    assert!(!world.believes(&signed_in).await);
    assert_eq!(
        code(world.refresh(&signed_in).await),
        "session.invalid_refresh_token"
    );
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    let accounts = world.gk.accounts();
    assert_eq!(
        code(accounts.profile(&world.cx, &who).await),
        "access.invalid_token"
    );
    assert_eq!(
        code(accounts.delete(&world.cx, &who, &PASSWORD.into()).await),
        "access.invalid_token"
    );
    let redeemed = world
        .gk
        .passwords()
        .reset(&world.cx, &reset, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(redeemed), "token.invalid");
    // No flow of its owner's opens it again (CVE-2026-58422).
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
    world.register("ada@example.org").await;
    world.mails().await;
    let user = world
        .gk
        .administration()
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    assert!(!user.is_active());
    assert_eq!(
        world.newest(Event::AccountDisabled).await.target,
        Some(user_id)
    );
}

pub(super) async fn enabling_brings_nothing_back(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    let signed_in = world.sign_in("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let link = world.mailed_token().await;
    world
        .gk
        .administration()
        .disable(&world.cx, user_id)
        .await
        .unwrap();
    world
        .gk
        .administration()
        .enable(&world.cx, user_id)
        .await
        .unwrap();
    assert_eq!(
        world.newest(Event::AccountEnabled).await.target,
        Some(user_id)
    );
    let redeemed = world
        .gk
        .passwords()
        .reset(&world.cx, &link, &"birch-falcon-37-harbour".into())
        .await;
    assert_eq!(code(redeemed), "token.invalid");
    assert!(!world.believes(&signed_in).await);
    assert_eq!(
        code(world.refresh(&signed_in).await),
        "session.invalid_refresh_token"
    );
    world.advance(std::time::Duration::from_secs(1));
    let again = world.sign_in("ada@example.org").await;
    assert!(world.believes(&again).await);
}

pub(super) async fn roles_reach_the_next_token(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let user_id = signed_in.profile.user.id;
    let administration = world.gk.administration();
    administration
        .grant_role(&world.cx, user_id, "admin")
        .await
        .unwrap();
    administration
        .grant_role(&world.cx, user_id, "admin")
        .await
        .unwrap();
    assert_eq!(world.count(Event::RoleGranted).await, 1);
    let refreshed = world.refresh(&signed_in).await.unwrap();
    assert!(world.identity(&refreshed).await.has_role("admin"));
    administration
        .revoke_role(&world.cx, user_id, "admin")
        .await
        .unwrap();
    administration
        .revoke_role(&world.cx, user_id, "admin")
        .await
        .unwrap();
    assert_eq!(world.count(Event::RoleRevoked).await, 1);
    let refreshed = world.refresh(&refreshed).await.unwrap();
    assert!(!world.identity(&refreshed).await.has_role("admin"));
}

pub(super) async fn operators_get_clear_errors(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user_id = world.verified("ada@example.org").await;
    let administration = world.gk.administration();
    let create = async |input: NewUser| code(administration.create_user(&world.cx, input).await);
    assert_eq!(
        create(new_user("Ada@example.org", None, &[])).await,
        "account.email_taken"
    );
    assert_eq!(
        create(new_user("bob@example.org", None, &["no-such-role"])).await,
        "role.not_found"
    );
    assert_eq!(
        create(new_user("bob@example.org", Some("short"), &[])).await,
        "request.invalid"
    );
    assert_eq!(
        create(new_user("not an address", None, &[])).await,
        "request.invalid"
    );
    assert_eq!(
        code(
            administration
                .find_user_by_email(&world.cx, "bob@example.org")
                .await
        ),
        "account.not_found"
    );
    assert_eq!(
        code(
            administration
                .grant_role(&world.cx, user_id, "no-such-role")
                .await
        ),
        "role.not_found"
    );
    assert_eq!(
        code(
            administration
                .grant_role(&world.cx, user_id, "NOT A NAME")
                .await
        ),
        "role.not_found"
    );
}

pub(super) async fn a_setup_link_expires_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    for (email, good) in [("ada@example.org", true), ("eve@example.org", false)] {
        let made = world
            .gk
            .administration()
            .create_user(&world.cx, new_user(email, None, &[]))
            .await
            .unwrap();
        let link = made.setup_link.unwrap();
        let (_, token) = link.expose().split_once("#token=").unwrap();
        let lifetime = Duration::from_hours(24);
        let instant = Duration::from_micros(u64::from(good));
        world.advance(lifetime.checked_sub(instant).unwrap());
        let answer = world
            .gk
            .passwords()
            .reset(&world.cx, &token.into(), &PASSWORD.into())
            .await;
        assert_eq!(answer.is_ok(), good);
    }
}

/// Beside every session that is known, every token of the user: one may have been given while the sessions were ended.
pub(super) async fn closing_an_account_revokes_its_user(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in("ada@example.org").await;
    let eve = world.signed_in("eve@example.org").await;
    let (ada_is, eve_is) = (world.identity(&ada).await, world.identity(&eve).await);
    world
        .gk
        .administration()
        .disable(&world.cx, ada_is.user_id)
        .await
        .unwrap();
    world
        .gk
        .accounts()
        .delete(&world.cx, &eve_is, &PASSWORD.into())
        .await
        .unwrap();
    let now = world.clock.now();
    let since = now.before(Duration::from_hours(1));
    let all = world
        .repository
        .revocations_since(since, now)
        .await
        .unwrap();
    for user in [ada_is.user_id, eve_is.user_id] {
        assert!(
            all.iter()
                .any(|one| one.target == RevocationTarget::User(user, now)),
            "{all:?}"
        );
    }
    for session in [ada.session.id, eve.session.id] {
        assert!(
            all.iter()
                .any(|one| one.target == RevocationTarget::Session(session)),
            "{all:?}"
        );
    }
}

/// A password that is known to others opens nothing, and its owner is told.
pub(super) async fn nist_3_1_1_2_an_operator_requires_a_change(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let live = world.signed_in("ada@example.org").await;
    let user_id = live.profile.user.id;
    let passwords = world.gk.passwords();
    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let older = world.mailed_token().await;
    let administration = world.gk.administration();
    for mails in [1, 0] {
        administration
            .require_password_change(&world.cx, user_id)
            .await
            .unwrap();
        assert_eq!(world.mails().await.len(), mails);
    }
    assert_eq!(world.count(Event::PasswordChangeRequired).await, 1);
    let row = world.newest(Event::PasswordChangeRequired).await;
    assert_eq!(row.target, Some(user_id));
    assert_eq!(row.reason.as_deref(), Some("required_by_operator"));
    assert!(!world.believes(&live).await);
    let refreshed = world.refresh(&live).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    let answer = world.sign_in_with("ada@example.org", PASSWORD).await;
    assert_eq!(code(answer), "password.change_required");
    let wrong = world.sign_in_with("ada@example.org", "wrong").await;
    assert_eq!(code(wrong), "password.invalid_credentials");
    let new = SecretString::new("birch-falcon-37-harbour");
    let answer = passwords.reset(&world.cx, &older, &new).await;
    assert_eq!(code(answer), "token.invalid");

    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    // Of all passwords not this one.
    let answer = passwords.reset(&world.cx, &token, &PASSWORD.into()).await;
    assert_eq!(code(answer), "request.invalid");
    passwords.reset(&world.cx, &token, &new).await.unwrap();
    // Every token of the second in which it was made void is refused.
    world.advance(Duration::from_secs(1));
    let fresh = world
        .sign_in_with("ada@example.org", new.expose())
        .await
        .unwrap();
    assert!(world.believes(&fresh).await);
    let nobody = UserId::new(
        gatekeeper_core::env::Clock::now(&world.clock),
        &gatekeeper_core::testing::SeededRandom::new(98),
    );
    let answer = administration
        .require_password_change(&world.cx, nobody)
        .await;
    assert_eq!(code(answer), "account.not_found");
}
