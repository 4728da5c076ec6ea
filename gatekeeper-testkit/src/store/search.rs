use std::collections::BTreeSet;

use gatekeeper_core::{
    model::{SearchCursor, SearchPage, TenantId, User},
    store::{UserFilter, UserSearch},
};

use super::StoreFixture;
use crate::sample::{self, NOW};

const TENANT: TenantId = TenantId::DEFAULT;

async fn page(
    fx: &StoreFixture,
    prefix: &str,
    filter: &UserFilter,
    after: Option<SearchCursor>,
    limit: u32,
) -> SearchPage<User> {
    let search = UserSearch {
        prefix: prefix.to_owned(),
        filter: filter.clone(),
        after,
        limit,
    };
    peek!(fx, t => t.users().search(TENANT, &search).await)
}

/// All that a search finds, page by page.
async fn walk(fx: &StoreFixture, prefix: &str, filter: &UserFilter, limit: u32) -> Vec<User> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = page(fx, prefix, filter, after, limit).await;
        assert!(page.items.len() <= limit as usize);
        users.extend(page.items);
        assert!(users.len() < 1_000, "the search has an end");
        after = page.next;
        if after.is_none() {
            return users;
        }
    }
}

async fn add(fx: &StoreFixture, n: u64, email: &str, name: &str) -> User {
    let mut user = sample::user(TENANT, n);
    user.email = sample::email(email);
    user.name = Some(name.to_owned());
    commit!(fx, t => t.users().insert(&user).await);
    user
}

/// Users are found by the beginning of the address, of its domain and of each word of the name, each once, at every limit.
pub(super) async fn users_are_found_once(fx: &StoreFixture) {
    let ada = add(fx, 1, "ada@example.org", "Ada adam \u{c9}tienne").await;
    let adam = add(fx, 2, "adam@other.example", "Adam").await;
    let eve = add(fx, 3, "eve@example.org", "Eve").await;
    let all = UserFilter::default();
    for limit in [1, 2, 3, 100] {
        for (prefix, expected) in [
            ("ada", vec![&ada, &adam]),
            ("adam", vec![&ada, &adam]),
            ("ada@", vec![&ada]),
            ("@example.org", vec![&ada, &eve]),
            ("@", vec![&ada, &adam, &eve]),
            ("\u{e9}t", vec![&ada]),
            ("e", vec![&eve]),
            ("xample", vec![]),
            ("dam", vec![]),
            ("ADA", vec![]),
        ] {
            let mut found: Vec<_> = walk(fx, prefix, &all, limit)
                .await
                .into_iter()
                .map(|user| user.id)
                .collect();
            found.sort();
            let expected: Vec<_> = expected.iter().map(|user| user.id).collect();
            assert_eq!(found, expected, "{prefix:?} {limit}");
        }
    }
}

/// What means something in a pattern means itself here.
pub(super) async fn searches_are_no_patterns(fx: &StoreFixture) {
    for (n, name) in (0..).zip([
        "100%",
        "a_b",
        "a\\b",
        "axb",
        "\u{d7ff}",
        "\u{e000}",
        "\u{10ffff}z",
        "x",
    ]) {
        add(fx, n, &format!("u{n}@h{n}.example"), name).await;
    }
    let all = UserFilter::default();
    for (prefix, count) in [
        ("%", 0),
        ("100%", 1),
        ("10%", 0),
        ("_", 0),
        ("a_", 1),
        ("a_b", 1),
        ("a\\", 1),
        ("\\", 0),
        ("a", 3),
        ("a\0", 0),
        ("\0", 0),
        ("\u{d7ff}", 1),
        ("\u{e000}", 1),
        ("\u{10ffff}", 1),
        ("'", 0),
        ("x", 1),
    ] {
        assert_eq!(walk(fx, prefix, &all, 2).await.len(), count, "{prefix:?}");
    }
}

/// A search is filtered by state and by role.
pub(super) async fn searches_are_filtered(fx: &StoreFixture) {
    let admin = sample::role_name("admin");
    for n in 0..8 {
        let mut user = add(fx, n, &format!("same{n}@example.org"), "Same same-again").await;
        if n & 1 != 0 {
            user.disabled_at = Some(NOW);
            commit!(fx, t => t.users().update(&user).await);
        }
        if n & 2 != 0 {
            commit!(fx, t => t.roles().grant(TENANT, user.id, &admin, NOW).await);
        }
    }
    for (active, role, count) in [
        (None, None, 8),
        (Some(true), None, 4),
        (Some(false), None, 4),
        (None, Some("admin"), 4),
        (Some(true), Some("admin"), 2),
        (Some(false), Some("admin"), 2),
        (None, Some("nothing"), 0),
    ] {
        let filter = UserFilter {
            active,
            role: role.map(str::to_owned),
        };
        for limit in [1, 3, 100] {
            assert_eq!(
                walk(fx, "same", &filter, limit).await.len(),
                count,
                "{filter:?} {limit}"
            );
        }
        let counted = peek!(fx, t => t.users().count(TENANT, &filter, 100).await);
        assert_eq!(counted as usize, count, "{filter:?}");
        let few = peek!(fx, t => t.users().count(TENANT, &filter, 3).await);
        assert_eq!(few as usize, count.min(3), "{filter:?}");
    }
}

/// Who was there all along is found once, while others come and go, even the one where a page ended.
pub(super) async fn searches_stay_while_rows_come_and_go(fx: &StoreFixture) {
    let (mut lasting, mut leaving) = (BTreeSet::new(), Vec::new());
    for n in 0..20 {
        let user = add(fx, 1_000 + n, &format!("m{n}@example.org"), "Middle mid").await;
        if n % 5 == 3 {
            leaving.push(user.id);
        } else {
            lasting.insert(user.id);
        }
    }
    let (mut seen, mut after, mut n) = (Vec::new(), None, 0);
    loop {
        let page = page(fx, "m", &UserFilter::default(), after, 3).await;
        seen.extend(page.items.iter().map(|user| user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
        add(fx, n, &format!("m-before{n}@example.org"), "M").await;
        n += 1;
        let last = page.items.last().map(|user| user.id);
        let goes = leaving.iter().position(|id| Some(*id) == last).unwrap_or(0);
        if goes < leaving.len() {
            let id = leaving.remove(goes);
            commit!(fx, t => t.users().delete(TENANT, id).await);
        }
        assert!(n < 50, "the search has an end");
    }
    let once: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(once.len(), seen.len(), "nobody twice");
    assert!(lasting.is_subset(&once), "nobody missed");
}

/// What a user is found by changes when it is said, and goes with the user.
pub(super) async fn terms_follow_the_user(fx: &StoreFixture) {
    let mut user = add(fx, 1, "old@example.org", "Old Name").await;
    user.email = sample::email("new@example.net");
    user.name = None;
    commit!(fx, t => t.users().update(&user).await);
    commit!(fx, t => t.users().update_search(&user).await);
    let all = UserFilter::default();
    for (prefix, count) in [
        ("old", 0),
        ("name", 0),
        ("@example.org", 0),
        ("new", 1),
        ("@example.net", 1),
    ] {
        assert_eq!(walk(fx, prefix, &all, 9).await.len(), count, "{prefix}");
    }
    commit!(fx, t => t.users().delete(TENANT, user.id).await);
    assert_eq!(walk(fx, "new", &all, 9).await, []);
}
