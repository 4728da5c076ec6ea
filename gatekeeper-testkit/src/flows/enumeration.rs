use gatekeeper_core::model::Event;

use super::world::{PASSWORD, World, code, sign_up};
use crate::store::StoreFixture;

pub(super) async fn row_1_sign_in_costs_one_hash_for_everybody(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    world.register("unverified@example.org").await;
    let disabled = world.verified("disabled@example.org").await;
    world
        .gk
        .administration()
        .disable(&world.cx, disabled)
        .await
        .unwrap();
    let no_password = gatekeeper_core::NewUser {
        email: "invited@example.org".to_owned(),
        name: None,
        roles: Vec::new(),
        password: None,
    };
    world
        .gk
        .administration()
        .create_user(&world.cx, no_password)
        .await
        .unwrap();

    let tries = [
        ("ada@example.org", PASSWORD),
        ("ada@example.org", "wrong"),
        ("ada@example.org", ""),
        ("nobody@example.org", PASSWORD),
        ("not an address", PASSWORD),
        ("", ""),
        ("unverified@example.org", "wrong"),
        ("disabled@example.org", PASSWORD),
        ("invited@example.org", PASSWORD),
    ];
    for (email, password) in tries {
        let before = world.gk.password_hashes();
        let _ = world.sign_in_with(email, password).await;
        assert_eq!(
            world.gk.password_hashes() - before,
            1,
            "{email:?} {password:?}"
        );
    }
}

pub(super) async fn row_2_sign_up_answers_alike_for_a_taken_address(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let before = world.gk.password_hashes();
    world.register("new@example.org").await;
    let fresh = world.gk.password_hashes() - before;
    world.register("ADA@example.org").await;
    assert_eq!(world.gk.password_hashes() - before - fresh, fresh);
    assert_eq!(fresh, 1);
    let mails = world.mails().await;
    let to_owner: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to.as_str() == "ada@example.org")
        .collect();
    assert_eq!(to_owner.len(), 1);
    assert!(!to_owner[0].text.contains("#token="));
    // The owner's password is as it was.
    world.sign_in("ada@example.org").await;
    // What makes the input invalid is said before the address is looked up.
    let mut weak = sign_up("ada@example.org");
    weak.password = "short".into();
    assert_eq!(
        code(world.gk.accounts().register(&world.cx, weak).await),
        "request.invalid"
    );
}

pub(super) async fn row_2_forgot_answers_alike_for_nobody(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    // The same is written for both: one event without a name and one entry of the outbox.
    for email in ["ada@example.org", "nobody@example.org"] {
        world
            .gk
            .passwords()
            .request_reset(&world.cx, email)
            .await
            .unwrap();
        let row = world.newest(Event::PasswordResetRequested).await;
        assert_eq!((row.actor, row.target), (None, None));
        assert!(!format!("{row:?}").contains(email), "{row:?}");
        world
            .gk
            .accounts()
            .request_verification(&world.cx, email)
            .await
            .unwrap();
        let row = world.newest(Event::EmailVerificationRequested).await;
        assert_eq!((row.actor, row.target), (None, None));
    }
    let mut tx = world.repository.begin().await.unwrap();
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let waiting = tx.outbox().claim(now, now, 100).await.unwrap();
    drop(tx);
    assert_eq!(waiting.len(), 4);
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to.as_str(), "ada@example.org");
}

pub(super) async fn row_3_mail_goes_to_the_stored_address(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("Mask@example.org").await;
    // U+017F folds to `s`: the same account, but perhaps another mailbox.
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ma\u{17f}k@example.org")
        .await
        .unwrap();
    assert_eq!(world.mail().await.to.as_str(), "Mask@example.org");
    // Dotless i is another letter: no account, no mail.
    world.verified("mike@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "m\u{131}ke@example.org")
        .await
        .unwrap();
    assert!(world.mails().await.is_empty());
}
