//! The description and the catalogue of codes are part of the contract.

use std::collections::BTreeSet;

use gatekeeper_http::{Api, CODES, Route};
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_description_is_the_reviewed_one() {
    let world = World::new().await;
    let document = world.get("/openapi.json").expect(200).await.body;
    insta::assert_json_snapshot!("openapi", document, {".info.version" => "[version]"});
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let world = World::new().await;
    let document = world.get("/openapi.json").expect(200).await.body;
    let mut described = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = Api::routes()
                .find(|route| {
                    route.path == path && route.method.as_str().eq_ignore_ascii_case(method)
                })
                .unwrap();
            assert_eq!(operation["operationId"], route.operation_id);
            described += 1;
        }
    }
    assert_eq!(described, Api::routes().count());
}

/// Every `$ref` leads somewhere.
#[tokio::test]
async fn every_reference_is_sound() {
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    assert!(
                        document
                            .pointer(reference.trim_start_matches('#'))
                            .is_some(),
                        "{reference}"
                    );
                }
                members.values().for_each(|member| walk(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let world = World::new().await;
    let document = world.get("/openapi.json").expect(200).await.body;
    walk(&document, &document);
}

#[test]
fn the_codes_are_the_reviewed_ones() {
    let lines: Vec<String> = CODES
        .iter()
        .map(|code| format!("{} {}: {}", code.status.as_u16(), code.code, code.title))
        .collect();
    insta::assert_snapshot!("codes", lines.join("\n"));
}

/// A code that no route gives is none of the contract.
#[test]
fn every_code_is_named_by_a_route() {
    let mut named: BTreeSet<&str> = Api::routes()
        .flat_map(Route::problems)
        .map(|code| code.code)
        .collect();
    // What is answered where there is no route.
    named.extend(["route.method_not_allowed", "route.not_found"]);
    let known: BTreeSet<&str> = CODES.iter().map(|code| code.code).collect();
    assert_eq!(named, known);
}
