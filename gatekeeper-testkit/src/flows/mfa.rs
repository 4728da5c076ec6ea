use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gatekeeper_core::{
    FinishMfa, SignIn, SignedIn,
    config::MfaConfig,
    env::Clock,
    model::{Event, MfaRequirement, SecretString},
};

use super::{
    factor::with_code,
    world::{World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";

impl World {
    async fn mfa_left(&self, signed_in: &SignedIn) -> usize {
        let who = self.identity(signed_in).await;
        let status = self.gk.mfa().status(&self.cx, &who).await.unwrap();
        status.backup_codes_left
    }

    /// The second step with a backup code.
    async fn with_backup_code(
        &self,
        backup: &SecretString,
    ) -> Result<SignedIn, gatekeeper_core::Error> {
        let pending = self.first_step(&self.cx, ADA).await;
        let input = FinishMfa {
            method: "backup_code".to_owned(),
            ..with_code(&pending, backup)
        };
        self.gk.sessions().finish_mfa(&self.cx, input).await
    }
}

pub(super) async fn an_app_is_set_up_confirmed_and_taken_away(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    let (cx, any) = (&world.cx, "000000".into());
    for answer in [
        mfa.confirm_totp(cx, &who, &any).await.map(|_| ()),
        mfa.disable(cx, &who, "totp", &any).await,
        mfa.new_backup_codes(cx, &who, &any).await.map(|_| ()),
    ] {
        assert_eq!(code(answer), "mfa.not_enabled");
    }
    // Begun, and of no effect: the account signs in as before.
    let first = mfa.begin_totp(cx, &who).await.unwrap();
    let second = mfa.begin_totp(cx, &who).await.unwrap();
    assert_ne!(first.secret.expose(), second.secret.expose());
    let status = mfa.status(cx, &who).await.unwrap();
    assert_eq!(status.totp.confirmed_at, None);
    world.sign_in(ADA).await;

    let factor = world.enroll(&ada).await;
    assert_eq!(factor.backup.len(), 10);
    let status = mfa.status(cx, &who).await.unwrap();
    assert_eq!(status.backup_codes_left, 10);
    assert!(status.totp.confirmed_at.is_some());
    let profile = world.gk.accounts().profile(cx, &who).await.unwrap();
    assert!(profile.mfa_enabled);
    let row = world.newest(Event::MfaEnabled).await;
    assert_eq!(
        (row.actor, row.details["method"].as_str()),
        (Some(who.user_id), Some("totp"))
    );

    let pending = world.first_step(cx, ADA).await;
    assert_eq!(pending.methods, ["totp", "backup_code"]);
    let strong = world
        .second_step(cx, &pending, &factor.next_code(&world))
        .await;
    let who = world.identity(&strong.unwrap()).await;
    assert_eq!(code(mfa.begin_totp(cx, &who).await), "mfa.already_enabled");
    world.mails().await;
    mfa.disable(cx, &who, "totp", &factor.next_code(&world))
        .await
        .unwrap();
    let status = mfa.status(cx, &who).await.unwrap();
    assert_eq!(
        (status.totp.confirmed_at, status.backup_codes_left),
        (None, 0)
    );
    let profile = world.gk.accounts().profile(cx, &who).await.unwrap();
    assert!(!profile.mfa_enabled);
    assert_eq!(world.mails().await.len(), 1);
    world.newest(Event::MfaDisabled).await;
    world.sign_in(ADA).await;
}

/// The URI and the text say the same seed, of 160 bits; the drawing is there.
pub(super) async fn row_20_cve_2024_8796_the_seed_has_160_bits(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world.identity(&world.signed_in(ADA).await).await;
    let setup = world.gk.mfa().begin_totp(&world.cx, &who).await.unwrap();
    let uri = setup.otpauth_uri.expose();
    assert!(
        uri.starts_with("otpauth://totp/Gatekeeper:ada%40example.org?"),
        "{uri}"
    );
    assert!(uri.contains("issuer=Gatekeeper"), "{uri}");
    let (_, rest) = uri.split_once("secret=").unwrap();
    let secret = rest.split('&').next().unwrap();
    assert_eq!(secret, setup.secret.expose());
    // 32 characters of 5 bits.
    assert_eq!(secret.len(), 32);
    assert!(setup.qr_svg.expose().starts_with("<svg "));
    // And what the store has does not show it.
    let mut tx = world.repository.begin().await.unwrap();
    let rows = tx.mfa().list(who.tenant_id, who.user_id).await.unwrap();
    let stored = String::from_utf8_lossy(&rows[0].sealed).into_owned();
    assert!(!stored.contains(secret));
    assert!(rows[0].sealed.len() > 20);
}

pub(super) async fn row_19_cve_2015_7225_a_code_is_accepted_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (ada, factor) = world.with_app(ADA).await;
    let who = world.identity(&ada).await;
    let cx = &world.cx;
    // The code of the confirmation is used, too.
    let used = factor.code(&world);
    let pending = world.first_step(cx, ADA).await;
    let again = world.second_step(cx, &pending, &used).await;
    assert_eq!(code(again), "mfa.invalid_code");
    // One step on, it is still within the window, and still used.
    let fresh = factor.next_code(&world);
    let again = world.second_step(cx, &pending, &used).await;
    assert_eq!(code(again), "mfa.invalid_code");
    world.second_step(cx, &pending, &fresh).await.unwrap();
    // In the trailing window, at another sign-in, and for another purpose.
    world.advance(Duration::from_secs(30));
    let pending = world.first_step(cx, ADA).await;
    assert_eq!(
        code(world.second_step(cx, &pending, &fresh).await),
        "mfa.invalid_code"
    );
    assert_eq!(
        code(world.gk.mfa().disable(cx, &who, "totp", &fresh).await),
        "mfa.code_incorrect"
    );
    assert_eq!(
        world.newest(Event::MfaDisabled).await.reason.as_deref(),
        Some("code_used_before")
    );
    // An older one than the last that was accepted is refused even if it was never used.
    let older = factor.code(&world);
    let newer = factor.next_code(&world);
    world.second_step(cx, &pending, &newer).await.unwrap();
    let pending = world.first_step(cx, ADA).await;
    assert_eq!(
        code(world.second_step(cx, &pending, &older).await),
        "mfa.invalid_code"
    );
}

pub(super) async fn row_19_cve_2026_20779_of_fifty_with_one_code_one_wins(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::configured(fixture, |config| config.lockout.enabled = false).await;
    let other = world.another_node(node).await;
    let (_, factor) = world.with_app(ADA).await;
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(world.first_step(&world.cx, ADA).await);
    }
    let right = factor.next_code(&world);
    let tasks: Vec<_> = all
        .into_iter()
        .enumerate()
        .map(|(n, pending)| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let right = right.clone();
            tokio::spawn(async move { node.second_step(&node.cx, &pending, &right).await })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => winners += 1,
            Err(error) => assert_eq!(error.code(), "mfa.invalid_code"),
        }
    }
    assert_eq!(winners, 1);
}

