//! The steps of somebody who does everything right, and some that go wrong on the way.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{
    client::{Ask, Client, Reply},
    fixture::BREACHED,
};

pub(super) const ADA: &str = "ada@example.com";
pub(super) const PASSWORD: &str = "a long walk by the sea";
const NEW_PASSWORD: &str = "another long walk inland";
const NEW_ADDRESS: &str = "ada@new.example.com";

pub(super) async fn service(client: &mut Client<'_>) {
    client.step("alive", 200, Ask::get("/health/live")).await;
    let head = Ask::new(Method::HEAD, "/health/live");
    client.step("alive, without body", 200, head).await;
    client.step("ready", 200, Ask::get("/health/ready")).await;
    client
        .step("keys", 200, Ask::get("/.well-known/jwks.json"))
        .await;
    client
        .step("description", 200, Ask::get("/openapi.json"))
        .await;
}

pub(super) async fn sign_up(client: &mut Client<'_>) {
    let registration = json!({"email": ADA, "password": PASSWORD, "name": "Ada", "locale": "en"});
    let register = Ask::post("/v1/auth/register", &registration).header("user-agent", "curl/8.5.0");
    client.step("sign up", 202, register.clone()).await;
    let login = Ask::post(
        "/v1/auth/login",
        &json!({"email": ADA, "password": PASSWORD}),
    );
    client.step("not verified yet", 403, login).await;
    let first = client.fixture.mailed_token(ADA).await;
    let ask = Ask::post("/v1/auth/email/verification", &json!({"email": ADA}));
    client.step("another verification mail", 202, ask).await;
    let token = client.fixture.mailed_token(ADA).await;
    let verify = |token: &str| Ask::post("/v1/auth/email/verify", &json!({"token": token}));
    client
        .step("the older link is void", 400, verify(&first))
        .await;
    client.step("verify", 200, verify(&token)).await;
    client
        .step("a used link is void", 400, verify(&token))
        .await;
    client.step("sign up again", 202, register).await;
}

pub(super) async fn login(
    client: &mut Client<'_>,
    name: &'static str,
    delivery: Option<&str>,
) -> Reply {
    let mut body = json!({"email": ADA, "password": PASSWORD});
    if let Some(delivery) = delivery {
        body["token_delivery"] = json!(delivery);
    }
    client
        .step(name, 200, Ask::post("/v1/auth/login", &body))
        .await
}

pub(super) async fn signed_in(client: &mut Client<'_>) {
    let wrong = json!({"email": ADA, "password": "a wrong password here"});
    client
        .step("wrong password", 401, Ask::post("/v1/auth/login", &wrong))
        .await;
    let nobody = json!({"email": "nobody@example.com", "password": PASSWORD});
    client
        .step("no such account", 401, Ask::post("/v1/auth/login", &nobody))
        .await;

    login(client, "sign in, refresh token in a cookie", None).await;
    let body = login(client, "sign in, tokens in the body", Some("body")).await;
    let cookie = login(client, "sign in, tokens in cookies", Some("cookie")).await;

    let access = body.text("access_token");
    client
        .step("me", 200, Ask::get("/v1/auth/me").bearer(&access))
        .await;
    let head = Ask::new(Method::HEAD, "/v1/auth/me").bearer(&access);
    client.step("me, without body", 200, head).await;
    let by_cookie = Ask::get("/v1/auth/me").header("cookie", &cookie.cookies());
    client.step("me, by cookie", 200, by_cookie).await;
    client
        .step("me, by nobody", 401, Ask::get("/v1/auth/me"))
        .await;

    let patch = |changes: Value| Ask::new(Method::PATCH, "/v1/auth/me").json(&changes);
    let metadata = json!({"metadata": {"theme": "dark", "n": [1, 2.5, null, "é"]}});
    client
        .step("change the profile", 200, patch(metadata).bearer(&access))
        .await;
    let rename = || patch(json!({"name": "Ada Lovelace"}));
    let unproven = rename().header("cookie", &cookie.cookies());
    client
        .step("a cookie alone changes nothing", 403, unproven.clone())
        .await;
    let foreign = unproven.clone().header("origin", "https://evil.example");
    client
        .step("another site changes nothing", 403, foreign)
        .await;
    let proven = unproven.header("x-csrf-token", &cookie.csrf());
    client
        .step("with the double-submit token", 200, proven)
        .await;
    client
        .step("from a page", 200, rename().on_page(&cookie.cookies()))
        .await;
}

