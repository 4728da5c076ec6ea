//! The REST script against the bare API.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "all of it is test code"
)]

mod failures;

use gatekeeper_http::{Api, HttpSettings};
use gatekeeper_testkit::rest::{self, BareApi, RestFixture, RestTarget, Transcript};

async fn bare() -> Transcript {
    let fixture = RestFixture::new().await;
    let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
    rest::run(&BareApi::new(api), &fixture).await
}

async fn limited() -> Transcript {
    let fixture = RestFixture::limited().await;
    let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
    rest::run_limits(&BareApi::new(api), &fixture).await
}

#[tokio::test]
async fn two_runs_have_one_transcript() {
    bare().await.assert_same(&bare().await);
    limited().await.assert_same(&limited().await);
}

/// Loses what an adapter might lose.
struct Lossy(BareApi, &'static str);

#[async_trait::async_trait]
impl RestTarget for Lossy {
    async fn send(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        let mut response = self.0.send(request).await;
        response.headers_mut().remove(self.1);
        response
    }
}

#[tokio::test]
async fn a_lost_header_is_seen() {
    let expected = bare().await;
    for header in [
        "allow",
        "retry-after",
        "vary",
        "www-authenticate",
        "x-frame-options",
    ] {
        let fixture = RestFixture::new().await;
        let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
        let found = rest::run(&Lossy(BareApi::new(api), header), &fixture).await;
        // Nothing in the script is answered with 503.
        assert_eq!(expected == found, header == "retry-after", "{header}");
    }
    let expected = limited().await;
    for header in ["ratelimit", "ratelimit-policy", "retry-after"] {
        let fixture = RestFixture::limited().await;
        let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
        let found = rest::run_limits(&Lossy(BareApi::new(api), header), &fixture).await;
        assert_ne!(expected, found, "{header}");
    }
}

/// Nothing that a transcript says of a limit names an address or an account.
#[tokio::test]
async fn a_partition_names_nobody() {
    let text = limited().await.to_string();
    assert!(
        text.contains("ratelimit: \"sign_in\";r=29;t=2;pk=:"),
        "{text}"
    );
    let limits = text.lines().filter(|line| line.starts_with("ratelimit"));
    for line in limits {
        assert!(
            !line.contains("127.0.0.1") && !line.contains("ada"),
            "{line}"
        );
    }
}

/// No token stands in a transcript: it would make every run another one.
#[tokio::test]
async fn a_transcript_holds_no_secrets() {
    let text = bare().await.to_string();
    assert!(text.contains("\"access_token\":\"<token "), "{text}");
    assert!(text.contains("__Host-gatekeeper_access=<token "));
    assert!(!text.contains("eyJ"), "a JWT stands in the transcript");
}
