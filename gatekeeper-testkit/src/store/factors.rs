use gatekeeper_core::model::{BackupCode, MfaCredential, SecretString, TenantId, Timestamp, User};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

async fn with_user(fx: &StoreFixture) -> User {
    let user = sample::user(TenantId::DEFAULT, 1);
    commit!(fx, t => t.users().insert(&user).await);
    user
}

async fn listed(fx: &StoreFixture, user: &User) -> Vec<MfaCredential> {
    peek!(fx, t => t.mfa().list(user.tenant_id, user.id).await)
}

/// Codes can be compared by what they show.
fn shown(codes: &[BackupCode]) -> Vec<(gatekeeper_core::model::BackupCodeId, &str, Timestamp)> {
    codes
        .iter()
        .map(|code| (code.id, code.hash.expose(), code.created_at))
        .collect()
}

async fn codes(fx: &StoreFixture, user: &User) -> Vec<BackupCode> {
    peek!(fx, t => t.mfa().list_backup_codes(user.tenant_id, user.id).await)
}

/// Every field of a factor, sorted by method, with bytes that are no text and the ends of its counter.
pub(super) async fn factors_come_back_whole(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let tick = std::time::Duration::from_micros(1);
    let odd = MfaCredential {
        sealed: (0..=255).collect(),
        created_at: at(-5).after(tick),
        confirmed_at: Some(at(7).before(tick)),
        counter: i64::MAX,
        ..sample::factor(&user, "totp")
    };
    let open = MfaCredential {
        sealed: Vec::new(),
        confirmed_at: None,
        counter: i64::MIN,
        ..sample::factor(&user, "\u{4f60}")
    };
    let plain = sample::factor(&user, "email");
    for factor in [&odd, &open, &plain] {
        commit!(fx, t => t.mfa().put(factor).await);
    }
    assert_eq!(listed(fx, &user).await, [plain, odd, open]);
    assert_eq!(listed(fx, &sample::user(TenantId::DEFAULT, 2)).await, []);
}

/// A factor that was begun can be begun anew; one that is confirmed stays what it is.
pub(super) async fn a_confirmed_factor_is_not_replaced(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let (tenant, id) = (user.tenant_id, user.id);
    let begun = MfaCredential {
        confirmed_at: None,
        ..sample::factor(&user, "totp")
    };
    let anew = MfaCredential {
        sealed: b"another".to_vec(),
        created_at: at(5),
        ..begun.clone()
    };
    commit!(fx, t => t.mfa().put(&begun).await);
    commit!(fx, t => t.mfa().put(&anew).await);
    assert_eq!(listed(fx, &user).await, std::slice::from_ref(&anew));
    assert!(!commit!(fx, t => t.mfa().confirm(tenant, id, "email", 9, at(6)).await));
    assert!(commit!(fx, t => t.mfa().confirm(tenant, id, "totp", 9, at(6)).await));
    assert!(!commit!(fx, t => t.mfa().confirm(tenant, id, "totp", 10, at(7)).await));
    refused!(fx, MfaMethod, t => t.mfa().put(&begun).await);
    let confirmed = MfaCredential {
        confirmed_at: Some(at(6)),
        counter: 9,
        ..anew
    };
    assert_eq!(listed(fx, &user).await, [confirmed]);
    assert!(commit!(fx, t => t.mfa().delete(tenant, id, "totp").await));
    assert!(!commit!(fx, t => t.mfa().delete(tenant, id, "totp").await));
    commit!(fx, t => t.mfa().put(&begun).await);
    let orphan = sample::factor(&sample::user(tenant, 9), "totp");
    refused!(fx, Reference, t => t.mfa().put(&orphan).await);
}

/// A counter only rises, and only in a confirmed factor of that method.
pub(super) async fn counters_only_rise(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let (tenant, id) = (user.tenant_id, user.id);
    let begun = MfaCredential {
        confirmed_at: None,
        ..sample::factor(&user, "email")
    };
    commit!(fx, t => t.mfa().put(&begun).await);
    commit!(fx, t => t.mfa().put(&sample::factor(&user, "totp")).await);
    for (method, counter, expected) in [
        ("email", 5, false),
        ("sms", 5, false),
        ("totp", -1, false),
        ("totp", 5, true),
        ("totp", 5, false),
        ("totp", 4, false),
        ("totp", 6, true),
        ("totp", i64::MAX, true),
        ("totp", i64::MAX, false),
    ] {
        let advanced = commit!(fx, t => t.mfa().advance(tenant, id, method, counter).await);
        assert_eq!(advanced, expected, "{method} {counter}");
    }
    let counters: Vec<_> = listed(fx, &user).await.iter().map(|f| f.counter).collect();
    assert_eq!(counters, [-1, i64::MAX]);
}

