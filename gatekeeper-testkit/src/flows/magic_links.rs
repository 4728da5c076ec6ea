use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AccessError, Config, Error, Identity, MagicLinkError, Registered, SignIn, SignedIn,
    model::{AuthMethod, Event, MfaRequirement, SecretString, TokenPurpose},
};

use super::{
    tenants::second_tenant,
    world::{
        PASSWORD, World, change_user, code, optional_verification, put_factor, sign_up, token_of,
        token_to,
    },
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
const NEW_PASSWORD: &str = "birch-falcon-37-harbour";
const THIRD_PASSWORD: &str = "cedar-heron-58-orchard";
const INSTANT: Duration = Duration::from_micros(1);

/// A link that was mailed, and what the browser keeps that asked for it.
struct Link {
    token: SecretString,
    binding: SecretString,
}

async fn ask(world: &World, email: &str) -> SecretString {
    let links = world.gk.magic_links();
    let asked = links.request(&world.cx, email).await.unwrap();
    asked.binding.unwrap()
}

async fn link_to(world: &World, email: &str) -> Link {
    let binding = ask(world, email).await;
    let token = token_to(&world.mails().await, email);
    Link { token, binding }
}

async fn redeem(world: &World, link: &Link) -> Result<SignIn, Error> {
    // Two tries are never of one instant.
    world.advance(Duration::from_millis(1));
    let links = world.gk.magic_links();
    links
        .redeem(&world.cx, &link.token, Some(&link.binding))
        .await
}

async fn redeem_code(world: &World, code: &str, binding: &SecretString) -> Result<SignIn, Error> {
    world.advance(Duration::from_millis(1));
    let links = world.gk.magic_links();
    links.redeem_code(&world.cx, &code.into(), binding).await
}

/// Opens the link in a browser that never asked, and answers the code that is shown there.
async fn open_elsewhere(world: &World, link: &Link) -> String {
    let links = world.gk.magic_links();
    match links.redeem(&world.cx, &link.token, None).await {
        Err(Error::MagicLink(MagicLinkError::OtherBrowser { code })) => code.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn signed_in(answer: Result<SignIn, Error>) -> SignedIn {
    match answer.unwrap() {
        SignIn::SignedIn(signed_in) => *signed_in,
        other => panic!("{other:?}"),
    }
}

/// A code that is not this one.
fn other_code(code: &str, n: usize) -> String {
    let digit = char::from_digit(u32::try_from(n % 10).unwrap(), 10).unwrap();
    let wrong: String = code.chars().rev().chain([digit]).take(8).collect();
    let wrong = format!("{}{digit}{}", &wrong[..3], &wrong[4..]);
    if wrong == code {
        "00000000".to_owned()
    } else {
        wrong
    }
}

pub(super) async fn a_link_signs_in_the_browser_that_asked(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let binding = ask(&world, "Ada@Example.org").await;
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), ADA);
    assert!(
        mail.text
            .contains("https://auth.example.org/magic-link#token="),
        "{}",
        mail.text
    );
    let link = Link {
        token: token_of(&mail),
        binding,
    };
    let signed_in = signed_in(redeem(&world, &link).await);
    assert_eq!(signed_in.session.user_id, user);
    assert_eq!(signed_in.session.methods, [AuthMethod::Email]);
    assert!(signed_in.session.mfa_verified_at.is_none());
    assert!(world.believes(&signed_in).await);
    assert!(world.refresh(&signed_in).await.is_ok());
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");
    let row = world.newest(Event::TokenRefused).await;
    assert_eq!(row.reason.as_deref(), Some("unknown_token"));
    // The password is as it was.
    world.sign_in(ADA).await;
}

/// The same is done for any address, and only the worker finds out about it.
pub(super) async fn row_2_asking_for_a_link_answers_alike(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    let disabled = world.verified("disabled@example.org").await;
    let administration = world.gk.administration();
    administration.disable(&world.cx, disabled).await.unwrap();
    world.mails().await;
    let hashes = world.gk.password_hashes();
    let addresses = [ADA, "nobody@example.org", "disabled@example.org"];
    for email in addresses {
        let binding = ask(&world, email).await;
        assert_eq!(binding.expose().len(), 43);
        let row = world.newest(Event::MagicLinkRequested).await;
        assert_eq!((row.actor, row.target), (None, None));
        assert!(!format!("{row:?}").contains(email), "{row:?}");
    }
    assert_eq!(world.gk.password_hashes(), hashes);
    let mut tx = world.repository.begin().await.unwrap();
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let waiting = tx.outbox().claim(now, now, 100).await.unwrap();
    drop(tx);
    assert_eq!(waiting.len(), addresses.len());
    let sizes: Vec<usize> = waiting.iter().map(|entry| entry.payload.len()).collect();
    let lengths: Vec<usize> = addresses.iter().map(|email| email.len()).collect();
    assert_eq!(sizes[0] - lengths[0], sizes[1] - lengths[1]);
    assert_eq!(sizes[0] - lengths[0], sizes[2] - lengths[2]);
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to.as_str(), ADA);
    let malformed = world.gk.magic_links().request(&world.cx, "a@b@c").await;
    assert_eq!(code(malformed), "request.invalid");
}

