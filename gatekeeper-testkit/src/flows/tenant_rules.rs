//! What a tenant sets for itself, and that every flow holds to it.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    AuthProvider, BrandingChanges, Error, Evidence, NewUser, Provisioning, Register, Registered,
    RequestContext, Subject, TenantSettingsChanges, Verification, VerifiedIdentity,
    config::EmailVerification,
    model::{
        AuthMethod, Branding, EmailAddress, Event, MfaRequirement, SessionLimit, SignInMethod,
        TenantSettings, WhenFull,
    },
};

use super::{
    platform::in_new_tenant,
    world::{PASSWORD, World, code, optional_verification, sign_up},
};
use crate::store::StoreFixture;

const ADA: &str = "ada@example.org";
/// As long as the tenant asks for.
const LONG: &str = "cedar-heron-58-orchard-lamp";

async fn set(world: &World, change: impl FnOnce(&mut TenantSettings)) {
    let administration = world.gk.administration();
    let mut settings = administration.tenant_settings(&world.cx).await.unwrap();
    change(&mut settings);
    administration
        .set_tenant_settings(&world.cx, settings)
        .await
        .unwrap();
}

fn methods(methods: &[SignInMethod]) -> Option<BTreeSet<SignInMethod>> {
    Some(methods.iter().copied().collect())
}

fn domains(domains: &[&str]) -> Option<BTreeSet<String>> {
    Some(domains.iter().map(|&domain| domain.to_owned()).collect())
}

