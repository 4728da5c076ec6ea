use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    ErrorClass, RequestContext, SignIn,
    env::Clock,
    model::{AuditEvent, Event, PageRequest, PasswordCredential, SecretString},
    store::AuditFilter,
};

use super::{
    factor::with_code,
    providers::Overtaking,
    world::{PASSWORD, World, change_user, code},
};
use crate::{faults::FaultyRepository, store::StoreFixture};

const ADA: &str = "ada@example.org";
const NEW_PASSWORD: &str = "birch-falcon-37-harbour";
const THRESHOLD: usize = 5;

impl World {
    /// So many wrong passwords from somewhere, each refused like any other.
    async fn guess(&self, cx: &RequestContext, email: &str, times: usize) {
        for _ in 0..times {
            let answer = self.attempt(cx, email, "wrong").await;
            assert_eq!(code(answer), "password.invalid_credentials");
        }
    }

    /// Every event of a kind: the trail may have more pages than one.
    async fn all_of(&self, event: Event) -> Vec<AuditEvent> {
        let filter = AuditFilter {
            event: Some(event),
            ..AuditFilter::default()
        };
        let mut tx = self.repository.begin().await.unwrap();
        let mut page = PageRequest::first(100);
        let mut all = Vec::new();
        loop {
            let found = tx
                .audit()
                .list(self.cx.tenant_id, &filter, page)
                .await
                .unwrap();
            all.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => return all,
            }
        }
    }

    async fn reasons(&self, event: Event, reason: &str) -> usize {
        let all = self.all_of(event).await;
        let of = |row: &&AuditEvent| row.reason.as_deref() == Some(reason);
        all.iter().filter(of).count()
    }

    async fn locked_out(&self, cx: &RequestContext, email: &str) -> bool {
        match self.attempt(cx, email, PASSWORD).await {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.code(), "password.invalid_credentials");
                assert_eq!(
                    self.newest(Event::SignInFailed).await.reason.as_deref(),
                    Some("locked")
                );
                true
            }
        }
    }
}

/// NIST-1, ASVS 6.3.1.
pub(super) async fn a_lock_ends_by_itself_and_is_told_to_the_owner_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let ada = world.verified(ADA).await;
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, THRESHOLD - 1).await;
    assert!(!world.locked_out(&stranger, ADA).await);
    // Success forgets all.
    world.guess(&stranger, ADA, THRESHOLD - 1).await;
    assert_eq!(world.count(Event::AccountLocked).await, 0);
    world.guess(&stranger, ADA, 1).await;
    let row = world.newest(Event::AccountLocked).await;
    assert_eq!(row.target, Some(ada));
    world.mails.take();
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), ADA);
    assert!(world.locked_out(&stranger, ADA).await);
    // To the microsecond, from the guess that locked it.
    let until = row.at.after(Duration::from_secs(30));
    world.clock.set(until.before(Duration::from_micros(1_001)));
    assert!(world.locked_out(&stranger, ADA).await);
    world.clock.set(until);
    assert!(!world.locked_out(&stranger, ADA).await);
}