pub(super) async fn row_3_a_link_goes_to_the_stored_address(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("Mask@example.org").await;
    ask(&world, "ma\u{17f}k@example.org").await;
    assert_eq!(world.mail().await.to.as_str(), "Mask@example.org");
    ask(&world, "m\u{131}sk@example.org").await;
    assert!(world.mails().await.is_empty());
}

pub(super) async fn row_24_what_comes_later_ends_a_link(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let session = world.signed_in(ADA).await;
    let who = world.identity(&session).await;

    let older = link_to(&world, ADA).await;
    let newer = link_to(&world, ADA).await;
    assert_eq!(code(redeem(&world, &older).await), "token.invalid");
    // The older one's browser is not the newer one's.
    let crossed = Link {
        token: newer.token.clone(),
        binding: older.binding.clone(),
    };
    let shown = match redeem(&world, &crossed).await {
        Err(Error::MagicLink(MagicLinkError::OtherBrowser { code })) => code,
        other => panic!("{other:?}"),
    };
    // A newer link ends the code of an older one, too.
    let newest = link_to(&world, ADA).await;
    let late = redeem_code(&world, shown.expose(), &newer.binding).await;
    assert_eq!(code(late), "token.invalid");

    let passwords = world.gk.passwords();
    passwords
        .change(&world.cx, &who, &PASSWORD.into(), &NEW_PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(code(redeem(&world, &newest).await), "token.invalid");
    world.mails().await;

    let link = link_to(&world, ADA).await;
    let opened = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &opened).await;
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let reset = world.mailed_token().await;
    passwords
        .reset(&world.cx, &reset, &THIRD_PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");
    let late = redeem_code(&world, &shown, &opened.binding).await;
    assert_eq!(code(late), "token.invalid");
    world.mails().await;
    world.advance(Duration::from_hours(2));

    let session = world.sign_in_with(ADA, THIRD_PASSWORD).await.unwrap();
    let who = world.identity(&session).await;
    let link = link_to(&world, ADA).await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "neu@example.org", &THIRD_PASSWORD.into())
        .await
        .unwrap();
    let confirm = token_to(&world.mails().await, "neu@example.org");
    accounts.verify_email(&world.cx, &confirm).await.unwrap();
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");
}

/// Whoever changes addresses with tools of their own forgets to end links: a link signs in at the address it went to.
pub(super) async fn a_link_counts_at_the_address_it_went_to(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let link = link_to(&world, ADA).await;
    change_user(&world, user, |user| {
        user.email = gatekeeper_core::model::EmailAddress::parse("neu@example.org").unwrap();
    })
    .await;
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");
    let links = world.gk.magic_links();
    let elsewhere = links.redeem(&world.cx, &link.token, None).await;
    assert_eq!(code(elsewhere), "token.invalid");
}

pub(super) async fn a_link_expires_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    let lifetime = Duration::from_mins(10);
    for good in [true, false] {
        let link = link_to(&world, ADA).await;
        let left = if good { INSTANT } else { Duration::ZERO };
        world.advance(lifetime.checked_sub(left).unwrap());
        let links = world.gk.magic_links();
        let answer = links
            .redeem(&world.cx, &link.token, Some(&link.binding))
            .await;
        assert_eq!(answer.is_ok(), good);
        // And so does the code that it may become.
        world.advance(Duration::from_hours(2));
        let link = link_to(&world, ADA).await;
        let shown = open_elsewhere(&world, &link).await;
        world.advance(lifetime.checked_sub(left).unwrap());
        let answer = links
            .redeem_code(&world.cx, &shown.as_str().into(), &link.binding)
            .await;
        assert_eq!(answer.is_ok(), good);
        world.advance(Duration::from_hours(2));
    }
}