/// The pointer and code of the one wrong field.
fn violation<T: std::fmt::Debug>(answer: Result<T, Error>) -> (String, &'static str) {
    match answer.unwrap_err() {
        Error::Invalid(violations) => {
            let [one] = violations.as_slice() else {
                panic!("{violations:?}")
            };
            (one.pointer.clone(), one.code)
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_password_is_as_long_as_its_tenant_asks_wherever_it_is_chosen(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let signed_in = there.signed_in(ADA).await;
    let who = there.identity(&signed_in).await;
    let passwords = there.gk.passwords();
    let least = u32::try_from(LONG.chars().count()).unwrap();
    set(&there, |it| it.password_min_length = Some(least)).await;
    let short = &LONG[1..];
    let too_short = |pointer: &str| (pointer.to_owned(), "password.too_short");

    let register = async |world: &World, email: &str, password: &str| {
        let input = Register {
            password: password.into(),
            ..sign_up(email)
        };
        world.gk.accounts().register(&world.cx, input).await
    };
    let answer = register(&there, "bob@example.org", short).await;
    assert_eq!(violation(answer), too_short("/password"));
    let _ = register(&there, "bob@example.org", LONG).await.unwrap();
    there.mails().await;
    // Elsewhere it is long enough.
    let _ = register(&world, "bob@example.org", short).await.unwrap();
    world.mails().await;

    let change = async |new: &str| {
        passwords
            .change(&there.cx, &who, &PASSWORD.into(), &new.into())
            .await
    };
    assert_eq!(violation(change(short).await), too_short("/new_password"));
    passwords.request_reset(&there.cx, ADA).await.unwrap();
    let token = there.mailed_token().await;
    let reset = async |new: &str| passwords.reset(&there.cx, &token, &new.into()).await;
    assert_eq!(violation(reset(short).await), too_short("/new_password"));
    reset(LONG).await.unwrap();
    let create = async |password: &str| {
        let input = NewUser {
            email: "carl@example.org".to_owned(),
            name: None,
            roles: Vec::new(),
            password: Some(password.into()),
        };
        there
            .gk
            .administration()
            .create_user(&there.cx, input)
            .await
    };
    assert_eq!(violation(create(short).await), too_short("/password"));
    create(LONG).await.unwrap();
    // The password of before still opens: a rule is about what is chosen.
    world.signed_in(ADA).await;
}

pub(super) async fn row_1_where_passwords_are_closed_everybody_is_answered_alike(
    fixture: StoreFixture,
) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    there.verified(ADA).await;
    set(&there, |it| {
        it.sign_in_methods = methods(&[SignInMethod::MagicLink]);
    })
    .await;
    let mut costs = BTreeSet::new();
    for (email, password) in [
        (ADA, PASSWORD),
        (ADA, "a wrong one"),
        ("nobody@example.org", PASSWORD),
        ("no address", ""),
    ] {
        // More often than a lock allows: nothing is counted where nothing can be guessed.
        for _ in 0..8 {
            let before = there.gk.password_hashes();
            let answer = there.sign_in_with(email, password).await;
            assert_eq!(code(answer), "password.invalid_credentials");
            costs.insert(there.gk.password_hashes() - before);
        }
    }
    assert_eq!(costs.len(), 1, "{costs:?}");
    assert!(there.mails().await.is_empty());
    assert_eq!(there.count(Event::AccountLocked).await, 0);
    let row = there.newest(Event::SignInFailed).await;
    assert_eq!(row.reason.as_deref(), Some("method_closed"));
    // The way that was left is open, and passwords elsewhere are.
    let links = there.gk.magic_links();
    let asked = links.request(&there.cx, ADA).await.unwrap();
    let token = there.mailed_token().await;
    let _ = links
        .redeem(&there.cx, &token, asked.binding.as_ref())
        .await
        .unwrap();
    world.signed_in(ADA).await;
}

pub(super) async fn where_passwords_are_closed_sign_up_opens_no_session(fixture: StoreFixture) {
    let world = World::configured(fixture, optional_verification).await;
    let there = in_new_tenant(&world, "acme").await;
    set(&there, |it| {
        it.sign_in_methods = methods(&[SignInMethod::MagicLink]);
    })
    .await;
    assert_eq!(
        there.gk.config().email.verification,
        EmailVerification::Optional
    );
    let accounts = there.gk.accounts();
    let answer = accounts.register(&there.cx, sign_up(ADA)).await.unwrap();
    assert!(
        matches!(answer, Registered::VerificationRequired),
        "{answer:?}"
    );
    assert_eq!(there.count(Event::SessionCreated).await, 0);
}

pub(super) async fn closed_links_are_as_if_there_were_none(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    there.verified(ADA).await;
    let links = there.gk.magic_links();
    let asked = links.request(&there.cx, ADA).await.unwrap();
    let token = there.mailed_token().await;
    // One more is asked for, and waits for the worker.
    links.request(&there.cx, ADA).await.unwrap();
    set(&there, |it| {
        it.sign_in_methods = methods(&[SignInMethod::Password]);
    })
    .await;
    assert!(there.mails().await.is_empty());
    let answer = links.request(&there.cx, ADA).await;
    assert_eq!(code(answer), "magic_link.disabled");
    let answer = links
        .redeem(&there.cx, &token, asked.binding.as_ref())
        .await;
    assert_eq!(code(answer), "magic_link.disabled");
    let binding = asked.binding.unwrap();
    let answer = links
        .redeem_code(&there.cx, &"7KQ2M9XA".into(), &binding)
        .await;
    assert_eq!(code(answer), "magic_link.disabled");
    assert_eq!(there.count(Event::SessionCreated).await, 0);
    there.sign_in(ADA).await;
    world
        .gk
        .magic_links()
        .request(&world.cx, ADA)
        .await
        .unwrap();
}

/// Vouches for everybody.
#[derive(Debug)]
struct Directory;

#[async_trait]
impl AuthProvider for Directory {
    fn id(&self) -> &'static str {
        "directory"
    }

    fn accepts(&self, _evidence: &Evidence) -> bool {
        true
    }

    fn provisioning(&self) -> Provisioning {
        Provisioning::Create
    }

    async fn finish(
        &self,
        _cx: &RequestContext,
        evidence: &Evidence,
    ) -> Result<Verification, Error> {
        let Evidence::Password { identifier, .. } = evidence else {
            panic!("{evidence:?}")
        };
        Ok(Verification::Verified(VerifiedIdentity {
            subject: Subject::External {
                subject: identifier.clone(),
                verified_email: EmailAddress::parse(identifier).ok(),
                name: None,
            },
            methods: vec![AuthMethod::Federated],
        }))
    }
}

pub(super) async fn a_closed_provider_decides_nothing(fixture: StoreFixture) {
    let world = World::built(fixture, |_| {}, |builder| builder.provider(Directory)).await;
    let there = in_new_tenant(&world, "acme").await;
    there.verified(ADA).await;
    let with_directory = async |email: &str| there.sign_in_with(email, "anything").await;
    with_directory("one@example.org").await.unwrap();
    // It makes accounts, so it is held to what sign-up is held to; who has one may come in.
    set(&there, |it| it.email_domains = domains(&["acme.example"])).await;
    let answer = with_directory("two@example.org").await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(
        there.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("domain_not_allowed")
    );
    with_directory("two@acme.example").await.unwrap();
    set(&there, |it| it.open_registration = Some(false)).await;
    let answer = with_directory("three@acme.example").await;
    assert_eq!(code(answer), "password.invalid_credentials");
    assert_eq!(
        there.newest(Event::SignInFailed).await.reason.as_deref(),
        Some("registration_closed")
    );
    with_directory("one@example.org").await.unwrap();
    // Closed, it is passed over: the next one that accepts decides.
    set(&there, |it| {
        it.sign_in_methods = methods(&[SignInMethod::Password]);
    })
    .await;
    let answer = with_directory("one@example.org").await;
    assert_eq!(code(answer), "password.invalid_credentials");
    there.sign_in(ADA).await;
}

/// The answer depends on the domain alone, whoever has an account.
pub(super) async fn row_2_addresses_are_of_the_domains_of_their_tenant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    there.verified(ADA).await;
    there.register("new@example.org").await;
    there.mails().await;
    let signed_in = there.sign_in(ADA).await;
    let who = there.identity(&signed_in).await;
    let accounts = there.gk.accounts();
    let change = async |email: &str| {
        accounts
            .request_email_change(&there.cx, &who, email, &PASSWORD.into())
            .await
    };
    change("ada@other.example").await.unwrap();
    let mails = there.mails().await;
    let link = super::world::token_to(&mails, "ada@other.example");
    set(&there, |it| {
        it.email_domains = domains(&["acme.example", "xn--bcher-kva.example"]);
    })
    .await;
    let mut costs = BTreeSet::new();
    for email in [
        ADA,
        "new@example.org",
        "nobody@example.org",
        "a@sub.acme.example",
        "a@notacme.example",
        "a@acme.example.evil.example",
    ] {
        let before = there.gk.password_hashes();
        let answer = accounts.register(&there.cx, sign_up(email)).await;
        assert_eq!(code(answer), "account.domain_not_allowed", "{email}");
        costs.insert(there.gk.password_hashes() - before);
        let answer = change(email).await;
        assert_eq!(code(answer), "account.domain_not_allowed", "{email}");
    }
    assert_eq!(costs.len(), 1);
    assert!(there.mails().await.is_empty());
    // What was asked for before the domain was closed is not carried out after.
    let answer = accounts.verify_email(&there.cx, &link).await;
    assert_eq!(code(answer), "token.invalid");
    // Spellings of a domain are one domain.
    for email in ["a@acme.example", "b@ACME.example", "c@b\u{fc}cher.example"] {
        let _ = accounts.register(&there.cx, sign_up(email)).await.unwrap();
    }
    assert_eq!(there.mails().await.len(), 3);
    // Whoever was there before comes in.
    there.sign_in(ADA).await;
}

