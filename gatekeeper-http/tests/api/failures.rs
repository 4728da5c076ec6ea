//! When what the API stands on gives way.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use gatekeeper_core::{Hooks, Refusal, Registration, RequestContext, model::User};
use gatekeeper_http::HttpSettings;
use http::Request;
use serde_json::json;
use tokio::sync::Notify;

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

/// Stops behind the commit until it is let go.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<GateState>);

#[derive(Debug, Default)]
struct GateState {
    reached: Notify,
    open: Notify,
    passed: Notify,
}

#[async_trait]
impl Hooks for Gate {
    async fn after_register(&self, _: &RequestContext, _: &User) {
        self.0.reached.notify_one();
        self.0.open.notified().await;
        self.0.passed.notify_one();
    }
}

/// A client that hangs up does not stop a flow between its commit and what follows.
#[tokio::test]
async fn a_flow_outlives_its_client() {
    let gate = Gate::default();
    let state = Arc::clone(&gate.0);
    let world = World::with(|builder| builder.hooks(gate), HttpSettings::new()).await;
    let request = Request::post("/v1/auth/register")
        .header("content-type", "application/json")
        .body(Bytes::from(
            json!({"email": ADA, "password": PASSWORD}).to_string(),
        ))
        .unwrap();
    {
        let mut answer = std::pin::pin!(world.api.handle(request, None));
        tokio::select! {
            _ = &mut answer => panic!("answered before the flow was through"),
            () = state.reached.notified() => {}
        }
        // The client hangs up: its future is dropped here.
    }
    state.open.notify_one();
    tokio::time::timeout(Duration::from_secs(10), state.passed.notified())
        .await
        .expect("the flow was dropped with its client");
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
