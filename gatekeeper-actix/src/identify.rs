use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web::Data};
use gatekeeper_core::Identity;
use gatekeeper_http::Api;

use crate::{
    convert::{head_of, headers_of},
    rejection::Rejection,
};

/// What a middleware found out about a request, for everything further in.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    api: Data<Api>,
    identity: Option<Arc<Identity>>,
}

impl Verified {
    pub(crate) fn new(api: Data<Api>, identity: Option<Arc<Identity>>) -> Self {
        Self { api, identity }
    }

    /// Whether it is this API that vouched for it. An application may have two, for its customers and for its staff, and
    /// neither may pass for the other.
    fn is_by(&self, api: &Api) -> bool {
        // An `Api` is one allocation that its clones share, and `self` keeps its own alive.
        std::ptr::eq(self.api.gatekeeper(), api.gatekeeper())
    }
}

/// The API that `configure` has set for this part of the application.
pub(crate) fn api_of(request: &HttpRequest) -> Option<&Data<Api>> {
    request.app_data::<Data<Api>>()
}

/// Who is asking, or the wait for it.
pub(crate) enum Identified {
    Now(Result<Option<Arc<Identity>>, Rejection>),
    Later(Wait),
}

type Wait = Pin<Box<dyn Future<Output = Result<Option<Arc<Identity>>, Rejection>>>>;

/// Who is asking. Does no I/O and allocates nothing, unless the blacklist may be behind.
pub(crate) fn identify(request: &HttpRequest, api: &Data<Api>) -> Identified {
    if let Some(verified) = request.extensions().get::<Verified>()
        && verified.is_by(api)
    {
        return Identified::Now(Ok(verified.identity.clone()));
    }
    let headers = headers_of(request);
    if let Some(judged) = api.authenticate_cached(&head_of(request, &headers)) {
        return Identified::Now(judged.map_err(Rejection::from));
    }
    let (request, api) = (request.clone(), api.clone());
    Identified::Later(Box::pin(async move {
        let headers = headers_of(&request);
        Ok(api.authenticate(&head_of(&request, &headers)).await?)
    }))
}

/// The future of an extractor: ready at once, but where the store has to be asked.
pub struct Extraction<T>(State<T>);

enum State<T> {
    Now(Option<Result<T, actix_web::Error>>),
    Later(Pin<Box<dyn Future<Output = Result<T, Rejection>>>>),
}

impl<T: 'static> Extraction<T> {
    /// Identifies the sender and makes of it what the extractor extracts.
    pub(crate) fn new<M>(request: &HttpRequest, finish: M) -> Self
    where
        M: FnOnce(&HttpRequest, &Api, Option<Arc<Identity>>) -> Result<T, Rejection> + 'static,
    {
        let Some(api) = api_of(request) else {
            return Self(State::Now(Some(Err(NotConfigured.into()))));
        };
        match identify(request, api) {
            Identified::Now(judged) => {
                let made = judged.and_then(|identity| finish(request, api, identity));
                Self(State::Now(Some(made.map_err(Into::into))))
            }
            Identified::Later(wait) => {
                let (request, api) = (request.clone(), api.clone());
                Self(State::Later(Box::pin(async move {
                    let identity = wait.await?;
                    finish(&request, &api, identity)
                })))
            }
        }
    }
}

impl<T> Unpin for Extraction<T> {}

impl<T> Future for Extraction<T> {
    type Output = Result<T, actix_web::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Polled again after the end, it has nothing more to give.
            State::Now(made) => made.take().map_or(Poll::Pending, Poll::Ready),
            State::Later(wait) => wait.as_mut().poll(cx).map_err(Into::into),
        }
    }
}

impl<T> std::fmt::Debug for Extraction<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extraction").finish_non_exhaustive()
    }
}

/// `configure` was not called for this part of the application: a fault of the application's, answered 500, so that nothing
/// is open by mistake.
#[derive(Debug)]
pub(crate) struct NotConfigured;

impl std::fmt::Display for NotConfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gatekeeper_actix::configure was not called for this part of the application")
    }
}

impl ResponseError for NotConfigured {
    // What is wrong is for the log, which has the error itself, and not for the caller.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::InternalServerError()
            .content_type("application/problem+json")
            .insert_header(("cache-control", "no-store"))
            .body(concat!(
                r#"{"type":"urn:gatekeeper:error:internal","title":"Internal error","status":500,"#,
                r#""detail":"an internal error occurred","code":"internal"}"#
            ))
    }
}