pub(super) async fn refresh(client: &mut Client<'_>) {
    let first = login(client, "sign in to refresh", Some("body")).await;
    let ask = |token: &str| Ask::post("/v1/auth/refresh", &json!({"refresh_token": token}));
    let second = client
        .step("refresh", 200, ask(&first.text("refresh_token")))
        .await;
    client
        .step(
            "a lost answer comes again",
            200,
            ask(&first.text("refresh_token")),
        )
        .await;
    client.fixture.clock().advance(Duration::from_secs(11));
    client
        .step("reuse", 401, ask(&first.text("refresh_token")))
        .await;
    client
        .step(
            "the session is over",
            401,
            ask(&second.text("refresh_token")),
        )
        .await;
    let me = Ask::get("/v1/auth/me").bearer(&second.text("access_token"));
    client.step("and so are its access tokens", 401, me).await;

    let split = login(client, "sign in to refresh by cookie", None).await;
    let post = || Ask::new(Method::POST, "/v1/auth/refresh");
    let unproven = post().header("cookie", &split.cookies());
    client
        .step("refresh by cookie without proof", 403, unproven)
        .await;
    let again = client
        .step("refresh by cookie", 200, post().on_page(&split.cookies()))
        .await;
    let body = post()
        .on_page(&again.cookies())
        .json(&json!({"token_delivery": "body"}));
    client.step("no way out of the cookie", 422, body).await;
    client.step("refresh with nothing", 401, post()).await;
}

pub(super) async fn sessions(client: &mut Client<'_>) {
    let one = login(client, "first session", Some("body")).await;
    client.fixture.clock().advance(Duration::from_secs(1));
    let two = login(client, "second session", Some("body")).await;
    let access = two.text("access_token");
    let list = Ask::get("/v1/auth/sessions?limit=1").bearer(&access);
    let page = client.step("a page of sessions", 200, list).await;
    let next = format!(
        "/v1/auth/sessions?limit=1&cursor={}",
        page.text("next_cursor")
    );
    client
        .step("the next page", 200, Ask::get(next.clone()).bearer(&access))
        .await;
    let other_list = next.replace("sessions", "history");
    client
        .step(
            "a cursor of another list",
            422,
            Ask::get(other_list).bearer(&access),
        )
        .await;
    let query = Ask::get("/v1/auth/sessions?limit=0&user=x").bearer(&access);
    client.step("a wrong query", 422, query).await;
    let of_one = format!("/v1/auth/sessions/{}", one.text("session_id"));
    client
        .step(
            "end a session",
            204,
            Ask::delete(of_one.clone()).bearer(&access),
        )
        .await;
    client
        .step("it is gone", 404, Ask::delete(of_one).bearer(&access))
        .await;
    let me = Ask::get("/v1/auth/me").bearer(&one.text("access_token"));
    client.step("and its access token too", 401, me).await;
    client
        .step(
            "end the others",
            204,
            Ask::delete("/v1/auth/sessions").bearer(&access),
        )
        .await;
    let all = Ask::get("/v1/auth/sessions").bearer(&access);
    client.step("one is left", 200, all).await;
}

pub(super) async fn password(client: &mut Client<'_>) {
    let signed_in = login(client, "sign in to change the password", Some("body")).await;
    let access = signed_in.text("access_token");
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        Ask::post("/v1/auth/password/change", &body).bearer(&access)
    };
    client
        .step("wrong current password", 403, change("wrong", NEW_PASSWORD))
        .await;
    client
        .step("weak new password", 422, change(PASSWORD, "short"))
        .await;
    let reused = client
        .step("the password one has", 422, change(PASSWORD, PASSWORD))
        .await;
    assert_violation(&reused, "password.reused");
    let breached = client
        .step("a breached password", 422, change(PASSWORD, BREACHED))
        .await;
    assert_violation(&breached, "password.breached");
    client
        .step("change the password", 204, change(PASSWORD, NEW_PASSWORD))
        .await;
    let forgot = |email: &str| Ask::post("/v1/auth/password/forgot", &json!({"email": email}));
    client
        .step("forgot, nobody", 202, forgot("nobody@example.com"))
        .await;
    client.step("forgot", 202, forgot(ADA)).await;
    let token = client.fixture.mailed_token(ADA).await;
    let reset = |token: &str, new: &str| {
        Ask::post(
            "/v1/auth/password/reset",
            &json!({"token": token, "new_password": new}),
        )
    };
    client
        .step("a weak one spends nothing", 422, reset(&token, "short"))
        .await;
    let reused = client
        .step("nor one's own", 422, reset(&token, NEW_PASSWORD))
        .await;
    assert_violation(&reused, "password.reused");
    let breached = client
        .step("nor a breached one", 422, reset(&token, BREACHED))
        .await;
    assert_violation(&breached, "password.breached");
    client
        .step("a wrong token", 400, reset("wrong", PASSWORD))
        .await;
    client.step("reset", 204, reset(&token, PASSWORD)).await;
    client
        .step("a used token", 400, reset(&token, PASSWORD))
        .await;
    let me = Ask::get("/v1/auth/me").bearer(&access);
    client.step("every session is over", 401, me).await;
}

