use gatekeeper_core::model::{OneTimeToken, TenantId, Timestamp, TokenHash, TokenPurpose, User};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const RESET: TokenPurpose = TokenPurpose::PasswordReset;
const TICK: i64 = 1;

async fn with_tokens(fx: &StoreFixture, count: u64) -> (User, Vec<OneTimeToken>) {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let tokens: Vec<_> = (0..count).map(|n| sample::token(&user, RESET, n)).collect();
    for token in &tokens {
        commit!(fx, t => t.tokens().insert(token).await);
    }
    (user, tokens)
}

async fn consume(fx: &StoreFixture, token: &OneTimeToken, now: Timestamp) -> Option<OneTimeToken> {
    commit!(fx, t => t.tokens().consume(token.tenant_id, token.purpose, &token.hash, now).await)
}

/// Rule 4: of sixteen concurrent callers one gets the token.
pub(super) async fn sixteen_consumers_give_one_success(fx: &StoreFixture) {
    let (_, tokens) = with_tokens(fx, 1).await;
    let token = tokens[0].clone();
    let won = together(16, |n| {
        let (repository, token) = (fx.node(n), token.clone());
        async move {
            let mut t = repository.begin().await.unwrap();
            let got = t
                .tokens()
                .consume(token.tenant_id, RESET, &token.hash, NOW)
                .await
                .unwrap();
            t.commit().await.unwrap();
            got
        }
    })
    .await;
    assert_eq!(won.iter().flatten().count(), 1);
}

/// What is found is what would be consumed, and finding it leaves it as it is.
pub(super) async fn finding_a_token_does_not_use_it(fx: &StoreFixture) {
    let (user, tokens) = with_tokens(fx, 1).await;
    let (tenant, token) = (user.tenant_id, &tokens[0]);
    let find = async |purpose, hash: &TokenHash, now| commit!(fx, t => t.tokens().find(tenant, purpose, hash, now).await);
    let end = token.expires_at;
    let last = Timestamp::from_unix_micros(end.as_unix_micros() - TICK);
    for now in [NOW, NOW, last] {
        let found = find(RESET, &token.hash, now).await;
        assert_eq!(found.as_ref(), Some(token));
    }
    assert_eq!(find(RESET, &token.hash, end).await, None, "expired");
    assert_eq!(find(RESET, &TokenHash([7; 32]), NOW).await, None);
    let other = TokenPurpose::EmailVerification;
    assert_eq!(find(other, &token.hash, NOW).await, None);
    assert!(consume(fx, token, NOW).await.is_some());
    assert_eq!(find(RESET, &token.hash, NOW).await, None, "consumed");
}

/// Only whoever commits has used it: the next gets it after a rollback.
pub(super) async fn a_consumer_that_rolls_back_leaves_the_token(fx: &StoreFixture) {
    let (_, tokens) = with_tokens(fx, 1).await;
    let token = &tokens[0];
    let first = peek!(fx, t => t.tokens().consume(token.tenant_id, RESET, &token.hash, NOW).await);
    assert!(first.is_some());
    assert!(consume(fx, token, NOW).await.is_some());
    assert!(consume(fx, token, NOW).await.is_none());
}

/// What is given out is the whole row, marked.
pub(super) async fn a_consumed_token_says_when(fx: &StoreFixture) {
    let (_, tokens) = with_tokens(fx, 1).await;
    let now = at(7);
    let expected = OneTimeToken {
        consumed_at: Some(now),
        ..tokens[0].clone()
    };
    assert_eq!(consume(fx, &tokens[0], now).await, Some(expected));
}

/// Rule 3: `now == expires_at` is expired, a microsecond before is not.
pub(super) async fn tokens_expire_at_the_exact_instant(fx: &StoreFixture) {
    let (_, tokens) = with_tokens(fx, 1).await;
    let token = &tokens[0];
    let end = token.expires_at;
    let before = Timestamp::from_unix_micros(end.as_unix_micros() - TICK);
    assert!(consume(fx, token, end).await.is_none());
    assert!(consume(fx, token, before).await.is_some());
}

