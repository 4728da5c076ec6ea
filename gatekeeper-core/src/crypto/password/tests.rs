use std::sync::mpsc;

use proptest::prelude::*;

use super::{imported_tests::ELSEWHERE, *};
use crate::{ErrorClass, crypto::password::danger::danger_weak_hashing, testing::SeededRandom};

fn hasher_with(settings: HashingSettings) -> PasswordHasher {
    PasswordHasher::new(settings, Arc::new(SeededRandom::new(7))).unwrap()
}

/// One worker, and hashes that cost nothing.
pub(super) fn hasher() -> PasswordHasher {
    hasher_with(HashingSettings {
        workers: 1,
        ..danger_weak_hashing()
    })
}

pub(super) async fn verdict(
    hasher: &PasswordHasher,
    password: &str,
    hash: &str,
) -> PasswordVerdict {
    let (password, hash) = (SecretString::new(password), SecretString::new(hash));
    hasher.verify(&password, Some(&hash)).await.unwrap()
}

/// Takes a worker until the sender is dropped.
fn hold(hasher: &PasswordHasher) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let job = Job::Run(Box::new(move || {
        begun.send(()).unwrap();
        let _ = held.recv();
    }));
    hasher.inner.pool.submit(job).unwrap();
    begins.recv().unwrap();
    release
}

#[tokio::test]
async fn cs_1_a_new_hash_is_argon2id_of_at_least_19_mib_and_two_passes() {
    let hasher = hasher_with(HashingSettings {
        workers: 1,
        ..HashingSettings::default()
    });
    let password = SecretString::new("correct horse bättery");
    let hash = hasher.hash(&password).await.unwrap();
    let [_, kind, version, params, salt, tag] = hash.expose().split('$').collect::<Vec<_>>()[..]
        .try_into()
        .unwrap();
    assert_eq!(
        (kind, version, params),
        ("argon2id", "v=19", "m=19456,t=2,p=1")
    );
    // 16 and 32 bytes in base64 without padding.
    assert_eq!((salt.len(), tag.len()), (22, 43));
    assert_eq!(
        hasher.verify(&password, Some(&hash)).await,
        Ok(PasswordVerdict::Match)
    );
    // Made by the reference implementation.
    let reference = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0g8QDEU01GbxWgWTGeHsQjl5Y9kP/IGrcrOxoqY8A5I";
    assert_eq!(
        verdict(&hasher, password.expose(), reference).await,
        PasswordVerdict::Match
    );
    assert_eq!(
        verdict(&hasher, "correct horse battery", reference).await,
        PasswordVerdict::Mismatch
    );
}

#[tokio::test]
async fn every_hash_has_a_salt_of_its_own() {
    let hasher = hasher();
    let password = SecretString::new("the same password");
    let first = hasher.hash(&password).await.unwrap();
    let second = hasher.hash(&password).await.unwrap();
    assert_ne!(first.expose(), second.expose());
}

#[tokio::test]
async fn cs_1_a_password_is_hashed_anew_when_the_parameters_change() {
    let password = SecretString::new("correct horse battery");
    let old = hasher().hash(&password).await.unwrap();
    let raised = hasher_with(HashingSettings {
        memory_kib: 64,
        workers: 1,
        ..danger_weak_hashing()
    });
    assert_eq!(
        raised.verify(&password, Some(&old)).await,
        Ok(PasswordVerdict::MatchOutdated)
    );
    assert_eq!(
        verdict(&raised, "incorrect horse", old.expose()).await,
        PasswordVerdict::Mismatch
    );
    let new = raised.hash(&password).await.unwrap();
    assert_eq!(
        raised.verify(&password, Some(&new)).await,
        Ok(PasswordVerdict::Match)
    );
}

