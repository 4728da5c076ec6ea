use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use gatekeeper_core::{
    Error, FinishMfa, MfaAttempt, MfaMethod, MfaPending, MfaProof, SignIn, SignedIn,
    env::{Sms, SmsError, SmsSender},
    model::{AuthMethod, Event, MfaRequirement, SecretBytes, SecretString},
    store::Transaction,
};

use super::{
    factor::with_code,
    world::{PASSWORD, World, code},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const PHONE: &str = "+4915112345678";

/// A telephone that everybody shares.
#[derive(Clone, Default)]
struct Telephone(Arc<Mutex<Vec<Sms>>>);

impl fmt::Debug for Telephone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telephone")
    }
}

#[async_trait]
impl SmsSender for Telephone {
    async fn send(&self, sms: &Sms) -> Result<(), SmsError> {
        self.0.lock().unwrap().push(sms.clone());
        Ok(())
    }
}

/// The one code of eight digits in a text.
#[track_caller]
fn code_in(text: &str) -> SecretString {
    let mut codes = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|word| word.len() == 8);
    let found = codes
        .next()
        .unwrap_or_else(|| panic!("no code in {text:?}"));
    assert!(codes.all(|other| other == found), "{text:?}");
    found.into()
}

/// Another code than this.
fn wrong(code: &SecretString) -> SecretString {
    let other = if code.expose() == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    other.into()
}

impl World {
    async fn with_telephone(fixture: StoreFixture) -> (Self, Telephone) {
        let telephone = Telephone::default();
        let sender = telephone.clone();
        let world = Self::built(fixture, |_| {}, |builder| builder.sms_sender(sender)).await;
        (world, telephone)
    }

    async fn message(&self, telephone: &Telephone) -> SecretString {
        self.mails().await;
        let mut messages = std::mem::take(&mut *telephone.0.lock().unwrap());
        assert_eq!(messages.len(), 1, "{messages:?}");
        let message = messages.remove(0);
        assert_eq!(message.to, PHONE);
        code_in(message.text.expose())
    }

    /// The code of the one mail that is due and has one.
    async fn mailed_code(&self) -> SecretString {
        let mail = self.mail().await;
        assert_eq!(mail.to.as_str(), ADA);
        code_in(&mail.text)
    }

    async fn bind_telephone(&self, telephone: &Telephone, ada: &SignedIn) -> Vec<SecretString> {
        let who = self.identity(ada).await;
        let mfa = self.gk.mfa();
        mfa.begin_sms(&self.cx, &who, PHONE).await.unwrap();
        let sent = self.message(telephone).await;
        let codes = mfa.confirm(&self.cx, &who, "sms", &sent).await.unwrap();
        self.mails().await;
        codes.0
    }

    async fn challenge(&self, pending: &MfaPending, method: &str) -> Result<(), Error> {
        let mfa = self.gk.mfa();
        mfa.challenge(&self.cx, &pending.token, method).await
    }

    async fn finish(
        &self,
        pending: &MfaPending,
        method: &str,
        code: &SecretString,
    ) -> Result<SignedIn, Error> {
        let input = FinishMfa {
            method: method.to_owned(),
            ..with_code(pending, code)
        };
        self.gk.sessions().finish_mfa(&self.cx, input).await
    }
}