/// CVE-2019-5421: 200 guesses at once. No more are looked at than the policy allows, and what they found is told of no more.
pub(super) async fn row_13_of_two_hundred_guesses_at_once_five_are_looked_at(
    fixture: StoreFixture,
) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    world.verified(ADA).await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let node = if n % 2 == 0 { &world } else { &other }.clone();
            tokio::spawn(async move {
                loop {
                    let answer = node.attempt(&node.cx, ADA, "wrong").await.unwrap_err();
                    // More than can be served at once: come again.
                    if answer.class() != ErrorClass::Unavailable {
                        return answer.code().to_owned();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "password.invalid_credentials");
    }
    // At most: what a busy store could not write of a guess was not told either.
    let looked_at = world.reasons(Event::SignInFailed, "wrong_password").await;
    assert!((1..=THRESHOLD).contains(&looked_at), "{looked_at}");
    assert!(world.all_of(Event::AccountLocked).await.len() <= 1);
    assert!(world.locked_out(&world.cx.clone(), ADA).await);
    assert!(world.locked_out(&other.cx.clone(), ADA).await);
}

/// The right guess was verified before the lock, and asks for its session after it.
pub(super) async fn row_13_a_right_guess_that_a_lock_overtakes_is_refused(fixture: StoreFixture) {
    let hook = Overtaking::default();
    let guessing = hook.clone();
    let world = World::built(fixture, |_| {}, |builder| builder.hooks(hook)).await;
    world.verified(ADA).await;
    let there = world.clone();
    guessing.arm(async move {
        there.guess(&there.cx, ADA, THRESHOLD).await;
        there.advance(Duration::from_millis(1));
    });
    assert!(world.locked_out(&world.cx.clone(), ADA).await);
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

/// CVE-2025-24806, CVE-2025-6004: one counter for one account, however it is spelled.
pub(super) async fn row_14_every_spelling_counts_on_one_counter(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("mask@example.org").await;
    let stranger = world.cx.clone();
    for spelling in [
        "mask@example.org",
        "MASK@example.org",
        "mask@EXAMPLE.ORG",
        "ma\u{17f}k@example.org",
        "\u{ff4d}ask@example.org",
    ] {
        world.guess(&stranger, spelling, 1).await;
    }
    assert!(world.locked_out(&stranger, "Mask@Example.org").await);
    // So it is with a name that nobody has.
    for spelling in ["no@example.org", "NO@example.org", "nO@Example.org"] {
        world.guess(&stranger, spelling, 1).await;
    }
    world.guess(&stranger, "no@example.org", 2).await;
    assert_eq!(world.count(Event::AccountLocked).await, 2);
}

/// CVE-2020-11052: what went before is not forgotten when a lock runs out.
pub(super) async fn row_15_the_guess_after_a_lock_locks_again_and_for_longer(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, THRESHOLD).await;
    for seconds in [30, 60, 120, 240] {
        let locked_at = world.newest(Event::AccountLocked).await.at;
        let until = locked_at.after(Duration::from_secs(seconds));
        world.clock.set(until.before(Duration::from_millis(2)));
        assert!(world.locked_out(&stranger, ADA).await, "{seconds}");
        // One more, and it is locked for twice as long.
        world.clock.set(until);
        world.guess(&stranger, ADA, 1).await;
    }
    // Its owner was told once within the hour.
    let told = world.mails().await;
    let told = told.iter().filter(|mail| mail.subject.contains("lock"));
    assert_eq!(told.count(), 1);
}

/// NIST SP 800-63B-4 section 3.2.2: at most 100 failures in a row, then the secret is bound anew.
pub(super) async fn nist_3_2_2_the_last_failure_locks_until_a_reset(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.lockout.policy.threshold = 2;
        config.lockout.policy.hard_limit = 4;
        config.lockout.policy.first_delay = Duration::from_secs(1);
        config.lockout.policy.longest_delay = Duration::from_secs(1);
    })
    .await;
    world.verified(ADA).await;
    let stranger = world.cx.clone();
    for _ in 0..4 {
        world.advance(Duration::from_secs(2));
        world.guess(&stranger, ADA, 1).await;
    }
    world.advance(Duration::from_hours(24 * 365));
    assert!(world.locked_out(&stranger, ADA).await);
    world.mails().await;
    reset(&world).await;
    let answer = world.attempt(&stranger, ADA, NEW_PASSWORD).await.unwrap();
    assert!(matches!(answer, SignIn::SignedIn(_)));
}

async fn reset(world: &World) {
    let passwords = world.gk.passwords();
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let mails = world.mails().await;
    let mail = mails.iter().find(|mail| mail.text.contains("#token="));
    let token = super::world::token_of(mail.unwrap());
    passwords
        .reset(&world.cx, &token, &NEW_PASSWORD.into())
        .await
        .unwrap();
}