pub(super) async fn row_33_fifty_redemptions_of_a_link_give_one_session(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    let other = world.another_node(node).await;
    world.verified(ADA).await;
    let link = Arc::new(link_to(&world, ADA).await);
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let link = Arc::clone(&link);
            tokio::spawn(async move { redeem(&node, &link).await })
        })
        .collect();
    let mut good = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => good += 1,
            Err(error) => assert_eq!(error.code(), "token.invalid"),
        }
    }
    assert_eq!(good, 1);
    assert_eq!(world.count(Event::SessionCreated).await, 1);
}

pub(super) async fn opened_elsewhere_a_link_becomes_a_code(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let link = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &link).await;
    assert_eq!(shown.len(), 8);
    let row = world.newest(Event::MagicLinkOpenedElsewhere).await;
    assert_eq!((row.actor, row.target), (None, Some(user)));
    assert_eq!(world.count(Event::SessionCreated).await, 0);
    // The link is used up, in the right browser too.
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");
    // The code is of no use to whoever was shown it, or to another who asked.
    let other = ask(&world, "other@example.org").await;
    for binding in [other, "".into(), shown.as_str().into(), link.token.clone()] {
        let stolen = redeem_code(&world, &shown, &binding).await;
        assert_eq!(code(stolen), "token.invalid");
    }
    let spelled = format!(" {}-{}", &shown[..4].to_lowercase(), &shown[4..]);
    let signed_in = signed_in(redeem_code(&world, &spelled, &link.binding).await);
    assert_eq!(signed_in.session.user_id, user);
    assert_eq!(signed_in.session.methods, [AuthMethod::Email]);
    let twice = redeem_code(&world, &shown, &link.binding).await;
    assert_eq!(code(twice), "token.invalid");
    // Nobody who reads the trail or an error finds it.
    let error = Error::from(MagicLinkError::OtherBrowser {
        code: shown.as_str().into(),
    });
    let told = format!("{:?} {error:?} {error}", world.trail().await);
    assert!(!told.contains(&shown), "{told}");
}

pub(super) async fn five_wrong_codes_end_the_right_one(fixture: StoreFixture) {
    // It holds where lockouts are off.
    let off = |config: &mut Config| config.lockout.enabled = false;
    let world = World::configured(fixture, off).await;
    world.verified(ADA).await;
    for (wrong, good) in [(4, true), (5, false)] {
        let link = link_to(&world, ADA).await;
        let shown = open_elsewhere(&world, &link).await;
        for n in 0..wrong {
            let guess = redeem_code(&world, &other_code(&shown, n), &link.binding).await;
            assert_eq!(code(guess), "token.invalid");
            let reason = world.newest(Event::TokenRefused).await.reason;
            let last = if n == 4 {
                "too_many_codes"
            } else {
                "wrong_code"
            };
            assert_eq!(reason.as_deref(), Some(last));
        }
        let right = redeem_code(&world, &shown, &link.binding).await;
        assert_eq!(right.is_ok(), good);
        world.advance(Duration::from_hours(2));
    }
}

