use gatekeeper_core::{
    model::{Invitation, InvitationId, PageRequest, TenantId, Timestamp, TokenHash},
    store::InvitationFilter,
};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

async fn find(fx: &StoreFixture, id: InvitationId) -> Option<Invitation> {
    peek!(fx, t => t.invitations().find(TENANT, id).await)
}

fn hash(invitation: &Invitation) -> TokenHash {
    invitation.hash.unwrap()
}

/// Every field of an invitation; it needs its tenant and its organisation, and an id and a token are given once.
pub(super) async fn invitations_come_back_whole(fx: &StoreFixture) {
    let organization = sample::organization(TENANT, 1);
    commit!(fx, t => t.organizations().insert(&organization).await);
    let user = sample::user(TENANT, 1).id;
    let bare = Invitation {
        hash: None,
        ..sample::invitation(TENANT, 1)
    };
    let full = Invitation {
        email: sample::email("Zo\u{eb}@B\u{fc}cher.example"),
        roles: vec![sample::role_name("admin"), sample::role_name("gone")],
        organization_id: Some(organization.id),
        invited_by: Some(user),
        created_at: at(1),
        expires_at: at(2),
        sent_at: at(3),
        accepted_at: Some(at(4)),
        accepted_by: Some(user),
        revoked_at: Some(at(5)),
        ..sample::invitation(TENANT, 2)
    };
    for row in [&bare, &full] {
        commit!(fx, t => t.invitations().insert(row).await);
        assert_eq!(find(fx, row.id).await.as_ref(), Some(row));
        let held = peek!(fx, t => t.invitations().find_for_update(TENANT, row.id).await);
        assert_eq!(held.as_ref(), Some(row));
    }
    refused!(fx, Id, t => t.invitations().insert(&bare).await);
    let twin = Invitation {
        hash: full.hash,
        ..sample::invitation(TENANT, 3)
    };
    refused!(fx, Id, t => t.invitations().insert(&twin).await);
    refused!(fx, Reference, t => t.invitations().insert(&sample::invitation(sample::tenant(9).id, 4)).await);
    let nowhere = Invitation {
        organization_id: Some(sample::organization(TENANT, 9).id),
        ..sample::invitation(TENANT, 5)
    };
    refused!(fx, Reference, t => t.invitations().insert(&nowhere).await);
}

/// Rule 4: of concurrent callers with one token one is accepted.
pub(super) async fn sixteen_acceptances_give_one_success(fx: &StoreFixture) {
    let invitation = sample::invitation(TENANT, 1);
    commit!(fx, t => t.invitations().insert(&invitation).await);
    let accepted = together(16, |n| {
        let (repository, hash) = (fx.node(n), hash(&invitation));
        async move {
            let user = sample::user(TENANT, n as u64).id;
            let mut t = repository.begin().await.unwrap();
            let got = t
                .invitations()
                .accept(TENANT, &hash, user, NOW)
                .await
                .unwrap();
            t.commit().await.unwrap();
            got
        }
    })
    .await;
    let accepted: Vec<_> = accepted.into_iter().flatten().collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].accepted_at, Some(NOW));
    assert_eq!(find(fx, invitation.id).await.as_ref(), Some(&accepted[0]));
}

/// Nothing opens one that is expired (at the exact instant), revoked or accepted, nor with an older token.
pub(super) async fn dead_invitations_open_nothing(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1).id;
    let [expired, revoked, accepted, renewed] = [1, 2, 3, 4].map(|n| sample::invitation(TENANT, n));
    for row in [&expired, &revoked, &accepted, &renewed] {
        commit!(fx, t => t.invitations().insert(row).await);
    }
    let tick = Timestamp::from_unix_micros(expired.expires_at.as_unix_micros() - 1);
    let open = async |row: &Invitation, now| {
        let found = peek!(fx, t => t.invitations().find_by_hash(TENANT, &hash(row), now).await);
        let got = peek!(fx, t => t.invitations().accept(TENANT, &hash(row), user, now).await);
        assert_eq!(found.is_some(), got.is_some());
        let set = peek!(fx, t => t.invitations().set_hash(TENANT, row.id, &TokenHash([1; 32]), now).await);
        (found.is_some(), set)
    };
    assert_eq!(open(&expired, tick).await, (true, true));
    assert_eq!(open(&expired, expired.expires_at).await, (false, false));
    assert!(commit!(fx, t => t.invitations().revoke(TENANT, revoked.id, NOW).await));
    assert!(!commit!(fx, t => t.invitations().revoke(TENANT, revoked.id, NOW).await));
    assert_eq!(open(&revoked, NOW).await, (false, false));
    assert!(
        commit!(fx, t => t.invitations().accept(TENANT, &hash(&accepted), user, NOW).await)
            .is_some()
    );
    assert_eq!(open(&accepted, NOW).await, (false, false));
    for row in [&accepted, &revoked] {
        assert!(!commit!(fx, t => t.invitations().renew(TENANT, row.id, NOW, at(9)).await));
        assert!(!commit!(fx, t => t.invitations().revoke(TENANT, row.id, NOW).await));
    }
    assert!(
        commit!(fx, t => t.invitations().renew(TENANT, renewed.id, at(5_000), at(9_000)).await)
    );
    assert_eq!(open(&renewed, NOW).await, (false, true));
    let row = find(fx, renewed.id).await.unwrap();
    assert_eq!(
        (row.hash, row.sent_at, row.expires_at),
        (None, at(5_000), at(9_000))
    );
    let new = TokenHash([7; 32]);
    assert!(commit!(fx, t => t.invitations().set_hash(TENANT, renewed.id, &new, at(8_000)).await));
    let got =
        commit!(fx, t => t.invitations().accept(TENANT, &new, user, at(8_000)).await).unwrap();
    assert_eq!((got.accepted_by, got.hash), (Some(user), Some(new)));
}

