//! When what the API stands on gives way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use gatekeeper_core::{Hooks, Refusal, Registration, RequestContext, model::User};
use gatekeeper_http::HttpSettings;
use http::Request;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

#[derive(Debug)]
struct Refusing(&'static str);

#[async_trait]
impl Hooks for Refusing {
    async fn before_register(&self, _: &RequestContext, _: &Registration) -> Result<(), Refusal> {
        Err(Refusal::new(self.0, "we are full"))
    }
}

#[tokio::test]
async fn a_hook_refuses_in_its_own_words() {
    let long: &'static str = "x".repeat(65).leak();
    for (code, shown) in [
        ("waiting_list", "hook.waiting_list"),
        ("", "hook.refused"),
        ("Über", "hook.refused"),
        ("a b", "hook.refused"),
        (long, "hook.refused"),
    ] {
        let world = World::with(|builder| builder.hooks(Refusing(code)), HttpSettings::new()).await;
        let answer = world
            .post(
                "/v1/auth/register",
                &json!({"email": ADA, "password": PASSWORD}),
            )
            .refused(403, shown)
            .await;
        assert_eq!(answer.text("detail"), "we are full");
    }
}

#[derive(Clone, Debug, Default)]
struct Slow(Arc<AtomicBool>);

#[async_trait]
impl Hooks for Slow {
    async fn after_register(&self, _: &RequestContext, _: &User) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A client that hangs up does not stop a flow between its commit and what follows.
#[tokio::test]
async fn a_flow_outlives_its_client() {
    let hooks = Slow::default();
    let done = Arc::clone(&hooks.0);
    let world = World::with(|builder| builder.hooks(hooks), HttpSettings::new()).await;
    let request = Request::post("/v1/auth/register")
        .header("content-type", "application/json")
        .body(Bytes::from(
            json!({"email": ADA, "password": PASSWORD}).to_string(),
        ))
        .unwrap();
    let hung_up =
        tokio::time::timeout(Duration::from_millis(20), world.api.handle(request, None)).await;
    if hung_up.is_ok() {
        assert!(
            done.load(Ordering::SeqCst),
            "answered before the flow was through"
        );
    }
    for _ in 0..200 {
        if done.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the flow was dropped with its client");
}

#[derive(Debug)]
struct Panicking;

#[async_trait]
impl Hooks for Panicking {
    async fn before_register(&self, _: &RequestContext, _: &Registration) -> Result<(), Refusal> {
        panic!("secret-detail");
    }
}

#[tokio::test]
async fn a_fault_of_ours_has_fixed_text() {
    let world = World::with(|builder| builder.hooks(Panicking), HttpSettings::new()).await;
    let answer = world
        .post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .refused(500, "internal")
        .await;
    assert_eq!(answer.text("detail"), "an internal error occurred");
    assert!(!answer.body.to_string().contains("secret-detail"));
}
