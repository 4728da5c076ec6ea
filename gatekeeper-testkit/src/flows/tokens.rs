use std::time::Duration;

use gatekeeper_core::model::SecretString;

use super::world::{PASSWORD, World, code, token_of};
use crate::store::StoreFixture;

const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

/// One token of each kind that this build knows, fresh and good.
async fn one_of_each(world: &World) -> Vec<(&'static str, SecretString)> {
    world.register("unverified@example.org").await;
    let verification = world.mailed_token().await;
    let signed_in = world.signed_in("ada@example.org").await;
    let who = world.identity(&signed_in).await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let reset = world.mailed_token().await;
    let links = world.gk.magic_links();
    links.request(&world.cx, "ada@example.org").await.unwrap();
    let magic = world.mailed_token().await;
    let accounts = world.gk.accounts();
    accounts
        .request_email_change(&world.cx, &who, "neu@example.org", &PASSWORD.into())
        .await
        .unwrap();
    let mails = world.mails().await;
    let change = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "neu@example.org")
            .unwrap(),
    );
    vec![
        ("verification", verification),
        ("reset", reset),
        ("change", change),
        ("magic", magic),
        ("access", signed_in.access_token),
        ("refresh", signed_in.refresh_token),
    ]
}

/// Whether a token is taken by a use.
async fn takes(world: &World, used_as: &str, token: &SecretString) -> bool {
    match used_as {
        "verification" => world
            .gk
            .accounts()
            .verify_email(&world.cx, token)
            .await
            .is_ok(),
        "reset" => world
            .gk
            .passwords()
            .reset(&world.cx, token, &NEW_PASSWORD.into())
            .await
            .is_ok(),
        "magic" => {
            let links = world.gk.magic_links();
            links.redeem(&world.cx, token, None).await.is_ok()
        }
        "access" => world.gk.authenticate(token.expose()).await.is_ok(),
        "refresh" => world.gk.sessions().refresh(&world.cx, token).await.is_ok(),
        "sign_out" => world
            .gk
            .sessions()
            .sign_out_by_refresh_token(&world.cx, token)
            .await
            .is_ok(),
        other => panic!("{other}"),
    }
}

pub(super) async fn row_26_no_purpose_stands_in_for_another(fixture: StoreFixture) {
    // A link that any browser may redeem, so that its purpose alone stands in the way.
    let world = World::configured(fixture, |config| {
        config.magic_links.bind_to_browser = false;
    })
    .await;
    let tokens = one_of_each(&world).await;
    for used_as in [
        "verification",
        "reset",
        "magic",
        "access",
        "refresh",
        "sign_out",
    ] {
        for (kind, token) in &tokens {
            let fits = match used_as {
                "verification" => matches!(*kind, "verification" | "change"),
                "sign_out" => *kind == "refresh",
                other => *kind == other,
            };
            if !fits {
                assert!(
                    !takes(&world, used_as, token).await,
                    "{kind} was taken as {used_as}"
                );
            }
        }
    }
    // None was used up by being tried, and each is taken where it belongs.
    for kind in ["access", "refresh", "magic", "verification", "reset"] {
        let (_, token) = tokens.iter().find(|(name, _)| *name == kind).unwrap();
        assert!(takes(&world, kind, token).await, "{kind}");
    }
}

pub(super) async fn row_27_a_damaged_token_is_refused(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    world
        .gk
        .passwords()
        .request_reset(&world.cx, "ada@example.org")
        .await
        .unwrap();
    let good = world.mailed_token().await;
    let text = good.expose();
    let mut damaged: Vec<String> = ["", "null", "\0", " ", "[]"].map(str::to_owned).to_vec();
    damaged.extend([
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        text.to_uppercase(),
    ]);
    for at in 0..text.len() {
        damaged.push(text[..at].to_owned());
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        damaged.push(String::from_utf8(bytes).unwrap());
    }
    for token in damaged {
        let answer = world
            .gk
            .passwords()
            .reset(&world.cx, &token.as_str().into(), &NEW_PASSWORD.into())
            .await;
        assert_eq!(code(answer), "token.invalid", "{token:?}");
    }
    world
        .gk
        .passwords()
        .reset(&world.cx, &good, &NEW_PASSWORD.into())
        .await
        .unwrap();
}

pub(super) async fn tokens_expire_at_the_exact_instant(fixture: StoreFixture) {
    let world = World::new(fixture).await;
    world.verified("ada@example.org").await;
    let instant = Duration::from_micros(1);
    for (lifetime, good) in [(1_800, false), (1_800, true)] {
        world
            .gk
            .passwords()
            .request_reset(&world.cx, "ada@example.org")
            .await
            .unwrap();
        let token = world.mailed_token().await;
        let lifetime = Duration::from_secs(lifetime);
        world.advance(if good {
            lifetime.checked_sub(instant).unwrap()
        } else {
            lifetime
        });
        let answer = world
            .gk
            .passwords()
            .reset(&world.cx, &token, &NEW_PASSWORD.into())
            .await;
        assert_eq!(answer.is_ok(), good);
    }
    world.register("unverified@example.org").await;
    let mails = world.mails().await;
    let token = token_of(
        mails
            .iter()
            .find(|mail| mail.to.as_str() == "unverified@example.org")
            .unwrap(),
    );
    world.advance(Duration::from_hours(24));
    assert_eq!(
        code(world.gk.accounts().verify_email(&world.cx, &token).await),
        "token.invalid"
    );
    // An access token too holds to the second.
    let signed_in = world
        .sign_in_with("ada@example.org", NEW_PASSWORD)
        .await
        .unwrap();
    world.advance(Duration::from_secs(899));
    assert!(world.believes(&signed_in).await);
    world.advance(Duration::from_secs(1));
    assert!(!world.believes(&signed_in).await);
}