pub(super) async fn where_registration_is_closed_nobody_signs_up(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    there.verified(ADA).await;
    set(&there, |it| it.open_registration = Some(false)).await;
    let hashes = there.gk.password_hashes();
    for email in [ADA, "new@example.org", "no address"] {
        let accounts = there.gk.accounts();
        let answer = accounts.register(&there.cx, sign_up(email)).await;
        assert_eq!(code(answer), "account.registration_closed", "{email}");
    }
    assert_eq!(there.gk.password_hashes(), hashes);
    assert!(there.mails().await.is_empty());
    there.sign_in(ADA).await;
    world.register("new@example.org").await;
}

#[expect(clippy::type_complexity, reason = "a table of cases")]
pub(super) async fn a_tenant_is_never_weaker_than_the_application(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| {
        config.mfa.requirement = MfaRequirement::Required;
        config.password_policy.min_length = 12;
        config.magic_links.enabled = false;
    })
    .await;
    let there = in_new_tenant(&world, "acme").await;
    let wrong: [(&str, fn(&mut TenantSettings)); 9] = [
        ("/mfa", |it| it.mfa = Some(MfaRequirement::Optional)),
        ("/password_min_length", |it| {
            it.password_min_length = Some(11);
        }),
        ("/password_min_length", |it| {
            it.password_min_length = Some(0);
        }),
        ("/password_min_length", |it| {
            it.password_min_length = Some(257);
        }),
        ("/sign_in_methods", |it| it.sign_in_methods = methods(&[])),
        // Neither is offered: nobody would have a way in.
        ("/sign_in_methods", |it| {
            it.sign_in_methods = methods(&[SignInMethod::Federated, SignInMethod::MagicLink]);
        }),
        ("/email_domains", |it| it.email_domains = domains(&[])),
        ("/email_domains", |it| {
            it.email_domains = domains(&["acme.example", "Acme.example"]);
        }),
        ("/session_limit/max", |it| {
            it.session_limit = Some(SessionLimit {
                max: 0,
                when_full: WhenFull::Reject,
            });
        }),
    ];
    let administration = there.gk.administration();
    for (pointer, change) in wrong {
        let mut settings = TenantSettings::default();
        change(&mut settings);
        let answer = administration
            .set_tenant_settings(&there.cx, settings)
            .await;
        assert_eq!(violation(answer), (pointer.to_owned(), "field.value"));
    }
    for wrong in [
        "",
        "a@b.example",
        "example",
        "b\u{fc}cher.example",
        ".example.org",
    ] {
        let settings = TenantSettings {
            email_domains: domains(&[wrong]),
            ..TenantSettings::default()
        };
        let answer = administration
            .set_tenant_settings(&there.cx, settings)
            .await;
        assert_eq!(violation(answer).0, "/email_domains", "{wrong}");
    }
    let stored = administration.tenant_settings(&there.cx).await.unwrap();
    assert_eq!(stored, TenantSettings::default());
    set(&there, |it| {
        it.mfa = Some(MfaRequirement::Required);
        it.password_min_length = Some(12);
        it.sign_in_methods = methods(&[SignInMethod::MagicLink, SignInMethod::Password]);
        it.email_domains = domains(&["acme.example", "xn--bcher-kva.example"]);
    })
    .await;
}

