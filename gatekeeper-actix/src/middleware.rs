use std::{
    borrow::Cow,
    future::{Ready, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    web::Data,
};
use gatekeeper_core::Identity;
use gatekeeper_http::{Api, PRIVATE_HEADERS, Requirement};
use pin_project_lite::pin_project;

use crate::{
    identify::{Identified, NotConfigured, Verified, api_of, identify},
    rejection::Rejection,
    requirement::check,
};

/// Finds out once who is asking, for every extractor further in. Lets nobody's requests pass, and answers 401 to those whose
/// token is wrong.
pub fn authenticate() -> AccessMiddleware {
    AccessMiddleware { requirement: None }
}

/// Lets only those requests pass whose sender meets the requirement: 401 for nobody, 403 for anybody else.
///
/// ```
/// use actix_web::{Scope, web};
/// use gatekeeper_actix::{Requirement, require};
///
/// fn back_office() -> impl actix_web::dev::HttpServiceFactory {
///     web::scope("/office")
///         .wrap(require(Requirement::role("admin")))
///         .route("/reports", web::get().to(async || "figures"))
/// }
/// ```
pub fn require(requirement: Requirement) -> AccessMiddleware {
    AccessMiddleware {
        requirement: Some(Arc::new(requirement)),
    }
}

/// Lets only those pass who have this permission: [`require`] of [`Requirement::permission`].
///
/// ```
/// use actix_web::web;
/// use gatekeeper_actix::require_permission;
///
/// fn reports() -> impl actix_web::dev::HttpServiceFactory {
///     web::scope("/reports")
///         .wrap(require_permission("reports:generate"))
///         .route("", web::post().to(async || "generated"))
/// }
/// ```
pub fn require_permission(permission: impl Into<Cow<'static, str>>) -> AccessMiddleware {
    require(Requirement::permission(permission))
}

/// Lets only those pass who have this role: [`require`] of [`Requirement::role`].
pub fn require_role(role: impl Into<Cow<'static, str>>) -> AccessMiddleware {
    require(Requirement::role(role))
}

/// The middleware that [`authenticate`] and [`require`] make.
#[derive(Clone, Debug)]
pub struct AccessMiddleware {
    requirement: Option<Arc<Requirement>>,
}

impl<S, B> Transform<S, ServiceRequest> for AccessMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Access<S>;
    type InitError = ();
    type Future = Ready<Result<Access<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Access {
            inner: Rc::new(service),
            access: self.clone(),
        }))
    }
}

impl AccessMiddleware {
    /// Lets a request whose sender is known through, with the identity in its extensions; or says why not.
    fn admit(
        &self,
        request: &ServiceRequest,
        api: &Data<Api>,
        judged: Result<Option<Arc<Identity>>, Rejection>,
    ) -> Result<(), Rejection> {
        let mut identity = judged?;
        if let Some(requirement) = &self.requirement {
            identity = Some(check(
                api,
                request.request(),
                identity.as_ref(),
                requirement,
            )?);
        }
        let verified = Verified::new(api.clone(), identity);
        request.extensions_mut().insert(verified);
        Ok(())
    }
}

/// The service that [`AccessMiddleware`] makes.
#[derive(Debug)]
pub struct Access<S> {
    inner: Rc<S>,
    access: AccessMiddleware,
}

impl<S, B> Service<ServiceRequest> for Access<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = AccessFuture<S::Future, B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(api) = api_of(request.request()).cloned() else {
            return AccessFuture::refused(request, NotConfigured.error_response());
        };
        match identify(request.request(), &api) {
            Identified::Now(judged) => match self.access.admit(&request, &api, judged) {
                Ok(()) => AccessFuture::passed(self.inner.call(request)),
                Err(rejection) => AccessFuture::refused(request, rejection.error_response()),
            },
            Identified::Later(wait) => {
                let (inner, access) = (Rc::clone(&self.inner), self.access.clone());
                AccessFuture::waiting(Box::pin(async move {
                    let judged = wait.await;
                    match access.admit(&request, &api, judged) {
                        Ok(()) => Ok(inner.call(request).await?.map_into_left_body()),
                        Err(rejection) => {
                            let response = rejection.error_response().map_into_right_body();
                            Ok(request.into_response(response))
                        }
                    }
                }))
            }
        }
    }
}

type Waiting<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

pin_project! {
    /// The answer of [`Access`].
    pub struct AccessFuture<F, B> {
        #[pin]
        step: Step<F, B>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F, B> {
        Passed { #[pin] future: F },
        Refused { response: Option<ServiceResponse<EitherBody<B>>> },
        Waiting { future: Waiting<B> },
    }
}

impl<F, B> AccessFuture<F, B> {
    fn passed(future: F) -> Self {
        Self {
            step: Step::Passed { future },
        }
    }

    fn refused(request: ServiceRequest, response: HttpResponse) -> Self {
        let response = request.into_response(response.map_into_right_body());
        Self {
            step: Step::Refused {
                response: Some(response),
            },
        }
    }

    fn waiting(future: Waiting<B>) -> Self {
        Self {
            step: Step::Waiting { future },
        }
    }
}

impl<F, B> Future for AccessFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match self.project().step.project() {
            StepProjection::Passed { future } => ready!(future.poll(cx))?.map_into_left_body(),
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

impl<F, B> std::fmt::Debug for AccessFuture<F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessFuture").finish_non_exhaustive()
    }
}

/// No cache may hand what one user got to another (CVE-2025-48947), unless the handler has said what caches may do.
fn mark_private(headers: &mut HeaderMap) {
    for (name, value) in PRIVATE_HEADERS {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static(value);
        if name == header::VARY {
            if !headers.get_all(&name).any(|there| there == value) {
                headers.append(name, value);
            }
        } else if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}
