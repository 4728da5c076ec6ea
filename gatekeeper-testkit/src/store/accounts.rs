use gatekeeper_core::{
    model::{EmailAddress, PageRequest, SecretString, TenantId, User},
    store::UserFilter,
};

use super::StoreFixture;
use crate::sample::{self, NOW, at};

const TENANT: TenantId = TenantId::DEFAULT;

fn with_email(n: u64, email: &str) -> User {
    User {
        email: sample::email(email),
        ..sample::user(TENANT, n)
    }
}

async fn insert(fx: &StoreFixture, user: &User) {
    commit!(fx, t => t.users().insert(user).await);
}

async fn by_email(fx: &StoreFixture, email: &EmailAddress) -> Option<User> {
    let email = email.normalized();
    let found = peek!(fx, t => t.users().find_by_email(TENANT, email).await);
    let account = fx
        .repository
        .find_account_by_email(TENANT, email)
        .await
        .unwrap();
    assert_eq!(account.map(|account| account.user), found);
    found
}

/// Every spelling of one address finds its account, and none can have a second.
pub(super) async fn spellings_of_an_address_are_one_account(fx: &StoreFixture) {
    let ada = with_email(1, "Ada@Example.org");
    insert(fx, &ada).await;
    for (n, spelling) in [
        "ada@example.org",
        "ADA@EXAMPLE.ORG",
        "\u{ff21}da@example.org",
    ]
    .into_iter()
    .enumerate()
    {
        let other = with_email(10 + n as u64, spelling);
        assert_eq!(by_email(fx, &other.email).await.as_ref(), Some(&ada));
        refused!(fx, UserEmail, t => t.users().insert(&other).await);
    }
    let umlaut = with_email(2, "x@b\u{fc}cher.example");
    insert(fx, &umlaut).await;
    let ascii = with_email(3, "X@xn--bcher-kva.example");
    refused!(fx, UserEmail, t => t.users().insert(&ascii).await);
}

/// Addresses that only look alike are different people.
pub(super) async fn look_alike_addresses_stay_apart(fx: &StoreFixture) {
    let users: Vec<_> = [
        "mike@example.org",
        "m\u{131}ke@example.org",
        "\u{43c}ike@example.org",
        "mik\u{e9}@example.org",
        "mike@example.com",
        "mike@example.org.uk",
    ]
    .iter()
    .enumerate()
    .map(|(n, text)| with_email(n as u64, text))
    .collect();
    for user in &users {
        insert(fx, user).await;
    }
    for user in &users {
        assert_eq!(by_email(fx, &user.email).await.as_ref(), Some(user));
    }
}

/// What other languages take for a pattern matches itself alone.
pub(super) async fn addresses_are_no_patterns(fx: &StoreFixture) {
    for (n, text) in ["axb@example.org", "ab@example.org", "axxb@example.org"]
        .into_iter()
        .enumerate()
    {
        insert(fx, &with_email(n as u64, text)).await;
    }
    for (n, text) in [
        "a_b@example.org",
        "a*b@example.org",
        "a?b@example.org",
        "*@example.org",
        "___@example.org",
        "a'b@example.org",
        "a{1}b@example.org",
    ]
    .into_iter()
    .enumerate()
    {
        let hostile = with_email(100 + n as u64, text);
        assert!(by_email(fx, &hostile.email).await.is_none(), "{text}");
        insert(fx, &hostile).await;
        assert_eq!(by_email(fx, &hostile.email).await, Some(hostile));
    }
    // `%` cannot stand in an address; a role filter takes any text.
    for role in ["%", "admi_", "admin%", "*"] {
        let filter = UserFilter {
            role: Some(role.to_owned()),
            ..UserFilter::default()
        };
        let page = PageRequest::first(100);
        let listed = peek!(fx, t => t.users().list(TENANT, &filter, page).await);
        assert!(listed.items.is_empty(), "{role}");
    }
}

