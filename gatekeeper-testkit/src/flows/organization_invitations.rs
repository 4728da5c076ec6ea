//! Who comes into an organisation.

use std::time::Duration;

use gatekeeper_core::model::{MfaRequirement, PageRequest, SecretString};

use super::{
    invitations::{invitation, signed_in},
    organizations::{texts, with_roles},
    world::{World, code, put_factor},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CAT: &str = "cat@example.org";
const PAGE: fn() -> PageRequest = || PageRequest::first(100);

pub(super) async fn a_member_invites_to_the_active_organization(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let (_, lead) = world.acting(ADA, first.id, &["lead"]).await;
    let organizations = world.gk.organizations();
    let cx = &world.cx;
    // Whatever the input says of another.
    let input = invitation(BOB, &["editor"], Some(second.id));
    let made = organizations.invite(cx, &lead, input).await.unwrap();
    assert_eq!(made.organization_id, Some(first.id));
    let mail = world.mail().await;
    assert!(
        mail.text.contains("The first with Gatekeeper"),
        "{}",
        mail.text
    );
    let token = super::world::token_of(&mail);
    let details = world.gk.invitations().inspect(cx, &token).await.unwrap();
    assert_eq!(
        details.organization,
        Some((first.id, "The first".to_owned()))
    );
    let session = signed_in(world.accept(&token).await);
    let user = session.profile.user.id;
    // A member of the organisation, and nobody in the tenant.
    assert_eq!(session.profile.authority.roles, ["user"]);
    let mut members = world.members_of(first.id).await;
    members.retain(|(member, _)| *member == user);
    assert_eq!(members, [(user, texts(&["editor"]))]);
    world.mails().await;
    let again = organizations
        .invite(cx, &lead, invitation(BOB, &["lead"], None))
        .await;
    assert_eq!(code(again), "invitation.already_member");
    // The same address may be invited to another organisation, and to the tenant.
    let administration = world.gk.administration();
    let other = invitation(BOB, &["editor"], Some(second.id));
    let elsewhere = administration.invite(cx, other).await.unwrap();
    let in_tenant = administration
        .invite(cx, invitation(BOB, &["editor"], None))
        .await;
    let in_tenant = in_tenant.unwrap();
    assert_eq!(world.mails().await.len(), 2);

    // Those are none of the first organisation's.
    world.advance(Duration::from_mins(2));
    for id in [elsewhere.id, in_tenant.id] {
        let revoked = organizations.revoke_invitation(cx, &lead, id).await;
        assert_eq!(code(revoked), "invitation.not_found");
        let resent = organizations.resend_invitation(cx, &lead, id).await;
        assert_eq!(code(resent), "invitation.not_found");
    }
    let listed = organizations.invitations(cx, &lead, PAGE()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let made = organizations
        .invite(cx, &lead, invitation(CAT, &[], None))
        .await
        .unwrap();
    world.advance(Duration::from_mins(2));
    organizations
        .resend_invitation(cx, &lead, made.id)
        .await
        .unwrap();
    organizations
        .revoke_invitation(cx, &lead, made.id)
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
}

/// CVE-2024-64708, in an organisation.
pub(super) async fn row_54_an_invitation_to_an_organization_needs_its_giver(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let (_, lead) = world.acting(ADA, first.id, &["lead"]).await;
    // What the giver has elsewhere counts for nothing.
    world.member(second.id, lead.user_id, &["owner"]).await;
    let organizations = world.gk.organizations();
    let invite = async || -> SecretString {
        let input = invitation(BOB, &["editor"], None);
        organizations.invite(&world.cx, &lead, input).await.unwrap();
        world.mailed_token().await
    };
    let token = invite().await;
    world
        .edit_role("editor", &["articles:write", "money:write"])
        .await;
    world.assert_dead(&token, "inviter_lacks_reach").await;
    world.edit_role("editor", &["articles:write"]).await;
    world.member(first.id, lead.user_id, &["editor"]).await;
    world.assert_dead(&token, "inviter_lacks_permission").await;
    let administration = world.gk.administration();
    let removed = administration.remove_organization_member(&world.cx, first.id, lead.user_id);
    removed.await.unwrap();
    world.assert_dead(&token, "inviter_lacks_permission").await;
    world.member(first.id, lead.user_id, &["lead"]).await;
    assert!(
        world
            .gk
            .invitations()
            .inspect(&world.cx, &token)
            .await
            .is_ok()
    );
    administration
        .delete_organization(&world.cx, first.id)
        .await
        .unwrap();
    world.assert_dead(&token, "unknown_token").await;
}

pub(super) async fn row_22_roles_of_an_organization_ask_for_a_second_factor(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        let required = MfaRequirement::Required;
        config.mfa.by_role.insert("owner".to_owned(), required);
    })
    .await;
    world.role("owner", &["*"]).await;
    let first = world.organization("first").await;
    let user = world.verified(ADA).await;
    world.member(first.id, user, &["owner"]).await;
    let session = world.sign_in(ADA).await;
    let refused = world.switch(&session, Some(first.id)).await;
    assert_eq!(code(refused), "access.step_up_required");
    assert!(world.believes(&session).await);
    // One that exists, but was not shown in this session, is not enough.
    put_factor(&world, user, "totp").await;
    let refused = world.switch(&session, Some(first.id)).await;
    assert_eq!(code(refused), "access.step_up_required");
}