pub(super) async fn asvs_6_5_1_a_backup_code_works_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (ada, factor) = world.with_app(ADA).await;
    let distinct: BTreeSet<_> = factor.backup.iter().map(SecretString::expose).collect();
    assert_eq!(distinct.len(), 10);
    let first = &factor.backup[0];
    assert_eq!(first.expose().len(), 14);
    world.with_backup_code(first).await.unwrap();
    assert_eq!(
        code(world.with_backup_code(first).await),
        "mfa.invalid_code"
    );
    assert_eq!(world.mfa_left(&ada).await, 9);
    assert_eq!(
        world.newest(Event::MfaBackupCodeUsed).await.details["left"],
        9
    );
    // However it is typed.
    let typed = format!(
        " {} ",
        factor.backup[1].expose().to_lowercase().replace('-', " ")
    );
    world.with_backup_code(&typed.into()).await.unwrap();
    // What no code is, and somebody else's.
    let (_, eve) = world.with_app("eve@example.org").await;
    for wrong in [
        eve.backup[0].clone(),
        "".into(),
        "0000-0000-0000".into(),
        "ÄÄÄÄ-ÄÄ".into(),
    ] {
        assert_eq!(
            code(world.with_backup_code(&wrong).await),
            "mfa.invalid_code"
        );
    }
    assert_eq!(world.mfa_left(&ada).await, 8);
}

