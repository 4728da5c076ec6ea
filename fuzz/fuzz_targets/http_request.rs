//! A whole request to the API. Whatever comes, the answer is one that the API describes: never a fault of ours, a problem
//! document where it is a refusal, and with a correlation id.
#![no_main]

use std::sync::OnceLock;

use bytes::Bytes;
use gatekeeper_core::{Gatekeeper, crypto::password::danger::danger_weak_hashing};
use gatekeeper_http::{Api, HttpSettings};
use http::{Method, Request};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

fn service() -> &'static (Runtime, Api) {
    static SERVICE: OnceLock<(Runtime, Api)> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let mut config = gatekeeper_core::Config::default();
        config.hashing = danger_weak_hashing();
        let gatekeeper = runtime.block_on(
            Gatekeeper::builder()
                .in_memory()
                .public_url("http://localhost:3000")
                .config(config)
                .without_workers()
                .build(),
        );
        let network = "127.0.0.0/8".parse().expect("a network");
        let settings = HttpSettings::new().trust_proxies([network]);
        (runtime, Api::new(gatekeeper.expect("a service"), settings))
    })
}

/// `METHOD target`, then a header a line, an empty line, and the body.
fn request(input: &[u8]) -> Option<Request<Bytes>> {
    let end = input
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut builder = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(target);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        builder = builder.header(name, value.get(1..)?);
    }
    builder
        .body(Bytes::copy_from_slice(body.get(2..).unwrap_or_default()))
        .ok()
}

fuzz_target!(|input: &[u8]| {
    let Some(request) = request(input) else {
        return;
    };
    let (runtime, api) = service();
    let response = runtime.block_on(api.handle(request, Some([127, 0, 0, 1].into())));
    assert!(response.headers().contains_key("x-correlation-id"));
    assert_ne!(response.status().as_u16(), 500);
    if !response.status().is_success() {
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }
});
