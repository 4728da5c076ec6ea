use gatekeeper_core::{
    model::{AuditEvent, Event, PageRequest, TenantId, Timestamp},
    store::AuditFilter,
};

use super::StoreFixture;
use crate::sample::{self, at};

const TENANT: TenantId = TenantId::DEFAULT;

async fn unsealed(fx: &StoreFixture, before: Timestamp, limit: u32) -> Vec<AuditEvent> {
    peek!(fx, t => t.audit().unsealed(before, limit).await)
}

async fn sealed(fx: &StoreFixture, after: i64, limit: u32) -> Vec<i64> {
    let rows = peek!(fx, t => t.audit().sealed(TENANT, after, limit).await);
    rows.iter().map(|row| row.seal.unwrap().sequence).collect()
}

/// Rows wait for their place by tenant, time and id; each gets one, once, and no place is given twice.
pub(super) async fn rows_get_a_place_once(fx: &StoreFixture) {
    let other = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&other).await);
    let mut rows = Vec::new();
    for (n, (tenant, seconds)) in (0..).zip([
        (TENANT, 5),
        (other.id, 1),
        (TENANT, -3),
        (TENANT, 5),
        (TENANT, 9),
    ]) {
        let mut row = sample::event(tenant, n);
        row.at = at(seconds);
        row.impersonator = Some(sample::user(tenant, 1).id);
        row.api_key = Some(sample::api_key(&sample::user(tenant, 1), 1).id);
        commit!(fx, t => t.audit().append(&row).await);
        rows.push(row);
    }
    rows.sort_by_key(|row| (row.tenant_id, row.at, row.id));
    assert_eq!(unsealed(fx, at(10), 100).await, rows);
    assert_eq!(unsealed(fx, at(10), 2).await, rows[..2]);
    let young: Vec<_> = rows.iter().filter(|row| row.at < at(5)).cloned().collect();
    assert_eq!(unsealed(fx, at(5), 100).await, young, "strictly before");
    let ours: Vec<_> = rows
        .iter()
        .filter(|row| row.tenant_id == TENANT)
        .cloned()
        .collect();
    for (sequence, row) in (1..).zip(&ours) {
        let seal = sample::seal(sequence);
        assert!(
            !commit!(fx, t => t.audit().seal(other.id, row.id, &seal).await),
            "not another's"
        );
        assert!(commit!(fx, t => t.audit().seal(TENANT, row.id, &seal).await));
        assert!(!commit!(fx, t => t.audit().seal(TENANT, row.id, &sample::seal(90)).await));
    }
    assert_eq!(unsealed(fx, at(10), 100).await.len(), 1);
    let found = peek!(fx, t => t.audit().sealed(TENANT, 0, 100).await);
    for ((found, row), sequence) in found.iter().zip(&ours).zip(1..) {
        let expected = AuditEvent {
            seal: Some(sample::seal(sequence)),
            ..row.clone()
        };
        assert_eq!(*found, expected);
    }
    assert_eq!(sealed(fx, 1, 2).await, [2, 3]);
    assert_eq!(sealed(fx, i64::MAX, 2).await, [0; 0]);
    let late = sample::event(TENANT, 99);
    commit!(fx, t => t.audit().append(&late).await);
    refused!(fx, Id, t => t.audit().seal(TENANT, late.id, &sample::seal(2)).await);
    // Numbers are each tenant's own.
    let theirs = rows.iter().find(|row| row.tenant_id == other.id).unwrap();
    assert!(commit!(fx, t => t.audit().seal(other.id, theirs.id, &sample::seal(1)).await));
}

/// A chain's head comes back whole, and is written over; heads are listed by tenant.
pub(super) async fn heads_come_back_whole(fx: &StoreFixture) {
    let other = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&other).await);
    assert_eq!(
        peek!(fx, t => t.audit().head_for_update(TENANT).await),
        None
    );
    let mut ours = sample::head(TENANT, 7);
    let theirs = sample::head(other.id, i64::MAX);
    for head in [&ours, &theirs] {
        commit!(fx, t => t.audit().set_head(head).await);
    }
    ours.base_sequence = 3;
    ours.base_link = [9; 32];
    ours.updated_at = at(8);
    ours.sequence = 8;
    commit!(fx, t => t.audit().set_head(&ours).await);
    assert_eq!(
        peek!(fx, t => t.audit().head_for_update(TENANT).await),
        Some(ours)
    );
    let mut all = vec![ours, theirs];
    all.sort_by_key(|head| head.tenant_id);
    assert_eq!(peek!(fx, t => t.audit().heads(None, 9).await), all);
    assert_eq!(peek!(fx, t => t.audit().heads(None, 1).await), all[..1]);
    let after = Some(all[0].tenant_id);
    assert_eq!(peek!(fx, t => t.audit().heads(after, 9).await), all[1..]);
    refused!(fx, Reference, t => t.audit().set_head(&sample::head(sample::tenant(9).id, 1)).await);
}

