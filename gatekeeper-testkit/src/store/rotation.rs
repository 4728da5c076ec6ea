use std::{net::IpAddr, time::Duration};

use gatekeeper_core::{
    model::{Session, SessionEnd, TenantId, Timestamp, User},
    store::{RotatedSession, SessionRotation},
};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const IDLE: Duration = Duration::from_hours(2);
const MICROSECOND: Duration = Duration::from_micros(1);

async fn with_session(fx: &StoreFixture) -> (User, Session) {
    let user = sample::user(TenantId::DEFAULT, 1);
    let mut session = sample::session(&user, 1);
    session.generation = 41;
    commit!(fx, t => t.users().insert(&user).await);
    commit!(fx, t => t.sessions().insert(&session).await);
    (user, session)
}

fn rotation(session: &Session, now: Timestamp) -> SessionRotation {
    SessionRotation {
        tenant_id: session.tenant_id,
        session_id: session.id,
        generation: session.generation,
        now,
        idle_lifetime: IDLE,
        ip: None,
    }
}

async fn rotate(fx: &StoreFixture, rotation: &SessionRotation) -> Option<RotatedSession> {
    fx.repository.rotate_session(rotation).await.unwrap()
}

async fn stored(fx: &StoreFixture, session: &Session) -> Session {
    let found = fx.other.find_session(session.tenant_id, session.id).await;
    found.unwrap().unwrap()
}

/// Refused, and nothing was written.
async fn assert_refused(fx: &StoreFixture, rotation: &SessionRotation, session: &Session) {
    assert!(rotate(fx, rotation).await.is_none());
    assert_eq!(&stored(fx, session).await, session);
}

/// Rule 4: of sixteen concurrent rotations of one generation one wins, and the generation rises by one.
pub(super) async fn sixteen_rotations_give_one_success(fx: &StoreFixture) {
    let (_, session) = with_session(fx).await;
    let won = together(16, |n| {
        let (repository, rotation) = (fx.node(n), rotation(&session, at(5)));
        async move { repository.rotate_session(&rotation).await.unwrap() }
    })
    .await;
    assert_eq!(won.iter().flatten().count(), 1);
    assert_eq!(stored(fx, &session).await.generation, 42);
}

/// A rotation changes what it says and nothing else, and gives what the next access token says.
pub(super) async fn a_rotation_moves_the_session_on(fx: &StoreFixture) {
    let (user, session) = with_session(fx).await;
    let admin = sample::role_name("admin");
    commit!(fx, t => t.roles().grant(user.tenant_id, user.id, &admin, NOW).await);
    commit!(fx, t => t.credentials().set_password(&sample::password(&user)).await);
    let ip: IpAddr = "192.0.2.7".parse().unwrap();
    let now = at(60);
    let request = SessionRotation {
        ip: Some(ip),
        ..rotation(&session, now)
    };
    let rotated = rotate(fx, &request).await.unwrap();
    let expected = Session {
        generation: 42,
        rotated_at: now,
        last_seen_at: now,
        idle_expires_at: now.after(IDLE),
        ip: Some(ip),
        ..session
    };
    assert_eq!(rotated.session, expected);
    assert_eq!(stored(fx, &expected).await, expected);
    assert_eq!(rotated.account.user, user);
    assert_eq!(rotated.account.authority.roles, ["admin"]);
    assert_eq!(rotated.account.authority.permissions, ["*"]);
    assert!(rotated.account.password.is_none(), "it is not read");

    // Where the caller's address is not known, the one before stays.
    let next = rotate(fx, &rotation(&expected, now)).await.unwrap();
    assert_eq!(next.session.generation, 43);
    assert_eq!(next.session.ip, Some(ip));
}

/// Any other generation is refused: used ones, and ones that were never given.
pub(super) async fn a_wrong_generation_is_refused(fx: &StoreFixture) {
    let (_, session) = with_session(fx).await;
    for generation in [i64::MIN, -1, 0, 40, 42, i64::MAX] {
        let wrong = SessionRotation {
            generation,
            ..rotation(&session, NOW)
        };
        assert_refused(fx, &wrong, &session).await;
    }
    assert!(rotate(fx, &rotation(&session, NOW)).await.is_some());
}

/// An ended session is refused for ever.
pub(super) async fn an_ended_session_is_not_rotated(fx: &StoreFixture) {
    let (_, session) = with_session(fx).await;
    let (tenant, id) = (session.tenant_id, session.id);
    commit!(fx, t => t.sessions().end(tenant, id, SessionEnd::SignedOut, at(1)).await);
    let ended = stored(fx, &session).await;
    for now in [NOW, at(1), at(2)] {
        assert_refused(fx, &rotation(&session, now), &ended).await;
    }
}

/// Rule 3, idle lifetime: refused at the exact instant, fine a microsecond before.
pub(super) async fn an_idle_session_is_refused_at_the_exact_instant(fx: &StoreFixture) {
    let (_, session) = with_session(fx).await;
    let end = session.idle_expires_at;
    assert_refused(fx, &rotation(&session, end), &session).await;
    assert_refused(fx, &rotation(&session, end.after(IDLE)), &session).await;
    let last = rotation(&session, end.before(MICROSECOND));
    assert!(rotate(fx, &last).await.is_some());
}

/// Rule 3, absolute lifetime: refused at the exact instant however busy the session was.
pub(super) async fn an_old_session_is_refused_at_the_exact_instant(fx: &StoreFixture) {
    let user = sample::user(TenantId::DEFAULT, 1);
    let mut session = sample::session(&user, 1);
    session.idle_expires_at = at(1_000_000);
    commit!(fx, t => t.users().insert(&user).await);
    commit!(fx, t => t.sessions().insert(&session).await);
    let end = session.absolute_expires_at;
    assert_refused(fx, &rotation(&session, end), &session).await;
    let last = rotate(fx, &rotation(&session, end.before(MICROSECOND))).await;
    assert_eq!(last.unwrap().session.absolute_expires_at, end);
}

/// A disabled user's sessions are not rotated, and are again once the user is enabled.
pub(super) async fn a_disabled_user_gets_no_rotation(fx: &StoreFixture) {
    let (mut user, session) = with_session(fx).await;
    user.disabled_at = Some(at(1));
    commit!(fx, t => t.users().update(&user).await);
    assert_refused(fx, &rotation(&session, at(2)), &session).await;
    user.disabled_at = None;
    commit!(fx, t => t.users().update(&user).await);
    assert!(rotate(fx, &rotation(&session, at(2))).await.is_some());
}

/// Another tenant's name on it, or a session that does not exist.
pub(super) async fn a_foreign_session_is_not_rotated(fx: &StoreFixture) {
    let (user, session) = with_session(fx).await;
    let tenant = sample::tenant(2);
    commit!(fx, t => t.tenants().insert(&tenant).await);
    let foreign = SessionRotation {
        tenant_id: tenant.id,
        ..rotation(&session, NOW)
    };
    assert_refused(fx, &foreign, &session).await;
    let unknown = rotation(&sample::session(&user, 99), NOW);
    assert!(rotate(fx, &unknown).await.is_none());
}

/// A chain of rotations by two nodes in turn.
pub(super) async fn nodes_rotate_in_turn(fx: &StoreFixture) {
    let (_, mut session) = with_session(fx).await;
    for n in 0..10 {
        let request = rotation(&session, at(10 * i64::try_from(n).unwrap()));
        let rotated = fx.node(n).rotate_session(&request).await.unwrap();
        session = rotated.unwrap().session;
    }
    assert_eq!(session.generation, 51);
}
