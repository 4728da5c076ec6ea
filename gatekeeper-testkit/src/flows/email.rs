use std::sync::Arc;

use gatekeeper_core::{
    config::EmailVerification,
    model::{EmailAddress, Event},
};

use super::world::{
    PASSWORD, World, change_user, code, optional_verification, sign_up, token_of, token_to,
};
use crate::store::StoreFixture;

const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

pub(super) async fn verification_opens_the_account(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    assert_eq!(
        code(world.sign_in_with("ada@example.org", PASSWORD).await),
        "account.email_unverified"
    );
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    let signed_in = world.sign_in("ada@example.org").await;
    assert!(signed_in.profile.user.email_verified());
    world.newest(Event::EmailVerified).await;
}

pub(super) async fn a_verification_link_works_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let token = world.mailed_token().await;
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &token)
        .await
        .unwrap();
    assert_eq!(
        code(world.gk.accounts().verify_email(&world.cx, &token).await),
        "token.invalid"
    );
    assert_eq!(
        world.newest(Event::TokenRefused).await.reason.as_deref(),
        Some("unknown_token")
    );
}

pub(super) async fn a_newer_verification_link_ends_the_older(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let older = world.mailed_token().await;
    world
        .gk
        .accounts()
        .request_verification(&world.cx, "Ada@Example.org")
        .await
        .unwrap();
    let newer = world.mailed_token().await;
    assert_eq!(
        code(world.gk.accounts().verify_email(&world.cx, &older).await),
        "token.invalid"
    );
    world
        .gk
        .accounts()
        .verify_email(&world.cx, &newer)
        .await
        .unwrap();
    // Nothing is left to verify: asking again mails nothing.
    world.mails().await;
    world
        .gk
        .accounts()
        .request_verification(&world.cx, "ada@example.org")
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
}

