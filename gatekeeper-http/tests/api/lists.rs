//! `limit` and `cursor`.

use std::time::Duration;

use serde_json::Value;

use crate::world::{ADA, World};

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let world = World::new().await;
    let mut tokens = world.ada().await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(1));
        tokens = world.sign_in(ADA).await;
    }
    let mut path = "/v1/auth/sessions?limit=2".to_owned();
    let mut ids: Vec<Value> = Vec::new();
    loop {
        let page = world.get(&path).bearer(&tokens.access).expect(200).await;
        let items = page.body["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()));
        ids.extend(items.iter().map(|item| item["id"].clone()));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/auth/sessions?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let whole = world
        .get("/v1/auth/sessions")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    let expected: Vec<Value> = whole.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].clone())
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(ids.len(), 5);
}

/// CVE-2026-33503, ASVS 15.3.7.
#[tokio::test]
async fn a_cursor_is_good_for_one_list_of_one_user() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world.clock.advance(Duration::from_secs(1));
    world.sign_in(ADA).await;
    world.register("bob@example.com").await;
    let bob = world.sign_in("bob@example.com").await;
    let page = world
        .get("/v1/auth/sessions?limit=1")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    let cursor = page.text("next_cursor");
    let list = |access: &str, query: &str| {
        world
            .get(&format!("/v1/auth/sessions?{query}"))
            .bearer(access)
    };
    list(&tokens.access, &format!("cursor={cursor}"))
        .expect(200)
        .await;

    let wrong = |at: &str, code: &str| vec![(at.to_owned(), code.to_owned())];
    let of_cursor = wrong("/cursor", "query.cursor");
    assert_eq!(
        list(&bob.access, &format!("cursor={cursor}"))
            .invalid()
            .await,
        of_cursor
    );
    let history = world
        .get(&format!("/v1/auth/history?cursor={cursor}"))
        .bearer(&tokens.access);
    assert_eq!(history.invalid().await, of_cursor);
    for index in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            list(&tokens.access, &format!("cursor={changed}"))
                .invalid()
                .await,
            of_cursor
        );
    }
    for odd in [
        "cursor=",
        "cursor=%00",
        "cursor=' OR 1=1--".replace(' ', "+").leak() as &str,
        "cursor=%ff",
    ] {
        assert_eq!(
            list(&tokens.access, odd).invalid().await,
            of_cursor,
            "{odd}"
        );
    }
    for odd in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=1.5",
        "limit=%2B5",
    ] {
        assert_eq!(
            list(&tokens.access, odd).invalid().await,
            wrong("/limit", "query.limit"),
            "{odd}"
        );
    }
    assert_eq!(
        list(&tokens.access, "limit=1&limit=2").invalid().await,
        wrong("", "query.repeated")
    );
    assert_eq!(
        list(&tokens.access, "user_id=x").invalid().await,
        wrong("", "query.unknown")
    );
}