pub(super) async fn row_13_parallel_guesses_at_a_code_are_held_to_five(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let off = |config: &mut Config| config.lockout.enabled = false;
    let world = World::configured(fixture, off).await;
    let other = world.another_node(node).await;
    world.verified(ADA).await;
    let link = Arc::new(link_to(&world, ADA).await);
    let shown = open_elsewhere(&world, &link).await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 {
                world.clone()
            } else {
                other.clone()
            };
            let link = Arc::clone(&link);
            let guess = other_code(&shown, n);
            tokio::spawn(async move { redeem_code(&node, &guess, &link.binding).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(code(task.await.unwrap()), "token.invalid");
    }
    let trail = world.trail().await;
    let told = trail
        .iter()
        .filter(|row| row.reason.as_deref() == Some("wrong_code"))
        .count();
    assert_eq!(told, 4, "the fifth says no more whether it was wrong");
    let right = redeem_code(&world, &shown, &link.binding).await;
    assert_eq!(code(right), "token.invalid");
}

pub(super) async fn wrong_codes_are_guesses_at_the_account(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let threshold = world.gk.config().lockout.policy.threshold;
    let link = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &link).await;
    for n in 0..2 {
        let guess = redeem_code(&world, &other_code(&shown, n), &link.binding).await;
        assert_eq!(code(guess), "token.invalid");
    }
    for _ in 2..threshold {
        let wrong = world.sign_in_with(ADA, "wrong").await;
        assert_eq!(code(wrong), "password.invalid_credentials");
    }
    assert_eq!(world.newest(Event::AccountLocked).await.target, Some(user));
    // Locked, by codes and passwords together: neither is of use now, right or wrong.
    let right = redeem_code(&world, &shown, &link.binding).await;
    assert_eq!(code(right), "token.invalid");
    let row = world.newest(Event::TokenRefused).await;
    assert_eq!(row.reason.as_deref(), Some("locked"));
    let right = world.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(right), "password.invalid_credentials");
    // A link is no guess: who locks an account does not keep its owner out (ASVS 6.1.1).
    world.mails().await;
    let link = link_to(&world, ADA).await;
    signed_in(redeem(&world, &link).await);
}

pub(super) async fn the_wrong_code_that_locks_tells_the_owner(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.lockout.policy.threshold = 2).await;
    world.verified(ADA).await;
    let link = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &link).await;
    for n in 0..2 {
        let guess = redeem_code(&world, &other_code(&shown, n), &link.binding).await;
        assert_eq!(code(guess), "token.invalid");
    }
    let mail = world.mail().await;
    assert!(mail.subject.contains("locked"), "{}", mail.subject);
}

/// Somebody signs up with a victim's address, and leaves in the account whatever they can. The victim's first link takes it
/// all away.
pub(super) async fn row_6_a_first_link_drops_what_an_unproven_owner_left(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    let accounts = world.gk.accounts();
    let answer = accounts.register(&world.cx, sign_up(ADA)).await.unwrap();
    let Registered::SignedIn(squatter) = answer else {
        panic!("{answer:?}")
    };
    let user = squatter.session.user_id;
    let who: Arc<Identity> = world.identity(&squatter).await;
    accounts
        .request_email_change(&world.cx, &who, "evil@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let change = token_to(&world.mails().await, "evil@example.org");
    world
        .gk
        .passwords()
        .request_reset(&world.cx, ADA)
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    let device = signed_in_device(&world).await;
    put_factor(&world, user, "totp").await;
    let evidence = gatekeeper_core::Evidence::Password {
        identifier: ADA.to_owned(),
        password: PASSWORD.into(),
    };
    let pending = world.gk.sessions().sign_in(&world.cx, evidence).await;
    assert!(matches!(pending, Ok(SignIn::MfaRequired(_))), "{pending:?}");
    world.mails().await;

    let link = link_to(&world, ADA).await;
    let owner = signed_in(redeem(&world, &link).await);

    assert!(owner.profile.user.email_verified());
    assert!(!owner.profile.mfa_enabled);
    assert!(world.believes(&owner).await);
    // The session, and what refreshes it.
    assert!(!world.believes(&squatter).await);
    let refreshed = world.refresh(&squatter).await;
    assert_eq!(code(refreshed), "session.invalid_refresh_token");
    // The password.
    let again = world.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(again), "password.invalid_credentials");
    // The change of address, and every other link.
    assert_eq!(
        code(accounts.verify_email(&world.cx, &change).await),
        "token.invalid"
    );
    let passwords = world.gk.passwords();
    let late = passwords
        .reset(&world.cx, &reset, &NEW_PASSWORD.into())
        .await;
    assert_eq!(code(late), "token.invalid");
    // The factor, the device, and the sign-in that waits for the factor.
    let mut tx = world.repository.begin().await.unwrap();
    let tenant = world.cx.tenant_id;
    assert!(tx.mfa().list(tenant, user).await.unwrap().is_empty());
    let found = tx.devices().find(tenant, user, device).await.unwrap();
    assert!(found.unwrap().revoked_at.is_some());
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let open = tx
        .tokens()
        .revoke_all_for_user(tenant, user, TokenPurpose::ALL, now)
        .await
        .unwrap();
    drop(tx);
    assert_eq!(open, 0);
    let welcome = world.mails().await;
    assert!(
        welcome
            .iter()
            .any(|mail| mail.subject.starts_with("Welcome"))
    );
    // The next link of a proven mailbox takes nothing away.
    passwords.request_reset(&world.cx, ADA).await.unwrap();
    let reset = world.mailed_token().await;
    passwords
        .reset(&world.cx, &reset, &NEW_PASSWORD.into())
        .await
        .unwrap();
    world.mails().await;
    let link = link_to(&world, ADA).await;
    signed_in(redeem(&world, &link).await);
    world.sign_in_with(ADA, NEW_PASSWORD).await.unwrap();
}