/// Invitations of an address are revoked in the tenant or in one organisation, and the others stand.
pub(super) async fn invitations_are_revoked_by_address(fx: &StoreFixture) {
    let organization = sample::organization(TENANT, 1);
    commit!(fx, t => t.organizations().insert(&organization).await);
    let email = sample::email("Ada@example.org");
    let mut rows = [1, 2, 3].map(|n| Invitation {
        email: email.clone(),
        ..sample::invitation(TENANT, n)
    });
    rows[2].organization_id = Some(organization.id);
    let other = sample::invitation(TENANT, 4);
    for row in rows.iter().chain([&other]) {
        commit!(fx, t => t.invitations().insert(row).await);
    }
    let revoke = async |organization| {
        commit!(fx, t => t
            .invitations()
            .revoke_all_for_email(TENANT, email.normalized(), organization, at(5))
            .await)
    };
    assert_eq!(revoke(None).await, 2);
    assert_eq!(revoke(None).await, 0);
    assert_eq!(find(fx, rows[0].id).await.unwrap().revoked_at, Some(at(5)));
    assert_eq!(find(fx, rows[2].id).await.unwrap().revoked_at, None);
    assert_eq!(revoke(Some(organization.id)).await, 1);
    assert_eq!(find(fx, other.id).await.unwrap().revoked_at, None);
}

/// The list is filtered by address, organisation and whether they can be accepted, in any combination, newest first.
pub(super) async fn invitations_are_filtered(fx: &StoreFixture) {
    let organization = sample::organization(TENANT, 1);
    commit!(fx, t => t.organizations().insert(&organization).await);
    let mut rows = Vec::new();
    for n in 0..8 {
        let mut row = sample::invitation(TENANT, n);
        row.created_at = at(i64::try_from(n).unwrap() % 3);
        if n & 1 != 0 {
            row.email = sample::email("ada@example.org");
        }
        if n & 2 != 0 {
            row.organization_id = Some(organization.id);
        }
        if n & 4 != 0 {
            row.revoked_at = Some(NOW);
        }
        commit!(fx, t => t.invitations().insert(&row).await);
        rows.push(row);
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let ada = sample::email("ada@example.org").normalized().clone();
    for bits in 0..8 {
        let filter = InvitationFilter {
            email: (bits & 1 != 0).then(|| ada.clone()),
            organization: (bits & 2 != 0).then_some(organization.id),
            pending_at: (bits & 4 != 0).then_some(NOW),
        };
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| filter.email.is_none() || *row.email.normalized() == ada)
            .filter(|row| {
                filter.organization.is_none() || row.organization_id == filter.organization
            })
            .filter(|row| filter.pending_at.is_none() || row.revoked_at.is_none())
            .cloned()
            .collect();
        let first =
            peek!(fx, t => t.invitations().list(TENANT, &filter, PageRequest::first(1)).await);
        let rest = PageRequest {
            limit: 100,
            after: first.next,
        };
        let mut listed = first.items;
        if rest.after.is_some() {
            listed.extend(peek!(fx, t => t.invitations().list(TENANT, &filter, rest).await).items);
        }
        assert_eq!(listed, expected, "{filter:?}");
    }
    let late = InvitationFilter {
        pending_at: Some(at(3_600)),
        ..InvitationFilter::default()
    };
    let listed = peek!(fx, t => t.invitations().list(TENANT, &late, PageRequest::first(9)).await);
    assert_eq!(listed.items, []);
}

/// A purge takes what has been over for long, a part at a time.
pub(super) async fn purging_invitations_is_bounded(fx: &StoreFixture) {
    let [expired, accepted, revoked, live] = [1, 2, 3, 4].map(|n| sample::invitation(TENANT, n));
    for row in [
        &Invitation {
            expires_at: at(10),
            ..expired
        },
        &Invitation {
            accepted_at: Some(at(10)),
            ..accepted
        },
        &Invitation {
            revoked_at: Some(at(10)),
            ..revoked
        },
        &live,
    ] {
        commit!(fx, t => t.invitations().insert(row).await);
    }
    let purge =
        async |before, limit| commit!(fx, t => t.invitations().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(11), 2).await, 2);
    assert_eq!(purge(at(11), 100).await, 1);
    assert_eq!(purge(at(11), 100).await, 0);
    assert_eq!(find(fx, live.id).await, Some(live));
}
