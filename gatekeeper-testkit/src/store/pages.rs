use std::collections::BTreeSet;

use gatekeeper_core::{
    model::{AuditEvent, MAX_PAGE, OutboxState, Page, PageRequest, SessionEnd, TenantId, User},
    store::{AuditFilter, UserFilter},
};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

/// Reads a list to its end, `limit` items a page; each page but the last must be full.
macro_rules! walk {
    ($limit:expr, $page:ident => $list:expr) => {{
        let mut items = Vec::new();
        let mut $page = PageRequest::first($limit);
        loop {
            let Page { items: some, next } = $list;
            assert!(some.len() <= $limit as usize);
            assert!(next.is_none() || some.len() == $limit as usize);
            items.extend(some);
            assert!(items.len() <= 1_000, "the list has an end");
            match next {
                Some(next) => $page.after = Some(next),
                None => break items,
            }
        }
    }};
}

const LIMITS: [u32; 6] = [1, 2, 3, 5, 6, MAX_PAGE];

async fn users_page(fx: &StoreFixture, page: PageRequest) -> Page<User> {
    let filter = UserFilter::default();
    peek!(fx, t => t.users().list(TENANT, &filter, page).await)
}

async fn trail_page(fx: &StoreFixture, page: PageRequest) -> Page<AuditEvent> {
    let filter = AuditFilter::default();
    peek!(fx, t => t.audit().list(TENANT, &filter, page).await)
}

/// Users come newest first, those of one instant by id, each once, at every limit.
pub(super) async fn users_are_paged_by_time_and_id(fx: &StoreFixture) {
    let mut users: Vec<_> = (0..6).map(|n| sample::user(TENANT, n)).collect();
    for (user, seconds) in users.iter_mut().zip([5, 5, -9, 5, 7, 5]) {
        user.created_at = at(seconds);
        commit!(fx, t => t.users().insert(user).await);
    }
    users.sort_by_key(|user| std::cmp::Reverse((user.created_at, user.id)));
    for limit in LIMITS {
        assert_eq!(
            walk!(limit, page => users_page(fx, page).await),
            users,
            "{limit}"
        );
    }
}

/// A filter does not tear pages.
pub(super) async fn filtered_users_are_paged(fx: &StoreFixture) {
    let mut users: Vec<_> = (0..9).map(|n| sample::user(TENANT, n)).collect();
    for user in users.iter_mut().step_by(2) {
        user.disabled_at = Some(NOW);
    }
    for user in &users {
        commit!(fx, t => t.users().insert(user).await);
    }
    users.retain(|user| user.disabled_at.is_some());
    users.sort_by_key(|user| std::cmp::Reverse(user.id));
    let filter = UserFilter {
        active: Some(false),
        role: None,
    };
    for limit in LIMITS {
        let walked = walk!(limit, page => peek!(fx, t => t
            .users()
            .list(TENANT, &filter, page)
            .await));
        assert_eq!(walked, users, "{limit}");
    }
}

/// What is inserted and deleted between two pages disturbs nobody else: who was there all along comes exactly once.
pub(super) async fn pages_stay_while_rows_come_and_go(fx: &StoreFixture) {
    let mut lasting = BTreeSet::new();
    let mut leaving = Vec::new();
    for n in 0..20 {
        let user = sample::user(TENANT, 1_000 + n);
        commit!(fx, t => t.users().insert(&user).await);
        if n % 5 == 3 {
            leaving.push(user.id);
        } else {
            lasting.insert(user.id);
        }
    }
    let mut next_id = 0;
    let walked = walk!(3, page => {
        let answer = users_page(fx, page).await;
        // One before everything and one behind everything, of the same instant and of others; and one goes, which may
        // be the very one that the cursor names.
        for (n, seconds) in [(next_id, 0), (5_000 + next_id, 0), (6_000 + next_id, 9), (7_000 + next_id, -9)] {
            let mut user = sample::user(TENANT, n);
            user.created_at = at(seconds);
            commit!(fx, t => t.users().insert(&user).await);
        }
        next_id += 1;
        let last = answer.items.last().map(|user| user.id);
        let goes = leaving.iter().position(|id| Some(*id) == last).unwrap_or(0);
        if goes < leaving.len() {
            let id = leaving.remove(goes);
            commit!(fx, t => t.users().delete(TENANT, id).await);
        }
        assert!(next_id < 100, "the list has an end");
        answer
    });
    let ids: Vec<_> = walked.iter().map(|user| user.id).collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "nobody twice"
    );
    assert!(lasting.iter().all(|id| ids.contains(id)), "nobody missed");
}

