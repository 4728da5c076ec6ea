//! Which invitations nobody can accept.

use std::time::Duration;

use gatekeeper_core::{
    Error,
    env::Clock,
    model::{Event, RoleName, TenantSettings},
};

use super::{
    invitations::{ROOT, invitation, signed_in, with_root},
    world::{PASSWORD, change_user, code},
};
use crate::{sample, store::StoreFixture};

const NEW: &str = "new@example.org";
const WEEK: Duration = Duration::from_hours(168);
const TICK: Duration = Duration::from_micros(1);

/// CVE-2025-13324: at the instant itself, and a microsecond before.
pub(super) async fn row_54_an_invitation_expires_at_the_exact_instant(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let late = world.invited(&root, NEW, &["editor"]).await;
    world.advance(WEEK.checked_sub(TICK).unwrap());
    let details = world.gk.invitations().inspect(&world.cx, &late).await;
    assert!(details.is_ok());
    world.advance(TICK);
    world.assert_dead(&late, "unknown_token").await;
    world.advance(Duration::from_secs(1));
    world.assert_dead(&late, "unknown_token").await;

    let root = world.sign_in(ROOT).await;
    let root = world.identity(&root).await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let mut input = invitation(NEW, &["editor"], None);
    input.expires_in = Some(Duration::from_mins(1));
    administration.invite(&world.cx, input).await.unwrap();
    let token = world.mailed_token().await;
    world.clock.advance(
        Duration::from_mins(1)
            .checked_sub(TICK)
            .unwrap()
            .checked_sub(Duration::from_millis(1))
            .unwrap(),
    );
    signed_in(world.accept(&token).await);
}

/// CVE-2025-64708: used again, and by many at once.
pub(super) async fn row_54_an_invitation_is_used_once(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    for known in [false, true] {
        let email = if known { "old@example.org" } else { NEW };
        if known {
            world.verified(email).await;
        }
        let token = world.invited(&root, email, &["editor"]).await;
        let accepted = world.count(Event::InvitationAccepted).await;
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (world, token) = (world.clone(), token.clone());
            tries.spawn(async move { world.accept(&token).await });
        }
        let answers = tries.join_all().await;
        let opened = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(opened, 1, "{known}: {answers:?}");
        for refused in answers.into_iter().filter(Result::is_err) {
            assert_eq!(code(refused), "token.invalid");
        }
        assert_eq!(
            world.count(Event::InvitationAccepted).await,
            accepted + 1,
            "{known}"
        );
        world.mails().await;
        world.assert_dead(&token, "unknown_token").await;
    }
}

pub(super) async fn row_54_a_revoked_invitation_is_dead(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let made = world.invite(&root, NEW, &["editor"]).await.unwrap();
    let token = world.mailed_token().await;
    let administration = world.gk.administration().on_behalf_of(&root);
    administration
        .revoke_invitation(&world.cx, made.id)
        .await
        .unwrap();
    world.assert_dead(&token, "unknown_token").await;
    let again = administration.revoke_invitation(&world.cx, made.id).await;
    assert_eq!(code(again), "invitation.settled");
    world.advance(Duration::from_mins(2));
    let resent = administration.resend_invitation(&world.cx, made.id).await;
    assert_eq!(code(resent), "invitation.settled");
    assert_eq!(world.count(Event::InvitationRevoked).await, 1);
}

