//! The conformance scripts for adapters: one journey through the whole REST API, and one into its rate limits.
//!
//! The same script runs against the bare [`Api`] and against an adapter. Each step asserts its status; what came back
//! (status, headers, body) is written down with whatever varies replaced by names, so that two transcripts can be compared
//! to the letter: an adapter adds nothing and loses nothing.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite speaks by panicking, in the test that called it"
)]

mod administration;
mod bad_input;
mod client;
mod fixture;
mod journey;
mod limits;
mod second_factor;
mod tenants;
mod transcript;

use async_trait::async_trait;
use bytes::Bytes;
use gatekeeper_core::Gatekeeper;
use gatekeeper_http::{Api, HttpSettings};
use http::{Request, Response};

use client::Client;
pub use fixture::{PUBLIC_URL, RestFixture};
pub use transcript::{Exchange, Transcript};

/// Something that answers requests as the REST API does.
#[async_trait]
pub trait RestTarget: Send + Sync {
    /// Sends a request, whose URI is a path with a query, and reads the whole answer.
    async fn send(&self, request: Request<Bytes>) -> Response<Bytes>;
}

/// The API itself, without any adapter: what adapters are compared with.
#[derive(Clone, Debug)]
pub struct BareApi(Api);

impl BareApi {
    /// A target that calls this API.
    pub const fn new(api: Api) -> Self {
        Self(api)
    }
}

#[async_trait]
impl RestTarget for BareApi {
    async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        // What an adapter on the loopback interface sees.
        self.0.handle(request, Some([127, 0, 0, 1].into())).await
    }
}

/// Runs the script against a target that serves the fixture's Gatekeeper.
///
/// # Panics
///
/// Where a step is not answered as the contract says.
pub async fn run(target: &dyn RestTarget, fixture: &RestFixture) -> Transcript {
    let mut client = Client::new(target, fixture);
    journey::service(&mut client).await;
    journey::sign_up(&mut client).await;
    journey::signed_in(&mut client).await;
    bad_input::conventions(&mut client).await;
    bad_input::bodies(&mut client).await;
    bad_input::credentials(&mut client).await;
    journey::refresh(&mut client).await;
    journey::sessions(&mut client).await;
    journey::password(&mut client).await;
    journey::magic_link(&mut client).await;
    second_factor::second_factor(&mut client).await;
    journey::change_of_address(&mut client).await;
    journey::the_end(&mut client).await;
    client.into_transcript()
}

/// Runs the script of rate limits against a target that serves a [limited](RestFixture::limited) fixture's Gatekeeper.
///
/// # Panics
///
/// Where a step is not answered as the contract says.
pub async fn run_limits(target: &dyn RestTarget, fixture: &RestFixture) -> Transcript {
    let mut client = Client::new(target, fixture);
    limits::guesses(&mut client).await;
    limits::mails(&mut client).await;
    limits::strangers(&mut client).await;
    client.into_transcript()
}

/// Runs the script of an administrator against a target that serves the fixture's Gatekeeper.
///
/// # Panics
///
/// Where a step is not answered as the contract says.
pub async fn run_administration(target: &dyn RestTarget, fixture: &RestFixture) -> Transcript {
    let mut client = Client::new(target, fixture);
    administration::nobody(&mut client).await;
    administration::administrator(&mut client).await;
    client.into_transcript()
}

/// Runs the script of tenants that the path names against a target that serves the fixture's Gatekeeper so.
///
/// # Panics
///
/// Where a step is not answered as the contract says.
pub async fn run_tenant_paths(target: &dyn RestTarget, fixture: &RestFixture) -> Transcript {
    let mut client = Client::new(target, fixture);
    tenants::by_path(&mut client).await;
    client.into_transcript()
}

/// Runs the scripts against the bare API and against the target that `serve` makes, each on a Gatekeeper of its own, and
/// compares what came back. The target must reach the API from the loopback interface.
///
/// # Panics
///
/// At the first difference.
pub async fn same_as_bare<T: RestTarget>(serve: impl AsyncFn(Gatekeeper, HttpSettings) -> T) {
    let bare = |fixture: &RestFixture| {
        let api = Api::new(fixture.gatekeeper().clone(), HttpSettings::new());
        BareApi::new(api)
    };
    let served = async |fixture: &RestFixture| {
        serve(fixture.gatekeeper().clone(), HttpSettings::new()).await
    };

    let fixture = RestFixture::new().await;
    let expected = run(&bare(&fixture), &fixture).await;
    let fixture = RestFixture::new().await;
    let found = run(&served(&fixture).await, &fixture).await;
    expected.assert_same(&found);

    let fixture = RestFixture::new().await;
    let expected = run_administration(&bare(&fixture), &fixture).await;
    let fixture = RestFixture::new().await;
    let found = run_administration(&served(&fixture).await, &fixture).await;
    expected.assert_same(&found);

    let fixture = RestFixture::limited().await;
    let expected = run_limits(&bare(&fixture), &fixture).await;
    let fixture = RestFixture::limited().await;
    let found = run_limits(&served(&fixture).await, &fixture).await;
    expected.assert_same(&found);

    let by_path = || HttpSettings::new().tenant_paths(true);
    let fixture = RestFixture::new().await;
    let bare = BareApi::new(Api::new(fixture.gatekeeper().clone(), by_path()));
    let expected = run_tenant_paths(&bare, &fixture).await;
    let fixture = RestFixture::new().await;
    let target = serve(fixture.gatekeeper().clone(), by_path()).await;
    let found = run_tenant_paths(&target, &fixture).await;
    expected.assert_same(&found);
}
