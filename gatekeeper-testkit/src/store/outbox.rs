use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::model::{MailId, OutboxEntry, OutboxState, PageRequest, TenantId, Timestamp};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;
const TICK: Duration = Duration::from_micros(1);

async fn enqueue(fx: &StoreFixture, entry: &OutboxEntry) {
    commit!(fx, t => t.outbox().enqueue(entry).await);
}

async fn claim(fx: &StoreFixture, now: Timestamp, limit: u32) -> Vec<OutboxEntry> {
    let lease = now.after(Duration::from_mins(1));
    commit!(fx, t => t.outbox().claim(now, lease, limit).await)
}

fn ids(entries: &[OutboxEntry]) -> Vec<MailId> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn dead(fx: &StoreFixture) -> Vec<OutboxEntry> {
    peek!(fx, t => t.outbox().list(TENANT, OutboxState::Dead, PageRequest::first(100)).await).items
}

/// A claimed entry comes whole, with the attempt counted and the lease as its due time.
pub(super) async fn a_claim_counts_and_leases(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    let expected = OutboxEntry {
        attempts: 1,
        due_at: at(65),
        ..entry
    };
    assert_eq!(claim(fx, at(5), 10).await, [expected]);
}

/// Due is due to the microsecond, oldest first, up to the limit, and of all tenants.
pub(super) async fn claims_take_the_oldest_due(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let mut entries: Vec<_> = (0..4).map(|n| sample::mail(TENANT, n)).collect();
    entries.push(sample::mail(tenant.id, 1));
    let seconds = [30, 10, 40, 20, 15];
    for (entry, seconds) in entries.iter_mut().zip(seconds) {
        entry.due_at = at(seconds);
        enqueue(fx, entry).await;
    }
    assert_eq!(claim(fx, at(10).before(TICK), 10).await, []);
    assert_eq!(claim(fx, NOW, 0).await, []);
    let first = claim(fx, at(40).before(TICK), 2).await;
    assert_eq!(ids(&first), [entries[1].id, entries[4].id]);
    let second = claim(fx, at(40).before(TICK), 10).await;
    assert_eq!(ids(&second), [entries[3].id, entries[0].id]);
    assert_eq!(ids(&claim(fx, at(40), 10).await), [entries[2].id]);
}

/// No entry is given to two of many parallel callers, and none is left.
pub(super) async fn no_entry_is_claimed_twice(fx: &StoreFixture) {
    for n in 0..40 {
        enqueue(fx, &sample::mail(TENANT, n)).await;
    }
    let claimed = together(8, |n| {
        let repository = fx.node(n);
        async move {
            let mut mine = Vec::new();
            // One that skips what another holds may come back with less than there is: ask again.
            for _ in 0..20 {
                let mut t = repository.begin().await.unwrap();
                mine.extend(t.outbox().claim(NOW, at(600), 3).await.unwrap());
                t.commit().await.unwrap();
            }
            mine
        }
    })
    .await;
    let all: Vec<_> = claimed.into_iter().flatten().collect();
    assert!(all.iter().all(|entry| entry.attempts == 1));
    let distinct: BTreeSet<_> = all.iter().map(|entry| entry.id).collect();
    assert_eq!((all.len(), distinct.len()), (40, 40));
}

/// When its lease is over an entry is handed out again, at the exact instant.
pub(super) async fn an_expired_lease_is_handed_on(fx: &StoreFixture) {
    enqueue(fx, &sample::mail(TENANT, 1)).await;
    let lease = claim(fx, NOW, 1).await[0].due_at;
    assert_eq!(claim(fx, lease.before(TICK), 1).await, []);
    let again = claim(fx, lease, 1).await;
    assert_eq!(again[0].attempts, 2);
}

/// Whoever lost the lease can no more complete or fail the entry.
pub(super) async fn a_late_worker_is_refused(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    let lease = claim(fx, NOW, 1).await[0].due_at;
    assert_eq!(claim(fx, lease, 1).await.len(), 1);
    for wrong in [-1, 1, 3] {
        assert!(!commit!(fx, t => t.outbox().complete(entry.id, wrong, lease).await));
        for retry in [None, Some(lease)] {
            let noted =
                commit!(fx, t => t.outbox().fail(entry.id, wrong, "late", retry, lease).await);
            assert!(!noted);
        }
    }
    assert_eq!(dead(fx).await, []);
    assert!(commit!(fx, t => t.outbox().complete(entry.id, 2, lease).await));
}