/// Of sixteen who show the code of one time step one is let in (RFC 6238 section 5.2).
pub(super) async fn one_time_step_lets_one_in(fx: &StoreFixture) {
    let user = with_user(fx).await;
    commit!(fx, t => t.mfa().put(&sample::factor(&user, "totp")).await);
    let let_in = together(16, |n| {
        let (repository, user) = (fx.node(n), user.clone());
        async move {
            let mut t = repository.begin().await.unwrap();
            let advanced = t
                .mfa()
                .advance(user.tenant_id, user.id, "totp", 7)
                .await
                .unwrap();
            t.commit().await.unwrap();
            advanced
        }
    })
    .await;
    assert_eq!(let_in.iter().filter(|won| **won).count(), 1);
}

/// Every field of a set of codes; a new set takes the place of the old one whole.
pub(super) async fn backup_codes_are_replaced_whole(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let (tenant, id) = (user.tenant_id, user.id);
    let set = |numbers: std::ops::Range<u64>| -> Vec<BackupCode> {
        numbers
            .map(|n| BackupCode {
                created_at: at(i64::try_from(n).unwrap()),
                ..sample::backup_code(&user, n)
            })
            .collect()
    };
    let (first, second) = (set(0..10), set(10..13));
    let backwards: Vec<_> = first.iter().rev().cloned().collect();
    commit!(fx, t => t.mfa().replace_backup_codes(tenant, id, &backwards).await);
    assert_eq!(shown(&codes(fx, &user).await), shown(&first));
    commit!(fx, t => t.mfa().replace_backup_codes(tenant, id, &second).await);
    assert_eq!(shown(&codes(fx, &user).await), shown(&second));
    let twice = [second[0].clone(), second[0].clone()];
    refused!(fx, Id, t => t.mfa().replace_backup_codes(tenant, id, &twice).await);
    assert_eq!(shown(&codes(fx, &user).await), shown(&second));
    commit!(fx, t => t.mfa().replace_backup_codes(tenant, id, &[]).await);
    assert_eq!(shown(&codes(fx, &user).await), []);
    let nobody = sample::user(tenant, 9).id;
    refused!(fx, Reference, t => t.mfa().replace_backup_codes(tenant, nobody, &first).await);
}

/// A code is good once, for its owner, by its whole hash.
pub(super) async fn a_backup_code_is_used_once(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let (tenant, id) = (user.tenant_id, user.id);
    let neighbour = sample::user(tenant, 2);
    commit!(fx, t => t.users().insert(&neighbour).await);
    let set: Vec<_> = (0..3).map(|n| sample::backup_code(&user, n)).collect();
    commit!(fx, t => t.mfa().replace_backup_codes(tenant, id, &set).await);
    let consume = async |user, hash: &SecretString| commit!(fx, t => t.mfa().consume_backup_code(tenant, user, hash).await);
    let hash = &set[1].hash;
    assert!(!consume(neighbour.id, hash).await);
    let cut = SecretString::from(&hash.expose()[1..]);
    assert!(!consume(id, &cut).await);
    assert!(consume(id, hash).await);
    assert!(!consume(id, hash).await);
    let left = [set[0].clone(), set[2].clone()];
    assert_eq!(shown(&codes(fx, &user).await), shown(&left));
}

/// Of sixteen who show one code one is let in.
pub(super) async fn sixteen_with_one_backup_code_give_one_success(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let code = sample::backup_code(&user, 1);
    let set = std::slice::from_ref(&code);
    commit!(fx, t => t.mfa().replace_backup_codes(user.tenant_id, user.id, set).await);
    let let_in = together(16, |n| {
        let (repository, user, hash) = (fx.node(n), user.clone(), code.hash.clone());
        async move {
            let mut t = repository.begin().await.unwrap();
            let consumed = t
                .mfa()
                .consume_backup_code(user.tenant_id, user.id, &hash)
                .await
                .unwrap();
            t.commit().await.unwrap();
            consumed
        }
    })
    .await;
    assert_eq!(let_in.iter().filter(|won| **won).count(), 1);
}