pub(super) async fn asvs_6_5_1_of_sixteen_with_one_backup_code_one_wins(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::configured(fixture, |config| config.lockout.enabled = false).await;
    let other = world.another_node(node).await;
    let (ada, factor) = world.with_app(ADA).await;
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let backup = factor.backup[3].clone();
            tokio::spawn(async move { node.with_backup_code(&backup).await })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => winners += 1,
            Err(error) => {
                assert!(
                    matches!(error.code(), "mfa.invalid_code" | "service.overloaded"),
                    "{error:?}"
                );
            }
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(world.mfa_left(&ada).await, 9);
}

pub(super) async fn asvs_6_5_2_a_backup_code_costs_one_hash(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, factor) = world.with_app(ADA).await;
    let user = world
        .gk
        .administration()
        .find_user_by_email(&world.cx, ADA)
        .await
        .unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    let rows = tx
        .mfa()
        .list_backup_codes(user.tenant_id, user.id)
        .await
        .unwrap();
    drop(tx);
    let heads: BTreeSet<_> = rows
        .iter()
        .map(|row| row.hash.expose().rsplit_once('$').unwrap().0.to_owned())
        .collect();
    assert_eq!(heads.len(), 1, "one salt for the ten");
    assert!(heads.iter().all(|head| head.starts_with("$argon2id$")));
    for (backup, right) in [(&factor.backup[9], true), (&"A2B3-C4D5-E6F7".into(), false)] {
        let pending = world.first_step(&world.cx, ADA).await;
        let before = world.gk.password_hashes();
        let input = FinishMfa {
            method: "backup_code".to_owned(),
            ..with_code(&pending, backup)
        };
        let answer = world.gk.sessions().finish_mfa(&world.cx, input).await;
        assert_eq!(answer.is_ok(), right);
        assert_eq!(world.gk.password_hashes() - before, 1);
    }
    // Another set has another salt.
    let (_, _) = world.with_app("eve@example.org").await;
    let eve = world
        .gk
        .administration()
        .find_user_by_email(&world.cx, "eve@example.org")
        .await;
    let eve = eve.unwrap();
    let mut tx = world.repository.begin().await.unwrap();
    let rows = tx
        .mfa()
        .list_backup_codes(eve.tenant_id, eve.id)
        .await
        .unwrap();
    assert!(!heads.contains(rows[0].hash.expose().rsplit_once('$').unwrap().0));
}

pub(super) async fn few_backup_codes_are_mailed_about(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, factor) = world.with_app(ADA).await;
    for (at, backup) in factor.backup.iter().enumerate() {
        world.with_backup_code(backup).await.unwrap();
        let about = world.mails().await;
        let about = about
            .iter()
            .filter(|mail| mail.subject.contains("codes"))
            .count();
        assert_eq!(about, usize::from(at >= 6), "code {at}");
    }
    // None left: they are not offered any more.
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["totp"]);
}