/// Ids and addresses are given once; a user needs a tenant.
pub(super) async fn users_conflict_by_kind(fx: &StoreFixture) {
    let (ada, bob) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    insert(fx, &ada).await;
    insert(fx, &bob).await;
    let mut same_id = sample::user(TENANT, 3);
    same_id.id = ada.id;
    refused!(fx, Id, t => t.users().insert(&same_id).await);
    let mut same_email = sample::user(TENANT, 3);
    same_email.email = ada.email.clone();
    refused!(fx, UserEmail, t => t.users().insert(&same_email).await);
    let homeless = sample::user(sample::tenant(9).id, 3);
    refused!(fx, Reference, t => t.users().insert(&homeless).await);
    let mut thief = bob.clone();
    thief.email = ada.email.clone();
    refused!(fx, UserEmail, t => t.users().update(&thief).await);
    assert_eq!(
        peek!(fx, t => t.users().find(TENANT, bob.id).await),
        Some(bob)
    );
}

/// An update writes the whole row; an address that was given up is free again.
pub(super) async fn updating_a_user_writes_the_row(fx: &StoreFixture) {
    let mut ada = with_email(1, "ada@example.org");
    insert(fx, &ada).await;
    let old = ada.email.clone();
    ada.email = sample::email("Lovelace@example.org");
    ada.email_verified_at = None;
    ada.name = None;
    ada.avatar_url = Some(String::new());
    ada.updated_at = at(1);
    ada.last_sign_in_at = Some(at(2));
    ada.disabled_at = Some(at(3));
    assert!(commit!(fx, t => t.users().update(&ada).await));
    assert_eq!(
        peek!(fx, t => t.users().find(TENANT, ada.id).await).as_ref(),
        Some(&ada)
    );
    assert_eq!(by_email(fx, &ada.email).await.as_ref(), Some(&ada));
    assert!(by_email(fx, &old).await.is_none());
    insert(fx, &with_email(2, old.as_str())).await;
    // One's own address, spelt anew, is no conflict.
    ada.email = sample::email("LOVELACE@example.org");
    assert!(commit!(fx, t => t.users().update(&ada).await));
    assert_eq!(by_email(fx, &ada.email).await, Some(ada));
    let nobody = sample::user(TENANT, 99);
    assert!(!commit!(fx, t => t.users().update(&nobody).await));
}