pub(super) async fn row_54_a_newer_invitation_or_mail_ends_the_older(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let first = world.invited(&root, NEW, &["editor"]).await;
    let second = world.invite(&root, "NEW@example.org", &[]).await.unwrap();
    world.assert_dead(&first, "unknown_token").await;
    let token = world.mailed_token().await;

    let administration = world.gk.administration().on_behalf_of(&root);
    // A minute of rest, to the instant.
    world.clock.set(
        second
            .sent_at
            .after(Duration::from_mins(1).checked_sub(TICK).unwrap()),
    );
    let refused = administration.resend_invitation(&world.cx, second.id).await;
    let Err(Error::RateLimited(limited)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(limited.retry_after, TICK);
    assert!(world.mails().await.is_empty());
    world.advance(TICK);
    let resent = administration.resend_invitation(&world.cx, second.id).await;
    assert_eq!(resent.unwrap().expires_at, world.clock.now().after(WEEK));
    // At once, not when the newer is mailed.
    world.assert_dead(&token, "unknown_token").await;
    let newest = world.mailed_token().await;
    signed_in(world.accept(&newest).await);
    assert_eq!(world.count(Event::InvitationResent).await, 1);

    // An expired one is mailed anew.
    let expired = world.invite(&root, "late@example.org", &[]).await.unwrap();
    world.mails().await;
    world.advance(WEEK);
    let root = world.sign_in(ROOT).await;
    let root = world.identity(&root).await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let resent = administration
        .resend_invitation(&world.cx, expired.id)
        .await;
    resent.unwrap();
    let token = world.mailed_token().await;
    signed_in(world.accept(&token).await);
}

/// CVE-2026-43913: by somebody with another address, who has the link.
pub(super) async fn row_54_another_address_accepts_nothing(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let eve = world.signed_in("eve@example.org").await;
    let who = world.identity(&eve).await;
    world.mails().await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    let joined = world.gk.invitations().join(&world.cx, &who, &token).await;
    assert_eq!(code(joined), "token.invalid");
    let refused = world.newest(Event::TokenRefused).await;
    assert_eq!(refused.reason.as_deref(), Some("other_address"));
    assert!(world.roles_of("eve@example.org").await.is_empty());

    // The owner of the address, who changed it meanwhile, has another one now.
    let user = world.verified(NEW).await;
    let own = world.sign_in(NEW).await;
    let own = world.identity(&own).await;
    world.mails().await;
    change_user(&world, user, |user| {
        user.email = sample::email("elsewhere@example.org");
    })
    .await;
    let joined = world.gk.invitations().join(&world.cx, &own, &token).await;
    assert_eq!(code(joined), "token.invalid");
    assert!(world.roles_of("elsewhere@example.org").await.is_empty());
    // It is good still, for whoever reads the mailbox.
    let session = signed_in(world.accept(&token).await);
    assert_ne!(session.profile.user.id, user);
}

/// CVE-2024-64708: whoever invited could not do so any more.
pub(super) async fn row_54_the_inviters_right_is_looked_at_again(fixture: StoreFixture) {
    let (world, _) = with_root(fixture).await;
    let inviter = ["invitations:write", "articles:*"];
    world.role("inviter", &inviter).await;
    world.role("other", &["articles:*"]).await;
    let lead = world.holder("lead@example.org", "inviter").await;
    world.grant(lead.user_id, "other").await;
    let token = world.invited(&lead, NEW, &["editor"]).await;

    // The role became more than the inviter reaches.
    world
        .edit_role("editor", &["articles:write", "users:delete"])
        .await;
    world.assert_dead(&token, "inviter_lacks_reach").await;
    world.edit_role("editor", &["articles:write"]).await;
    // The inviter lost the permission.
    world.ungrant(lead.user_id, "inviter").await;
    world.assert_dead(&token, "inviter_lacks_permission").await;
    world.grant(lead.user_id, "inviter").await;
    // The inviter's own role became less.
    world.edit_role("inviter", &["invitations:write"]).await;
    world.ungrant(lead.user_id, "other").await;
    world.assert_dead(&token, "inviter_lacks_reach").await;
    world.edit_role("inviter", &inviter).await;
    // The inviter was disabled.
    let administration = world.gk.administration();
    administration
        .disable(&world.cx, lead.user_id)
        .await
        .unwrap();
    world.assert_dead(&token, "inviter_inactive").await;
    administration
        .enable(&world.cx, lead.user_id)
        .await
        .unwrap();
    // The inviter is gone, and leaves nobody's word behind.
    let kept = world.gk.invitations().inspect(&world.cx, &token).await;
    assert!(kept.is_ok());
    let mut tx = world.repository.begin().await.unwrap();
    let users = tx.users();
    assert!(
        users
            .delete(world.cx.tenant_id, lead.user_id)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let gone = world.gk.invitations().inspect(&world.cx, &token).await;
    assert_eq!(code(gone), "token.invalid");
    assert_eq!(code(world.accept(&token).await), "token.invalid");
    assert_eq!(world.count(Event::InvitationAccepted).await, 0);
}

pub(super) async fn row_54_what_it_gives_must_be_there_still(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    let settings = |domains: Option<&str>| TenantSettings {
        email_domains: domains.map(|domain| [domain.to_owned()].into()),
        ..TenantSettings::default()
    };
    let tenant = world.cx.tenant_id;
    let change = async |settings, suspended| {
        let mut tx = world.repository.begin().await.unwrap();
        let mut row = tx.tenants().find(tenant).await.unwrap().unwrap();
        row.settings = settings;
        row.suspended_at = suspended;
        tx.tenants().update(&row).await.unwrap();
        tx.commit().await.unwrap();
    };
    change(settings(Some("example.com")), None).await;
    world.assert_dead(&token, "domain_not_allowed").await;
    change(settings(None), Some(world.clock.now())).await;
    world.assert_dead(&token, "tenant_suspended").await;
    change(settings(Some("example.org")), None).await;

    let mut tx = world.repository.begin().await.unwrap();
    let name = RoleName::parse("editor").unwrap();
    assert!(tx.roles().delete(tenant, &name).await.unwrap());
    tx.commit().await.unwrap();
    world.assert_dead(&token, "role_gone").await;
}

/// CVE-2023-48220: an invitation that has expired is not accepted by another way into the account.
pub(super) async fn row_54_no_other_mail_stands_in_for_an_invitation(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    // No account comes of being invited, so there is none to reset.
    let link = world.invited(&root, NEW, &["editor"]).await;
    let passwords = world.gk.passwords();
    passwords.request_reset(&world.cx, NEW).await.unwrap();
    let accounts = world.gk.accounts();
    accounts.request_verification(&world.cx, NEW).await.unwrap();
    assert!(world.mails().await.is_empty());
    let reset = passwords.reset(&world.cx, &link, &PASSWORD.into()).await;
    assert_eq!(code(reset), "token.invalid");
    let verified = accounts.verify_email(&world.cx, &link).await;
    assert_eq!(code(verified), "token.invalid");
    let magic = world.gk.magic_links().redeem(&world.cx, &link, None).await;
    assert_eq!(code(magic), "token.invalid");

    // A sign-up, its verification and a reset leave the invitation as it is.
    world.verified(NEW).await;
    passwords.request_reset(&world.cx, NEW).await.unwrap();
    let reset = world.mailed_token().await;
    world.assert_dead(&reset, "unknown_token").await;
    let other = "birch-falcon-37-harbour";
    passwords
        .reset(&world.cx, &reset, &other.into())
        .await
        .unwrap();
    world.sign_in_with(NEW, other).await.unwrap();
    assert!(world.roles_of(NEW).await.is_empty());
    assert_eq!(world.count(Event::InvitationAccepted).await, 0);
    world.advance(WEEK);
    world.assert_dead(&link, "unknown_token").await;
    assert!(world.roles_of(NEW).await.is_empty());
}