/// A delivered entry is finished for good: never claimed, completed, failed or revived again.
pub(super) async fn a_delivered_entry_stays_delivered(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    claim(fx, NOW, 1).await;
    assert!(commit!(fx, t => t.outbox().complete(entry.id, 1, at(1)).await));
    assert!(!commit!(fx, t => t.outbox().complete(entry.id, 1, at(2)).await));
    assert!(!commit!(fx, t => t.outbox().fail(entry.id, 1, "x", None, at(2)).await));
    assert!(!commit!(fx, t => t.outbox().fail(entry.id, 1, "x", Some(at(2)), at(2)).await));
    assert!(!commit!(fx, t => t.outbox().revive(TENANT, entry.id, at(2)).await));
    assert_eq!(claim(fx, at(1_000_000), 10).await, []);
    assert_eq!(dead(fx).await, []);
}

/// A failed entry is due again when it was said to be, with what went wrong.
pub(super) async fn a_failed_entry_is_retried(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    claim(fx, NOW, 1).await;
    let why = "421 caf\u{e9} is closed";
    assert!(commit!(fx, t => t.outbox().fail(entry.id, 1, why, Some(at(30)), at(1)).await));
    assert_eq!(claim(fx, at(30).before(TICK), 1).await, []);
    let again = claim(fx, at(30), 1).await;
    let expected = OutboxEntry {
        attempts: 2,
        due_at: at(90),
        last_error: Some(why.to_owned()),
        ..entry
    };
    assert_eq!(again, [expected]);
}

/// A dead entry is kept, seen and not claimed; revived it begins anew.
pub(super) async fn a_dead_entry_can_be_revived(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    assert!(
        !commit!(fx, t => t.outbox().revive(TENANT, entry.id, NOW).await),
        "it is pending"
    );
    claim(fx, NOW, 1).await;
    assert!(commit!(fx, t => t.outbox().fail(entry.id, 1, "550", None, at(1)).await));
    assert!(!commit!(fx, t => t.outbox().fail(entry.id, 1, "551", None, at(2)).await));
    assert!(!commit!(fx, t => t.outbox().complete(entry.id, 1, at(2)).await));
    assert_eq!(claim(fx, at(1_000_000), 10).await, []);
    let found = &dead(fx).await[0];
    assert_eq!(found.state, OutboxState::Dead);
    assert_eq!(
        (found.id, found.attempts, &found.payload),
        (entry.id, 1, &entry.payload)
    );
    assert_eq!(found.finished_at, Some(at(1)));
    assert_eq!(found.last_error.as_deref(), Some("550"));
    let purged = commit!(fx, t => t.outbox().purge_expired(at(1_000_000), 100).await);
    assert_eq!(purged, 0, "dead ones are kept");

    assert!(commit!(fx, t => t.outbox().revive(TENANT, entry.id, at(10)).await));
    assert!(!commit!(fx, t => t.outbox().revive(TENANT, entry.id, at(10)).await));
    assert_eq!(dead(fx).await, []);
    assert_eq!(claim(fx, at(10).before(TICK), 1).await, []);
    let again = &claim(fx, at(10), 1).await[0];
    assert_eq!((again.state, again.attempts), (OutboxState::Pending, 1));
    assert_eq!((again.finished_at, &again.payload), (None, &entry.payload));
    assert!(commit!(fx, t => t.outbox().complete(entry.id, 1, at(11)).await));
}

/// A purge takes entries delivered before the time given, no more than it was told, and nothing else.
pub(super) async fn purging_the_outbox_is_bounded(fx: &StoreFixture) {
    for n in 0..5 {
        enqueue(fx, &sample::mail(TENANT, n)).await;
    }
    for entry in claim(fx, NOW, 5).await.iter().take(4) {
        commit!(fx, t => t.outbox().complete(entry.id, 1, at(10)).await);
    }
    let purge =
        async |before, limit| commit!(fx, t => t.outbox().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(10).after(TICK), 3).await, 3);
    assert_eq!(purge(at(1_000_000), 3).await, 1);
    assert_eq!(purge(at(1_000_000), 3).await, 0);
    assert_eq!(
        claim(fx, at(1_000_000), 10).await.len(),
        1,
        "the pending one is there"
    );
}

/// An id is given once, and an entry needs a tenant.
pub(super) async fn entries_conflict_by_kind(fx: &StoreFixture) {
    let entry = sample::mail(TENANT, 1);
    enqueue(fx, &entry).await;
    refused!(fx, Id, t => t.outbox().enqueue(&entry).await);
    let homeless = sample::mail(sample::tenant(9).id, 1);
    refused!(fx, Reference, t => t.outbox().enqueue(&homeless).await);
}