pub(super) async fn a_telephone_is_set_up_used_and_taken_away(fixture: StoreFixture) {
    let (world, telephone) = World::with_telephone(fixture).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    let malformed = mfa.begin_sms(&world.cx, &who, "015112345678").await;
    assert_eq!(code(malformed), "request.invalid");
    let backup = world.bind_telephone(&telephone, &ada).await;
    assert_eq!(backup.len(), 10);

    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["sms", "backup_code"]);
    world.challenge(&pending, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    assert_eq!(
        code(world.finish(&pending, "sms", &wrong(&sent)).await),
        "mfa.invalid_code"
    );
    let strong = world.finish(&pending, "sms", &sent).await.unwrap();
    let who = world.identity(&strong).await;
    assert_eq!(who.methods, ["mfa", "pwd", "sms"]);
    assert!(who.mfa_verified);

    // A step-up, and the end.
    mfa.send_code(&world.cx, &who, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    let sessions = world.gk.sessions();
    let again = sessions
        .step_up(&world.cx, &who, "sms", &sent)
        .await
        .unwrap();
    let who = world.identity(&again).await;
    mfa.send_code(&world.cx, &who, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    mfa.new_backup_codes(&world.cx, &who, &sent).await.unwrap();
    let again = mfa.disable(&world.cx, &who, "sms", &sent).await;
    assert_eq!(code(again), "mfa.code_incorrect");
    mfa.send_code(&world.cx, &who, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    mfa.disable(&world.cx, &who, "sms", &sent).await.unwrap();
    world.sign_in(ADA).await;
    // A number may be replaced while it is not in force, and then the code of the older one sets nothing up.
    mfa.begin_sms(&world.cx, &who, PHONE).await.unwrap();
    let older = world.message(&telephone).await;
    mfa.begin_sms(&world.cx, &who, "+4930901820").await.unwrap();
    let confirmed = mfa.confirm(&world.cx, &who, "sms", &older).await;
    assert_eq!(code(confirmed), "mfa.code_incorrect");
}

pub(super) async fn no_sender_no_telephone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let who = world.identity(&world.signed_in(ADA).await).await;
    let mfa = world.gk.mfa();
    assert_eq!(
        code(mfa.begin_sms(&world.cx, &who, PHONE).await),
        "mfa.not_offered"
    );
    assert_eq!(
        code(mfa.begin_email(&world.cx, &who).await),
        "mfa.not_offered"
    );
}

/// The application takes its sender away: whoever has nothing but a telephone is still asked for it.
pub(super) async fn a_factor_whose_method_is_gone_is_asked_for_still(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let (world, telephone) = World::with_telephone(fixture).await;
    let ada = world.signed_in(ADA).await;
    let backup = world.bind_telephone(&telephone, &ada).await;
    let without = world.another_node(node).await;
    let pending = without.first_step(&without.cx, ADA).await;
    assert_eq!(pending.methods, ["sms", "backup_code"]);
    without
        .finish(&pending, "backup_code", &backup[0])
        .await
        .unwrap();
}

pub(super) async fn asvs_6_6_2_a_sent_code_belongs_to_its_sign_in(fixture: StoreFixture) {
    let telephone = Telephone::default();
    let sender = telephone.clone();
    let world = World::built(
        fixture,
        |config| config.lockout.enabled = false,
        |builder| builder.sms_sender(sender),
    )
    .await;
    let ada = world.signed_in(ADA).await;
    world.bind_telephone(&telephone, &ada).await;
    let (first, second) = (
        world.first_step(&world.cx, ADA).await,
        world.first_step(&world.cx, ADA).await,
    );
    world.challenge(&first, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    assert_eq!(
        code(world.finish(&second, "sms", &sent).await),
        "mfa.invalid_code"
    );
    // For another purpose, by another method.
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    let answer = mfa.disable(&world.cx, &who, "sms", &sent).await;
    assert_eq!(code(answer), "mfa.code_incorrect");
    assert_eq!(
        code(world.finish(&first, "email", &sent).await),
        "mfa.invalid_code"
    );
    // A newer one ends it.
    world.challenge(&first, "sms").await.unwrap();
    let newer = world.message(&telephone).await;
    assert_eq!(
        code(world.finish(&first, "sms", &sent).await),
        "mfa.invalid_code"
    );
    // Once.
    world.advance(Duration::from_hours(1));
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(
        code(world.finish(&pending, "sms", &newer).await),
        "mfa.invalid_code"
    );
    world.challenge(&pending, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    world.finish(&pending, "sms", &sent).await.unwrap();
    assert_eq!(
        code(world.finish(&pending, "sms", &sent).await),
        "mfa.invalid_token"
    );
}

pub(super) async fn asvs_6_5_5_a_sent_code_lives_ten_minutes(fixture: StoreFixture) {
    let telephone = Telephone::default();
    let sender = telephone.clone();
    let world = World::built(
        fixture,
        |config| config.mfa.pending_lifetime = Duration::from_mins(15),
        |builder| builder.sms_sender(sender),
    )
    .await;
    let ada = world.signed_in(ADA).await;
    world.bind_telephone(&telephone, &ada).await;
    for (wait, right) in [(599_999_999, true), (600_000_000, false)] {
        let pending = world.first_step(&world.cx, ADA).await;
        world.challenge(&pending, "sms").await.unwrap();
        let sent = world.message(&telephone).await;
        world.advance(Duration::from_micros(wait));
        assert_eq!(world.finish(&pending, "sms", &sent).await.is_ok(), right);
    }
}

pub(super) async fn asvs_6_5_1_of_sixteen_with_one_sent_code_one_wins(fixture: StoreFixture) {
    let telephone = Telephone::default();
    let sender = telephone.clone();
    let world = World::built(
        fixture,
        |config| config.lockout.enabled = false,
        |builder| builder.sms_sender(sender),
    )
    .await;
    let ada = world.signed_in(ADA).await;
    world.bind_telephone(&telephone, &ada).await;
    let pending = world.first_step(&world.cx, ADA).await;
    world.challenge(&pending, "sms").await.unwrap();
    let sent = world.message(&telephone).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (world, pending, sent) = (world.clone(), pending.clone(), sent.clone());
            tokio::spawn(async move { world.finish(&pending, "sms", &sent).await })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(winners, 1);
}

pub(super) async fn only_so_many_codes_are_sent(fixture: StoreFixture) {
    let telephone = Telephone::default();
    let sender = telephone.clone();
    let world = World::built(
        fixture,
        |config| config.rate_limits.enabled = true,
        |builder| builder.sms_sender(sender),
    )
    .await;
    let ada = world.signed_in(ADA).await;
    world.bind_telephone(&telephone, &ada).await;
    let pending = world.first_step(&world.cx, ADA).await;
    // One went out to set it up; five in an hour.
    for sent in [1, 2, 3, 4, 4, 4] {
        world.advance(Duration::from_millis(1));
        world.challenge(&pending, "sms").await.unwrap();
        world.mails().await;
        assert_eq!(telephone.0.lock().unwrap().len(), sent);
    }
    let row = world.newest(Event::MfaCodeRequested).await;
    assert_eq!(row.reason.as_deref(), Some("too_many"));
    // The last that was sent is good still.
    let last = code_in(telephone.0.lock().unwrap()[3].text.expose());
    world.finish(&pending, "sms", &last).await.unwrap();
}

pub(super) async fn codes_by_mail_are_chosen_and_used(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.mfa.email_codes = true).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    // Whoever did not choose it is not asked.
    world.sign_in(ADA).await;
    world.mails().await;
    mfa.begin_email(&world.cx, &who).await.unwrap();
    let sent = world.mailed_code().await;
    assert_eq!(
        code(mfa.confirm(&world.cx, &who, "email", &wrong(&sent)).await),
        "mfa.code_incorrect"
    );
    let none = mfa.confirm(&world.cx, &who, "email", &sent).await.unwrap();
    assert!(none.0.is_empty());
    world.mails().await;
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["email"]);
    world.challenge(&pending, "email").await.unwrap();
    let sent = world.mailed_code().await;
    let strong = world.finish(&pending, "email", &sent).await.unwrap();
    assert_eq!(
        world.identity(&strong).await.methods,
        ["email", "mfa", "pwd"]
    );
    // An app goes before it.
    let factor = world.enroll(&strong).await;
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["totp", "backup_code"]);
    let refused = world.challenge(&pending, "email").await;
    assert_eq!(code(refused), "request.invalid");
    world
        .second_step(&world.cx, &pending, &factor.next_code(&world))
        .await
        .unwrap();
}

pub(super) async fn codes_by_mail_serve_where_a_factor_is_required(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.email_codes = true;
        config.mfa.requirement = MfaRequirement::Required;
    })
    .await;
    world.verified(ADA).await;
    world.mails().await;
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["email"]);
    world.challenge(&pending, "email").await.unwrap();
    let sent = world.mailed_code().await;
    world.finish(&pending, "email", &sent).await.unwrap();
}

