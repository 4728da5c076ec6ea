//! Organisations: who belongs to them, what a membership gives and where, and going from one to another.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    Error, Identity, NewOrganization, OrganizationChanges, SignedIn,
    model::{Event, Organization, OrganizationId, PageRequest, UserId},
};
use serde_json::Map;

use super::{
    invitations::{ROOT, invitation},
    tenants::second_tenant,
    world::{World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CAT: &str = "cat@example.org";
const PAGE: fn() -> PageRequest = || PageRequest::first(100);

impl World {
    pub(super) async fn organization(&self, slug: &str) -> Organization {
        let administration = self.gk.administration();
        let made = administration
            .create_organization(&self.cx, new(slug))
            .await;
        made.unwrap()
    }

    /// Makes somebody a member, as an operator.
    pub(super) async fn member(&self, organization: OrganizationId, user: UserId, roles: &[&str]) {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let administration = self.gk.administration();
        let put = administration.put_organization_member(&self.cx, organization, user, &roles);
        put.await.unwrap();
    }

    pub(super) async fn switch(
        &self,
        signed_in: &SignedIn,
        to: Option<OrganizationId>,
    ) -> Result<SignedIn, Error> {
        let who = self.identity(signed_in).await;
        self.gk.organizations().switch(&self.cx, &who, to).await
    }

    /// A verified account that acts in an organisation with these roles.
    pub(super) async fn acting(
        &self,
        email: &str,
        organization: OrganizationId,
        roles: &[&str],
    ) -> (SignedIn, Arc<Identity>) {
        let user = self.verified(email).await;
        self.member(organization, user, roles).await;
        let session = self.sign_in(email).await;
        let session = self.switch(&session, Some(organization)).await.unwrap();
        self.mails().await;
        let mut who = (*self.identity(&session).await).clone();
        // As in the claim of the token.
        who.organization = session.profile.authority.organization.clone();
        (session, Arc::new(who))
    }

    pub(super) async fn members_of(
        &self,
        organization: OrganizationId,
    ) -> Vec<(UserId, Vec<String>)> {
        let administration = self.gk.administration();
        let found = administration.organization_members(&self.cx, organization, PAGE());
        let found = found.await.unwrap().items.into_iter().map(|member| {
            let roles = &member.membership.roles;
            let roles = roles.iter().map(|role| role.as_str().to_owned());
            (member.membership.user_id, roles.collect())
        });
        found.collect()
    }
}

pub(super) fn new(slug: &str) -> NewOrganization {
    NewOrganization {
        slug: slug.to_owned(),
        name: format!("The {slug}"),
        metadata: Map::new(),
    }
}

pub(super) fn texts(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|&role| role.to_owned()).collect()
}

/// A world with the roles of two organisations.
pub(super) async fn with_roles(fixture: StoreFixture) -> (World, Organization, Organization) {
    let world = World::new(fixture).await;
    world.role("owner", &["*"]).await;
    let lead = ["members:*", "invitations:*", "articles:*"];
    world.role("lead", &lead).await;
    world.role("editor", &["articles:write"]).await;
    world.role("treasurer", &["money:write"]).await;
    let first = world.organization("first").await;
    let second = world.organization("second").await;
    (world, first, second)
}

pub(super) async fn an_organization_from_its_beginning_to_its_end(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let root = world.holder(ROOT, "admin").await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let taken = administration
        .create_organization(&world.cx, new("first"))
        .await;
    assert_eq!(code(taken), "organization.slug_taken");
    for (slug, name) in [
        ("", "x"),
        ("Big", "x"),
        ("-a", "x"),
        ("a", ""),
        ("a", " x"),
        ("a", "a\nb"),
    ] {
        let wrong = NewOrganization {
            slug: slug.to_owned(),
            name: name.to_owned(),
            metadata: Map::new(),
        };
        let refused = administration.create_organization(&world.cx, wrong).await;
        assert_eq!(code(refused), "request.invalid", "{slug:?} {name:?}");
    }
    let changes = OrganizationChanges {
        slug: Some("second".to_owned()),
        ..OrganizationChanges::default()
    };
    let taken = administration
        .update_organization(&world.cx, first.id, changes)
        .await;
    assert_eq!(code(taken), "organization.slug_taken");
    let changes = OrganizationChanges {
        name: Some("Another".to_owned()),
        ..OrganizationChanges::default()
    };
    let changed = administration
        .update_organization(&world.cx, first.id, changes)
        .await;
    let changed = changed.unwrap();
    assert_eq!(
        (changed.name.as_str(), &changed.slug),
        ("Another", &first.slug)
    );
    let found = administration.organization(&world.cx, first.id).await;
    assert_eq!(found.unwrap(), changed);
    let listed = administration
        .organizations(&world.cx, PAGE())
        .await
        .unwrap();
    let mut ids: Vec<_> = listed.items.iter().map(|found| found.id).collect();
    ids.sort_unstable();
    let mut both = [first.id, second.id];
    both.sort_unstable();
    assert_eq!(ids, both);
    administration
        .delete_organization(&world.cx, first.id)
        .await
        .unwrap();
    let again = administration
        .delete_organization(&world.cx, first.id)
        .await;
    assert_eq!(code(again), "organization.not_found");
    for event in [Event::OrganizationUpdated, Event::OrganizationDeleted] {
        assert_eq!(world.newest(event).await.actor, Some(root.user_id));
    }
}

pub(super) async fn a_user_of_two_organizations_goes_from_one_to_the_other(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let user = world.verified(ADA).await;
    world.grant(user, "treasurer").await;
    world.member(first.id, user, &["editor"]).await;
    world.member(second.id, user, &["lead"]).await;
    let old = world.sign_in(ADA).await;
    let who = world.identity(&old).await;
    let own = world.gk.organizations().list(&world.cx, &who, PAGE()).await;
    assert_eq!(own.unwrap().items.len(), 2);

    world.advance(Duration::from_hours(1));
    let old = world.refresh(&old).await.unwrap();
    let one = world.switch(&old, Some(first.id)).await.unwrap();
    assert_ne!(one.session.id, old.session.id);
    assert!(!world.believes(&old).await && world.refresh(&old).await.is_err());
    // It lives no longer than the old one, and says the same of the sign-in.
    assert_eq!(
        one.session.absolute_expires_at,
        old.session.absolute_expires_at
    );
    assert_eq!(one.session.authenticated_at, old.session.authenticated_at);
    assert_eq!(one.session.methods, old.session.methods);
    assert_eq!(one.session.device_id, old.session.device_id);
    assert_eq!(one.session.organization_id, Some(first.id));
    let active = one.profile.authority.organization.clone().unwrap();
    assert_eq!((active.id, active.roles), (first.id, texts(&["editor"])));
    // What one has in the tenant is as it was.
    assert_eq!(one.profile.authority.permissions, ["money:write"]);

    let refreshed = world.refresh(&one).await.unwrap();
    let active = refreshed.profile.authority.organization.unwrap();
    assert_eq!(active.id, first.id);
    // A retry of the same refresh, too.
    let retried = world.refresh(&one).await.unwrap();
    let active = retried.profile.authority.organization.as_ref();
    assert_eq!(active.unwrap().id, first.id);

    let two = world.switch(&retried, Some(second.id)).await.unwrap();
    let active = two.profile.authority.organization.clone().unwrap();
    assert_eq!((active.id, active.roles), (second.id, texts(&["lead"])));
    let none = world.switch(&two, None).await.unwrap();
    assert!(none.profile.authority.organization.is_none());
    assert_eq!(
        none.session.absolute_expires_at,
        old.session.absolute_expires_at
    );
    assert_eq!(world.count(Event::OrganizationSwitched).await, 3);
    let who = world.identity(&none).await;
    let organizations = world.gk.organizations();
    let gone = organizations.switch(&world.cx, &who, Some(first.id)).await;
    gone.unwrap();
    // The session of that token is over now.
    let again = world.gk.organizations().switch(&world.cx, &who, None).await;
    assert_eq!(code(again), "access.invalid_token");
    let mut acted = (*who).clone();
    acted.actor = Some(user);
    let again = world
        .gk
        .organizations()
        .switch(&world.cx, &acted, None)
        .await;
    assert_eq!(code(again), "access.impersonating");
}

/// A session that was switched lives out its time to the instant, however often it is switched.
pub(super) async fn row_51_switching_prolongs_nothing(fixture: StoreFixture) {
    let (world, first, _) = with_roles(fixture).await;
    let user = world.verified(ADA).await;
    world.member(first.id, user, &["editor"]).await;
    let mut session = world.sign_in(ADA).await;
    let end = session.session.absolute_expires_at;
    let to = [Some(first.id), None];
    for step in 0..29 {
        world.advance(Duration::from_hours(24));
        session = world.refresh(&session).await.unwrap();
        session = world.switch(&session, to[step % 2]).await.unwrap();
        assert_eq!(session.session.absolute_expires_at, end);
        assert!(session.session.idle_expires_at <= end);
    }
    world.clock.set(end.before(Duration::from_micros(1)));
    let session = world.refresh(&session).await.unwrap();
    world.clock.set(end);
    assert!(world.refresh(&session).await.is_err());
}

pub(super) async fn row_52_where_one_is_no_member_there_is_no_organization(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let (session, who) = world.acting(ADA, first.id, &["lead"]).await;
    let other = second_tenant(&world).await;
    let foreign = other.organization("first").await;
    for organization in [second.id, foreign.id] {
        let switched = world.switch(&session, Some(organization)).await;
        assert_eq!(code(switched), "organization.not_found");
        let left = world
            .gk
            .organizations()
            .leave(&world.cx, &who, organization)
            .await;
        assert_eq!(code(left), "organization.not_found");
    }
    assert!(world.believes(&session).await);
    assert_eq!(world.count(Event::OrganizationSwitched).await, 1);

    // Nor after every factor, where no rule of factors stands before it.
    let (_, app) = world.with_app(BOB).await;
    let pending = world.first_step(&world.cx, BOB).await;
    let of_app = app.next_code(&world);
    let both = world.second_step(&world.cx, &pending, &of_app).await;
    let both = both.unwrap();
    let switched = world.switch(&both, Some(second.id)).await;
    assert_eq!(code(switched), "organization.not_found");

    // Another tenant's administrator finds nothing of this one's.
    let root = other.holder(ROOT, "admin").await;
    let administration = other.gk.administration().on_behalf_of(&root);
    let cx = &other.cx;
    let changes = OrganizationChanges::default();
    for refused in [
        code(administration.organization(cx, first.id).await),
        code(
            administration
                .update_organization(cx, first.id, changes)
                .await,
        ),
        code(administration.delete_organization(cx, first.id).await),
        code(
            administration
                .organization_members(cx, first.id, PAGE())
                .await,
        ),
        code(
            administration
                .invite(cx, invitation(BOB, &[], Some(first.id)))
                .await,
        ),
    ] {
        assert_eq!(refused, "organization.not_found");
    }
    let put = administration
        .put_organization_member(cx, foreign.id, who.user_id, &[])
        .await;
    assert_eq!(code(put), "account.not_found");
    let put = administration
        .put_organization_member(cx, first.id, root.user_id, &[])
        .await;
    assert_eq!(code(put), "organization.not_found");
    let removed = administration
        .remove_organization_member(cx, first.id, who.user_id)
        .await;
    assert_eq!(code(removed), "account.not_found");
    let listed = administration.organizations(cx, PAGE()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(world.members_of(first.id).await.len(), 1);
}

/// CVE-2026-94000, as far as it goes: what is an owner of an organisation is nobody in the tenant, nor in another organisation.
pub(super) async fn row_53_a_membership_opens_nothing_in_the_tenant(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let (session, who) = world.acting(ADA, first.id, &["owner"]).await;
    let bob = world.verified(BOB).await;
    world.member(second.id, bob, &["editor"]).await;
    world.mails().await;
    assert!(who.permissions.is_empty() && !who.has_role("owner"));
    assert!(!who.has_permission("users:read") && !who.has_permission("*"));
    assert!(who.has_organization_permission("members:write"));
    assert!(!who.has_organization_permission("tenants:read"));

    // Even one who says of themselves that they have it all is asked in the store.
    let mut liar = (*who).clone();
    liar.permissions = texts(&["*"]);
    let cx = &world.cx;
    for by in [&*who, &liar] {
        let administration = world.gk.administration().on_behalf_of(by);
        for refused in [
            code(administration.invite(cx, invitation(CAT, &[], None)).await),
            code(
                administration
                    .invite(cx, invitation(CAT, &[], Some(first.id)))
                    .await,
            ),
            code(administration.create_organization(cx, new("third")).await),
            code(administration.delete_organization(cx, first.id).await),
            code(
                administration
                    .put_organization_member(cx, first.id, bob, &[])
                    .await,
            ),
            code(
                administration
                    .remove_organization_member(cx, second.id, bob)
                    .await,
            ),
        ] {
            assert_eq!(refused, "access.forbidden");
        }
    }
    let administration = world.gk.administration().on_behalf_of(&who);
    let listed = administration.organizations(cx, PAGE()).await;
    assert_eq!(code(listed), "access.forbidden");
    let listed = administration
        .organization_members(cx, second.id, PAGE())
        .await;
    assert_eq!(code(listed), "access.forbidden");
    // Nobody of another organisation, whatever the token says of it: the session decides.
    let mut astray = (*who).clone();
    astray.organization.as_mut().unwrap().id = second.id;
    let organizations = world.gk.organizations();
    let removed = organizations.remove_member(cx, &astray, bob).await;
    assert_eq!(code(removed), "organization.member_not_found");
    let put = organizations
        .put_member(cx, &astray, bob, &texts(&["owner"]))
        .await;
    assert_eq!(code(put), "organization.member_not_found");
    organizations
        .invite(cx, &astray, invitation(CAT, &[], None))
        .await
        .unwrap();
    let made = world.newest(Event::InvitationCreated).await;
    assert_eq!(made.details["organization_id"], first.id.to_string());
    assert_eq!(world.members_of(second.id).await.len(), 1);
    drop(session);
}

/// CVE-2026-55077 and CVE-2026-94000, within an organisation.
pub(super) async fn row_53_members_reach_as_far_as_their_roles_there(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let (_, owner) = world
        .acting("owner@example.org", first.id, &["owner"])
        .await;
    let (_, lead) = world.acting(ADA, first.id, &["lead"]).await;
    let (_, plain) = world.acting(BOB, first.id, &["editor"]).await;
    let cat = world.verified(CAT).await;
    world.member(second.id, cat, &["editor"]).await;
    // What one has in another organisation is nothing here.
    world.member(second.id, lead.user_id, &["owner"]).await;
    world.mails().await;
    let before = world.members_of(first.id).await;
    let (cx, organizations) = (&world.cx, world.gk.organizations());
    let editor = texts(&["editor"]);
    for (by, user, roles, refusal) in [
        (&plain, plain.user_id, &["owner"][..], "access.forbidden"),
        (
            &lead,
            lead.user_id,
            &["owner"][..],
            "access.insufficient_rank",
        ),
        (
            &lead,
            plain.user_id,
            &["treasurer"][..],
            "access.insufficient_rank",
        ),
        (
            &lead,
            owner.user_id,
            &["editor"][..],
            "access.insufficient_rank",
        ),
        (&lead, plain.user_id, &["nobody"][..], "role.not_found"),
        // Nobody is made a member who did not ask for it.
        (
            &owner,
            cat,
            &["editor"][..],
            "organization.member_not_found",
        ),
    ] {
        let put = organizations.put_member(cx, by, user, &texts(roles)).await;
        assert_eq!(code(put), refusal, "{roles:?}");
    }
    for (by, user, refusal) in [
        (&plain, lead.user_id, "access.forbidden"),
        (&lead, owner.user_id, "access.insufficient_rank"),
        (&owner, cat, "organization.member_not_found"),
    ] {
        let removed = organizations.remove_member(cx, by, user).await;
        assert_eq!(code(removed), refusal);
    }
    let invited = organizations
        .invite(cx, &lead, invitation(CAT, &["owner"], None))
        .await;
    assert_eq!(code(invited), "access.insufficient_rank");
    let invited = organizations
        .invite(cx, &plain, invitation(CAT, &[], None))
        .await;
    assert_eq!(code(invited), "access.forbidden");
    let listed = organizations.members(cx, &plain, PAGE()).await;
    assert_eq!(code(listed), "access.forbidden");
    let listed = organizations.invitations(cx, &plain, PAGE()).await;
    assert_eq!(code(listed), "access.forbidden");
    assert_eq!(world.members_of(first.id).await, before);

    // Within their reach, they may.
    let listed = organizations.members(cx, &lead, PAGE()).await.unwrap();
    assert_eq!(listed.items.len(), 3);
    organizations
        .put_member(cx, &lead, plain.user_id, &texts(&["lead"]))
        .await
        .unwrap();
    organizations
        .put_member(cx, &owner, lead.user_id, &editor)
        .await
        .unwrap();
    // Fresh from the store: the token of the lead says otherwise.
    let removed = organizations.remove_member(cx, &lead, plain.user_id).await;
    assert_eq!(code(removed), "access.forbidden");
    organizations
        .remove_member(cx, &owner, lead.user_id)
        .await
        .unwrap();
    let put = organizations
        .put_member(cx, &lead, plain.user_id, &editor)
        .await;
    assert_eq!(code(put), "organization.not_found");
    assert_eq!(world.members_of(first.id).await.len(), 2);
}

/// An administrator of the tenant who has few permissions does not reach further by way of an organisation.
pub(super) async fn row_53_administrators_of_organizations_give_what_they_have(
    fixture: StoreFixture,
) {
    let (world, first, _) = with_roles(fixture).await;
    world
        .role("clerk", &["organizations:write", "articles:write"])
        .await;
    let clerk = world.holder("clerk@example.org", "clerk").await;
    let ada = world.verified(ADA).await;
    let root = world.holder(ROOT, "admin").await;
    let owner = world.verified(BOB).await;
    world.member(first.id, owner, &["owner"]).await;
    world.mails().await;
    let (cx, id) = (&world.cx, first.id);
    let administration = world.gk.administration().on_behalf_of(&clerk);
    for (user, roles, refusal) in [
        (ada, &["owner"][..], "access.insufficient_rank"),
        (ada, &["treasurer"][..], "access.insufficient_rank"),
        (owner, &["editor"][..], "access.insufficient_rank"),
        (root.user_id, &["editor"][..], "access.insufficient_rank"),
    ] {
        let put = administration
            .put_organization_member(cx, id, user, &texts(roles))
            .await;
        assert_eq!(code(put), refusal, "{roles:?}");
    }
    let removed = administration
        .remove_organization_member(cx, id, owner)
        .await;
    assert_eq!(code(removed), "access.insufficient_rank");
    let put = administration
        .put_organization_member(cx, id, ada, &texts(&["editor"]))
        .await;
    put.unwrap();
    let listed = administration.organizations(cx, PAGE()).await;
    assert_eq!(code(listed), "access.forbidden");
    administration
        .remove_organization_member(cx, id, ada)
        .await
        .unwrap();
    let again = administration.remove_organization_member(cx, id, ada).await;
    assert_eq!(code(again), "organization.member_not_found");
    assert_eq!(world.members_of(id).await, [(owner, texts(&["owner"]))]);
}

/// Whichever way a membership ends, what it gave ends with it.
pub(super) async fn row_52_a_membership_that_ended_gives_nothing(fixture: StoreFixture) {
    let (world, first, second) = with_roles(fixture).await;
    let organizations = world.gk.organizations();
    let cx = &world.cx;
    let (left, by_leaving) = world.acting(ADA, first.id, &["lead"]).await;
    let (removed, by_removal) = world.acting(BOB, first.id, &["lead"]).await;
    let (deleted, by_deletion) = world.acting(CAT, second.id, &["lead"]).await;
    organizations
        .leave(cx, &by_leaving, first.id)
        .await
        .unwrap();
    let again = organizations.leave(cx, &by_leaving, first.id).await;
    assert_eq!(code(again), "organization.not_found");
    let administration = world.gk.administration();
    let taken = administration.remove_organization_member(cx, first.id, by_removal.user_id);
    taken.await.unwrap();
    administration
        .delete_organization(cx, second.id)
        .await
        .unwrap();
    for (session, who) in [
        (&left, &by_leaving),
        (&removed, &by_removal),
        (&deleted, &by_deletion),
    ] {
        let put = organizations.put_member(cx, who, who.user_id, &[]).await;
        assert_eq!(code(put), "organization.not_found");
        let invited = organizations
            .invite(cx, who, invitation("x@example.org", &[], None))
            .await;
        assert_eq!(code(invited), "organization.not_found");
        let refreshed = world.refresh(session).await.unwrap();
        assert!(refreshed.profile.authority.organization.is_none());
        let back = world
            .switch(&refreshed, who.organization.as_ref().map(|it| it.id))
            .await;
        assert_eq!(code(back), "organization.not_found");
    }
    assert!(world.members_of(first.id).await.is_empty());
}