#[tokio::test]
async fn asvs_6_2_8_a_password_is_verified_exactly_as_received() {
    let hasher = hasher();
    let long = "ä".repeat(2_000);
    for password in [
        "Pass word",
        " padded ",
        "na\u{ef}ve",
        "abc\0def",
        "",
        long.as_str(),
    ] {
        let hash = hasher.hash(&SecretString::new(password)).await.unwrap();
        assert_eq!(
            verdict(&hasher, password, hash.expose()).await,
            PasswordVerdict::Match
        );
        for other in [
            format!("{password} "),
            format!("{password}\0"),
            password.trim().to_uppercase(),
            password.replace('\u{ef}', "i\u{308}"),
            password.chars().take(1_999).collect(),
            password.split('\0').next().unwrap().to_owned(),
        ] {
            if other != password {
                assert_eq!(
                    verdict(&hasher, &other, hash.expose()).await,
                    PasswordVerdict::Mismatch,
                    "{password:?} {other:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_password_with_any_character_changed_is_refused(
        password in "\\PC{1,80}",
        at in any::<prop::sample::Index>(),
        to in any::<char>(),
    ) {
        let mut changed: Vec<char> = password.chars().collect();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != to);
        changed[at] = to;
        let changed: String = changed.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let hasher = hasher();
            let hash = hasher.hash(&SecretString::new(password.as_str())).await.unwrap();
            prop_assert_eq!(verdict(&hasher, &password, hash.expose()).await, PasswordVerdict::Match);
            prop_assert_eq!(verdict(&hasher, &changed, hash.expose()).await, PasswordVerdict::Mismatch);
            Ok(())
        })?;
    }

    #[test]
    fn a_hostile_hash_is_a_mismatch_and_never_a_panic(
        hash in prop_oneof![
            ".{0,80}",
            "(\\$(argon2id|argon2i|2b|2y|scrypt|pbkdf2-sha256|pbkdf2|v=19|m=8,t=1,p=1|04|ln=1,r=1,p=1|9|[./A-Za-z0-9+]{1,60})){1,7}",
            "pbkdf2_sha256(\\$[0-9A-Za-z=+/]{0,50}){0,5}",
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let verdict = runtime.block_on(async { verdict(&hasher(), "password", &hash).await });
        prop_assert_eq!(verdict, PasswordVerdict::Mismatch);
    }
}

#[tokio::test]
async fn cs_1_a_nul_in_a_password_is_a_character_as_any_other() {
    let hasher = hasher();
    for hash in [
        // By the reference implementation and hashlib from `abc`, NUL, `def`.
        "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AYSO64MkBQ48L+d+14DGgpTzNOfbAG7kTl0vGF07oPo",
        "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$RysbfEIyXTKPIdPa3b9ulNFL9xuB++WEGEpwoe1BZpc",
    ] {
        assert_eq!(
            verdict(&hasher, "abc\0def", hash).await,
            PasswordVerdict::MatchOutdated
        );
        for other in ["abc", "abcdef", "abc\0deg", "abc\0"] {
            assert_eq!(
                verdict(&hasher, other, hash).await,
                PasswordVerdict::Mismatch
            );
        }
    }
}

#[tokio::test]
async fn nothing_enumerates_every_account_costs_one_computation() {
    let hasher = hasher();
    let known = hasher.hash(&SecretString::new("right")).await.unwrap();
    let over = "x".repeat(MAX_PASSWORD_BYTES + 1);
    for (password, hash) in [
        ("wrong", Some(known.expose())),
        ("wrong", None),
        ("wrong", Some("not a hash")),
        (
            "wrong",
            Some("$2b$31$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy"),
        ),
        ("wrong", Some(ELSEWHERE[6].1)),
        (over.as_str(), Some(known.expose())),
        (over.as_str(), None),
    ] {
        let before = hasher.verifications();
        let hash = hash.map(SecretString::new);
        let verdict = hasher
            .verify(&SecretString::new(password), hash.as_ref())
            .await;
        assert_eq!(verdict, Ok(PasswordVerdict::Mismatch));
        assert_eq!(hasher.verifications(), before + 1);
    }
}

#[tokio::test]
async fn row_11_cve_2013_1443_a_password_over_the_limit_is_not_hashed() {
    let hasher = hasher();
    let most = SecretString::new("x".repeat(MAX_PASSWORD_BYTES));
    let hash = hasher.hash(&most).await.unwrap();
    assert_eq!(
        hasher.verify(&most, Some(&hash)).await,
        Ok(PasswordVerdict::Match)
    );
    let over = SecretString::new("x".repeat(MAX_PASSWORD_BYTES + 1));
    assert_eq!(hasher.hash(&over).await.unwrap_err(), HashError::TooLong);
    // Also where the hash is that of the empty password, which stands in for it.
    let empty = hasher.hash(&SecretString::new("")).await.unwrap();
    assert_eq!(
        hasher.verify(&over, Some(&empty)).await,
        Ok(PasswordVerdict::Mismatch)
    );
}

#[tokio::test]
async fn row_11_a_flood_is_refused_at_once_and_those_who_wait_are_served() {
    let hasher = hasher_with(HashingSettings {
        workers: 2,
        queue: 4,
        ..danger_weak_hashing()
    });
    let held = [hold(&hasher), hold(&hasher)];
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.verify(&SecretString::new("x"), None).await })
        })
        .collect();
    while hasher.waiting() < 4 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        let refused = hasher
            .verify(&SecretString::new("x"), None)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, HashError::Overloaded { retry_after } if retry_after.as_secs() >= 1)
        );
        let error = Error::from(refused);
        assert_eq!(error.class(), ErrorClass::Unavailable);
        assert!(error.retry_after().is_some());
        assert!(hasher.hash(&SecretString::new("x")).await.is_err());
    }
    assert_eq!((hasher.waiting(), hasher.verifications()), (4, 0));

    drop(held);
    for task in waiting {
        assert_eq!(task.await.unwrap(), Ok(PasswordVerdict::Mismatch));
    }
    assert_eq!((hasher.waiting(), hasher.verifications()), (0, 4));
}