pub(super) async fn settings_are_merged(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let administration = there.gk.administration();
    let change = async |changes| {
        there.advance(Duration::from_millis(1));
        administration
            .update_tenant_settings(&there.cx, changes)
            .await
            .unwrap()
    };
    let color = |color: &str| BrandingChanges {
        color: Some(Some(color.to_owned())),
        ..BrandingChanges::default()
    };
    let first = TenantSettingsChanges {
        branding: BrandingChanges {
            name: Some(Some("Acme".to_owned())),
            ..color("#000000")
        },
        mfa: Some(Some(MfaRequirement::Required)),
        ..TenantSettingsChanges::default()
    };
    change(first).await;
    let second = TenantSettingsChanges {
        branding: color("#ffffff"),
        open_registration: Some(Some(false)),
        ..TenantSettingsChanges::default()
    };
    let merged = change(second).await;
    let expected = TenantSettings {
        branding: Branding {
            name: Some("Acme".to_owned()),
            logo_url: None,
            color: Some("#ffffff".to_owned()),
        },
        mfa: Some(MfaRequirement::Required),
        open_registration: Some(false),
        ..TenantSettings::default()
    };
    assert_eq!(merged, expected);
    let third = TenantSettingsChanges {
        branding: BrandingChanges::reset(),
        mfa: Some(None),
        open_registration: Some(None),
        ..TenantSettingsChanges::default()
    };
    assert_eq!(change(third).await, TenantSettings::default());
    assert_eq!(there.count(Event::TenantUpdated).await, 3);
}

/// Whoever may set something may set it in their own tenant, at this moment.
pub(super) async fn settings_are_their_tenants_administrators(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let there = in_new_tenant(&world, "acme").await;
    let user = there.verified(ADA).await;
    let operator = there.gk.administration();
    operator.grant_role(&there.cx, user, "admin").await.unwrap();
    world.advance(Duration::from_secs(1));
    let admin = there.identity(&there.sign_in(ADA).await).await;
    let nobody = there.signed_in("bob@example.org").await;
    let nobody = there.identity(&nobody).await;
    let closed = || TenantSettingsChanges {
        open_registration: Some(Some(false)),
        ..TenantSettingsChanges::default()
    };
    let by_nobody = operator.on_behalf_of(&nobody);
    let answer = by_nobody.tenant_settings(&there.cx).await;
    assert_eq!(code(answer), "access.forbidden");
    let answer = by_nobody.update_tenant_settings(&there.cx, closed()).await;
    assert_eq!(code(answer), "access.forbidden");

    let by_admin = operator.on_behalf_of(&admin);
    by_admin
        .update_tenant_settings(&there.cx, closed())
        .await
        .unwrap();
    let row = there.newest(Event::TenantUpdated).await;
    assert_eq!(row.actor, Some(user));
    // In another tenant neither read nor changed.
    let answer = by_admin.tenant_settings(&world.cx).await;
    assert_eq!(code(answer), "access.forbidden");
    let answer = by_admin.update_tenant_settings(&world.cx, closed()).await;
    assert_eq!(code(answer), "access.invalid_token");
    assert_eq!(
        operator.tenant_settings(&world.cx).await.unwrap(),
        TenantSettings::default()
    );
    operator
        .revoke_role(&there.cx, user, "admin")
        .await
        .unwrap();
    let answer = by_admin.update_tenant_settings(&there.cx, closed()).await;
    assert_eq!(code(answer), "access.forbidden");
}
