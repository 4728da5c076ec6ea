use gatekeeper_core::{
    Register, Registered, RequestContext,
    model::{Tenant, TenantId},
};

use super::world::{PASSWORD, World, sign_up, token_of};
use crate::store::StoreFixture;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn register(world: &World, email: &str, name: &str, locale: Option<&str>) {
    let applicant = Register {
        name: Some(name.to_owned()),
        locale: locale.map(str::to_owned),
        ..sign_up(email)
    };
    let accounts = world.gk.accounts();
    let answer = accounts.register(&world.cx, applicant).await.unwrap();
    assert!(matches!(answer, Registered::VerificationRequired));
}

pub(super) async fn mails_speak_the_language_of_their_owner(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    for (locale, subject, text) in [
        (
            None,
            "Confirm your address for Gatekeeper",
            "within 24 hours",
        ),
        (
            Some("de"),
            "Bestätigen Sie Ihre Adresse für Gatekeeper",
            "innerhalb von 24 Stunden",
        ),
        (
            Some("de-AT"),
            "Bestätigen Sie Ihre Adresse für Gatekeeper",
            "Guten Tag Ada",
        ),
        (
            Some("fr-CH"),
            "Confirm your address for Gatekeeper",
            "Hello Ada",
        ),
    ] {
        let email = format!("ada-{}@example.org", locale.unwrap_or("none"));
        register(&world, &email, "Ada", locale).await;
        let mail = world.mail().await;
        assert_eq!(mail.subject, subject);
        assert!(mail.text.contains(text), "{}", mail.text);
        assert!(mail.html.contains("#token="), "{}", mail.html);
        assert!(
            mail.text
                .contains("https://auth.example.org/verify-email#token=")
        );
    }
    // Whoever signs up again does so in the language of who has the account.
    register(&world, "owner@example.org", "Ada", Some("de")).await;
    let token = world.mailed_token().await;
    let accounts = world.gk.accounts();
    accounts.verify_email(&world.cx, &token).await.unwrap();
    world.mails().await;
    register(&world, "owner@example.org", "Eve", Some("en")).await;
    let mail = world.mail().await;
    assert_eq!(mail.subject, "Sie haben bereits ein Konto bei Gatekeeper");
    assert!(mail.text.starts_with("Guten Tag Ada,"), "{}", mail.text);
}

pub(super) async fn a_first_proof_of_the_mailbox_is_welcomed_once(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    register(&world, "ada@example.org", "Ada", Some("de")).await;
    let token = world.mailed_token().await;
    let accounts = world.gk.accounts();
    accounts.verify_email(&world.cx, &token).await.unwrap();
    let mail = world.mail().await;
    assert_eq!(mail.subject, "Willkommen bei Gatekeeper");
    assert!(mail.text.contains("https://auth.example.org/sign-in"));
    let passwords = world.gk.passwords();
    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    passwords
        .reset(&world.cx, &token, &"birch-falcon-37-harbour".into())
        .await
        .unwrap();
    let mail = world.mail().await;
    assert_eq!(
        mail.subject,
        "Ihr Passwort bei Gatekeeper wurde zurückgesetzt"
    );

    // A reset may be the first proof as well.
    world.register("bob@example.org").await;
    world.mails().await;
    passwords
        .request_reset(&world.cx, "bob@example.org")
        .await
        .unwrap();
    let token = world.mailed_token().await;
    passwords
        .reset(&world.cx, &token, &"birch-falcon-37-harbour".into())
        .await
        .unwrap();
    let mut subjects: Vec<String> = world
        .mails()
        .await
        .into_iter()
        .map(|mail| mail.subject)
        .collect();
    subjects.sort();
    assert_eq!(
        subjects,
        [
            "Welcome to Gatekeeper",
            "Your Gatekeeper password was reset"
        ]
    );
}