/// What is wrong with the new password, and where.
fn assert_violation(reply: &Reply, code: &str) {
    let error = &reply.body["errors"][0];
    assert_eq!(
        (&error["pointer"], &error["code"]),
        (&json!("/new_password"), &json!(code))
    );
}

pub(super) async fn magic_link(client: &mut Client<'_>) {
    let ask = |body: Value| Ask::post("/v1/auth/magic-link", &body);
    client
        .step(
            "a link, nobody",
            202,
            ask(json!({"email": "nobody@example.com"})),
        )
        .await;
    let asked = client.step("a link", 202, ask(json!({"email": ADA}))).await;
    let token = client.fixture.mailed_token(ADA).await;
    let redeem = |body: Value| Ask::post("/v1/auth/magic-link/verify", &body);
    let link = json!({"token": token});
    let unproven = redeem(link.clone()).header("cookie", &asked.cookies());
    client.step("not from another page", 403, unproven).await;
    let cookies = asked.cookies();
    client
        .step(
            "in the browser that asked",
            200,
            redeem(link.clone()).on_page(&cookies),
        )
        .await;
    client
        .step("a link works once", 400, redeem(link).on_page(&cookies))
        .await;
    client
        .step("nothing to redeem", 400, redeem(json!({})))
        .await;

    let in_body = json!({"email": ADA, "token_delivery": "body"});
    let asked = client
        .step("a link, for a client of its own", 202, ask(in_body))
        .await;
    let token = client.fixture.mailed_token(ADA).await;
    let elsewhere = redeem(json!({"token": token, "token_delivery": "body"}));
    let shown = client.step("in another browser", 403, elsewhere).await;
    let code = shown.text("sign_in_code");
    let alone = json!({"code": code});
    client
        .step("the code is nothing by itself", 400, redeem(alone))
        .await;
    let typed = json!({"code": code, "binding": asked.text("binding"), "token_delivery": "body"});
    client
        .step("the code, typed where it was asked for", 200, redeem(typed))
        .await;
}

pub(super) async fn change_of_address(client: &mut Client<'_>) {
    client.fixture.clock().advance(Duration::from_secs(1));
    let signed_in = login(client, "sign in to change the address", Some("body")).await;
    let access = signed_in.text("access_token");
    let ask = |password: &str| {
        let body = json!({"new_email": NEW_ADDRESS, "password": password});
        Ask::post("/v1/auth/email/change", &body).bearer(&access)
    };
    client
        .step("not without the password", 403, ask("wrong"))
        .await;
    client
        .step("ask for another address", 202, ask(PASSWORD))
        .await;
    let token = client.fixture.mailed_token(NEW_ADDRESS).await;
    let verify = Ask::post("/v1/auth/email/verify", &json!({"token": token}));
    client.step("confirm it", 200, verify).await;
}

pub(super) async fn the_end(client: &mut Client<'_>) {
    let credentials = |delivery: &str| {
        let body = json!({"email": NEW_ADDRESS, "password": PASSWORD, "token_delivery": delivery});
        Ask::post("/v1/auth/login", &body)
    };
    let cookie = client
        .step("sign in with the new address", 200, credentials("cookie"))
        .await;
    let out = Ask::new(Method::POST, "/v1/auth/logout");
    client
        .step(
            "sign out without proof",
            403,
            out.clone().header("cookie", &cookie.cookies()),
        )
        .await;
    client
        .step("sign out", 204, out.clone().on_page(&cookie.cookies()))
        .await;
    client
        .step(
            "sign out again",
            204,
            out.clone().on_page(&cookie.cookies()),
        )
        .await;
    client.step("sign out as nobody", 401, out).await;

    let signed_in = client
        .step("sign in for the last time", 200, credentials("body"))
        .await;
    let access = signed_in.text("access_token");
    let history = Ask::get("/v1/auth/history?limit=3").bearer(&access);
    let page = client.step("history", 200, history).await;
    let next = format!(
        "/v1/auth/history?limit=3&cursor={}",
        page.text("next_cursor")
    );
    client
        .step("older history", 200, Ask::get(next).bearer(&access))
        .await;
    let delete = |password: &str| {
        Ask::delete("/v1/auth/me")
            .bearer(&access)
            .json(&json!({"password": password}))
    };
    client
        .step("not without the password", 403, delete("wrong"))
        .await;
    client
        .step("delete the account", 204, delete(PASSWORD))
        .await;
    let me = Ask::get("/v1/auth/me").bearer(&access);
    client.step("nobody is left", 401, me).await;
    client
        .step("nobody can sign in", 401, credentials("body"))
        .await;
}