/// Filters by state and role, and both.
pub(super) async fn users_are_filtered(fx: &StoreFixture) {
    let mut users: Vec<_> = (0..4).map(|n| sample::user(TENANT, n)).collect();
    users[1].disabled_at = Some(NOW);
    users[3].disabled_at = Some(NOW);
    let admin = sample::role_name("admin");
    for user in &users {
        insert(fx, user).await;
    }
    for user in &users[2..] {
        commit!(fx, t => t.roles().grant(TENANT, user.id, &admin, NOW).await);
    }
    let role = Some("admin".to_owned());
    for (active, role, expected) in [
        (None, None, vec![0, 1, 2, 3]),
        (Some(true), None, vec![0, 2]),
        (Some(false), None, vec![1, 3]),
        (None, role.clone(), vec![2, 3]),
        (Some(true), role.clone(), vec![2]),
        (Some(false), role, vec![3]),
        (None, Some("nothing".to_owned()), vec![]),
    ] {
        let filter = UserFilter { active, role };
        let page = PageRequest::first(100);
        let listed = peek!(fx, t => t.users().list(TENANT, &filter, page).await);
        let mut found: Vec<_> = listed.items.iter().map(|user| user.id).collect();
        let mut expected: Vec<_> = expected.iter().map(|&n: &usize| users[n].id).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// A password is set, set again, found and removed.
pub(super) async fn passwords_are_set_and_removed(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    insert(fx, &user).await;
    assert!(peek!(fx, t => t.credentials().find_password(TENANT, user.id).await).is_none());
    for (hash, seconds) in [("first", 1), ("second", 2)] {
        let mut password = sample::password(&user);
        password.hash = SecretString::from(hash);
        password.changed_at = at(seconds);
        commit!(fx, t => t.credentials().set_password(&password).await);
        let found = peek!(fx, t => t.credentials().find_password(TENANT, user.id).await).unwrap();
        assert_eq!((found.hash.expose(), found.changed_at), (hash, at(seconds)));
        assert_eq!((found.tenant_id, found.user_id), (TENANT, user.id));
    }
    let account = fx.repository.find_account(TENANT, user.id).await.unwrap();
    assert_eq!(account.unwrap().password.unwrap().hash.expose(), "second");
    assert!(commit!(fx, t => t.credentials().delete_password(TENANT, user.id).await));
    assert!(!commit!(fx, t => t.credentials().delete_password(TENANT, user.id).await));
    let account = fx.repository.find_account(TENANT, user.id).await.unwrap();
    assert!(account.unwrap().password.is_none());
    let orphan = sample::password(&sample::user(TENANT, 99));
    refused!(fx, Reference, t => t.credentials().set_password(&orphan).await);
}

/// A rehash happens where the old hash still stands, and is no change of password.
pub(super) async fn a_rehash_never_undoes_a_change(fx: &StoreFixture) {
    let user = sample::user(TENANT, 1);
    let mut password = sample::password(&user);
    password.hash = SecretString::from("old");
    insert(fx, &user).await;
    commit!(fx, t => t.credentials().set_password(&password).await);
    let replace = async |old: &str, new: &str| {
        let (old, new) = (SecretString::from(old), SecretString::from(new));
        let replaced = commit!(fx, t => t
            .credentials()
            .replace_hash(TENANT, user.id, &old, &new)
            .await);
        let found = peek!(fx, t => t.credentials().find_password(TENANT, user.id).await).unwrap();
        assert_eq!(found.changed_at, password.changed_at);
        (replaced, found.hash.expose().to_owned())
    };
    assert_eq!(replace("OLD", "new").await, (false, "old".to_owned()));
    assert_eq!(replace("ol", "new").await, (false, "old".to_owned()));
    assert_eq!(replace("", "new").await, (false, "old".to_owned()));
    assert_eq!(replace("old", "new").await, (true, "new".to_owned()));
    assert_eq!(replace("old", "other").await, (false, "new".to_owned()));
    commit!(fx, t => t.credentials().delete_password(TENANT, user.id).await);
    let (old, new) = (SecretString::from("new"), SecretString::from("x"));
    let none = commit!(fx, t => t.credentials().replace_hash(TENANT, user.id, &old, &new).await);
    assert!(!none, "nothing to replace");
}

/// An outside identity signs in to one account; it is compared exactly, and listed in order.
pub(super) async fn identities_are_linked_once(fx: &StoreFixture) {
    let (ada, bob) = (sample::user(TENANT, 1), sample::user(TENANT, 2));
    insert(fx, &ada).await;
    insert(fx, &bob).await;
    let link = |provider: &str, subject: &str| {
        let mut identity = sample::identity(&ada, 0);
        provider.clone_into(&mut identity.provider);
        subject.clone_into(&mut identity.subject);
        identity
    };
    let mut linked = vec![
        link("b", "2"),
        link("a", "S"),
        link("b", "10"),
        link("a", "s"),
        link("a", "%"),
    ];
    for identity in &linked {
        commit!(fx, t => t.credentials().insert_identity(identity).await);
    }
    let mut stolen = link("a", "s");
    stolen.user_id = bob.id;
    refused!(fx, ExternalIdentity, t => t.credentials().insert_identity(&stolen).await);
    refused!(fx, ExternalIdentity, t => t.credentials().insert_identity(&link("a", "s")).await);
    let orphan = sample::identity(&sample::user(TENANT, 99), 1);
    refused!(fx, Reference, t => t.credentials().insert_identity(&orphan).await);
    let find = async |provider: &str, subject: &str| peek!(fx, t => t.credentials().find_identity(TENANT, provider, subject).await);
    assert_eq!(find("a", "S").await, Some(link("a", "S")));
    assert_eq!(find("A", "s").await, None);
    assert_eq!(find("_", "s").await, None);
    assert_eq!(find("b", "%").await, None);
    linked.sort_by(|x, y| (&x.provider, &x.subject).cmp(&(&y.provider, &y.subject)));
    assert_eq!(
        peek!(fx, t => t.credentials().list_identities(TENANT, ada.id).await),
        linked
    );
    assert_eq!(
        peek!(fx, t => t.credentials().list_identities(TENANT, bob.id).await),
        []
    );
}