async fn signed_in_device(world: &World) -> gatekeeper_core::model::DeviceId {
    let session = world.sign_in(ADA).await.session;
    session.device_id.unwrap()
}

/// The same where verification is required: a sign-up by somebody else leaves a password, and no more.
pub(super) async fn row_6_a_link_verifies_an_address_and_drops_its_password(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register(ADA).await;
    let verification = world.mailed_token().await;
    let link = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &link).await;
    // Opening it elsewhere proves the mailbox, but not yet who asked.
    let unproven = world.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(unproven), "account.email_unverified");
    let owner = signed_in(redeem_code(&world, &shown, &link.binding).await);
    assert!(owner.profile.user.email_verified());
    let again = world.sign_in_with(ADA, PASSWORD).await;
    assert_eq!(code(again), "password.invalid_credentials");
    let accounts = world.gk.accounts();
    let late = accounts.verify_email(&world.cx, &verification).await;
    assert_eq!(code(late), "token.invalid");
    assert_eq!(world.count(Event::EmailVerified).await, 1);
}

pub(super) async fn row_21_a_link_is_the_first_factor_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    put_factor(&world, user, "totp").await;
    let link = link_to(&world, ADA).await;
    let answer = redeem(&world, &link).await.unwrap();
    let SignIn::MfaRequired(pending) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        !pending.methods.contains(&"email".to_owned()),
        "{pending:?}"
    );
    assert_eq!(world.count(Event::SessionCreated).await, 0);
    let opened = world.gk.authenticate(pending.token.expose()).await;
    assert!(matches!(opened, Err(Error::Access(AccessError::Invalid))));
    // It was used for that.
    assert_eq!(code(redeem(&world, &link).await), "token.invalid");

    // A code is no more.
    let link = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &link).await;
    let answer = redeem_code(&world, &shown, &link.binding).await;
    assert!(matches!(answer, Ok(SignIn::MfaRequired(_))), "{answer:?}");
    assert_eq!(world.count(Event::SessionCreated).await, 0);
}