/// A page of the greatest length, with one more row and with none.
pub(super) async fn the_longest_page_is_cut_at_its_limit(fx: &StoreFixture) {
    for n in 0..u64::from(MAX_PAGE) {
        commit!(fx, t => t.audit().append(&sample::event(TENANT, n)).await);
    }
    let full = trail_page(fx, PageRequest::first(MAX_PAGE)).await;
    assert_eq!((full.items.len(), full.next), (MAX_PAGE as usize, None));
    commit!(fx, t => t.audit().append(&sample::event(TENANT, 1_000)).await);
    let cut = trail_page(fx, PageRequest::first(MAX_PAGE)).await;
    assert_eq!(cut.items.len(), MAX_PAGE as usize);
    let rest = PageRequest {
        limit: MAX_PAGE,
        after: cut.next,
    };
    let rest = trail_page(fx, rest).await;
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert!(!cut.items.contains(&rest.items[0]));
}

/// The trail, the same way; a filter by time keeps to the cursor.
pub(super) async fn the_trail_is_paged_by_time_and_id(fx: &StoreFixture) {
    let mut rows: Vec<_> = (0..8).map(|n| sample::event(TENANT, n)).collect();
    for (row, seconds) in rows.iter_mut().zip([5, 5, -9, 5, 7, 5, 100, -100]) {
        row.at = at(seconds);
        commit!(fx, t => t.audit().append(row).await);
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id)));
    for limit in LIMITS {
        assert_eq!(
            walk!(limit, page => trail_page(fx, page).await),
            rows,
            "{limit}"
        );
    }
    let filter = AuditFilter {
        since: Some(at(-9)),
        until: Some(at(100)),
        ..AuditFilter::default()
    };
    for limit in LIMITS {
        let walked =
            walk!(limit, page => peek!(fx, t => t.audit().list(TENANT, &filter, page).await));
        assert_eq!(walked, rows[1..7], "{limit}");
    }
}

/// A user's sessions, the same way; ended ones leave no holes.
pub(super) async fn sessions_are_paged_by_time_and_id(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    let mut sessions: Vec<_> = (0..8).map(|n| sample::session(&user, n)).collect();
    for (session, seconds) in sessions.iter_mut().zip([5, 5, -9, 5, 7, 5, 1, 2]) {
        session.created_at = at(seconds);
        commit!(fx, t => t.sessions().insert(session).await);
    }
    for session in sessions.drain(6..) {
        let reason = SessionEnd::SignedOut;
        commit!(fx, t => t.sessions().end(TENANT, session.id, reason, NOW).await);
    }
    sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
    for limit in LIMITS {
        let walked = walk!(limit, page => peek!(fx, t => t
            .sessions()
            .list_for_user(TENANT, user.id, NOW, page)
            .await));
        assert_eq!(walked, sessions, "{limit}");
    }
}

/// Entries of the outbox, the same way, for each state.
pub(super) async fn entries_are_paged_by_time_and_id(fx: &StoreFixture) {
    for state in [
        OutboxState::Dead,
        OutboxState::Delivered,
        OutboxState::Pending,
    ] {
        let first = state as u64 * 10;
        let mut entries: Vec<_> = (first..first + 6)
            .map(|n| sample::mail(TENANT, n))
            .collect();
        for (entry, seconds) in entries.iter_mut().zip([5, 5, -9, 5, 7, 5]) {
            entry.created_at = at(seconds);
            commit!(fx, t => t.outbox().enqueue(entry).await);
        }
        // The last ones are held, which is pending too.
        for entry in commit!(fx, t => t.outbox().claim(NOW, at(60), 100).await) {
            match state {
                OutboxState::Dead => {
                    commit!(fx, t => t.outbox().fail(entry.id, 1, "550", None, at(1)).await);
                }
                OutboxState::Delivered => {
                    commit!(fx, t => t.outbox().complete(entry.id, 1, at(1)).await);
                }
                OutboxState::Pending => {}
            }
        }
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.created_at, entry.id)));
        let expected: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        for limit in LIMITS {
            let walked =
                walk!(limit, page => peek!(fx, t => t.outbox().list(TENANT, state, page).await));
            assert!(walked.iter().all(|entry| entry.state == state));
            let walked: Vec<_> = walked.iter().map(|entry| entry.id).collect();
            assert_eq!(walked, expected, "{limit}");
        }
    }
}
