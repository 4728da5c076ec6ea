//! What is kept about a user: export and erasure.

use std::time::Duration;

use serde_json::json;

use crate::{
    audit::admin,
    world::{ADA, PASSWORD, Tokens, World},
};

pub(crate) const OPERATIONS: &[&str] = &["exportMe", "exportUser", "eraseUser"];

const BOB: &str = "bob@example.com";

async fn id_of(world: &World, tokens: &Tokens) -> String {
    let me = world.get("/v1/auth/me").bearer(&tokens.access);
    me.expect(200).await.text("id")
}

#[tokio::test]
async fn gdpr_15_users_get_all_that_is_kept_of_them() {
    let world = World::new().await;
    let ada = world.ada().await;
    let export = || world.get("/v1/auth/me/export").bearer(&ada.access);
    let answer = export().expect(200).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.body["user"]["email"], ADA);
    assert_eq!(answer.body["truncated"], false);
    assert_eq!(answer.body["sessions"][0]["id"], ada.session.as_str());
    let text = answer.body.to_string();
    for secret in [&ada.access, &ada.refresh, "$argon2", PASSWORD] {
        assert!(!text.contains(secret), "{secret}");
    }
    world.clock.advance(Duration::from_mins(14));
    export().expect(200).await;
    let refreshed = world.post("/v1/auth/refresh", &json!({"refresh_token": ada.refresh}));
    let refreshed = refreshed.expect(200).await.text("access_token");
    world.clock.advance(Duration::from_mins(2));
    // A refresh makes no sign-in recent.
    world
        .get("/v1/auth/me/export")
        .bearer(&refreshed)
        .refused(401, "access.step_up_required")
        .await;
}

#[tokio::test]
async fn gdpr_17_users_erase_themselves_where_they_say_so() {
    let world = World::new().await;
    let ada = world.ada().await;
    let delete = |body| world.delete("/v1/auth/me").bearer(&ada.access).json(&body);
    let wrong = json!({"password": PASSWORD, "erase": "yes"});
    delete(wrong).expect(422).await;
    let wrong = json!({"password": "wrong", "erase": true});
    delete(wrong)
        .refused(403, "password.current_incorrect")
        .await;
    delete(json!({"password": PASSWORD, "erase": true}))
        .expect(204)
        .await;
    assert_eq!(world.users().await, 0);
    world.api.gatekeeper().outbox().deliver_due().await.unwrap();
    world.register(BOB).await;
    let root = admin(&world, BOB).await;
    let trail = world
        .get("/v1/admin/audit?event=account.erased")
        .bearer(&root.access);
    let trail = trail.expect(200).await;
    let told = &trail.body["items"][0];
    assert_eq!(told["actor"], told["target"]);
    assert_eq!((&told["ip"], &told["details"]), (&json!(null), &json!({})));
    assert!(told["erased_at"].is_string());
}

#[tokio::test]
async fn row_53_an_administrator_exports_and_erases_whom_they_may() {
    let world = World::new().await;
    world.register(BOB).await;
    let bob = world.sign_in(BOB).await;
    let bob_id = id_of(&world, &bob).await;
    world.ada().await;
    let ada = admin(&world, ADA).await;
    let ada_id = id_of(&world, &ada).await;
    let path = |user: &str, what: &str| format!("/v1/admin/users/{user}/{what}");
    for (route, of) in [
        (path(&ada_id, "export"), &bob),
        (path(&bob_id, "export"), &bob),
    ] {
        let call = world.get(&route).bearer(&of.access);
        call.refused(403, "access.forbidden").await;
    }
    let call = world.post(&path(&ada_id, "erase"), &json!({}));
    call.bearer(&bob.access)
        .refused(403, "access.forbidden")
        .await;
    for nobody in ["none", "0190f3d4-0000-7000-8000-000000000000"] {
        let call = world.get(&path(nobody, "export")).bearer(&ada.access);
        call.refused(404, "account.not_found").await;
        let call = world.post(&path(nobody, "erase"), &json!({}));
        call.bearer(&ada.access)
            .refused(404, "account.not_found")
            .await;
    }
    let export = world.get(&path(&bob_id, "export")).bearer(&ada.access);
    assert_eq!(export.expect(200).await.body["user"]["email"], BOB);
    let erase = |user: &str| {
        world
            .post(&path(user, "erase"), &json!({}))
            .bearer(&ada.access)
    };
    erase(&ada_id).refused(409, "role.last_administrator").await;
    erase(&bob_id).expect(204).await;
    let me = world.get("/v1/auth/me").bearer(&bob.access);
    me.refused(401, "access.invalid_token").await;
    erase(&bob_id).refused(404, "account.not_found").await;
    assert_eq!(world.users().await, 1);
}
