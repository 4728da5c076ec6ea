use gatekeeper_core::model::{PageRequest, Session, SessionEnd, SessionId, TenantId, User};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const REASON: SessionEnd = SessionEnd::PasswordChanged;

async fn with_sessions(fx: &StoreFixture, count: u64) -> (User, Vec<Session>) {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let sessions: Vec<_> = (0..count).map(|n| sample::session(&user, n)).collect();
    for session in &sessions {
        commit!(fx, t => t.sessions().insert(session).await);
    }
    (user, sessions)
}

fn sorted(mut ids: Vec<SessionId>) -> Vec<SessionId> {
    ids.sort_unstable();
    ids
}

/// Ending happens once, says when and why, and the first reason stays.
pub(super) async fn a_session_ends_once(fx: &StoreFixture) {
    let (_, sessions) = with_sessions(fx, 1).await;
    let (tenant, id) = (sessions[0].tenant_id, sessions[0].id);
    assert!(commit!(fx, t => t.sessions().end(tenant, id, REASON, at(3)).await));
    assert!(!commit!(fx, t => t.sessions().end(tenant, id, SessionEnd::Reuse, at(4)).await));
    let expected = Session {
        ended_at: Some(at(3)),
        end_reason: Some(REASON),
        ..sessions[0].clone()
    };
    let found = fx.repository.find_session(tenant, id).await.unwrap();
    assert_eq!(found, Some(expected));
    let unknown = sample::session(&sample::user(tenant, 1), 99).id;
    assert!(!commit!(fx, t => t.sessions().end(tenant, unknown, REASON, at(4)).await));
}

/// An expired session can still be ended: its refresh token came again.
pub(super) async fn an_expired_session_can_be_ended(fx: &StoreFixture) {
    let (_, sessions) = with_sessions(fx, 1).await;
    let (tenant, id) = (sessions[0].tenant_id, sessions[0].id);
    assert!(commit!(fx, t => t.sessions().end(tenant, id, SessionEnd::Reuse, at(1_000_000)).await));
}

/// Every reason is kept.
pub(super) async fn every_reason_for_ending_is_kept(fx: &StoreFixture) {
    let (user, sessions) = with_sessions(fx, SessionEnd::ALL.len() as u64).await;
    for (session, &reason) in sessions.iter().zip(SessionEnd::ALL) {
        commit!(fx, t => t.sessions().end(user.tenant_id, session.id, reason, NOW).await);
        let found = fx.repository.find_session(user.tenant_id, session.id).await;
        assert_eq!(found.unwrap().unwrap().end_reason, Some(reason));
    }
}

/// Ending all of a user's sessions names those that it ended: expired ones too, ended ones not, the excepted one not.
pub(super) async fn ending_all_sessions_names_them(fx: &StoreFixture) {
    let (user, sessions) = with_sessions(fx, 4).await;
    let other = sample::user(TenantId::DEFAULT, 2);
    let others = sample::session(&other, 1);
    commit!(fx, t => t.users().insert(&other).await);
    commit!(fx, t => t.sessions().insert(&others).await);
    let (tenant, ids) = (
        user.tenant_id,
        sessions.iter().map(|s| s.id).collect::<Vec<_>>(),
    );
    commit!(fx, t => t.sessions().end(tenant, ids[0], SessionEnd::SignedOut, NOW).await);
    let late = at(1_000_000);
    let ended = commit!(fx, t => t
        .sessions()
        .end_all_for_user(tenant, user.id, Some(ids[1]), REASON, late)
        .await);
    assert_eq!(sorted(ended), sorted(vec![ids[2], ids[3]]));
    let first = fx.repository.find_session(tenant, ids[0]).await.unwrap();
    assert_eq!(first.unwrap().end_reason, Some(SessionEnd::SignedOut));
    let ended = commit!(fx, t => t
        .sessions()
        .end_all_for_user(tenant, user.id, None, REASON, late)
        .await);
    assert_eq!(ended, [ids[1]]);
    let stays = fx.repository.find_session(tenant, others.id).await.unwrap();
    assert_eq!(stays, Some(others));
}

