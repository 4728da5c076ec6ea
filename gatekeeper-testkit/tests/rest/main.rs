//! The REST script against the bare API.

use gatekeeper_http::{Api, HttpSettings};
use gatekeeper_testkit::rest::{self, BareApi, RestFixture, RestTarget, Transcript};

async fn bare() -> Transcript {
    let fixture = RestFixture::new().await;
    let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
    rest::run(&BareApi::new(api), &fixture).await
}

#[tokio::test]
async fn two_runs_have_one_transcript() {
    bare().await.assert_same(&bare().await);
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
}

/// No token stands in a transcript: it would make every run another one.
#[tokio::test]
async fn a_transcript_holds_no_secrets() {
    let text = bare().await.to_string();
    assert!(text.contains("\"access_token\":\"<token "), "{text}");
    assert!(text.contains("__Host-gatekeeper_access=<token "));
    assert!(!text.contains("eyJ"), "a JWT stands in the transcript");
}
