use gatekeeper_core::{
    model::{
        Impersonation, PageRequest, RevocationTarget, SessionEnd, Tenant, TenantId, User, UserKind,
    },
    store::{AuditFilter, InvitationFilter, StoreError, UserFilter},
};

use super::{StoreFixture, world::World};
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

/// Tenants come newest first, each once; the default one is among them.
pub(super) async fn tenants_are_listed(fx: &StoreFixture) {
    let mut all = vec![
        fx.repository
            .find_tenant_by_id(TENANT)
            .await
            .unwrap()
            .unwrap(),
    ];
    for (n, seconds) in (2..).zip([5, 5, 9]) {
        let tenant = Tenant {
            created_at: at(seconds),
            updated_at: at(-seconds),
            ..sample::tenant(n)
        };
        commit!(fx, t => t.tenants().insert(&tenant).await);
        let held = peek!(fx, t => t.tenants().find_for_update(tenant.id).await);
        assert_eq!(held.as_ref(), Some(&tenant));
        all.push(tenant);
    }
    all.sort_by_key(|tenant| std::cmp::Reverse((tenant.created_at, tenant.id)));
    for limit in [1, 2, 3, 100] {
        let (mut listed, mut page) = (Vec::new(), PageRequest::first(limit));
        loop {
            let some = peek!(fx, t => t.tenants().list(page).await);
            listed.extend(some.items);
            page.after = some.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(listed, all);
    }
}

/// Fills a tenant with a row of each kind that `World` has not.
async fn furnish(fx: &StoreFixture, user: &User, n: u64) {
    let tenant = user.tenant_id;
    let (group, organization) = (
        sample::group(tenant, n, &["admin"]),
        sample::organization(tenant, n),
    );
    let mut t = fx.begin().await;
    let mut role = sample::role(tenant, "heir", &["heir:do"]);
    role.inherits = vec![sample::role_name("admin")];
    t.roles().insert(&role).await.unwrap();
    let closure = ["admin", "heir"].map(sample::role_name);
    t.roles()
        .set_closure(tenant, &role.name, &closure)
        .await
        .unwrap();
    t.groups().insert(&group).await.unwrap();
    t.groups()
        .add_member(tenant, group.id, user.id, NOW)
        .await
        .unwrap();
    t.organizations().insert(&organization).await.unwrap();
    let membership = sample::membership(&organization, user, &["heir"]);
    t.organizations().put_member(&membership).await.unwrap();
    let mut invitation = sample::invitation(tenant, n);
    invitation.organization_id = Some(organization.id);
    t.invitations().insert(&invitation).await.unwrap();
    t.invitations()
        .insert(&sample::invitation(tenant, n + 50))
        .await
        .unwrap();
    t.api_keys()
        .insert(&sample::api_key(user, n))
        .await
        .unwrap();
    t.audit().set_head(&sample::head(tenant, 1)).await.unwrap();
    t.commit().await.unwrap();
}

/// What a tenant has, as text; the row of the tenant itself apart.
async fn describe(
    fx: &StoreFixture,
    tenant: TenantId,
    user: &User,
    n: u64,
) -> Result<String, StoreError> {
    let (page, all) = (PageRequest::first(100), UserFilter::default());
    let mut t = fx.begin().await;
    let users = t.users().list(tenant, &all, page).await?;
    let roles = t.roles().list(tenant).await?;
    let groups = t.groups().list(tenant, page).await?;
    let of_user = t.groups().list_for_user(tenant, user.id).await?;
    let organizations = t.organizations().list(tenant, page).await?;
    let memberships = t
        .organizations()
        .list_for_user(tenant, user.id, page)
        .await?;
    let invitations = t
        .invitations()
        .list(tenant, &InvitationFilter::default(), page)
        .await?;
    let keys = t.api_keys().list_for_user(tenant, user.id, page).await?;
    let key = t
        .api_keys()
        .find(tenant, sample::api_key(user, n).id)
        .await?;
    let trail = t
        .audit()
        .list(tenant, &AuditFilter::default(), page)
        .await?;
    let head = t.audit().head_for_update(tenant).await?;
    let authority = t
        .roles()
        .authority(tenant, user.id, Some(sample::organization(tenant, n).id))
        .await?;
    let session = t
        .sessions()
        .find_for_update(tenant, sample::session(user, n).id)
        .await?;
    drop(t);
    let revocations = fx.repository.revocations_since(at(-9), NOW).await?;
    let revocations: Vec<_> = revocations
        .iter()
        .filter(|row| row.tenant_id == tenant)
        .collect();
    Ok(format!(
        "{users:?} {roles:?} {groups:?} {of_user:?} {organizations:?} {memberships:?} {invitations:?} {keys:?} {key:?} \
         {trail:?} {head:?} {authority:?} {session:?} {}",
        revocations.len()
    ))
}

/// With a tenant goes all that is its own, and nothing of another's; the default tenant stays.
pub(super) async fn a_deleted_tenant_leaves_nothing(fx: &StoreFixture) {
    let world = World::build(fx).await;
    let (ours, theirs) = (&world.ours, &world.theirs);
    furnish(fx, &ours.user, 1).await;
    furnish(fx, &theirs.user, 2).await;
    let describe = async |tenant, user, n| describe(fx, tenant, user, n).await.unwrap();
    let before = describe(ours.tenant, &ours.user, 1).await;
    let full = describe(theirs.tenant, &theirs.user, 2).await;
    assert!(
        !commit!(fx, t => t.tenants().delete(TENANT).await),
        "the default tenant stays"
    );
    assert!(!commit!(fx, t => t.tenants().delete(sample::tenant(77).id).await));
    let tenant = fx
        .repository
        .find_tenant_by_id(theirs.tenant)
        .await
        .unwrap()
        .unwrap();
    let mut t = fx.begin().await;
    assert!(t.tenants().delete(theirs.tenant).await.unwrap());
    drop(t);
    assert_eq!(
        describe(theirs.tenant, &theirs.user, 2).await,
        full,
        "undone"
    );
    let news = fx.repository.revocations_since(at(-9), NOW).await.unwrap();
    assert!(commit!(fx, t => t.tenants().delete(theirs.tenant).await));
    assert!(!commit!(fx, t => t.tenants().delete(theirs.tenant).await));
    assert_eq!(fx.repository.find_tenant(&tenant.slug).await.unwrap(), None);
    assert_eq!(describe(ours.tenant, &ours.user, 1).await, before);
    // Made anew it is as empty as any other.
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let other = sample::tenant(78);
    commit!(fx, t => t.tenants().insert(&other).await);
    let fresh = describe(other.id, &theirs.user, 2).await;
    let fresh = fresh.replace(&other.id.to_string(), &theirs.tenant.to_string());
    // But for its revocations: every node has yet to hear that its access tokens are dead.
    let left = |text: &str| text.rsplit_once(' ').unwrap().0.to_owned();
    let again = describe(theirs.tenant, &theirs.user, 2).await;
    assert_eq!(left(&again), left(&fresh));
    let kept = fx.repository.revocations_since(at(-9), NOW).await.unwrap();
    assert_eq!(kept, news);
    commit!(fx, t => t.users().insert(&theirs.user).await);
    let authority = peek!(fx, t => t.roles().authority(theirs.tenant, theirs.user.id, None).await);
    assert_eq!(authority.roles, [""; 0]);
}

/// Ids of another tenant find nothing and change nothing, for all that came with roles, groups, organisations and keys.
pub(super) async fn new_aggregates_keep_to_their_tenant(fx: &StoreFixture) {
    let world = World::build(fx).await;
    furnish(fx, &world.ours.user, 1).await;
    furnish(fx, &world.theirs.user, 2).await;
    let (us, them) = (&world.ours, &world.theirs);
    let before = describe(fx, them.tenant, &them.user, 2).await.unwrap();
    let (tenant, page) = (us.tenant, PageRequest::first(9));
    let (group, organization) = (
        sample::group(them.tenant, 2, &[]),
        sample::organization(them.tenant, 2),
    );
    let (invitation, key) = (
        sample::invitation(them.tenant, 2),
        sample::api_key(&them.user, 2),
    );
    let mut t = fx.begin().await;
    assert_eq!(t.groups().find(tenant, group.id).await.unwrap(), None);
    assert_eq!(
        t.groups().find_for_update(tenant, group.id).await.unwrap(),
        None
    );
    assert_eq!(
        t.groups()
            .members(tenant, group.id, page)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        t.groups()
            .list_for_user(tenant, them.user.id)
            .await
            .unwrap(),
        []
    );
    assert!(!t.groups().delete(tenant, group.id).await.unwrap());
    assert!(
        !t.groups()
            .remove_member(tenant, group.id, them.user.id)
            .await
            .unwrap()
    );
    let moved = gatekeeper_core::model::Group {
        tenant_id: tenant,
        ..group.clone()
    };
    assert!(!t.groups().update(&moved).await.unwrap());
    assert_eq!(
        t.organizations()
            .find(tenant, organization.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        t.organizations()
            .find_for_update(tenant, organization.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        t.organizations()
            .find_member(tenant, organization.id, them.user.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        t.organizations()
            .members(tenant, organization.id, page)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        t.organizations()
            .list_for_user(tenant, them.user.id, page)
            .await
            .unwrap()
            .items,
        []
    );
    assert!(
        !t.organizations()
            .delete(tenant, organization.id)
            .await
            .unwrap()
    );
    assert!(
        !t.organizations()
            .remove_member(tenant, organization.id, them.user.id)
            .await
            .unwrap()
    );
    let moved = gatekeeper_core::model::Organization {
        tenant_id: tenant,
        ..organization.clone()
    };
    assert!(!t.organizations().update(&moved).await.unwrap());
    let hash = invitation.hash.unwrap();
    assert_eq!(
        t.invitations().find(tenant, invitation.id).await.unwrap(),
        None
    );
    assert_eq!(
        t.invitations()
            .find_for_update(tenant, invitation.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        t.invitations()
            .find_by_hash(tenant, &hash, NOW)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        t.invitations()
            .accept(tenant, &hash, us.user.id, NOW)
            .await
            .unwrap(),
        None
    );
    assert!(
        !t.invitations()
            .set_hash(tenant, invitation.id, &hash, NOW)
            .await
            .unwrap()
    );
    assert!(
        !t.invitations()
            .renew(tenant, invitation.id, NOW, at(9))
            .await
            .unwrap()
    );
    assert!(
        !t.invitations()
            .revoke(tenant, invitation.id, NOW)
            .await
            .unwrap()
    );
    let email = invitation.email.normalized();
    assert_eq!(
        t.invitations()
            .revoke_all_for_email(tenant, email, None, NOW)
            .await
            .unwrap(),
        0
    );
    assert_eq!(t.api_keys().find(tenant, key.id).await.unwrap(), None);
    assert_eq!(
        t.api_keys().find_for_update(tenant, key.id).await.unwrap(),
        None
    );
    assert!(
        !t.api_keys()
            .replace(tenant, key.id, key.id, NOW)
            .await
            .unwrap()
    );
    assert!(!t.api_keys().revoke(tenant, key.id, NOW).await.unwrap());
    assert_eq!(
        t.api_keys()
            .revoke_all_for_user(tenant, them.user.id, NOW)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        t.api_keys()
            .list_for_user(tenant, them.user.id, page)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        t.api_keys()
            .count_live(tenant, them.user.id, NOW)
            .await
            .unwrap(),
        0
    );
    assert_eq!(t.roles().granted(tenant, them.user.id).await.unwrap(), []);
    assert!(
        !t.roles()
            .has_other_holder(tenant, &them.role.name, us.user.id)
            .await
            .unwrap()
    );
    assert!(!t.roles().delete(tenant, &them.role.name).await.unwrap());
    let ended =
        t.sessions()
            .end_all_by_impersonator(tenant, them.user.id, SessionEnd::SignedOut, NOW);
    assert_eq!(ended.await.unwrap(), []);
    t.commit().await.unwrap();
    let repository = &fx.repository;
    assert!(
        repository
            .find_api_key(tenant, key.id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        repository
            .find_authority(tenant, them.user.id, None)
            .await
            .unwrap(),
        None
    );
    let held = repository
        .find_authority(tenant, us.user.id, Some(organization.id))
        .await
        .unwrap();
    assert_eq!(held.unwrap().organization, None);
    refused!(fx, Reference, t => t.groups().add_member(tenant, group.id, us.user.id, NOW).await);
    let ours = sample::group(tenant, 1, &[]).id;
    refused!(fx, Reference, t => t.groups().add_member(tenant, ours, them.user.id, NOW).await);
    let theirs = sample::group(tenant, 70, &[them.role.name.as_str()]);
    refused!(fx, Reference, t => t.groups().insert(&theirs).await);
    let mut membership = sample::membership(&sample::organization(tenant, 1), &them.user, &[]);
    refused!(fx, Reference, t => t.organizations().put_member(&membership).await);
    membership = sample::membership(
        &sample::organization(tenant, 1),
        &us.user,
        &[them.role.name.as_str()],
    );
    refused!(fx, Reference, t => t.organizations().put_member(&membership).await);
    let mut foreign = sample::api_key(&them.user, 70);
    foreign.tenant_id = tenant;
    refused!(fx, Reference, t => t.api_keys().insert(&foreign).await);
    let mut foreign = sample::invitation(tenant, 70);
    foreign.organization_id = Some(organization.id);
    refused!(fx, Reference, t => t.invitations().insert(&foreign).await);
    assert_eq!(
        describe(fx, them.tenant, &them.user, 2).await.unwrap(),
        before
    );
}

/// Every new column of users and sessions; sessions in which somebody impersonates count apart, and end together.
pub(super) async fn impersonations_stand_apart(fx: &StoreFixture) {
    let (mut user, by) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    user.kind = UserKind::ServiceAccount;
    for row in [&user, &by] {
        commit!(fx, t => t.users().insert(row).await);
        assert_eq!(
            peek!(fx, t => t.users().find(TENANT, row.id).await).as_ref(),
            Some(row)
        );
    }
    user.kind = UserKind::Person;
    commit!(fx, t => t.users().update(&user).await);
    assert_eq!(
        peek!(fx, t => t.users().find(TENANT, user.id).await).as_ref(),
        Some(&user)
    );
    let own = sample::session(&user, 1);
    let mut acted = sample::session(&user, 2);
    acted.organization_id = Some(sample::organization(TENANT, 3).id);
    acted.impersonation = Some(Impersonation {
        by: by.id,
        from: sample::session(&by, 9).id,
        reason: " \u{e9} ' \n".to_owned(),
    });
    for session in [&own, &acted] {
        commit!(fx, t => t.sessions().insert(session).await);
        let found = fx
            .repository
            .find_session(TENANT, session.id)
            .await
            .unwrap();
        assert_eq!(found.as_ref(), Some(session));
    }
    assert_eq!(
        peek!(fx, t => t.sessions().live_for_user(TENANT, user.id, NOW).await),
        [own.id]
    );
    let listed = peek!(fx, t => t.sessions().list_for_user(TENANT, user.id, NOW, PageRequest::first(9)).await);
    assert_eq!(listed.items.len(), 2);
    let end = async |by| {
        let reason = SessionEnd::ImpersonationEnded;
        commit!(fx, t => t.sessions().end_all_by_impersonator(TENANT, by, reason, at(3)).await)
    };
    assert_eq!(end(user.id).await, []);
    assert_eq!(end(by.id).await, [acted.id]);
    assert_eq!(end(by.id).await, []);
    let ended = fx
        .repository
        .find_session(TENANT, acted.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.end_reason, Some(SessionEnd::ImpersonationEnded));
    assert!(
        fx.repository
            .find_session(TENANT, own.id)
            .await
            .unwrap()
            .unwrap()
            .ended_at
            .is_none()
    );
}

/// Whole tenants, and what tokens say of permissions, are revoked until a time, each apart from the others.
pub(super) async fn tenants_and_authority_are_revoked(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1).id;
    let kinds = |at| {
        [
            RevocationTarget::Tenant(at),
            RevocationTarget::Authority(user, at),
            RevocationTarget::TenantAuthority(at),
            RevocationTarget::User(user, at),
        ]
    };
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    for (n, target) in kinds(at(10)).into_iter().enumerate() {
        let revocation = sample::revocation(TENANT, target);
        commit!(fx, t => t.revocations().insert(&revocation).await);
        let news = fx.repository.revocations_since(NOW, NOW).await.unwrap();
        assert!(news.contains(&revocation));
        for (m, (exact, later)) in kinds(at(10)).into_iter().zip(kinds(at(11))).enumerate() {
            let revoked = async |tenant, target| {
                fx.repository
                    .is_revoked(tenant, &[target], NOW)
                    .await
                    .unwrap()
            };
            assert_eq!(revoked(TENANT, exact).await, m <= n, "{exact:?}");
            assert!(!revoked(TENANT, later).await);
            assert!(!revoked(tenant.id, exact).await);
        }
    }
    // Many at once, the one that is revoked being the last.
    let mut targets: Vec<_> = (0..13)
        .map(|n| RevocationTarget::Token(sample::token_id(n)))
        .collect();
    assert!(
        !fx.repository
            .is_revoked(TENANT, &targets, NOW)
            .await
            .unwrap()
    );
    targets.push(RevocationTarget::Tenant(at(9)));
    assert!(
        fx.repository
            .is_revoked(TENANT, &targets, NOW)
            .await
            .unwrap()
    );
}