/// Listed are sessions that are live at the instant, to the microsecond.
pub(super) async fn listed_sessions_are_live(fx: &StoreFixture) {
    let (user, sessions) = with_sessions(fx, 3).await;
    let (tenant, end) = (user.tenant_id, sessions[0].idle_expires_at);
    commit!(fx, t => t.sessions().end(tenant, sessions[0].id, REASON, NOW).await);
    let mut short = sample::session(&user, 50);
    short.absolute_expires_at = at(10);
    commit!(fx, t => t.sessions().insert(&short).await);
    let list = async |now| {
        let page = PageRequest::first(100);
        let listed = peek!(fx, t => t.sessions().list_for_user(tenant, user.id, now, page).await);
        sorted(listed.items.iter().map(|session| session.id).collect())
    };
    let live = vec![sessions[1].id, sessions[2].id];
    assert_eq!(list(at(10)).await, sorted(live.clone()));
    let with_short = live.iter().copied().chain([short.id]).collect();
    assert_eq!(list(at(9)).await, sorted(with_short));
    let tick = std::time::Duration::from_micros(1);
    assert_eq!(list(end.before(tick)).await, sorted(live));
    assert_eq!(list(end).await, []);
}

/// Named are a user's sessions that are live at the instant, oldest first.
pub(super) async fn live_sessions_are_named_oldest_first(fx: &StoreFixture) {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let mut sessions: Vec<_> = (0..6).map(|n| sample::session(&user, n)).collect();
    for (session, seconds) in sessions.iter_mut().zip([4, 2, 4, 1, 0, 3]) {
        session.created_at = at(seconds);
    }
    sessions[3].ended_at = Some(at(9));
    sessions[4].absolute_expires_at = at(50);
    sessions[5].idle_expires_at = at(60);
    for session in &sessions {
        commit!(fx, t => t.sessions().insert(session).await);
    }
    let live = async |user: &User, now| {
        let (tenant, id) = (user.tenant_id, user.id);
        peek!(fx, t => t.sessions().live_for_user(tenant, id, now).await)
    };
    sessions.sort_by_key(|session| (session.created_at, session.id));
    let tick = std::time::Duration::from_micros(1);
    for now in [
        at(10),
        at(50).before(tick),
        at(50),
        at(60).before(tick),
        at(60),
        at(3_600),
    ] {
        let expected: Vec<_> = sessions
            .iter()
            .filter(|session| session.is_live(now))
            .map(|session| session.id)
            .collect();
        assert_eq!(live(&user, now).await, expected, "{now}");
    }
    assert_eq!(live(&user, at(10)).await.len(), 5);
    assert_eq!(live(&user, at(3_600)).await.len(), 0);
    assert_eq!(live(&sample::user(TenantId::DEFAULT, 2), at(10)).await, []);
}

/// A session needs a user of its tenant; an id is given once.
pub(super) async fn sessions_need_their_user(fx: &StoreFixture) {
    let (user, sessions) = with_sessions(fx, 1).await;
    let orphan = sample::session(&sample::user(TenantId::DEFAULT, 99), 1);
    refused!(fx, Reference, t => t.sessions().insert(&orphan).await);
    let mut again = sample::session(&user, 7);
    again.id = sessions[0].id;
    refused!(fx, Id, t => t.sessions().insert(&again).await);
}

/// A purge takes what ended or expired before the time given, no more than it was told, and nothing else.
pub(super) async fn purging_sessions_is_bounded(fx: &StoreFixture) {
    let (user, sessions) = with_sessions(fx, 4).await;
    let tenant = user.tenant_id;
    commit!(fx, t => t.sessions().end(tenant, sessions[0].id, REASON, at(10)).await);
    let mut old = sample::session(&user, 60);
    old.idle_expires_at = at(1_000_000);
    old.absolute_expires_at = at(20);
    let mut lasting = sample::session(&user, 61);
    lasting.idle_expires_at = at(1_000_000);
    lasting.absolute_expires_at = at(1_000_000);
    for session in [&old, &lasting] {
        commit!(fx, t => t.sessions().insert(session).await);
    }
    let purge =
        async |before, limit| commit!(fx, t => t.sessions().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(11), 100).await, 1, "the ended one");
    assert_eq!(purge(at(20), 100).await, 0, "strictly before");
    assert_eq!(purge(at(21), 100).await, 1, "the one of absolute age");
    assert_eq!(purge(at(3_600), 100).await, 0, "strictly before");
    assert_eq!(purge(at(3_601), 2).await, 2);
    assert_eq!(purge(at(3_601), 2).await, 1);
    assert_eq!(purge(at(3_601), 2).await, 0);
    let stays = fx
        .repository
        .find_session(tenant, lasting.id)
        .await
        .unwrap();
    assert_eq!(stays, Some(lasting));
}
