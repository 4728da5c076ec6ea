use std::{sync::Arc, time::Duration};

use super::*;

#[test]
fn a_token_seen_before_gives_the_same_identity() {
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&access_claims()).unwrap();
    let first = tokens.verify(token.expose(), NOW).unwrap();
    let second = tokens.verify(token.expose(), NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(tokens.remembered(), 1);
}

#[test]
fn the_times_of_a_token_seen_before_are_checked_each_time() {
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&access_claims()).unwrap();
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    assert_eq!(
        tokens
            .verify(token.expose(), NOW.before(Duration::from_secs(6)))
            .unwrap_err(),
        TokenRejection::FromTheFuture
    );
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    assert_eq!(
        tokens
            .verify(token.expose(), NOW.after(Duration::from_mins(15)))
            .unwrap_err(),
        TokenRejection::Expired
    );
    assert_eq!(tokens.remembered(), 0);
    // `nbf` of its own.
    let key = signing_key(Algorithm::EdDsa, 1);
    let claims = with(&sound_claims(), "nbf", (NOW.as_unix_seconds() + 100).into());
    let token = sign(&key, sound_header(&key).to_string(), claims.to_string());
    let later = NOW.after(Duration::from_secs(100));
    assert!(tokens.verify(&token, later).is_ok());
    assert_eq!(
        tokens.verify(&token, NOW).unwrap_err(),
        TokenRejection::NotYetValid
    );
}

#[test]
fn a_token_that_was_refused_is_not_remembered() {
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&access_claims()).unwrap();
    let late = NOW.after(Duration::from_mins(15));
    assert!(tokens.verify(token.expose(), late).is_err());
    assert!(tokens.verify(&token.expose()[1..], NOW).is_err());
    assert_eq!(tokens.remembered(), 0);
}

#[test]
fn another_keyring_forgets_what_the_old_one_believed() {
    let tokens = tokens(Algorithm::EdDsa);
    let clone = tokens.clone();
    let token = tokens.issue(&access_claims()).unwrap();
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    clone.replace_keyring(Keyring::new(signing_key(Algorithm::Es256, 2)));
    assert_eq!(
        tokens.verify(token.expose(), NOW).unwrap_err(),
        TokenRejection::UnknownKey
    );
    let new = tokens.issue(&access_claims()).unwrap();
    assert!(clone.verify(new.expose(), NOW).is_ok());
    // The old key verifies again where it is put in for that.
    tokens.replace_keyring(
        Keyring::new(signing_key(Algorithm::Es256, 2))
            .with_verifying(signing_key(Algorithm::EdDsa, 1)),
    );
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    assert!(tokens.verify(new.expose(), NOW).is_ok());
}

#[test]
fn the_memory_is_bounded_and_can_be_turned_off() {
    for (capacity, most) in [(0, 0), (10, 10)] {
        let mut settings = settings();
        settings.cache_capacity = capacity;
        let tokens = tokens_with(settings, signing_key(Algorithm::Hs256, 1));
        for n in 0..1_000 {
            let mut claims = access_claims();
            claims.token_id = TokenId::new(NOW, &SeededRandom::new(n));
            let token = tokens.issue(&claims).unwrap();
            for _ in 0..2 {
                assert!(tokens.verify(token.expose(), NOW).is_ok());
            }
        }
        // Each of the shards may hold one more.
        assert!(tokens.remembered() <= most * 2, "{}", tokens.remembered());
    }
}

#[test]
fn nothing_is_printed_of_keys_and_tokens() {
    let tokens = tokens(Algorithm::Hs256);
    let token = tokens.issue(&access_claims()).unwrap();
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    let printed = format!("{tokens:?} {:?}", signing_key(Algorithm::Hs256, 1));
    let secret = signing_key(Algorithm::Hs256, 1).to_private_bytes();
    for hidden in [
        token.expose().to_owned(),
        token.expose().rsplit('.').next().unwrap().to_owned(),
        format!("{:?}", secret.expose()),
        BASE64URL.encode(secret.expose()),
    ] {
        assert!(!printed.contains(&hidden));
    }
}
