use std::time::Duration;

use gatekeeper_core::model::{Revocation, RevocationTarget, TenantId, Timestamp};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;
const TICK: Duration = Duration::from_micros(1);

fn targets() -> [RevocationTarget; 3] {
    let user = sample::user(TENANT, 1);
    [
        RevocationTarget::Token(sample::token_id(1)),
        RevocationTarget::Session(sample::session(&user, 1).id),
        RevocationTarget::User(user.id, at(100)),
    ]
}

async fn insert(fx: &StoreFixture, revocation: &Revocation) {
    commit!(fx, t => t.revocations().insert(revocation).await);
}

async fn is_revoked(fx: &StoreFixture, targets: &[RevocationTarget], now: Timestamp) -> bool {
    fx.other.is_revoked(TENANT, targets, now).await.unwrap()
}

async fn since(fx: &StoreFixture, since: Timestamp, now: Timestamp) -> Vec<RevocationTarget> {
    let found = fx.other.revocations_since(since, now).await.unwrap();
    found.iter().map(|revocation| revocation.target).collect()
}

/// Each kind of target is found by itself, among others, and until the exact instant of its expiry.
pub(super) async fn each_kind_of_target_is_revoked(fx: &StoreFixture) {
    for target in targets() {
        assert!(!is_revoked(fx, &[target], NOW).await);
        let revocation = sample::revocation(TENANT, target);
        let end = revocation.expires_at;
        insert(fx, &revocation).await;
        assert!(is_revoked(fx, &[target], NOW).await);
        assert!(is_revoked(fx, &[target], end.before(TICK)).await);
        assert!(
            !is_revoked(fx, &[target], end).await,
            "{target:?} at its expiry"
        );
    }
    let stranger = sample::user(TENANT, 9);
    let strangers = [
        RevocationTarget::Token(sample::token_id(9)),
        RevocationTarget::Session(sample::session(&stranger, 9).id),
        RevocationTarget::User(stranger.id, at(0)),
    ];
    assert!(!is_revoked(fx, &strangers, NOW).await);
    assert!(!is_revoked(fx, &[], NOW).await);
    for target in targets() {
        let [a, b, c] = strangers;
        assert!(
            is_revoked(fx, &[a, b, c, target], NOW).await,
            "one of several is enough"
        );
    }
}

/// An id of one kind does not revoke the same id of another kind.
pub(super) async fn kinds_of_targets_do_not_mix(fx: &StoreFixture) {
    let uuid = sample::token_id(1).as_uuid();
    let token = RevocationTarget::Token(sample::token_id(1));
    let session = RevocationTarget::Session(gatekeeper_core::model::SessionId::from_uuid(uuid));
    let user = RevocationTarget::User(gatekeeper_core::model::UserId::from_uuid(uuid), at(0));
    insert(fx, &sample::revocation(TENANT, token)).await;
    assert!(!is_revoked(fx, &[session, user], NOW).await);
    insert(fx, &sample::revocation(TENANT, session)).await;
    assert!(!is_revoked(fx, &[user], NOW).await);
}

/// "Everything of this user until T" matches a time at or before T, and no later one.
pub(super) async fn a_user_is_revoked_until_a_time(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1).id;
    let until = |at| RevocationTarget::User(user, at);
    insert(fx, &sample::revocation(TENANT, until(at(100)))).await;
    assert!(is_revoked(fx, &[until(at(100))], NOW).await);
    assert!(is_revoked(fx, &[until(at(100).before(TICK))], NOW).await);
    assert!(is_revoked(fx, &[until(at(-1_000_000))], NOW).await);
    assert!(!is_revoked(fx, &[until(at(100).after(TICK))], NOW).await);
    // A later one moves the line; an earlier one does not move it back.
    insert(fx, &sample::revocation(TENANT, until(at(200)))).await;
    insert(fx, &sample::revocation(TENANT, until(at(50)))).await;
    assert!(is_revoked(fx, &[until(at(200))], NOW).await);
    assert!(!is_revoked(fx, &[until(at(200).after(TICK))], NOW).await);
    // Each entry expires by itself.
    let mut short = sample::revocation(TENANT, until(at(300)));
    short.expires_at = at(10);
    insert(fx, &short).await;
    assert!(is_revoked(fx, &[until(at(300))], at(9)).await);
    assert!(!is_revoked(fx, &[until(at(300))], at(10)).await);
    assert!(is_revoked(fx, &[until(at(200))], at(10)).await);
}

