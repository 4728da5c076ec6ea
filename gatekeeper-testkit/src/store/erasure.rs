use gatekeeper_core::{
    model::{AuditEvent, Invitation, OutboxEntry, OutboxState, PageRequest, TenantId},
    store::{AuditFilter, InvitationFilter},
};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

/// An entry that waits, is claimed or was given up is wiped, and no other; a worker that has it notes nothing any more.
pub(super) async fn a_discarded_entry_is_wiped(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let entries: Vec<OutboxEntry> = (1..5).map(|n| sample::mail(TENANT, n)).collect();
    for entry in &entries {
        commit!(fx, t => t.outbox().enqueue(entry).await);
    }
    let claimed = commit!(fx, t => t.outbox().claim(NOW, at(60), 2).await);
    let (held, dead) = (&claimed[0], &claimed[1]);
    let done = commit!(fx, t => t.outbox().fail(dead.id, 1, "ada@example.org", None, NOW).await);
    assert!(done);
    let waiting = entries
        .iter()
        .find(|entry| claimed.iter().all(|other| other.id != entry.id));
    let waiting = waiting.unwrap();
    for entry in [held, dead, waiting] {
        let elsewhere = commit!(fx, t => t.outbox().discard(tenant.id, entry.id, NOW).await);
        assert!(!elsewhere);
        assert!(commit!(fx, t => t.outbox().discard(TENANT, entry.id, at(7)).await));
        assert!(!commit!(fx, t => t.outbox().discard(TENANT, entry.id, at(8)).await));
    }
    assert!(!commit!(fx, t => t.outbox().complete(held.id, 1, NOW).await));
    let page = PageRequest::first(10);
    let wiped = peek!(fx, t => t.outbox().list(TENANT, OutboxState::Delivered, page).await);
    assert_eq!(wiped.items.len(), 3);
    for entry in wiped.items {
        assert!(entry.payload.is_empty() && entry.last_error.is_none());
        assert_eq!(entry.finished_at, Some(at(7)));
    }
    assert_eq!(
        commit!(fx, t => t.outbox().claim(at(90), at(99), 10).await).len(),
        1
    );
}

/// Every invitation to an address goes, wherever it stands; none to another address or of another tenant.
pub(super) async fn invitations_to_an_address_are_erased(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let theirs = sample::email("Ada@example.org");
    for n in 1..6 {
        let invitation = Invitation {
            email: if n < 5 {
                theirs.clone()
            } else {
                sample::email("bob@example.org")
            },
            accepted_at: (n == 1).then_some(NOW),
            revoked_at: (n == 2).then_some(NOW),
            ..sample::invitation(TENANT, n)
        };
        commit!(fx, t => t.invitations().insert(&invitation).await);
    }
    let other = Invitation {
        email: theirs.clone(),
        ..sample::invitation(tenant.id, 1)
    };
    commit!(fx, t => t.invitations().insert(&other).await);
    let address = theirs.normalized();
    let erase = async |limit| commit!(fx, t => t.invitations().erase_for_email(TENANT, address, limit).await);
    assert_eq!(erase(3).await, 3);
    assert_eq!(erase(3).await, 1);
    assert_eq!(erase(3).await, 0);
    for (tenant, left) in [(TENANT, "bob@example.org"), (tenant.id, "Ada@example.org")] {
        let (all, page) = (InvitationFilter::default(), PageRequest::first(10));
        let found = peek!(fx, t => t.invitations().list(tenant, &all, page).await);
        assert_eq!(found.items.len(), 1);
        assert_eq!(found.items[0].email.as_str(), left);
    }
}

/// What a user did, what was done to them, and what they did as somebody else; in bounded steps, each row once, and no other.
pub(super) async fn rows_of_a_user_are_erased(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let (ada, bob) = (sample::user(TENANT, 1).id, sample::user(TENANT, 2).id);
    let row = |tenant, n: u64| AuditEvent {
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some("agent".to_owned()),
        details: [("a".to_owned(), 1.into())].into_iter().collect(),
        ..sample::event(tenant, n)
    };
    let rows = [
        AuditEvent {
            actor: Some(ada),
            ..row(TENANT, 1)
        },
        AuditEvent {
            target: Some(ada),
            ..row(TENANT, 2)
        },
        AuditEvent {
            actor: Some(ada),
            target: Some(ada),
            ..row(TENANT, 3)
        },
        AuditEvent {
            actor: Some(bob),
            target: Some(bob),
            impersonator: Some(ada),
            ..row(TENANT, 4)
        },
        AuditEvent {
            actor: Some(bob),
            target: Some(bob),
            ..row(TENANT, 5)
        },
        row(TENANT, 6),
        AuditEvent {
            actor: Some(ada),
            target: Some(ada),
            ..row(tenant.id, 1)
        },
    ];
    for row in &rows {
        commit!(fx, t => t.audit().append(row).await);
    }
    let erase = async |limit| commit!(fx, t => t.audit().erase(TENANT, ada, at(9), limit).await);
    assert_eq!(erase(3).await, 3);
    assert_eq!(erase(3).await, 1);
    assert_eq!(erase(3).await, 0);
    let (all, page) = (AuditFilter::default(), PageRequest::first(10));
    let mut found = peek!(fx, t => t.audit().list(TENANT, &all, page).await).items;
    found.extend(peek!(fx, t => t.audit().list(tenant.id, &all, page).await).items);
    assert_eq!(found.len(), rows.len());
    for row in rows {
        let now = found.iter().find(|other| other.id == row.id).unwrap();
        let theirs = row.tenant_id == TENANT
            && [row.actor, row.target, row.impersonator].contains(&Some(ada));
        let expected = if theirs {
            AuditEvent {
                ip: None,
                user_agent: None,
                details: serde_json::Map::new(),
                salt: None,
                erased_at: Some(at(9)),
                ..row
            }
        } else {
            row
        };
        assert_eq!(*now, expected);
    }
}