pub(super) async fn changing_the_address_takes_its_new_owner(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("old@example.org").await;
    let who = world.identity(&signed_in).await;
    let accounts = world.gk.accounts();
    let wrong = accounts
        .request_email_change(&world.cx, &who, "new@example.org", &"wrong".into())
        .await;
    assert_eq!(code(wrong), "password.current_incorrect");
    assert!(world.mails().await.is_empty());

    accounts
        .request_email_change(&world.cx, &who, "new@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let mut to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["new@example.org", "old@example.org"]);
    // Until the token comes back, nothing has changed.
    world.sign_in("old@example.org").await;
    let link = mails
        .iter()
        .find(|mail| mail.to.as_str() == "new@example.org")
        .unwrap();
    accounts
        .verify_email(&world.cx, &token_of(link))
        .await
        .unwrap();
    let notice = world.mail().await;
    assert_eq!(notice.to.as_str(), "old@example.org");
    assert_eq!(
        code(world.sign_in_with("old@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    let again = world.sign_in("new@example.org").await;
    assert!(again.profile.user.email_verified());
    assert_eq!(again.profile.user.id, who.user_id);
    // The session goes on, and its next token has the new address.
    let refreshed = world.refresh(&signed_in).await.unwrap();
    assert_eq!(world.identity(&refreshed).await.email, "new@example.org");
}

pub(super) async fn row_9_a_change_confirms_the_address_it_was_made_for(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    let accounts = world.gk.accounts();
    // The first goes to a mailbox that is ours, the second to one that is not.
    accounts
        .request_email_change(&world.cx, &who, "mine@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let mine = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "mine@example.org")
            .unwrap(),
    );
    accounts
        .request_email_change(&world.cx, &who, "victim@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let theirs = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "victim@example.org")
            .unwrap(),
    );
    assert_eq!(
        code(accounts.verify_email(&world.cx, &mine).await),
        "token.invalid"
    );
    let user = accounts.profile(&world.cx, &who).await.unwrap().user;
    assert_eq!(user.email.as_str(), "ada@example.org");
    accounts.verify_email(&world.cx, &theirs).await.unwrap();
    let user = accounts.profile(&world.cx, &who).await.unwrap().user;
    assert_eq!(user.email.as_str(), "victim@example.org");
}

pub(super) async fn a_change_to_a_taken_address_tells_its_owner_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("owner@example.org").await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "Owner@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let to_owner: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to.as_str() == "owner@example.org")
        .collect();
    assert_eq!(to_owner.len(), 1);
    assert!(!mails.iter().any(|mail| mail.text.contains("#token=")));

    // Taken while the link was on its way: the link then does nothing.
    accounts
        .request_email_change(&world.cx, &who, "late@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let link = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "late@example.org")
            .unwrap(),
    );
    world.verified("late@example.org").await;
    assert_eq!(
        code(accounts.verify_email(&world.cx, &link).await),
        "token.invalid"
    );
    assert_eq!(
        world.newest(Event::TokenRefused).await.reason.as_deref(),
        Some("email_taken")
    );
}

pub(super) async fn a_new_password_stops_a_change_of_address(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "evil@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let link = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "evil@example.org")
            .unwrap(),
    );
    // One more request that the worker has not come to yet.
    accounts
        .request_email_change(&world.cx, &who, "evil@example.org", &PASSWORD.into())
        .await
        .unwrap();
    world.advance(std::time::Duration::from_secs(1));
    world
        .gk
        .passwords()
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(
        code(accounts.verify_email(&world.cx, &link).await),
        "token.invalid"
    );
    let late: Vec<_> = world.mails().await;
    assert!(
        !late
            .iter()
            .any(|mail| mail.to.as_str() == "evil@example.org")
    );
}

/// What somebody leaves in an account with an address that is not theirs is gone when its owner proves the mailbox.
pub(super) async fn row_6_an_unproven_address_is_no_hold_on_its_owner(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    assert_eq!(
        world.gk.config().email.verification,
        EmailVerification::Optional
    );
    let answer = world
        .gk
        .accounts()
        .register(&world.cx, sign_up("victim@example.org"))
        .await
        .unwrap();
    let gatekeeper_core::Registered::SignedIn(squatter) = answer else {
        panic!("{answer:?}")
    };
    let who = world.identity(&squatter).await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "evil@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let change = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "evil@example.org")
            .unwrap(),
    );

    world
        .gk
        .passwords()
        .request_reset(&world.cx, "victim@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    world.advance(std::time::Duration::from_secs(1));
    world
        .gk
        .passwords()
        .reset(&world.cx, &reset, &NEW_PASSWORD.into())
        .await
        .unwrap();

    assert!(!world.believes(&squatter).await);
    assert_eq!(
        code(world.refresh(&squatter).await),
        "session.invalid_refresh_token"
    );
    assert_eq!(
        code(world.sign_in_with("victim@example.org", PASSWORD).await),
        "password.invalid_credentials"
    );
    assert_eq!(
        code(accounts.verify_email(&world.cx, &change).await),
        "token.invalid"
    );
    let owner = world
        .sign_in_with("victim@example.org", NEW_PASSWORD)
        .await
        .unwrap();
    assert!(owner.profile.user.email_verified());
}

/// The token confirms the address it was made for, and no other that the account has got since.
pub(super) async fn a_verification_confirms_the_address_it_was_made_for(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let token = world.mailed_token().await;
    let administration = world.gk.administration();
    let user = administration
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    change_user(&world, user.id, |user| {
        user.email = EmailAddress::parse("victim@example.org").unwrap();
    })
    .await;
    assert_eq!(
        code(world.gk.accounts().verify_email(&world.cx, &token).await),
        "token.invalid"
    );
    assert_eq!(
        world.newest(Event::TokenRefused).await.reason.as_deref(),
        Some("address_changed")
    );
    let user = administration
        .find_user_by_email(&world.cx, "victim@example.org")
        .await
        .unwrap();
    assert!(!user.email_verified());
}

/// Links that went to the old mailbox are of no use once the address has changed.
pub(super) async fn a_change_of_address_ends_every_link(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "neu@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let link = token_to(&world.mails().await, "neu@example.org");
    accounts.verify_email(&world.cx, &link).await.unwrap();
    let row = world.newest(Event::EmailChanged).await;
    assert_eq!(row.target, Some(who.user_id));
    let redeemed = world
        .gk
        .passwords()
        .reset(&world.cx, &reset, &NEW_PASSWORD.into())
        .await;
    assert_eq!(code(redeemed), "token.invalid");
}

pub(super) async fn ones_own_address_can_be_written_anew(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    let accounts = world.gk.accounts();
    let same = accounts
        .request_email_change(&world.cx, &who, "ada@example.org", &PASSWORD.into())
        .await;
    assert_eq!(code(same), "request.invalid");
    assert!(world.mails().await.is_empty());
    accounts
        .request_email_change(&world.cx, &who, "Ada@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let link = token_to(&world.mails().await, "Ada@example.org");
    accounts.verify_email(&world.cx, &link).await.unwrap();
    let user = accounts.profile(&world.cx, &who).await.unwrap().user;
    assert_eq!(user.email.as_str(), "Ada@example.org");
}

pub(super) async fn row_33_fifty_verifications_give_one_success(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    world.register("ada@example.org").await;
    let token = world.mailed_token().await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let token = token.clone();
            tokio::spawn(async move { node.gk.accounts().verify_email(&node.cx, &token).await })
        })
        .collect();
    let mut good = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => good += 1,
            Err(error) => assert_eq!(error.code(), "token.invalid"),
        }
    }
    assert_eq!(good, 1);
    assert_eq!(world.count(Event::EmailVerified).await, 1);
}
