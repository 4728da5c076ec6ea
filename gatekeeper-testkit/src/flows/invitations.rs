//! Invitations: who may invite, and who may accept, when, and how often.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AcceptInvitation, Error, Identity, NewInvitation, Register, RequestContext, SignIn, SignedIn,
    env::Clock,
    model::{
        Event, Invitation, InvitationState, MfaRequirement, OrganizationId, PageRequest, RoleName,
        SecretString, TenantSettings, UserId,
    },
    store::{InvitationFilter, UserFilter},
};

use super::{
    tenants::second_tenant,
    world::{PASSWORD, World, code, optional_verification, token_of},
};
use crate::{sample, store::StoreFixture};

pub(super) const ROOT: &str = "root@example.org";
const NEW: &str = "new@example.org";
const WEEK: Duration = Duration::from_hours(168);

impl World {
    /// Makes a role, as its administrators would.
    pub(super) async fn role(&self, name: &str, permissions: &[&str]) {
        let mut tx = self.repository.begin().await.unwrap();
        let role = sample::role(self.cx.tenant_id, name, permissions);
        tx.roles().insert(&role).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Gives a role other permissions.
    pub(super) async fn edit_role(&self, name: &str, permissions: &[&str]) {
        let mut tx = self.repository.begin().await.unwrap();
        let role = sample::role(self.cx.tenant_id, name, permissions);
        assert!(tx.roles().update(&role).await.unwrap());
        tx.commit().await.unwrap();
    }

    pub(super) async fn grant(&self, user: UserId, role: &str) {
        let administration = self.gk.administration();
        administration
            .grant_role(&self.cx, user, role)
            .await
            .unwrap();
    }

    pub(super) async fn ungrant(&self, user: UserId, role: &str) {
        let mut tx = self.repository.begin().await.unwrap();
        let role = RoleName::parse(role).unwrap();
        let roles = tx.roles();
        assert!(roles.revoke(self.cx.tenant_id, user, &role).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Somebody signed in who has this role.
    pub(super) async fn holder(&self, email: &str, role: &str) -> Arc<Identity> {
        let user = self.verified(email).await;
        self.grant(user, role).await;
        let signed_in = self.sign_in(email).await;
        self.mails().await;
        self.identity(&signed_in).await
    }

    /// The role names of whoever has this address, but for the one everybody has.
    pub(super) async fn roles_of(&self, email: &str) -> Vec<String> {
        let administration = self.gk.administration();
        let found = administration.find_user_by_email(&self.cx, email).await;
        let user = found.unwrap().id;
        let tenant = self.cx.tenant_id;
        let authority = self.repository.find_authority(tenant, user, None).await;
        authority.unwrap().unwrap().roles
    }

    /// Invites as an administrator.
    pub(super) async fn invite(
        &self,
        by: &Identity,
        email: &str,
        roles: &[&str],
    ) -> Result<Invitation, Error> {
        let administration = self.gk.administration().on_behalf_of(by);
        let input = invitation(email, roles, None);
        administration.invite(&self.cx, input).await
    }

    /// Invites as an administrator, and reads the mail.
    pub(super) async fn invited(&self, by: &Identity, email: &str, roles: &[&str]) -> SecretString {
        self.invite(by, email, roles).await.unwrap();
        self.mailed_token().await
    }

    pub(super) async fn accept(&self, token: &SecretString) -> Result<SignIn, Error> {
        self.accept_with(&self.cx, token, PASSWORD).await
    }

    pub(super) async fn accept_with(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        password: &str,
    ) -> Result<SignIn, Error> {
        self.advance(Duration::from_millis(1));
        let input = AcceptInvitation {
            token: token.clone(),
            password: password.into(),
            name: Some("Neo".to_owned()),
            locale: None,
        };
        self.gk.invitations().accept(cx, input).await
    }

    pub(super) async fn user_count(&self) -> usize {
        let mut tx = self.repository.begin().await.unwrap();
        let page = PageRequest::first(100);
        let filter = UserFilter::default();
        let all = tx.users().list(self.cx.tenant_id, &filter, page).await;
        all.unwrap().items.len()
    }

    /// Asserts that a token is refused for this true reason, and gave nothing to anybody.
    pub(super) async fn assert_dead(&self, token: &SecretString, reason: &str) {
        let before = (
            self.user_count().await,
            self.count(Event::InvitationAccepted).await,
        );
        let details = self.gk.invitations().inspect(&self.cx, token).await;
        assert_eq!(code(details), "token.invalid", "{reason}");
        assert_eq!(code(self.accept(token).await), "token.invalid", "{reason}");
        let refused = self.newest(Event::TokenRefused).await;
        assert_eq!(refused.reason.as_deref(), Some(reason));
        let after = (
            self.user_count().await,
            self.count(Event::InvitationAccepted).await,
        );
        assert_eq!(before, after);
    }
}

pub(super) fn invitation(
    email: &str,
    roles: &[&str],
    organization: Option<OrganizationId>,
) -> NewInvitation {
    NewInvitation {
        email: email.to_owned(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        organization,
        expires_in: None,
    }
}

#[track_caller]
pub(super) fn signed_in(answer: Result<SignIn, Error>) -> SignedIn {
    match answer.unwrap() {
        SignIn::SignedIn(signed_in) => *signed_in,
        other => panic!("{other:?}"),
    }
}

/// A world with an administrator and a role `editor`.
pub(super) async fn with_root(fixture: StoreFixture) -> (World, Arc<Identity>) {
    let world = World::new(fixture).await;
    world.role("editor", &["articles:write"]).await;
    let root = world.holder(ROOT, "admin").await;
    (world, root)
}

pub(super) async fn a_new_account_is_made_with_its_roles(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let made = world.invite(&root, "New@Example.org", &["editor"]).await;
    let made = made.unwrap();
    assert_eq!(made.state(world.clock.now()), InvitationState::Pending);
    assert_eq!(made.expires_at, world.clock.now().after(WEEK));
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), "New@Example.org");
    assert!(mail.text.contains("https://auth.example.org/invitation#"));
    assert!(mail.text.contains("Ada invites you"), "{}", mail.text);
    let token = token_of(&mail);

    let details = world.gk.invitations().inspect(&world.cx, &token).await;
    let details = details.unwrap();
    assert_eq!(details.email.as_str(), "New@Example.org");
    assert_eq!(details.roles, made.roles);
    assert_eq!(details.invited_by.as_deref(), Some("Ada"));
    assert!(!details.has_account && details.organization.is_none());

    let session = signed_in(world.accept(&token).await);
    let user = &session.profile.user;
    assert!(user.email_verified() && user.name.as_deref() == Some("Neo"));
    assert_eq!(session.profile.authority.roles, ["editor", "user"]);
    let who = world.identity(&session).await;
    assert!(who.has_permission("articles:write"));
    assert_eq!(world.mail().await.subject, "Welcome to Gatekeeper");
    world.sign_in(NEW).await;

    let trail = world.trail().await;
    let of_user = trail.iter().filter(|row| row.target == Some(user.id));
    let events: Vec<_> = of_user.map(|row| row.event).collect();
    for event in [
        Event::AccountRegistered,
        Event::EmailVerified,
        Event::InvitationAccepted,
        Event::RoleGranted,
        Event::SessionCreated,
    ] {
        assert!(events.contains(&event), "{event:?}");
    }
    // It was given in the inviter's name.
    let granted = world.newest(Event::RoleGranted).await;
    assert_eq!(granted.actor, Some(root.user_id));
    let created = world.newest(Event::InvitationCreated).await;
    assert_eq!(created.actor, Some(root.user_id));
    // Of an address that had no account there is a digest alone.
    assert!(!format!("{created:?}").to_lowercase().contains(NEW));
    let listed = list(&world, &root).await;
    assert_eq!(listed[0].accepted_by, Some(user.id));
}

pub(super) async fn list(world: &World, by: &Identity) -> Vec<Invitation> {
    let administration = world.gk.administration().on_behalf_of(by);
    let filter = InvitationFilter::default();
    let page = PageRequest::first(100);
    let listed = administration.invitations(&world.cx, &filter, page).await;
    listed.unwrap().items
}

pub(super) async fn an_existing_account_signs_in_and_accepts(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let user = world.verified(NEW).await;
    let old = world.sign_in(NEW).await;
    world.mails().await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    let details = world.gk.invitations().inspect(&world.cx, &token).await;
    assert!(details.unwrap().has_account);

    // A wrong password is a failed sign-in, and costs what one costs.
    let hashes = world.gk.password_hashes();
    let refused = world
        .accept_with(&world.cx, &token, "not-the-password")
        .await;
    assert_eq!(code(refused), "password.invalid_credentials");
    assert_eq!(world.gk.password_hashes(), hashes + 1);
    let failed = world.newest(Event::SignInFailed).await;
    assert_eq!(failed.reason.as_deref(), Some("wrong_password"));
    assert!(world.roles_of(NEW).await.is_empty());

    let session = signed_in(world.accept(&token).await);
    assert_eq!(session.profile.user.id, user);
    assert_eq!(session.profile.authority.roles, ["editor", "user"]);
    // Name and password of the account stay.
    assert_eq!(session.profile.user.name.as_deref(), Some("Ada"));
    assert!(world.believes(&old).await);
    world.mails().await;
    world.assert_dead(&token, "unknown_token").await;
}

/// Row 6, with an invitation as the first proof of the mailbox.
pub(super) async fn row_6_an_unproven_account_is_taken_over_by_the_invited(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    world.role("editor", &["articles:write"]).await;
    // Somebody made an account with an address that they do not read, and set a factor up.
    let input = Register {
        email: NEW.to_owned(),
        password: PASSWORD.into(),
        name: Some("Mallory".to_owned()),
        locale: None,
    };
    let registered = world.gk.accounts().register(&world.cx, input).await;
    let Ok(gatekeeper_core::Registered::SignedIn(mallory)) = registered else {
        panic!("{registered:?}")
    };
    let who = world.identity(&mallory).await;
    super::world::put_factor(&world, mallory.session.user_id, "totp").await;
    world.mails().await;
    let administration = world.gk.administration();
    let input = invitation(NEW, &["editor"], None);
    administration.invite(&world.cx, input).await.unwrap();
    let token = world.mailed_token().await;
    // Signed in with an unproven address is not enough.
    let joined = world.gk.invitations().join(&world.cx, &who, &token).await;
    assert_eq!(code(joined), "token.invalid");
    let refused = world.newest(Event::TokenRefused).await;
    assert_eq!(refused.reason.as_deref(), Some("account_unfit"));

    let other = "birch-falcon-37-harbour";
    let session = signed_in(world.accept_with(&world.cx, &token, other).await);
    assert_eq!(session.profile.user.id, mallory.session.user_id);
    assert_eq!(session.profile.user.name.as_deref(), Some("Neo"));
    assert!(session.profile.user.email_verified() && !session.profile.mfa_enabled);
    assert!(!world.believes(&mallory).await);
    assert!(world.refresh(&mallory).await.is_err());
    let old = world.sign_in_with(NEW, PASSWORD).await;
    assert_eq!(code(old), "password.invalid_credentials");
    world.sign_in_with(NEW, other).await.unwrap();
}

/// Whoever has the password and the mailbox, but not the second factor, accepts nothing.
pub(super) async fn row_21_an_invitation_is_accepted_behind_the_second_factor(
    fixture: StoreFixture,
) {
    let (world, root) = with_root(fixture).await;
    let (_, app) = world.with_app(NEW).await;
    let made = world.invite(&root, NEW, &["editor"]).await.unwrap();
    let token = world.mailed_token().await;
    let Ok(SignIn::MfaRequired(pending)) = world.accept(&token).await else {
        panic!("no second factor was asked for")
    };
    assert_eq!(world.count(Event::InvitationAccepted).await, 0);
    assert!(world.roles_of(NEW).await.is_empty());
    let wrong = world
        .second_step(&world.cx, &pending, &"000000".into())
        .await;
    assert_eq!(code(wrong), "mfa.invalid_code");
    assert!(world.roles_of(NEW).await.is_empty());
    let code_of_app = app.next_code(&world);
    let session = world.second_step(&world.cx, &pending, &code_of_app).await;
    let session = session.unwrap();
    assert_eq!(session.profile.authority.roles, ["editor", "user"]);
    assert_eq!(world.count(Event::InvitationAccepted).await, 1);
    world.mails().await;
    world.assert_dead(&token, "unknown_token").await;
    let settled = list(&world, &root).await;
    assert_eq!(settled[0].id, made.id);
    assert_eq!(settled[0].accepted_by, Some(session.session.user_id));

    // Revoked between the two steps: the sign-in is refused, and gives nothing.
    world.role("author", &["articles:read"]).await;
    let made = world.invite(&root, NEW, &["author"]).await.unwrap();
    let token = world.mailed_token().await;
    let Ok(SignIn::MfaRequired(pending)) = world.accept(&token).await else {
        panic!("no second factor was asked for")
    };
    let administration = world.gk.administration().on_behalf_of(&root);
    let revoked = administration.revoke_invitation(&world.cx, made.id).await;
    revoked.unwrap();
    let code_of_app = app.next_code(&world);
    let refused = world.second_step(&world.cx, &pending, &code_of_app).await;
    assert_eq!(code(refused), "token.invalid");
    assert_eq!(world.roles_of(NEW).await, ["editor"]);
    let failed = world.newest(Event::MfaFailed).await;
    assert_eq!(failed.reason.as_deref(), Some("unknown_token"));
    // The code was not used up, and the account is not locked: without the invitation, it signs in.
    let pending = world.first_step(&world.cx, NEW).await;
    let again = world.second_step(&world.cx, &pending, &code_of_app).await;
    again.unwrap();
}

/// What the roles of an invitation ask for holds from the first session on.
pub(super) async fn row_22_a_role_that_needs_a_second_factor_has_it_set_up_first(
    fixture: StoreFixture,
) {
    let world = World::configured(fixture, |config| {
        let required = MfaRequirement::Required;
        config.mfa.by_role.insert("editor".to_owned(), required);
    })
    .await;
    world.role("editor", &["articles:write"]).await;
    // It is asked of who has it by another role, too.
    let mut tx = world.repository.begin().await.unwrap();
    let chief = gatekeeper_core::model::Role {
        inherits: vec![sample::role_name("editor")],
        ..sample::role(world.cx.tenant_id, "chief", &[])
    };
    tx.roles().insert(&chief).await.unwrap();
    let closure = [sample::role_name("chief"), sample::role_name("editor")];
    let roles = tx.roles();
    let closed = roles.set_closure(world.cx.tenant_id, &chief.name, &closure);
    closed.await.unwrap();
    tx.commit().await.unwrap();
    let root = world.holder(ROOT, "admin").await;

    let token = world.invited(&root, NEW, &["chief"]).await;
    let Ok(SignIn::MfaEnrollmentRequired(pending)) = world.accept(&token).await else {
        panic!("a session without a second factor")
    };
    // A new account is there with what it was invited to; it opens nothing until the factor is.
    assert_eq!(world.roles_of(NEW).await, ["chief", "editor"]);
    assert_eq!(world.count(Event::SessionCreated).await, 1);
    let session = finish_enrollment(&world, &pending.token).await;
    assert!(world.identity(&session).await.mfa_verified);

    let old = world.signed_in("old@example.org").await;
    world.mails().await;
    let token = world.invited(&root, "old@example.org", &["chief"]).await;
    let who = world.identity(&old).await;
    let joined = world.gk.invitations().join(&world.cx, &who, &token).await;
    assert_eq!(code(joined), "access.step_up_required");
    let Ok(SignIn::MfaEnrollmentRequired(pending)) = world.accept(&token).await else {
        panic!("a session without a second factor")
    };
    assert!(world.roles_of("old@example.org").await.is_empty());
    finish_enrollment(&world, &pending.token).await;
    assert_eq!(world.roles_of("old@example.org").await, ["chief", "editor"]);
}

async fn finish_enrollment(world: &World, token: &SecretString) -> SignedIn {
    let mfa = world.gk.mfa();
    let setup = mfa.begin_enrollment(&world.cx, token).await.unwrap();
    let app = super::factor::Factor::of(setup.secret.expose());
    let code = app.next_code(world);
    let finished = mfa.finish_enrollment(&world.cx, token, &code).await;
    finished.unwrap().0
}

pub(super) async fn a_refused_password_leaves_the_invitation(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    let refused = world.accept_with(&world.cx, &token, "short").await;
    assert_eq!(code(refused), "request.invalid");
    // The address is no password.
    let refused = world.accept_with(&world.cx, &token, NEW).await;
    assert_eq!(code(refused), "request.invalid");
    assert_eq!(world.user_count().await, 1);
    signed_in(world.accept(&token).await);
}

pub(super) async fn row_13_wrong_passwords_of_an_acceptance_lock(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    world.verified(NEW).await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    for _ in 0..5 {
        let refused = world
            .accept_with(&world.cx, &token, "not-the-password")
            .await;
        assert_eq!(code(refused), "password.invalid_credentials");
    }
    let refused = world.accept(&token).await;
    assert_eq!(code(refused), "password.invalid_credentials");
    let failed = world.newest(Event::SignInFailed).await;
    assert_eq!(failed.reason.as_deref(), Some("locked"));
    assert!(world.roles_of(NEW).await.is_empty());
}

pub(super) async fn what_was_settled_meanwhile_is_not_mailed(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let administration = world.gk.administration().on_behalf_of(&root);
    let made = world.invite(&root, NEW, &["editor"]).await.unwrap();
    administration
        .revoke_invitation(&world.cx, made.id)
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
    // A newer one: one mail, not two.
    world.invite(&root, NEW, &["editor"]).await.unwrap();
    world.invite(&root, NEW, &["editor"]).await.unwrap();
    assert_eq!(world.mails().await.len(), 1);
    // Expired at the exact instant.
    let mut input = invitation("late@example.org", &[], None);
    input.expires_in = Some(Duration::from_mins(1));
    administration.invite(&world.cx, input).await.unwrap();
    world.advance(Duration::from_mins(1));
    assert!(world.mails().await.is_empty());
    // A tenant that was suspended.
    world.invite(&root, "other@example.org", &[]).await.unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    let found = tx.tenants().find(world.cx.tenant_id).await.unwrap();
    let mut tenant = found.unwrap();
    tenant.suspended_at = Some(world.clock.now());
    tx.tenants().update(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.mails().await.is_empty());
}

/// CVE-2026-94000: nobody invites to more than they have.
pub(super) async fn row_53_an_invitation_gives_no_more_than_its_giver_has(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    world.role("inviter", &["invitations:write"]).await;
    let lead = world.holder("lead@example.org", "inviter").await;
    let plain = world.signed_in("plain@example.org").await;
    let plain = world.identity(&plain).await;
    world.mails().await;
    for (by, roles, refusal) in [
        (&plain, &[][..], "access.forbidden"),
        (&lead, &["editor"][..], "access.insufficient_rank"),
        (&lead, &["admin"][..], "access.insufficient_rank"),
        (
            &lead,
            &["inviter", "editor"][..],
            "access.insufficient_rank",
        ),
        // In the default tenant `*` does not reach the platform.
        (&root, &["platform_admin"][..], "access.insufficient_rank"),
        (&root, &["nobody"][..], "role.not_found"),
        (&root, &["Not A Role"][..], "role.not_found"),
        (&root, &["user"][..], "role.not_found"),
    ] {
        let answer = world.invite(by, NEW, roles).await;
        assert_eq!(code(answer), refusal, "{roles:?}");
    }
    assert!(world.mails().await.is_empty());
    assert_eq!(world.count(Event::InvitationCreated).await, 0);
    let made = world.invite(&lead, NEW, &["inviter"]).await.unwrap();
    let of_root = world.invite(&root, "x@example.org", &["editor"]).await;
    let of_root = of_root.unwrap();
    world.advance(Duration::from_mins(2));
    // Mailing it again is to give it again.
    let administration = world.gk.administration().on_behalf_of(&lead);
    let resent = administration
        .resend_invitation(&world.cx, of_root.id)
        .await;
    assert_eq!(code(resent), "access.insufficient_rank");
    administration
        .resend_invitation(&world.cx, made.id)
        .await
        .unwrap();
    // Fresh from the store, not from the token.
    world.ungrant(lead.user_id, "inviter").await;
    let answer = world.invite(&lead, NEW, &["inviter"]).await;
    assert_eq!(code(answer), "access.forbidden");
    let revoked = administration.revoke_invitation(&world.cx, made.id).await;
    assert_eq!(code(revoked), "access.forbidden");
    let filter = InvitationFilter::default();
    let administration = world.gk.administration().on_behalf_of(&plain);
    let page = PageRequest::first(10);
    let listed = administration.invitations(&world.cx, &filter, page).await;
    assert_eq!(code(listed), "access.forbidden");
}

pub(super) async fn what_is_no_invitation_is_refused(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let administration = world.gk.administration().on_behalf_of(&root);
    for (email, seconds, pointer) in [
        ("not an address", 3_600, "/email"),
        ("bot@service-accounts.invalid", 3_600, "/email"),
        (NEW, 59, "/expires_in"),
        (NEW, 30 * 86_400 + 1, "/expires_in"),
    ] {
        let mut input = invitation(email, &[], None);
        input.expires_in = Some(Duration::from_secs(seconds));
        let refused = administration.invite(&world.cx, input).await;
        let Err(Error::Invalid(violations)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(violations.as_slice()[0].pointer, pointer);
    }
    // Whoever has it all already.
    let user = world.verified(NEW).await;
    world.grant(user, "editor").await;
    for roles in [&[][..], &["editor"][..]] {
        let refused = world.invite(&root, NEW, roles).await;
        assert_eq!(code(refused), "invitation.already_member");
    }
    let settings = TenantSettings {
        email_domains: Some(["example.com".to_owned()].into()),
        ..TenantSettings::default()
    };
    let administration = world.gk.administration();
    administration
        .set_tenant_settings(&world.cx, settings)
        .await
        .unwrap();
    let refused = world.invite(&root, "x@example.org", &[]).await;
    assert_eq!(code(refused), "account.domain_not_allowed");
    let refused = world.invite(&root, "x@example.com.example.org", &[]).await;
    assert_eq!(code(refused), "account.domain_not_allowed");
    world.invite(&root, "x@Example.com", &[]).await.unwrap();
}

pub(super) async fn whoever_is_signed_in_joins(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let ada = world.signed_in(NEW).await;
    let who = world.identity(&ada).await;
    world.mails().await;
    let token = world.invited(&root, NEW, &["editor"]).await;
    // While somebody else acts as the user, and with a key, it is refused.
    let mut acted = (*who).clone();
    acted.actor = Some(root.user_id);
    let joined = world.gk.invitations().join(&world.cx, &acted, &token).await;
    assert_eq!(code(joined), "access.impersonating");
    world
        .gk
        .invitations()
        .join(&world.cx, &who, &token)
        .await
        .unwrap();
    assert_eq!(world.roles_of(NEW).await, ["editor"]);
    let again = world.gk.invitations().join(&world.cx, &who, &token).await;
    assert_eq!(code(again), "token.invalid");
    // A session that is over joins nothing.
    world.role("author", &["articles:read"]).await;
    let token = world.invited(&root, NEW, &["author"]).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    let joined = world.gk.invitations().join(&world.cx, &who, &token).await;
    assert_eq!(code(joined), "access.invalid_token");
    assert_eq!(world.roles_of(NEW).await, ["editor"]);
}

pub(super) async fn row_52_invitations_keep_to_their_tenant(fixture: StoreFixture) {
    let (world, root) = with_root(fixture).await;
    let other = second_tenant(&world).await;
    let there = other.holder(ROOT, "admin").await;
    let made = world.invite(&root, NEW, &["editor"]).await.unwrap();
    let token = world.mailed_token().await;
    world.advance(Duration::from_mins(2));
    let administration = other.gk.administration().on_behalf_of(&there);
    let revoked = administration.revoke_invitation(&other.cx, made.id).await;
    assert_eq!(code(revoked), "invitation.not_found");
    let resent = administration.resend_invitation(&other.cx, made.id).await;
    assert_eq!(code(resent), "invitation.not_found");
    assert!(list(&other, &there).await.is_empty());
    other.assert_dead(&token, "unknown_token").await;
    // An administrator of one tenant is nobody in the other.
    let astray = world.gk.administration().on_behalf_of(&there);
    let input = invitation("x@example.org", &[], None);
    let refused = astray.invite(&world.cx, input).await;
    assert_eq!(code(refused), "access.invalid_token");
    let revoked = astray.revoke_invitation(&world.cx, made.id).await;
    assert_eq!(code(revoked), "access.invalid_token");
    signed_in(world.accept(&token).await);
}

pub(super) async fn an_operator_invites_in_nobodys_name(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let administration = world.gk.administration();
    let input = invitation(NEW, &["admin"], None);
    let made = administration.invite(&world.cx, input).await.unwrap();
    assert_eq!(made.invited_by, None);
    let token = world.mailed_token().await;
    let details = world.gk.invitations().inspect(&world.cx, &token).await;
    assert_eq!(details.unwrap().invited_by, None);
    let session = signed_in(world.accept(&token).await);
    assert_eq!(session.profile.authority.roles, ["admin", "user"]);
}
