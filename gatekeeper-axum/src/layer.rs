use std::{
    borrow::Cow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Request, header},
    response::{IntoResponse, Response},
};
use gatekeeper_core::Identity;
use gatekeeper_http::{Api, PRIVATE_HEADERS, Problem, Requirement};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{
    head::{head_of, head_of_parts},
    identify::Verified,
    rejection::Rejection,
};

/// Finds out once who is asking, for every extractor further in. Lets nobody's requests pass, and answers 401 to those whose
/// token is wrong.
pub fn authenticate(api: &Api) -> AccessLayer {
    AccessLayer {
        api: api.clone(),
        requirement: None,
    }
}

/// Lets only those requests pass whose sender meets the requirement: 401 for nobody, 403 for anybody else.
///
/// ```
/// use axum::{Router, routing::get};
/// use gatekeeper_axum::{Api, Requirement, require};
///
/// fn back_office(api: &Api) -> Router<Api> {
///     Router::new()
///         .route("/reports", get(async || "figures"))
///         .route_layer(require(api, Requirement::role("admin")))
/// }
/// ```
pub fn require(api: &Api, requirement: Requirement) -> AccessLayer {
    AccessLayer {
        api: api.clone(),
        requirement: Some(Arc::new(requirement)),
    }
}

/// Lets only those pass who have this permission: [`require`] of [`Requirement::permission`].
///
/// ```
/// use axum::{Router, routing::post};
/// use gatekeeper_axum::{Api, require_permission};
///
/// fn reports(api: &Api) -> Router<Api> {
///     Router::new()
///         .route("/reports", post(async || "generated"))
///         .route_layer(require_permission(api, "reports:generate"))
/// }
/// ```
pub fn require_permission(api: &Api, permission: impl Into<Cow<'static, str>>) -> AccessLayer {
    require(api, Requirement::permission(permission))
}

/// Lets only those pass who have this role: [`require`] of [`Requirement::role`].
pub fn require_role(api: &Api, role: impl Into<Cow<'static, str>>) -> AccessLayer {
    require(api, Requirement::role(role))
}

/// The layer that [`authenticate`] and [`require`] make.
#[derive(Clone, Debug)]
pub struct AccessLayer {
    api: Api,
    requirement: Option<Arc<Requirement>>,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access {
            inner,
            access: self.clone(),
        }
    }
}

impl AccessLayer {
    /// What to do with a request whose sender is known: lets it through with the identity in its extensions, or refuses it.
    fn admit<B>(
        &self,
        request: &mut Request<B>,
        judged: Result<Option<Arc<Identity>>, Problem>,
    ) -> Result<(), Rejection> {
        let identity = judged?;
        if let Some(requirement) = &self.requirement {
            let head = head_of(
                request.method(),
                request.uri(),
                request.headers(),
                request.extensions(),
            );
            self.api.require(&head, identity.as_ref(), requirement)?;
        }
        let verified = Verified::new(self.api.clone(), identity);
        request.extensions_mut().insert(verified);
        Ok(())
    }
}

/// The service that [`AccessLayer`] makes.
#[derive(Clone, Debug)]
pub struct Access<S> {
    inner: S,
    access: AccessLayer,
}

impl<S, B> Service<Request<B>> for Access<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AccessFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let known = request
            .extensions()
            .get::<Verified>()
            .and_then(|verified| verified.by(&self.access.api))
            .cloned();
        let judged = match known {
            Some(identity) => Some(Ok(identity)),
            None => self.access.api.authenticate_cached(&head_of(
                request.method(),
                request.uri(),
                request.headers(),
                request.extensions(),
            )),
        };
        let step = match judged {
            Some(judged) => match self.access.admit(&mut request, judged) {
                Ok(()) => Step::Passed {
                    future: self.inner.call(request),
                },
                Err(rejection) => Step::Refused {
                    response: Some(rejection.into_response()),
                },
            },
            None => Step::Waiting {
                future: self.wait(request),
            },
        };
        AccessFuture { step }
    }
}

type Waiting<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Access<S> {
    /// The rare way: the store has to be asked.
    fn wait<B>(&mut self, request: Request<B>) -> Waiting<S::Error>
    where
        S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
        S::Future: Send,
        B: Send + 'static,
    {
        let access = self.access.clone();
        // The clone may not be ready; what `poll_ready` was asked about is the one that is called.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let judged = access.api.authenticate(&head_of_parts(&parts)).await;
            let mut request = Request::from_parts(parts, body);
            match access.admit(&mut request, judged) {
                Ok(()) => inner.call(request).await,
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}

pin_project! {
    /// The answer of [`Access`].
    pub struct AccessFuture<F, E> {
        #[pin]
        step: Step<F, E>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F, E> {
        Passed { #[pin] future: F },
        Refused { response: Option<Response> },
        Waiting { future: Waiting<E> },
    }
}

impl<F, E> Future for AccessFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match self.project().step.project() {
            StepProjection::Passed { future } => ready!(future.poll(cx))?,
            StepProjection::Waiting { future } => ready!(future.as_mut().poll(cx))?,
            // Complete already. Polled again after that, it has nothing more to give.
            StepProjection::Refused { response } => {
                return response
                    .take()
                    .map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
            }
        };
        mark_private(response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

impl<F, E> std::fmt::Debug for AccessFuture<F, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessFuture").finish_non_exhaustive()
    }
}

/// No cache may hand what one user got to another (CVE-2025-48947), unless the handler has said what caches may do.
fn mark_private(headers: &mut HeaderMap) {
    for (name, value) in PRIVATE_HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        if name == header::VARY {
            if !headers.get_all(&name).iter().any(|there| there == value) {
                headers.append(name, value);
            }
        } else {
            headers.entry(name).or_insert(value);
        }
    }
}
