//! Requests that make no sense: where frameworks like to answer for themselves.

use http::Method;
use serde_json::json;

use super::{
    client::{Ask, Client},
    journey::{ADA, PASSWORD, login},
};

const LOGIN: &str = "/v1/auth/login";

pub(super) async fn conventions(client: &mut Client<'_>) {
    for path in [
        "/",
        "/v1",
        "/v1/auth/unknown",
        "/v1/auth/me/",
        "//v1/auth/me",
        "/v1//auth/me",
        "/v1/auth/%6de",
        "/v1/auth/sessions/a%2Fb",
        "/V1/AUTH/ME",
    ] {
        client.step("no such path", 404, Ask::get(path)).await;
    }
    for method in [Method::PUT, Method::OPTIONS, Method::POST] {
        let ask = Ask::new(method, "/v1/auth/me");
        client.step("no such method", 405, ask).await;
    }
    client
        .step(
            "no GET where it changes something",
            405,
            Ask::get("/v1/auth/refresh"),
        )
        .await;
    let named = |id: &str| Ask::get("/v1/auth/me").header("x-correlation-id", id);
    client
        .step("a correlation id of one's own", 401, named("mine-1.2_3"))
        .await;
    client
        .step("one that is not sane", 401, named("a b<c>"))
        .await;
    for slug in ["nobody", "No Body", ""] {
        let ask = Ask::get("/v1/auth/me").header("x-tenant", slug);
        client.step("no such tenant", 404, ask).await;
    }
}

pub(super) async fn bodies(client: &mut Client<'_>) {
    let sound = json!({"email": ADA, "password": PASSWORD}).to_string();
    let post = || Ask::new(Method::POST, LOGIN);
    let json = || post().header("content-type", "application/json");
    client
        .step("no media type", 415, post().raw(sound.clone()))
        .await;
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        let ask = post().header("content-type", media_type).raw(sound.clone());
        client.step("another media type", 415, ask).await;
    }
    let coded = json().header("content-encoding", "gzip").raw(sound.clone());
    client.step("a content coding", 415, coded).await;
    for text in [
        "",
        "{",
        "{}{}",
        "{\"email\":\"a@example.com\",\"email\":\"b@example.com\"}",
        "{\"email\":1e999}",
    ] {
        client.step("malformed", 400, json().raw(text)).await;
    }
    client
        .step("not UTF-8", 400, json().raw(&b"{\"email\":\"\xff\"}"[..]))
        .await;
    client
        .step("too deep", 400, json().raw("[".repeat(50_000)))
        .await;
    for size in [64 * 1024 + 1, 1024 * 1024] {
        client
            .step("too large", 413, json().raw(vec![b' '; size]))
            .await;
    }
    for body in [
        json!([]),
        json!({}),
        json!({"email": [ADA], "password": 1, "token_delivery": "mail", "admin": true, "a/b": 0}),
        json!({"email": "a\u{0}@example.com", "password": PASSWORD}),
    ] {
        client
            .step("wrong fields", 422, Ask::post(LOGIN, &body))
            .await;
    }
    for email in [
        "two@@example.com",
        "a@example.com,b@example.com",
        "\"a\"@example.com",
        "a@example.com\r\nBcc: b@example.com",
    ] {
        let body = json!({"email": email, "password": PASSWORD});
        client
            .step(
                "hostile addresses",
                422,
                Ask::post("/v1/auth/register", &body),
            )
            .await;
    }
    let body = json!({"email": "new@example.com", "password": "x"});
    client
        .step(
            "a short password",
            422,
            Ask::post("/v1/auth/register", &body),
        )
        .await;
    let verify = |body| Ask::post("/v1/auth/email/verify", &body);
    client.step("no token", 400, verify(json!({}))).await;
    client
        .step("a token that is none", 422, verify(json!({"token": null})))
        .await;
    client
        .step("a wrong token", 400, verify(json!({"token": "x"})))
        .await;
}

pub(super) async fn credentials(client: &mut Client<'_>) {
    let cookie = login(client, "sign in for bad credentials", Some("cookie")).await;
    let me = || Ask::get("/v1/auth/me");
    for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        client.step("a wrong token", 401, me().bearer(token)).await;
    }
    client
        .step("two headers", 400, me().bearer("x").bearer("x"))
        .await;
    let other_scheme = me().header("authorization", "Basic YTpi");
    client.step("another scheme", 401, other_scheme).await;
    let both = me().bearer("x").header("cookie", &cookie.cookies());
    client
        .step("a wrong header goes before a cookie", 401, both)
        .await;
    let doubled = format!("{0}; {0}", cookie.cookies());
    client
        .step("cookies twice", 400, me().header("cookie", &doubled))
        .await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let body = json!({"email": ADA, "password": PASSWORD});
        let ask = Ask::post(LOGIN, &body).header(name, value);
        client.step("another site signs nobody in", 403, ask).await;
    }
}