pub(super) async fn a_required_factor_is_set_up_at_sign_in(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.requirement = MfaRequirement::Required;
    })
    .await;
    world.verified(ADA).await;
    world.mails().await;
    let ask = async || match world.attempt(&world.cx, ADA, PASSWORD).await.unwrap() {
        SignIn::MfaEnrollmentRequired(pending) => pending,
        other => panic!("{other:?}"),
    };
    let (pending, other) = (ask().await, ask().await);
    assert_eq!(pending.methods, ["totp"]);
    let mfa = world.gk.mfa();
    let cx = &world.cx;
    // The token does that alone, and no other token does it.
    assert_eq!(
        code(world.finish(&pending, "totp", &"000000".into()).await),
        "mfa.invalid_token"
    );
    assert_eq!(
        code(mfa.challenge(cx, &pending.token, "totp").await),
        "mfa.invalid_token"
    );
    assert_eq!(
        code(mfa.begin_enrollment(cx, &"x".into()).await),
        "mfa.invalid_token"
    );
    let early = mfa
        .finish_enrollment(cx, &pending.token, &"000000".into())
        .await;
    assert_eq!(code(early), "mfa.not_enabled");
    let setup = mfa.begin_enrollment(cx, &pending.token).await.unwrap();
    let factor = super::factor::Factor::of(setup.secret.expose());
    let wrong = mfa
        .finish_enrollment(cx, &pending.token, &"000000".into())
        .await;
    assert_eq!(code(wrong), "mfa.invalid_code");
    let right = factor.next_code(&world);
    let (ada, backup) = mfa
        .finish_enrollment(cx, &pending.token, &right)
        .await
        .unwrap();
    assert_eq!(backup.0.len(), 10);
    let who = world.identity(&ada).await;
    assert_eq!(who.methods, ["mfa", "otp", "pwd"]);
    assert!(who.mfa_verified);
    // Neither the token nor one that was given besides is good for anything now.
    for token in [&pending.token, &other.token] {
        assert_eq!(
            code(mfa.begin_enrollment(cx, token).await),
            "mfa.invalid_token"
        );
        let again = mfa
            .finish_enrollment(cx, token, &factor.next_code(&world))
            .await;
        assert_eq!(code(again), "mfa.invalid_token");
    }
    let pending = world.first_step(cx, ADA).await;
    world
        .second_step(cx, &pending, &factor.next_code(&world))
        .await
        .unwrap();
}

