//! Rate limits, as somebody meets them who guesses: at one account, at many, and with headers of their own.

use std::time::Duration;

use serde_json::json;

use super::{
    client::{Ask, Client},
    journey::ADA,
};

/// Headers by which other services learn whom they serve. From whoever is no trusted proxy they say nothing.
const SPOOFED: [&str; 6] = [
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "true-client-ip",
    "cf-connecting-ip",
    "x_forwarded_for",
];

fn guess(email: &str) -> Ask {
    Ask::post(
        "/v1/auth/login",
        &json!({"email": email, "password": "not the password"}),
    )
}

pub(super) async fn guesses(client: &mut Client<'_>) {
    for _ in 0..20 {
        client.step("a guess", 401, guess(ADA)).await;
    }
    let spelled = guess("ADA@Example.com");
    client.step("the account's limit", 429, spelled).await;
    for n in 0..9 {
        let other = format!("user-{n}@example.com");
        client.step("another account", 401, guess(&other)).await;
    }
    client
        .step("the address's limit", 429, guess("user-9@example.com"))
        .await;
    for (n, header) in SPOOFED.into_iter().enumerate() {
        let spoofed = guess("user-9@example.com").header(header, &format!("198.51.100.{n}"));
        client.step("no other caller", 429, spoofed).await;
    }
    let wait = Duration::from_secs(2);
    client
        .fixture
        .clock()
        .advance(wait.saturating_sub(Duration::from_micros(1)));
    let too_early = guess("user-9@example.com");
    client.step("a moment too early", 429, too_early).await;
    client.fixture.clock().advance(Duration::from_micros(1));
    client
        .step("as told", 401, guess("user-9@example.com"))
        .await;
}

pub(super) async fn mails(client: &mut Client<'_>) {
    let forgot = |email: &str| Ask::post("/v1/auth/password/forgot", &json!({"email": email}));
    for _ in 0..6 {
        client.step("alike over the limit", 202, forgot(ADA)).await;
    }
    for _ in 6..10 {
        let nobody = forgot("nobody@example.com");
        client.step("alike for nobody", 202, nobody).await;
    }
    client
        .step("the address's limit of mails", 429, forgot(ADA))
        .await;
}

pub(super) async fn strangers(client: &mut Client<'_>) {
    client
        .step("a stranger", 401, Ask::get("/v1/auth/me"))
        .await;
    let head = Ask::new(http::Method::HEAD, "/v1/auth/me");
    client.step("a stranger, without body", 401, head).await;
    client
        .step("not limited", 200, Ask::get("/health/live"))
        .await;
}
