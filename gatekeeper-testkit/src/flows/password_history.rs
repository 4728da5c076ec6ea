use std::time::Duration;

use gatekeeper_core::{
    Error, Identity,
    model::{Event, FormerPassword, PasswordCredential, SecretString, UserId},
};

use super::world::{PASSWORD, World, code};
use crate::store::StoreFixture;

/// Passwords that every policy takes, one after the other.
fn choice(n: usize) -> String {
    let word = [
        "maple", "walnut", "juniper", "hazel", "poplar", "linden", "acacia",
    ];
    format!("{}-heron-47-harbour", word[n % word.len()])
}

/// The codes of the fields that were refused, with their pointers.
#[track_caller]
fn refusals<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<(String, &'static str)> {
    match answer {
        Err(Error::Invalid(violations)) => violations
            .as_slice()
            .iter()
            .map(|violation| (violation.pointer.clone(), violation.code))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn reused() -> Vec<(String, &'static str)> {
    vec![("/new_password".to_owned(), "password.reused")]
}

async fn change(world: &World, who: &Identity, from: &str, to: &str) -> Result<(), Error> {
    // No two changes are of one instant.
    world.advance(Duration::from_secs(1));
    let passwords = world.gk.passwords();
    passwords
        .change(&world.cx, who, &from.into(), &to.into())
        .await
}

async fn reset_link(world: &World) -> SecretString {
    let passwords = world.gk.passwords();
    passwords
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let mails = world.mails().await;
    super::world::token_of(
        mails
            .iter()
            .find(|mail| mail.text.contains("#token="))
            .unwrap(),
    )
}

/// What the store keeps of earlier passwords.
async fn remembered(world: &World, user: UserId) -> Vec<FormerPassword> {
    let mut tx = world.repository.begin().await.unwrap();
    tx.credentials()
        .former_passwords(world.cx.tenant_id, user, 100)
        .await
        .unwrap()
}

pub(super) async fn the_last_five_passwords_cannot_be_chosen_again(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let mut present = PASSWORD.to_owned();
    for n in 0..5 {
        change(&world, &who, &present, &choice(n)).await.unwrap();
        present = choice(n);
    }
    for n in 0..5 {
        let answer = change(&world, &who, &present, &choice(n)).await;
        assert_eq!(refusals(answer), reused(), "{n}");
    }
    assert_eq!(remembered(&world, who.user_id).await.len(), 4);
    assert_eq!(world.count(Event::PasswordChanged).await, 5);
    // The sixth from the end is free again, and takes the place of another.
    change(&world, &who, &present, PASSWORD).await.unwrap();
    assert_eq!(remembered(&world, who.user_id).await.len(), 4);
    change(&world, &who, PASSWORD, &choice(0)).await.unwrap();
    let answer = change(&world, &who, &choice(0), &choice(2)).await;
    assert_eq!(refusals(answer), reused());
}

pub(super) async fn a_reset_refuses_them_and_leaves_the_link_good(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    change(&world, &who, PASSWORD, &choice(0)).await.unwrap();
    change(&world, &who, &choice(0), &choice(1)).await.unwrap();
    let link = reset_link(&world).await;
    let passwords = world.gk.passwords();
    for earlier in [PASSWORD, &choice(0), &choice(1)] {
        let answer = passwords.reset(&world.cx, &link, &earlier.into()).await;
        assert_eq!(refusals(answer), reused(), "{earlier}");
    }
    assert_eq!(world.count(Event::PasswordReset).await, 0);
    let new = choice(2);
    passwords
        .reset(&world.cx, &link, &new.as_str().into())
        .await
        .unwrap();
    assert_eq!(remembered(&world, who.user_id).await.len(), 3);
    let link = reset_link(&world).await;
    let answer = passwords
        .reset(&world.cx, &link, &choice(1).as_str().into())
        .await;
    assert_eq!(refusals(answer), reused());
}

pub(super) async fn how_many_are_remembered_is_a_setting(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.password_history.remembered = 1).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let answer = change(&world, &who, PASSWORD, PASSWORD).await;
    assert_eq!(refusals(answer), reused());
    change(&world, &who, PASSWORD, &choice(0)).await.unwrap();
    change(&world, &who, &choice(0), PASSWORD).await.unwrap();
    assert!(remembered(&world, who.user_id).await.is_empty());
    let link = reset_link(&world).await;
    let passwords = world.gk.passwords();
    let answer = passwords.reset(&world.cx, &link, &PASSWORD.into()).await;
    assert_eq!(refusals(answer), reused());
}

pub(super) async fn where_nothing_is_remembered_everything_can_be_chosen(fixture: StoreFixture) {
    let world = World::configured(fixture, |config| config.password_history.remembered = 0).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    // Left from when it was another setting: it goes with the next change.
    add_former(&world, who.user_id, &choice(3)).await;
    let before = world.gk.password_hashes();
    change(&world, &who, PASSWORD, PASSWORD).await.unwrap();
    assert_eq!(world.gk.password_hashes(), before + 2);
    assert!(remembered(&world, who.user_id).await.is_empty());
}

async fn add_former(world: &World, user_id: UserId, hash: &str) {
    let now = gatekeeper_core::env::Clock::now(&world.clock);
    let former = FormerPassword {
        id: gatekeeper_core::model::PasswordHistoryId::new(
            now,
            &gatekeeper_core::testing::SeededRandom::new(99),
        ),
        tenant_id: world.cx.tenant_id,
        user_id,
        hash: SecretString::new(hash),
        replaced_at: now,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.credentials()
        .add_former_password(&former, 24)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn an_earlier_password_of_another_format_is_recognised(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    // The suite's password, as another system wrote it.
    let mut tx = world.repository.begin().await.unwrap();
    tx.credentials()
        .set_password(&PasswordCredential {
            user_id: who.user_id,
            tenant_id: world.cx.tenant_id,
            hash: SecretString::new(super::passwords::DJANGO),
            changed_at: gatekeeper_core::env::Clock::now(&world.clock),
            must_change_since: None,
        })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    change(&world, &who, PASSWORD, &choice(2)).await.unwrap();
    let kept = remembered(&world, who.user_id).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].hash.expose(), super::passwords::DJANGO);
    let answer = change(&world, &who, &choice(2), PASSWORD).await;
    assert_eq!(refusals(answer), reused());
}

/// Both were checked against the same history; one is written, with one row of history.
pub(super) async fn row_33_of_eight_changes_at_once_one_is_remembered(fixture: StoreFixture) {
    // Those that come too late show a password that is wrong by then.
    let world = World::configured(fixture, |config| config.lockout.enabled = false).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    world.advance(Duration::from_secs(1));
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (world, who) = (world.clone(), who.clone());
            tokio::spawn(async move {
                let new = format!("{}-{n}", choice(n));
                let passwords = world.gk.passwords();
                passwords
                    .change(&world.cx, &who, &PASSWORD.into(), &new.as_str().into())
                    .await
                    .map(|()| new)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        if let Ok(new) = task.await.unwrap() {
            winners.push(new);
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(remembered(&world, who.user_id).await.len(), 1);
    let answer = change(&world, &who, &winners[0], PASSWORD).await;
    assert_eq!(refusals(answer), reused());
}

/// What a change costs is bounded by the setting, and a password that the policy refuses costs no history.
pub(super) async fn a_change_costs_a_hash_for_each_that_is_remembered(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    let own = world.signed_in("ada@example.org").await;
    let who = world.identity(&own).await;
    let mut present = PASSWORD.to_owned();
    for n in 0..6 {
        let before = world.gk.password_hashes();
        change(&world, &who, &present, &choice(n)).await.unwrap();
        let earlier = u64::try_from(n.min(4)).unwrap();
        // The current one, those before it, the new one.
        assert_eq!(world.gk.password_hashes() - before, 1 + earlier + 1, "{n}");
        present = choice(n);
    }
    let before = world.gk.password_hashes();
    let answer = change(&world, &who, &present, "short").await;
    assert_eq!(code(answer), "request.invalid");
    let answer = change(&world, &who, "wrong", &choice(6)).await;
    assert_eq!(code(answer), "password.current_incorrect");
    assert_eq!(world.gk.password_hashes() - before, 2);
}

/// Who signs up anew with an address that nobody verified has nothing to do with the passwords of whoever did before.
pub(super) async fn a_take_over_forgets_the_passwords_before(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.register("ada@example.org").await;
    let administration = world.gk.administration();
    let user = administration
        .find_user_by_email(&world.cx, "ada@example.org")
        .await
        .unwrap();
    add_former(&world, user.id, "an earlier hash").await;
    assert_eq!(remembered(&world, user.id).await.len(), 1);
    world.register("ada@example.org").await;
    assert!(remembered(&world, user.id).await.is_empty());
}