#[tokio::test]
async fn a_caller_who_went_away_costs_nothing_and_holds_no_place() {
    let hasher = hasher_with(HashingSettings {
        workers: 1,
        queue: 3,
        ..danger_weak_hashing()
    });
    let held = hold(&hasher);
    let spawn = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.verify(&SecretString::new("x"), None).await })
    };
    let gone: Vec<_> = (0..3).map(|_| spawn()).collect();
    while hasher.waiting() < 3 {
        tokio::task::yield_now().await;
    }
    for task in gone {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    // The queue is full of them, and lets a fourth in.
    let stays = spawn();
    while hasher.waiting() != 1 {
        tokio::task::yield_now().await;
    }
    let goes = spawn();
    while hasher.waiting() != 2 {
        tokio::task::yield_now().await;
    }
    goes.abort();
    assert!(goes.await.unwrap_err().is_cancelled());

    drop(held);
    assert_eq!(stays.await.unwrap(), Ok(PasswordVerdict::Mismatch));
    // One more, so that the one who went away has had its turn.
    let last = hasher.verify(&SecretString::new("x"), None).await;
    assert_eq!(last, Ok(PasswordVerdict::Mismatch));
    assert_eq!(hasher.verifications(), 2);
}

#[tokio::test]
async fn a_panic_on_a_worker_does_not_wedge_the_pool() {
    let hasher = hasher();
    for _ in 0..3 {
        let panics = Job::Run(Box::new(|| panic!("told to")));
        hasher.inner.pool.submit(panics).unwrap();
    }
    let password = SecretString::new("right");
    let hash = hasher.hash(&password).await.unwrap();
    assert_eq!(
        hasher.verify(&password, Some(&hash)).await,
        Ok(PasswordVerdict::Match)
    );
}

#[tokio::test]
async fn the_threads_end_with_the_last_clone() {
    let first = hasher_with(HashingSettings {
        workers: 3,
        ..danger_weak_hashing()
    });
    let threads = first.inner.pool.threads();
    let last = first.clone();
    drop(first);
    assert_eq!(
        last.verify(&SecretString::new("x"), None).await,
        Ok(PasswordVerdict::Mismatch)
    );
    drop(last);
    // Hangs where a thread stays.
    while threads() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn asvs_appendix_c_weak_parameters_are_refused() {
    let with = |memory_kib, iterations| HashingSettings {
        memory_kib,
        iterations,
        ..HashingSettings::default()
    };
    for (memory, iterations) in [(47_104, 1), (19_456, 2), (12_288, 3), (12_288, 8)] {
        assert!(with(memory, iterations).validate().is_ok());
        assert!(matches!(
            with(memory - 1, iterations).validate(),
            Err(HashingSettingsError::Weak { least_kib, .. }) if least_kib == memory
        ));
    }
    assert!(danger_weak_hashing().validate().is_ok());
}

#[test]
fn settings_that_would_exhaust_the_machine_are_refused() {
    let default = HashingSettings::default;
    for (setting, settings) in [
        (
            "memory_kib",
            HashingSettings {
                memory_kib: 1_048_577,
                workers: 1,
                ..default()
            },
        ),
        (
            "iterations",
            HashingSettings {
                iterations: 0,
                ..default()
            },
        ),
        (
            "iterations",
            HashingSettings {
                iterations: 65,
                ..default()
            },
        ),
        (
            "parallelism",
            HashingSettings {
                parallelism: 0,
                ..default()
            },
        ),
        (
            "parallelism",
            HashingSettings {
                parallelism: 9,
                ..default()
            },
        ),
        (
            "workers",
            HashingSettings {
                workers: 0,
                ..default()
            },
        ),
        (
            "workers",
            HashingSettings {
                workers: 257,
                ..default()
            },
        ),
        (
            "queue",
            HashingSettings {
                queue: 0,
                ..default()
            },
        ),
        (
            "queue",
            HashingSettings {
                queue: 65_537,
                ..default()
            },
        ),
        (
            "workers x memory_kib",
            HashingSettings {
                memory_kib: 1_048_576,
                workers: 17,
                ..default()
            },
        ),
    ] {
        let error = PasswordHasher::new(settings, Arc::new(SeededRandom::new(1))).unwrap_err();
        assert!(
            matches!(error, HashingSettingsError::OutOfBounds { setting: named, .. } if named == setting),
            "{error}"
        );
    }
}

#[test]
fn neither_a_hasher_nor_an_error_shows_a_secret() {
    let printed = format!("{:?}", hasher());
    assert!(printed.starts_with("PasswordHasher"), "{printed}");
    let internal = Error::from(HashError::TooLong);
    assert_eq!(internal.code(), "internal");
}