pub(super) async fn new_backup_codes_end_the_old(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (ada, factor) = world.with_app(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    let wrong = mfa
        .new_backup_codes(&world.cx, &who, &"123456".into())
        .await;
    assert_eq!(code(wrong), "mfa.code_incorrect");
    let before = world.gk.password_hashes();
    let new = mfa
        .new_backup_codes(&world.cx, &who, &factor.next_code(&world))
        .await;
    let new = new.unwrap().0;
    assert_eq!((new.len(), world.gk.password_hashes() - before), (10, 10));
    assert_eq!(
        code(world.with_backup_code(&factor.backup[0]).await),
        "mfa.invalid_code"
    );
    world.with_backup_code(&new[0]).await.unwrap();
    // One of the old ones will do, where the telephone is gone; it is used up.
    let newer = mfa
        .new_backup_codes(&world.cx, &who, &new[1])
        .await
        .unwrap()
        .0;
    assert_eq!(
        code(world.with_backup_code(&new[2]).await),
        "mfa.invalid_code"
    );
    mfa.disable(&world.cx, &who, "totp", &newer[0])
        .await
        .unwrap();
}

pub(super) async fn row_30_setting_up_and_taking_away_end_the_other_sessions(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let ada = world.signed_in(ADA).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(world.sign_in(ADA).await);
    }
    world.mails().await;
    let factor = world.enroll(&ada).await;
    for other in &others {
        assert!(!world.believes(other).await);
        assert!(world.refresh(other).await.is_err());
    }
    assert!(world.believes(&ada).await);
    assert_eq!(world.mails().await.len(), 1);

    // A trusted device goes on to be known, and is asked again.
    let pending = world.first_step(&world.cx, ADA).await;
    let input = FinishMfa {
        trust_device: true,
        ..with_code(&pending, &factor.next_code(&world))
    };
    let trusted = world
        .gk
        .sessions()
        .finish_mfa(&world.cx, input)
        .await
        .unwrap();
    let cx = match &trusted.device_token {
        Some(token) => world.cx.clone().with_device_token(token.clone()),
        None => panic!("no device token"),
    };
    let spared = world
        .attempt(&cx, ADA, super::world::PASSWORD)
        .await
        .unwrap();
    let SignIn::SignedIn(spared) = spared else {
        panic!("{spared:?}")
    };
    let who = world.identity(&trusted).await;
    let waiting = world.first_step(&world.cx, ADA).await;
    world
        .gk
        .mfa()
        .disable(&world.cx, &who, "totp", &factor.next_code(&world))
        .await
        .unwrap();
    assert!(!world.believes(&spared).await);
    assert!(!world.believes(&ada).await);
    assert!(world.believes(&trusted).await);
    let late = world
        .second_step(&world.cx, &waiting, &factor.next_code(&world))
        .await;
    assert_eq!(code(late), "mfa.invalid_token");
    let again = world.enroll(&trusted).await;
    let asked = world
        .attempt(&cx, ADA, super::world::PASSWORD)
        .await
        .unwrap();
    assert!(matches!(asked, SignIn::MfaRequired(_)), "{asked:?}");
    drop(again);
}

pub(super) async fn an_old_session_binds_no_factor(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    world.advance(Duration::from_mins(14));
    let setup = mfa.begin_totp(&world.cx, &who).await;
    setup.unwrap();
    world.advance(Duration::from_mins(2));
    // A refresh makes nothing recent.
    let who = world.identity(&world.refresh(&ada).await.unwrap()).await;
    for answer in [
        mfa.begin_totp(&world.cx, &who).await.map(|_| ()),
        mfa.confirm_totp(&world.cx, &who, &"123456".into())
            .await
            .map(|_| ()),
        mfa.begin_email(&world.cx, &who).await,
    ] {
        let answer = code(answer);
        assert!(matches!(
            answer.as_str(),
            "access.step_up_required" | "mfa.not_offered"
        ));
    }
    assert_eq!(
        code(mfa.begin_totp(&world.cx, &who).await),
        "access.step_up_required"
    );
    let again = world.sign_in(ADA).await;
    world.enroll(&again).await;
    // Who has a factor shows it before another is bound, however lately they signed in: the session that set it up did not.
    let who = world.identity(&again).await;
    let bound = mfa.begin_totp(&world.cx, &who).await;
    assert_eq!(code(bound), "access.step_up_required");
}