/// A purge takes the beginning of one chain, and nothing that waits for its place.
pub(super) async fn purging_takes_the_beginning(fx: &StoreFixture) {
    let other = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&other).await);
    for (tenant, n) in [TENANT, other.id]
        .into_iter()
        .flat_map(|tenant| (1..=4).map(move |n| (tenant, n)))
    {
        let row = AuditEvent {
            seal: (n < 4).then(|| sample::seal(i64::try_from(n).unwrap())),
            ..sample::event(tenant, n)
        };
        commit!(fx, t => t.audit().append(&row).await);
    }
    assert_eq!(commit!(fx, t => t.audit().purge_sealed(TENANT, 2).await), 2);
    assert_eq!(commit!(fx, t => t.audit().purge_sealed(TENANT, 2).await), 0);
    assert_eq!(sealed(fx, 0, 9).await, [3]);
    let (all, page) = (AuditFilter::default(), PageRequest::first(9));
    for (tenant, left) in [(TENANT, 2), (other.id, 4)] {
        assert_eq!(
            peek!(fx, t => t.audit().list(tenant, &all, page).await)
                .items
                .len(),
            left
        );
    }
}

/// What tells of a person is erased from the rows that the person did or that concern the person; the place stays.
pub(super) async fn rows_are_erased_in_part(fx: &StoreFixture) {
    let (ada, bob) = (sample::user(TENANT, 1).id, sample::user(TENANT, 2).id);
    let mut rows = Vec::new();
    for (n, (actor, target)) in (0..).zip([
        (Some(ada), Some(bob)),
        (Some(bob), Some(ada)),
        (Some(bob), None),
        (Some(ada), None),
    ]) {
        let mut row = AuditEvent {
            actor,
            target,
            ip: Some("192.0.2.1".parse().unwrap()),
            user_agent: Some("Browser".to_owned()),
            seal: Some(sample::seal(n + 1)),
            ..sample::event(TENANT, n.unsigned_abs())
        };
        row.details.insert("a".to_owned(), serde_json::json!("b"));
        commit!(fx, t => t.audit().append(&row).await);
        rows.push(row);
    }
    let foreign = sample::tenant(9).id;
    assert_eq!(
        commit!(fx, t => t.audit().erase(foreign, ada, at(3), 9).await),
        0
    );
    assert_eq!(
        commit!(fx, t => t.audit().erase(TENANT, ada, at(3), 2).await),
        2
    );
    assert_eq!(
        commit!(fx, t => t.audit().erase(TENANT, ada, at(3), 9).await),
        1
    );
    assert_eq!(
        commit!(fx, t => t.audit().erase(TENANT, ada, at(4), 9).await),
        0
    );
    for n in [0, 1, 3] {
        let row: &mut AuditEvent = &mut rows[n];
        row.ip = None;
        row.user_agent = None;
        row.details.clear();
        row.salt = None;
        row.erased_at = Some(at(3));
    }
    assert_eq!(peek!(fx, t => t.audit().sealed(TENANT, 0, 9).await), rows);
}

/// A count stops at its limit, and is filtered as the list is.
pub(super) async fn counts_are_bounded(fx: &StoreFixture) {
    let ada = sample::user(TENANT, 1).id;
    for n in 0..7 {
        let mut row = sample::event(TENANT, n);
        row.at = at(i64::try_from(n).unwrap());
        row.actor = (n % 2 == 0).then_some(ada);
        row.event = if n < 3 {
            Event::RoleGranted
        } else {
            Event::SessionCreated
        };
        commit!(fx, t => t.audit().append(&row).await);
    }
    let all = AuditFilter::default();
    for (filter, count) in [
        (all, 7),
        (
            AuditFilter {
                actor: Some(ada),
                ..all
            },
            4,
        ),
        (
            AuditFilter {
                event: Some(Event::RoleGranted),
                ..all
            },
            3,
        ),
        (
            AuditFilter {
                actor: Some(ada),
                event: Some(Event::RoleGranted),
                ..all
            },
            2,
        ),
        (
            AuditFilter {
                since: Some(at(2)),
                until: Some(at(4)),
                ..all
            },
            2,
        ),
        (
            AuditFilter {
                target: Some(ada),
                ..all
            },
            0,
        ),
    ] {
        for up_to in [0, 1, 2, 100] {
            let counted = peek!(fx, t => t.audit().count(TENANT, &filter, up_to).await);
            assert_eq!(counted, count.min(up_to), "{filter:?}");
        }
    }
    assert_eq!(
        peek!(fx, t => t.audit().count(sample::tenant(9).id, &all, 9).await),
        0
    );
}