pub(super) async fn a_notice_says_when_on_what_and_from_where(fixture: StoreFixture) {
    let mut world = World::new(fixture).await;
    world.cx = world.cx.with_user_agent(FIREFOX);
    let signed_in = world.signed_in("ada@example.org").await;
    world.mails().await;
    let who = world.identity(&signed_in).await;
    let passwords = world.gk.passwords();
    passwords
        .change(
            &world.cx,
            &who,
            &PASSWORD.into(),
            &"birch-falcon-37-harbour".into(),
        )
        .await
        .unwrap();
    // It says when it happened, not when the mail was made.
    world.advance(std::time::Duration::from_hours(30));
    let mail = world.mail().await;
    for fact in ["Firefox on Linux", "192.0.2.7", " UTC"] {
        assert!(mail.text.contains(fact), "{fact}: {}", mail.text);
        assert!(mail.html.contains(fact), "{fact}: {}", mail.html);
    }
    let day = mail
        .text
        .lines()
        .find(|line| line.starts_with("When: "))
        .unwrap()
        .to_owned();
    // Somebody without either is not made up.
    let cx = RequestContext::internal(world.cx.tenant_id, "test-request");
    passwords
        .request_reset(&cx, "ada@example.org")
        .await
        .unwrap();
    let mail = world.mail().await;
    assert!(
        !mail.text.contains("IP address") && !mail.text.contains("Device:"),
        "{}",
        mail.text
    );
    assert!(!mail.text.contains(&day), "{day}: {}", mail.text);
}

pub(super) async fn a_tenants_brand_is_on_its_mails_alone(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let logo = "https://cdn.example.com/logo.png";
    brand(&world, "Müller & Söhne", logo, "#ffcc00").await;
    world.register("ada@example.org").await;
    let mail = world.mail().await;
    assert_eq!(mail.subject, "Confirm your address for Müller & Söhne");
    assert!(mail.html.contains("Müller &amp; Söhne"), "{}", mail.html);
    assert!(mail.html.contains("#ffcc00"), "{}", mail.html);
    assert!(
        mail.html
            .contains("https:&#x2f;&#x2f;cdn.example.com&#x2f;logo.png"),
        "{}",
        mail.html
    );
    // The link is still that of the service.
    let mut links = mail
        .html
        .match_indices("href=\"")
        .map(|(at, _)| &mail.html[at + 6..]);
    assert!(links.all(|link| link.starts_with("https:&#x2f;&#x2f;auth.example.org&#x2f;")));

    // What is stored may be anything: what is no brand is none.
    brand(
        &world,
        "A\r\nBcc: eve@example.org",
        "javascript:alert(1)",
        "red;x:url(//evil.example)",
    )
    .await;
    world.register("bob@example.org").await;
    let mail = world.mail().await;
    assert_eq!(mail.subject, "Confirm your address for Gatekeeper");
    for part in [&mail.text, &mail.html] {
        assert!(
            !part.contains("javascript") && !part.contains("evil") && !part.contains("Bcc"),
            "{part}"
        );
    }
}

async fn brand(world: &World, name: &str, logo: &str, color: &str) {
    let mut tx = world.repository.begin().await.unwrap();
    let found = tx.tenants().find(TenantId::DEFAULT).await.unwrap();
    let mut tenant: Tenant = found.unwrap();
    let branding = &mut tenant.settings.branding;
    branding.name = Some(name.to_owned());
    branding.logo_url = Some(logo.to_owned());
    branding.color = Some(color.to_owned());
    assert!(tx.tenants().update(&tenant).await.unwrap());
    tx.commit().await.unwrap();
}

pub(super) async fn row_58_a_name_carries_neither_markup_nor_a_message(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    for (at, name, greeted) in [
        (0, "<script>alert(1)<b>", None),
        (1, "Buy at https://evil.example", None),
        (2, "evil.example", None),
        (3, "Ada \u{202e}Lovelace", Some("Hello Ada Lovelace,")),
        (4, "Tom & <Jerry>", Some("Hello Tom & <Jerry>,")),
    ] {
        let email = format!("user-{at}@example.org");
        register(&world, &email, name, None).await;
        let mail = world.mail().await;
        assert!(
            !mail.html.contains("<script") && !mail.html.contains("<Jerry"),
            "{}",
            mail.html
        );
        let to = mail.to_name.clone().unwrap_or_default();
        for part in [&mail.text, &mail.html, &to] {
            assert!(
                !part.contains("evil.example") && !part.contains('\u{202e}'),
                "{part}"
            );
        }
        if let Some(greeted) = greeted {
            assert!(mail.text.contains(greeted), "{}", mail.text);
        }
        assert!(!token_of(&mail).expose().is_empty());
    }
}