/// ASVS 6.1.1: an attacker who keeps the account locked keeps strangers out, and not its owner.
pub(super) async fn row_16_a_known_device_enters_while_strangers_are_locked_out(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let first = world.signed_in(ADA).await;
    let home = world.at_home(ADA);
    world.signed_in("eve@example.org").await;
    let eves = world.at_home("eve@example.org");
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, THRESHOLD).await;
    assert!(world.locked_out(&stranger, ADA).await);
    // A device of somebody else is a stranger.
    assert!(world.locked_out(&eves, ADA).await);
    assert!(!world.locked_out(&home, ADA).await);
    // Nothing that is signed in notices, and what is known lifts no lock for strangers.
    assert!(world.believes(&first).await);
    world.refresh(&first).await.unwrap();
    assert!(world.locked_out(&stranger, ADA).await);

    // A device that guesses is locked out as well, on its own counter.
    world.guess(&home, ADA, THRESHOLD).await;
    assert!(world.locked_out(&home, ADA).await);
    world.advance(Duration::from_mins(10));
    assert!(!world.locked_out(&home, ADA).await);
    // One that was revoked is a stranger.
    world.guess(&stranger, ADA, 1).await;
    let who = world.identity(&world.sign_in(ADA).await).await;
    let sessions = world.gk.sessions();
    for entry in sessions.devices(&world.cx, &who).await.unwrap() {
        sessions
            .revoke_device(&world.cx, &who, entry.device.id)
            .await
            .unwrap();
    }
    assert!(world.locked_out(&home, ADA).await);
}

/// CVE-2025-6015, CVE-2025-64102: the counter spans passwords, codes and new pending sign-ins.
pub(super) async fn row_18_new_pending_sign_ins_give_no_new_tries(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, 2).await;
    for _ in 0..THRESHOLD - 2 {
        // Behind the right password, each time anew.
        let pending = world.first_step(&stranger, ADA).await;
        let answer = world
            .second_step(&stranger, &pending, &"000000".into())
            .await;
        assert_eq!(code(answer), "mfa.invalid_code");
    }
    assert_eq!(world.count(Event::AccountLocked).await, 1);
    assert!(world.locked_out(&stranger, ADA).await);
    world.advance(Duration::from_secs(30));
    // Open again for one: a backup code counts where the others do.
    let pending = world.first_step(&stranger, ADA).await;
    let backup = gatekeeper_core::FinishMfa {
        method: "backup_code".to_owned(),
        ..with_code(&pending, &"AAAA-AAAA-AAAA".into())
    };
    let answer = world.gk.sessions().finish_mfa(&stranger, backup).await;
    assert_eq!(code(answer), "mfa.invalid_code");
    // The right code is not looked at now.
    let answer = world
        .second_step(&stranger, &pending, &app.next_code(&world))
        .await;
    assert_eq!(code(answer), "mfa.invalid_code");
    assert_eq!(
        world.newest(Event::MfaFailed).await.reason.as_deref(),
        Some("locked")
    );
    world.advance(Duration::from_mins(1));
    let pending = world.first_step(&stranger, ADA).await;
    let code_now = app.next_code(&world);
    world
        .second_step(&stranger, &pending, &code_now)
        .await
        .unwrap();
    // A session began: all is forgotten.
    world.guess(&stranger, ADA, THRESHOLD - 1).await;
    world.first_step(&stranger, ADA).await;
}