/// What was a password is kept newest first, no more of it than was asked for, and each user's alone.
pub(super) async fn former_passwords_are_few(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let neighbour = sample::user(user.tenant_id, 2);
    commit!(fx, t => t.users().insert(&neighbour).await);
    let theirs = sample::former_password(&neighbour, 1);
    commit!(fx, t => t.credentials().add_former_password(&theirs, 5).await);
    let tick = std::time::Duration::from_micros(1);
    for n in 0..6 {
        let former = gatekeeper_core::model::FormerPassword {
            replaced_at: NOW.after(tick),
            ..sample::former_password(&user, n)
        };
        commit!(fx, t => t.credentials().add_former_password(&former, 4).await);
        refused!(fx, Id, t => t.credentials().add_former_password(&former, 4).await);
    }
    let of = async |user: &User, limit| {
        let (tenant, id) = (user.tenant_id, user.id);
        peek!(fx, t => t.credentials().former_passwords(tenant, id, limit).await)
            .iter()
            .map(|row| {
                assert_eq!((row.tenant_id, row.user_id), (tenant, id));
                (row.id, row.hash.expose().to_owned(), row.replaced_at)
            })
            .collect::<Vec<_>>()
    };
    let expected: Vec<_> = [5, 4, 3, 2]
        .map(|n| sample::former_password(&user, n))
        .iter()
        .map(|row| (row.id, row.hash.expose().to_owned(), NOW.after(tick)))
        .collect();
    assert_eq!(of(&user, 10).await, expected);
    assert_eq!(of(&user, 2).await, expected[..2]);
    assert_eq!(of(&user, 0).await, []);
    assert_eq!(of(&neighbour, 10).await.len(), 1);
    let last = sample::former_password(&user, 9);
    commit!(fx, t => t.credentials().add_former_password(&last, 0).await);
    assert_eq!(of(&user, 10).await, []);
    assert_eq!(of(&neighbour, 10).await.len(), 1);
    let orphan = sample::former_password(&sample::user(user.tenant_id, 9), 1);
    refused!(fx, Reference, t => t.credentials().add_former_password(&orphan, 4).await);
}

/// That a password must be changed is said once, survives a rehash, and goes with the password.
pub(super) async fn a_required_change_stays_until_it_is_made(fx: &StoreFixture) {
    let user = with_user(fx).await;
    let (tenant, id) = (user.tenant_id, user.id);
    let require = async |since| commit!(fx, t => t.credentials().require_password_change(tenant, id, since).await);
    let said = async || {
        let account = fx.repository.find_account(tenant, id).await.unwrap();
        let by_email = fx
            .repository
            .find_account_by_email(tenant, user.email.normalized())
            .await
            .unwrap();
        let alone = peek!(fx, t => t.credentials().find_password(tenant, id).await);
        let said = alone.map(|password| password.must_change_since);
        for account in [account, by_email] {
            let password = account.and_then(|account| account.password);
            assert_eq!(password.map(|password| password.must_change_since), said);
        }
        said
    };
    assert!(!require(NOW).await, "there is no password");
    assert_eq!(said().await, None);
    let password = sample::password(&user);
    commit!(fx, t => t.credentials().set_password(&password).await);
    assert_eq!(said().await, Some(None));
    assert!(require(at(5)).await);
    assert!(!require(at(6)).await);
    let rehashed = SecretString::from("rehashed");
    assert!(commit!(fx, t => t
        .credentials()
        .replace_hash(tenant, id, &password.hash, &rehashed)
        .await));
    assert_eq!(said().await, Some(Some(at(5))));
    commit!(fx, t => t.credentials().set_password(&password).await);
    assert_eq!(said().await, Some(None));
    let told = gatekeeper_core::model::PasswordCredential {
        must_change_since: Some(at(8)),
        ..password
    };
    commit!(fx, t => t.credentials().set_password(&told).await);
    assert_eq!(said().await, Some(Some(at(8))));
}