/// Of two who hold enrolment tokens and the same seed, one gets a session.
pub(super) async fn of_sixteen_enrolments_one_wins(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.requirement = MfaRequirement::Required;
        config.lockout.enabled = false;
    })
    .await;
    world.verified(ADA).await;
    let SignIn::MfaEnrollmentRequired(pending) =
        world.attempt(&world.cx, ADA, PASSWORD).await.unwrap()
    else {
        panic!("no enrolment")
    };
    let setup = world
        .gk
        .mfa()
        .begin_enrollment(&world.cx, &pending.token)
        .await
        .unwrap();
    let right = super::factor::Factor::of(setup.secret.expose()).next_code(&world);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (world, token, right) = (world.clone(), pending.token.clone(), right.clone());
            tokio::spawn(async move {
                let mfa = world.gk.mfa();
                mfa.finish_enrollment(&world.cx, &token, &right).await
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(winners, 1);
}

/// A method of the application's: a word that is known.
#[derive(Debug)]
struct Watchword;

#[async_trait]
impl MfaMethod for Watchword {
    fn name(&self) -> &'static str {
        "watchword"
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::OneTimeCode
    }

    async fn verify(
        &self,
        _tx: &mut dyn Transaction,
        attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        let factor = attempt.factor.unwrap();
        let given = attempt.code.code.expose().as_bytes();
        Ok(match given.split_last() {
            Some((count, word)) if word == factor.secret.expose() => {
                MfaProof::AtCounter(i64::from(*count))
            }
            _ => MfaProof::Refused("wrong_word"),
        })
    }
}

pub(super) async fn a_method_of_the_applications_finishes_sign_ins(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::built(fixture, |_| {}, |builder| builder.mfa_method(Watchword)).await;
    let ada = world.signed_in(ADA).await;
    let who = world.identity(&ada).await;
    let mfa = world.gk.mfa();
    let secret = SecretBytes::new(*b"mellon");
    for taken in ["totp", "sms", "backup_code", "unheard_of"] {
        let bound = mfa.bind(&world.cx, &who, taken, &secret).await;
        assert_eq!(code(bound), "mfa.not_offered");
    }
    mfa.bind(&world.cx, &who, "watchword", &secret)
        .await
        .unwrap();
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(pending.methods, ["watchword"]);
    // Where the method is gone, the factor opens nothing, and is asked for still.
    let without = world.another_node(node).await;
    let stuck = without.first_step(&without.cx, ADA).await;
    assert_eq!(stuck.methods, ["watchword"]);
    let answer = without.finish(&stuck, "watchword", &"mellon1".into()).await;
    assert_eq!(code(answer), "mfa.invalid_code");
    assert_eq!(
        code(world.finish(&pending, "watchword", &"friend1".into()).await),
        "mfa.invalid_code"
    );
    world
        .finish(&pending, "watchword", &"mellon1".into())
        .await
        .unwrap();
    // Its counter is seen to like any other.
    let pending = world.first_step(&world.cx, ADA).await;
    assert_eq!(
        code(world.finish(&pending, "watchword", &"mellon1".into()).await),
        "mfa.invalid_code"
    );
    let strong = world
        .finish(&pending, "watchword", &"mellon2".into())
        .await
        .unwrap();
    let who = world.identity(&strong).await;
    mfa.disable(&world.cx, &who, "watchword", &"mellon3".into())
        .await
        .unwrap();
    world.sign_in(ADA).await;
}