/// A token of one purpose is refused for every other.
pub(super) async fn purposes_do_not_mix(fx: &StoreFixture) {
    let (user, _) = with_tokens(fx, 0).await;
    for (n, &made_for) in TokenPurpose::ALL.iter().enumerate() {
        let token = sample::token(&user, made_for, n as u64);
        commit!(fx, t => t.tokens().insert(&token).await);
        for &asked_for in TokenPurpose::ALL
            .iter()
            .filter(|purpose| **purpose != made_for)
        {
            let got = commit!(fx, t => t
                .tokens()
                .consume(user.tenant_id, asked_for, &token.hash, NOW)
                .await);
            assert!(got.is_none(), "{made_for:?} as {asked_for:?}");
        }
        assert!(consume(fx, &token, NOW).await.is_some());
    }
}

/// A hash that differs in one bit finds nothing.
pub(super) async fn hashes_are_compared_whole(fx: &StoreFixture) {
    let (user, tokens) = with_tokens(fx, 1).await;
    for byte in [0, 15, 31] {
        let mut hash = tokens[0].hash.0;
        hash[byte] ^= 1;
        let got = commit!(fx, t => t
            .tokens()
            .consume(user.tenant_id, RESET, &TokenHash(hash), NOW)
            .await);
        assert!(got.is_none());
    }
}

/// Only the user's own unused tokens of the named purposes become void.
pub(super) async fn revoking_tokens_hits_what_was_named(fx: &StoreFixture) {
    let (user, tokens) = with_tokens(fx, 3).await;
    let other = sample::user(TenantId::DEFAULT, 2);
    let others = sample::token(&other, RESET, 1);
    let change = sample::token(&user, TokenPurpose::EmailChange, 10);
    let verify = sample::token(&user, TokenPurpose::EmailVerification, 11);
    commit!(fx, t => t.users().insert(&other).await);
    for token in [&others, &change, &verify] {
        commit!(fx, t => t.tokens().insert(token).await);
    }
    assert!(consume(fx, &tokens[0], NOW).await.is_some());
    let purposes = [RESET, TokenPurpose::EmailChange];
    let revoked = commit!(fx, t => t
        .tokens()
        .revoke_all_for_user(user.tenant_id, user.id, &purposes, NOW)
        .await);
    assert_eq!(revoked, 3);
    for void in [&tokens[1], &tokens[2], &change] {
        assert!(consume(fx, void, NOW).await.is_none());
    }
    let none = commit!(fx, t => t
        .tokens()
        .revoke_all_for_user(user.tenant_id, user.id, &[], NOW)
        .await);
    assert_eq!(none, 0, "no purpose named is none, not all");
    assert!(consume(fx, &verify, NOW).await.is_some());
    assert!(consume(fx, &others, NOW).await.is_some());
}

/// A token needs a user of its tenant; an id is given once.
pub(super) async fn tokens_need_their_user(fx: &StoreFixture) {
    let (user, tokens) = with_tokens(fx, 1).await;
    let nobody = sample::user(TenantId::DEFAULT, 99);
    let orphan = sample::token(&nobody, RESET, 50);
    refused!(fx, Reference, t => t.tokens().insert(&orphan).await);
    let mut again = sample::token(&user, RESET, 51);
    again.id = tokens[0].id;
    refused!(fx, Id, t => t.tokens().insert(&again).await);
}

/// A purge takes what expired or was consumed before the time given, no more than it was told, and nothing else.
pub(super) async fn purging_tokens_is_bounded(fx: &StoreFixture) {
    let (user, tokens) = with_tokens(fx, 5).await;
    let mut lasting = sample::token(&user, RESET, 20);
    lasting.expires_at = at(100_000);
    let mut spent = sample::token(&user, RESET, 21);
    spent.expires_at = at(100_000);
    spent.consumed_at = Some(at(10));
    for token in [&lasting, &spent] {
        commit!(fx, t => t.tokens().insert(token).await);
    }
    let end = tokens[0].expires_at;
    let purge =
        async |before, limit| commit!(fx, t => t.tokens().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(11), 100).await, 1, "the consumed one");
    assert_eq!(purge(end, 100).await, 0, "strictly before");
    assert_eq!(
        purge(end.after(std::time::Duration::from_micros(1)), 2).await,
        2
    );
    assert_eq!(purge(at(10_000), 2).await, 2);
    assert_eq!(purge(at(10_000), 2).await, 1);
    assert_eq!(purge(at(10_000), 2).await, 0);
    assert!(consume(fx, &lasting, at(99_999)).await.is_some());
}