/// Revoking again is no error and keeps the later expiry, in either order.
pub(super) async fn revoking_twice_keeps_the_later_expiry(fx: &StoreFixture) {
    for target in targets() {
        for expiry in [at(20), at(30), at(10)] {
            let mut revocation = sample::revocation(TENANT, target);
            revocation.expires_at = expiry;
            insert(fx, &revocation).await;
        }
        assert!(is_revoked(fx, &[target], at(30).before(TICK)).await);
        assert!(!is_revoked(fx, &[target], at(30)).await);
    }
    assert_eq!(since(fx, NOW, NOW).await.len(), 3, "no doubles");
}

/// News are what was written at or after the time given and has not expired, of all tenants, unchanged.
pub(super) async fn news_begin_at_the_exact_instant(fx: &StoreFixture) {
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let [token, session, user] = targets();
    let mut expected = Vec::new();
    for (owner, target, revoked) in [
        (TENANT, token, at(10)),
        (tenant.id, session, at(20)),
        (TENANT, user, at(30)),
    ] {
        let mut revocation = sample::revocation(owner, target);
        revocation.revoked_at = revoked;
        revocation.expires_at = revoked.after(Duration::from_secs(100));
        insert(fx, &revocation).await;
        expected.push(revocation);
    }
    let mut all = fx.other.revocations_since(NOW, NOW).await.unwrap();
    all.sort_by_key(|revocation| revocation.revoked_at);
    assert_eq!(all, expected);
    let sorted = async |from, now| {
        let mut found = fx.repository.revocations_since(from, now).await.unwrap();
        found.sort_by_key(|revocation| revocation.revoked_at);
        found
    };
    assert_eq!(sorted(at(10), NOW).await, expected);
    assert_eq!(sorted(at(10).after(TICK), NOW).await, expected[1..]);
    assert_eq!(sorted(at(30), NOW).await, expected[2..]);
    assert_eq!(sorted(at(31), NOW).await, []);
    assert_eq!(sorted(NOW, at(110).before(TICK)).await, expected);
    assert_eq!(
        sorted(NOW, at(110)).await,
        expected[1..],
        "expired at the exact instant"
    );
}

/// Nobody hears of a revocation before it is committed.
pub(super) async fn news_come_with_the_commit(fx: &StoreFixture) {
    let [token, ..] = targets();
    let revocation = sample::revocation(TENANT, token);
    peek!(fx, t => t.revocations().insert(&revocation).await);
    assert_eq!(since(fx, NOW, NOW).await, []);
    assert!(!is_revoked(fx, &[token], NOW).await);
    insert(fx, &revocation).await;
    assert_eq!(since(fx, NOW, NOW).await, [token]);
}

/// A purge takes entries at the exact instant of their expiry, no more than it was told, and nothing else.
pub(super) async fn purging_revocations_is_bounded(fx: &StoreFixture) {
    for n in 0..5 {
        let target = RevocationTarget::Token(sample::token_id(n));
        insert(fx, &sample::revocation(TENANT, target)).await;
    }
    let lasting = RevocationTarget::Token(sample::token_id(50));
    let mut revocation = sample::revocation(TENANT, lasting);
    revocation.expires_at = at(1_000_000);
    insert(fx, &revocation).await;
    let purge =
        async |now, limit| commit!(fx, t => t.revocations().purge_expired(now, limit).await);
    assert_eq!(purge(at(3_600).before(TICK), 100).await, 0);
    assert_eq!(purge(at(3_600), 3).await, 3);
    assert_eq!(purge(at(3_600), 3).await, 2);
    assert_eq!(purge(at(3_600), 3).await, 0);
    assert!(is_revoked(fx, &[lasting], NOW).await);
}

/// Where a store gives a signal, a revocation by another node wakes whoever follows it.
pub(super) async fn a_signal_follows_a_revocation(fx: &StoreFixture) {
    let Some(mut signal) = fx.repository.revocation_signal() else {
        return;
    };
    // A listener may still be connecting.
    signal.wait_for(|(_, trusted)| *trusted).await.unwrap();
    signal.mark_unchanged();
    let [token, ..] = targets();
    let mut t = fx.other.begin().await.unwrap();
    let revocation = sample::revocation(TENANT, token);
    t.revocations().insert(&revocation).await.unwrap();
    t.commit().await.unwrap();
    signal.changed().await.unwrap();
    assert!(
        is_revoked(fx, &[token], NOW).await,
        "what is announced can be read"
    );
}