/// CVE-2024-27928: the mailbox alone never opens an account that asks for two factors.
pub(super) async fn row_22_a_mailbox_is_not_both_factors(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.mfa.email_codes = true).await;
    let user = world.verified(ADA).await;
    let early = link_to(&world, ADA).await;
    put_factor(&world, user, "email").await;
    // No link, though the request looks as ever.
    ask(&world, ADA).await;
    assert!(world.mails().await.is_empty());
    // One from before gives no session.
    match redeem(&world, &early).await {
        Err(error) => assert_eq!(error.code(), "token.invalid"),
        Ok(SignIn::MfaRequired(pending)) => {
            assert!(
                !pending.methods.contains(&"email".to_owned()),
                "{pending:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.count(Event::SessionCreated).await, 0);
    // Beside another factor it does no harm.
    put_factor(&world, user, "totp").await;
    let link = link_to(&world, ADA).await;
    let answer = redeem(&world, &link).await;
    assert!(matches!(answer, Ok(SignIn::MfaRequired(_))), "{answer:?}");
}

/// The same where a second factor is required of everybody, and codes by e-mail stand in for one.
pub(super) async fn row_22_required_codes_by_mail_leave_no_link(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.email_codes = true;
        config.mfa.requirement = MfaRequirement::Required;
    })
    .await;
    world.verified(ADA).await;
    ask(&world, ADA).await;
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_disabled_account_uses_no_link(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let user = world.verified(ADA).await;
    let link = link_to(&world, ADA).await;
    let opened = link_to(&world, ADA).await;
    change_user(&world, user, |user| {
        user.disabled_at = Some(user.created_at);
    })
    .await;
    for link in [&link, &opened] {
        assert_eq!(code(redeem(&world, link).await), "token.invalid");
        let links = world.gk.magic_links();
        let elsewhere = links.redeem(&world.cx, &link.token, None).await;
        assert_eq!(code(elsewhere), "token.invalid");
    }
    ask(&world, ADA).await;
    assert!(world.mails().await.is_empty());
}

pub(super) async fn a_link_of_one_tenant_opens_nothing_in_another(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    world.verified("bob@example.org").await;
    let link = link_to(&world, ADA).await;
    let opened = link_to(&world, "bob@example.org").await;
    let shown = open_elsewhere(&world, &opened).await;
    let elsewhere = second_tenant(&world).await;
    elsewhere.verified(ADA).await;
    assert_eq!(code(redeem(&elsewhere, &link).await), "token.invalid");
    let answer = redeem_code(&elsewhere, &shown, &opened.binding).await;
    assert_eq!(code(answer), "token.invalid");
    signed_in(redeem(&world, &link).await);
}

/// ASVS 6.3.6.
pub(super) async fn links_can_be_switched_off(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let world = World::new(fixture).await;
    world.verified(ADA).await;
    let link = link_to(&world, ADA).await;
    let opened = link_to(&world, ADA).await;
    let shown = open_elsewhere(&world, &opened).await;
    // One that the worker has not come to yet.
    ask(&world, ADA).await;

    let off = World::on(node, |config| config.magic_links.enabled = false, |b| b)
        .await
        .unwrap();
    let asked = off.gk.magic_links().request(&off.cx, ADA).await;
    assert_eq!(code(asked), "magic_link.disabled");
    assert_eq!(code(redeem(&off, &link).await), "magic_link.disabled");
    let late = redeem_code(&off, &shown, &opened.binding).await;
    assert_eq!(code(late), "magic_link.disabled");
    assert!(off.mails().await.is_empty());
    assert_eq!(off.count(Event::SessionCreated).await, 0);
}

pub(super) async fn links_need_not_be_bound(fixture: StoreFixture) {
    let node = Arc::clone(&fixture.other);
    let anywhere = |config: &mut Config| config.magic_links.bind_to_browser = false;
    let world = World::configured(fixture, anywhere).await;
    world.verified(ADA).await;
    let links = world.gk.magic_links();
    let asked = links.request(&world.cx, ADA).await.unwrap();
    assert!(asked.binding.is_none());
    let mail = world.mail().await;
    assert!(!mail.text.contains("browser"), "{}", mail.text);
    let token = token_of(&mail);
    // Where links have to be bound again, one from before is no way in.
    let bound = World::on(node, |_| {}, |b| b).await.unwrap();
    let strict = bound.gk.magic_links();
    for binding in [None, Some(&token)] {
        let answer = strict.redeem(&bound.cx, &token, binding).await;
        assert_eq!(code(answer), "token.invalid");
    }
    signed_in(links.redeem(&world.cx, &token, None).await);
}

/// Three an hour, counted for nobody's address as well; the answer is the same.
pub(super) async fn row_2_links_are_limited_alike_for_nobody(fixture: StoreFixture) {
    let on = |config: &mut Config| config.rate_limits.enabled = true;
    let world = World::configured(fixture, on).await;
    world.verified(ADA).await;
    for email in [ADA, "nobody@example.org"] {
        for n in 0..5 {
            let binding = ask(&world, email).await;
            assert_eq!(binding.expose().len(), 43);
            let row = world.newest(Event::MagicLinkRequested).await;
            let reason = (n >= 3).then_some("too_many");
            assert_eq!(row.reason.as_deref(), reason, "{email} {n}");
        }
        let mails = world.mails().await;
        assert_eq!(mails.len(), if email == ADA { 3 } else { 0 });
    }
    // The newest of those that were mailed is the one that is good, an hour later there are more.
    world.advance(Duration::from_hours(1));
    let link = link_to(&world, ADA).await;
    signed_in(redeem(&world, &link).await);
}