pub(super) async fn row_18_guesses_of_somebody_signed_in_are_limited(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (ada, factor) = world.with_app(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    world.advance(Duration::from_secs(30));
    for _ in 0..5 {
        let wrong = mfa.disable(&world.cx, &who, "totp", &"000000".into()).await;
        assert_eq!(code(wrong), "mfa.code_incorrect");
    }
    // Locked: the right one tells nothing, here and at a sign-in.
    let right = factor.code(&world);
    assert_eq!(
        code(mfa.disable(&world.cx, &who, "totp", &right).await),
        "mfa.code_incorrect"
    );
    assert_eq!(
        code(mfa.new_backup_codes(&world.cx, &who, &right).await),
        "mfa.code_incorrect"
    );
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(
        code(world.second_step(&world.cx, &pending, &right).await),
        "mfa.invalid_code"
    );
    assert_eq!(world.count(Event::AccountLocked).await, 1);
    let told = world.mails().await;
    assert!(
        told.iter().any(|mail| mail.subject.contains("locked")),
        "{told:?}"
    );
    world.advance(Duration::from_secs(31));
    mfa.disable(&world.cx, &who, "totp", &factor.next_code(&world))
        .await
        .unwrap();
}

pub(super) async fn row_18_guesses_at_a_confirmation_are_limited(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    mfa.begin_totp(&world.cx, &who).await.unwrap();
    let before = world.gk.password_hashes();
    for _ in 0..8 {
        world.advance(Duration::from_millis(1));
        let wrong = mfa.confirm_totp(&world.cx, &who, &"000000".into()).await;
        assert_eq!(code(wrong), "mfa.code_incorrect");
    }
    assert_eq!(
        world.gk.password_hashes(),
        before,
        "a wrong code costs no hash"
    );
    assert_eq!(
        world.newest(Event::MfaEnabled).await.reason.as_deref(),
        Some("locked")
    );
    // A guess here locks nobody out: the owner signs in, and sets it up.
    world.advance(Duration::from_secs(1));
    let other = world.sign_in(ADA).await;
    world.enroll(&other).await;
}

pub(super) async fn a_required_factor_stays(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        let mut mfa = MfaConfig::default();
        mfa.by_role
            .insert("admin".to_owned(), MfaRequirement::Required);
        config.mfa = mfa;
    })
    .await;
    let (ada, factor) = world.with_app(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    world
        .gk
        .administration()
        .grant_role(&world.cx, who.user_id, "admin")
        .await
        .unwrap();
    let right = factor.next_code(&world);
    assert_eq!(
        code(mfa.disable(&world.cx, &who, "totp", &right).await),
        "mfa.required"
    );
    world
        .gk
        .administration()
        .revoke_role(&world.cx, who.user_id, "admin")
        .await
        .unwrap();
    mfa.disable(&world.cx, &who, "totp", &right).await.unwrap();
}

pub(super) async fn row_34_a_dead_session_changes_no_factor(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let (ada, factor) = world.with_app(ADA).await;
    let other = world.another_node(node).await;
    let who = other.identity(&ada).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    let mfa = other.gk.mfa();
    let right = factor.next_code(&world);
    let invalid = "access.invalid_token";
    assert_eq!(
        code(mfa.disable(&other.cx, &who, "totp", &right).await),
        invalid
    );
    assert_eq!(
        code(mfa.new_backup_codes(&other.cx, &who, &right).await),
        invalid
    );
    let eve = world.signed_in("eve@example.org").await;
    let who = other.identity(&eve).await;
    world.gk.sessions().sign_out(&world.cx, &who).await.unwrap();
    assert_eq!(code(mfa.begin_totp(&other.cx, &who).await), invalid);
    assert!(world.clock.now() > who.issued_at);
}