/// CVE-2019-5421 again, at the second step.
pub(super) async fn row_18_of_sixty_codes_at_once_five_are_looked_at(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.with_app(ADA).await;
    let pending = world.first_step(&world.cx.clone(), ADA).await;
    let tasks: Vec<_> = (0..60)
        .map(|n: usize| {
            let (world, pending) = (world.clone(), pending.clone());
            tokio::spawn(async move {
                let guess = SecretString::from(format!("{n:06}"));
                loop {
                    let answer = world.second_step(&world.cx, &pending, &guess).await;
                    let error = answer.unwrap_err();
                    if error.class() != ErrorClass::Unavailable {
                        return error.code().to_owned();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "mfa.invalid_code");
    }
    let looked_at = world.reasons(Event::MfaFailed, "wrong_code").await;
    assert!((1..=THRESHOLD).contains(&looked_at), "{looked_at}");
    // A wrong code behind a right password is told, once for each pending sign-in.
    let mails = world.mails().await;
    let of = |word: &str| {
        mails
            .iter()
            .filter(|mail| mail.subject.contains(word))
            .count()
    };
    assert!(of("lock") <= 1 && mails.len() <= 2, "{mails:?}");
}

/// CVE-2024-27928: whoever reads the mailbox can reset the password, but gets no new tries at the codes by it.
pub(super) async fn row_22_a_reset_clears_the_counter_of_passwords_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (_, app) = world.with_app(ADA).await;
    let stranger = world.cx.clone();
    let pending = world.first_step(&stranger, ADA).await;
    for _ in 0..THRESHOLD {
        let answer = world
            .second_step(&stranger, &pending, &"000000".into())
            .await;
        assert_eq!(code(answer), "mfa.invalid_code");
    }
    reset(&world).await;
    let SignIn::MfaRequired(pending) = world.attempt(&stranger, ADA, NEW_PASSWORD).await.unwrap()
    else {
        panic!("a session without the second factor");
    };
    let answer = world
        .second_step(&stranger, &pending, &app.code(&world))
        .await;
    assert_eq!(code(answer), "mfa.invalid_code");
    assert_eq!(
        world.newest(Event::MfaFailed).await.reason.as_deref(),
        Some("locked")
    );
}

pub(super) async fn an_operator_lifts_every_lock(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let (signed_in, app) = world.with_app(ADA).await;
    let user = signed_in.session.user_id;
    let stranger = world.cx.clone();
    let pending = world.first_step(&stranger, ADA).await;
    for _ in 0..THRESHOLD {
        let answer = world
            .second_step(&stranger, &pending, &"000000".into())
            .await;
        assert_eq!(code(answer), "mfa.invalid_code");
    }
    assert!(world.locked_out(&stranger, ADA).await);
    let administration = world.gk.administration();
    administration.unlock(&world.cx, user).await.unwrap();
    assert_eq!(
        world.newest(Event::AccountUnlocked).await.target,
        Some(user)
    );
    administration.unlock(&world.cx, user).await.unwrap();
    assert_eq!(world.count(Event::AccountUnlocked).await, 1);
    let pending = world.first_step(&stranger, ADA).await;
    // Within the thirty seconds of the lock, in which no other code of the app comes.
    let backup = gatekeeper_core::FinishMfa {
        method: "backup_code".to_owned(),
        ..with_code(&pending, &app.backup[0])
    };
    let answer = world.gk.sessions().finish_mfa(&stranger, backup).await;
    assert!(answer.is_ok(), "{answer:?}");
    let nobody = gatekeeper_core::model::UserId::new(world.clock.now(), world.gk.random());
    assert_eq!(
        code(administration.unlock(&world.cx, nobody).await),
        "account.not_found"
    );
}

/// Row 1 and row 2: locked or not, there or not, right or not: one answer, one hash, and the same calls of the store.
pub(super) async fn row_1_a_locked_account_is_like_any_other(fixture: StoreFixture) {
    let faulty = FaultyRepository::wrap(Arc::clone(&fixture.repository));
    let world = World::on(Arc::new(faulty.clone()), |_| {}, |builder| builder)
        .await
        .unwrap();
    world.verified(ADA).await;
    let stranger = world.cx.clone();
    // Hashes and calls of each guess, the one that locks and those after it among them.
    let measure = async |email: &'static str, password: &'static str| {
        let hashes = world.gk.password_hashes();
        let calls = faulty.calls();
        let error = world.attempt(&stranger, email, password).await.unwrap_err();
        (
            world.gk.password_hashes() - hashes,
            faulty.calls() - calls,
            error.code().to_owned(),
            error.to_string(),
            error.class(),
            error.retry_after(),
        )
    };
    let mut costs = Vec::new();
    for _ in 0..THRESHOLD + 2 {
        let known = measure(ADA, "wrong").await;
        let unknown = measure("nobody@example.org", "wrong").await;
        assert_eq!(known, unknown);
        assert_eq!(known.0, 1);
        costs.push(known.1);
    }
    // The right password of a locked account costs a call or two more than a wrong one, as it does in the process: what it may
    // not do is answer otherwise.
    let right = measure(ADA, PASSWORD).await;
    let wrong = measure("nobody@example.org", PASSWORD).await;
    assert_eq!((right.0, right.2, right.3), (wrong.0, wrong.2, wrong.3));
    // A lock of nobody is written like one of somebody, and mailed to nobody.
    assert_eq!(world.count(Event::AccountLocked).await, 2);
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].to.as_str(), ADA);
    assert!(costs.iter().all(|cost| *cost > 0));
}

/// A hash of an outdated form is made anew, which costs a second one: not where the account is locked, or the cost would tell
/// that the password is right.
pub(super) async fn row_1_the_right_password_of_a_locked_account_costs_one_hash(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let user_id = world.verified(ADA).await;
    let mut tx = world.repository.begin().await.unwrap();
    let imported = PasswordCredential {
        user_id,
        tenant_id: world.cx.tenant_id,
        hash: SecretString::new(super::passwords::DJANGO),
        changed_at: world.clock.now(),
        must_change_since: None,
    };
    tx.credentials().set_password(&imported).await.unwrap();
    tx.commit().await.unwrap();
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, THRESHOLD).await;
    let before = world.gk.password_hashes();
    assert!(world.locked_out(&stranger, ADA).await);
    assert_eq!(world.gk.password_hashes() - before, 1);
    assert_eq!(world.count(Event::PasswordRehashed).await, 0);
    world.advance(Duration::from_secs(30));
    assert!(!world.locked_out(&stranger, ADA).await);
    assert_eq!(world.count(Event::PasswordRehashed).await, 1);
}

/// A stolen session cannot guess the password, nor keep its owner's others from it.
pub(super) async fn a_session_guesses_the_password_no_more_often_than_a_stranger(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let stolen = world.signed_in(ADA).await;
    let own = world.sign_in(ADA).await;
    let thief = world.identity(&stolen).await;
    let passwords = world.gk.passwords();
    let new = SecretString::from(NEW_PASSWORD);
    for _ in 0..THRESHOLD {
        world.advance(Duration::from_millis(1));
        let answer = passwords
            .change(&world.cx, &thief, &"wrong".into(), &new)
            .await;
        assert_eq!(code(answer), "password.current_incorrect");
    }
    world.advance(Duration::from_millis(1));
    let answer = passwords
        .change(&world.cx, &thief, &PASSWORD.into(), &new)
        .await;
    assert_eq!(code(answer), "password.current_incorrect");
    assert_eq!(
        world.newest(Event::PasswordChanged).await.reason.as_deref(),
        Some("locked")
    );
    // Another session, another counter; and sign-ins have theirs.
    assert!(!world.locked_out(&world.cx.clone(), ADA).await);
    let owner = world.identity(&own).await;
    passwords
        .change(&world.cx, &owner, &PASSWORD.into(), &new)
        .await
        .unwrap();
}

pub(super) async fn lockout_can_be_switched_off(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.lockout.enabled = false).await;
    let (_, app) = world.with_app(ADA).await;
    let stranger = world.cx.clone();
    world.guess(&stranger, ADA, 2 * THRESHOLD).await;
    let pending = world.first_step(&stranger, ADA).await;
    for _ in 0..2 * THRESHOLD {
        let answer = world
            .second_step(&stranger, &pending, &"000000".into())
            .await;
        assert_eq!(code(answer), "mfa.invalid_code");
    }
    let code_now = app.next_code(&world);
    world
        .second_step(&stranger, &pending, &code_now)
        .await
        .unwrap();
    assert_eq!(world.count(Event::AccountLocked).await, 0);
}

/// What only a right password is told is not told of a locked account.
pub(super) async fn a_lock_goes_before_what_the_right_password_is_told(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register(ADA).await;
    let stranger = world.cx.clone();
    let unverified = world.attempt(&stranger, ADA, PASSWORD).await;
    assert_eq!(code(unverified), "account.email_unverified");
    world.guess(&stranger, ADA, THRESHOLD).await;
    assert!(world.locked_out(&stranger, ADA).await);
    let user = world
        .gk
        .administration()
        .find_user_by_email(&world.cx, ADA)
        .await
        .unwrap();
    change_user(&world, user.id, |user| {
        user.disabled_at = Some(user.created_at);
    })
    .await;
    assert!(world.locked_out(&stranger, ADA).await);
}
