use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use gatekeeper_core::{AccessError, Error, Gatekeeper, Identity, RequestContext};
use http::{HeaderMap, Method, Request, Response, header, request::Parts};
use tracing::Instrument;

use crate::{
    body::{self, Fields},
    cookies::Cookies,
    head::RequestHead,
    limits::Counts,
    openapi,
    problem::Problem,
    requirement::{Requirement, Verdict},
    respond::{self, Reply},
    routes::{Caller, CsrfRule, Found, Route, Rule},
    settings::HttpSettings,
    tenant,
};

/// The REST API: takes a request, gives an answer. Cheap to clone.
///
/// Nothing here belongs to a web framework. An adapter reads the body, knows the peer's address, calls
/// [`handle`](Self::handle) and copies the answer out; for the application's own routes it asks
/// [`authenticate_cached`](Self::authenticate_cached), [`authenticate`](Self::authenticate) and [`require`](Self::require).
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gatekeeper: Gatekeeper,
    settings: HttpSettings,
    cookies: Cookies,
    over_tls: bool,
    /// Made when it is first asked for: most processes never are.
    openapi: OnceLock<Bytes>,
}

impl Api {
    /// The largest body that any route reads, in bytes. An adapter need not collect more than one byte beyond:
    /// [`handle`](Self::handle) answers 413 to that.
    pub const MAX_BODY: usize = 64 * 1024;

    /// The API of this Gatekeeper.
    pub fn new(gatekeeper: Gatekeeper, settings: HttpSettings) -> Self {
        let cookies = Cookies::for_url(gatekeeper.public_url());
        let over_tls = gatekeeper.public_url().is_secure();
        Self(Arc::new(Inner {
            openapi: OnceLock::new(),
            gatekeeper,
            settings,
            cookies,
            over_tls,
        }))
    }

    /// Every route there is. Dispatch, OpenAPI and tests read this one table.
    pub fn routes() -> impl Iterator<Item = &'static Route> {
        crate::routes::all()
    }

    /// The Gatekeeper behind it.
    pub fn gatekeeper(&self) -> &Gatekeeper {
        &self.0.gatekeeper
    }

    /// Answers a request. Never fails: what goes wrong becomes a problem document (RFC 9457).
    ///
    /// `peer` is the address of the connection's other end; who stands behind a proxy is found out here.
    ///
    /// What changes something runs as a task of its own, so that a client that hangs up stops nothing half-way. It must
    /// therefore be called within a tokio runtime.
    pub async fn handle(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let head_only = parts.method == Method::HEAD;
        let correlation_id = self.correlation_id(&head_of(&parts, peer));
        let mut counts = Counts::default();
        let served = self.serve(parts, body, peer, &correlation_id, &mut counts);
        let mut response = match served.await {
            Ok(mut reply) => {
                respond::secure(reply.headers_mut(), &correlation_id, self.over_tls());
                counts.write(reply.headers_mut(), None);
                reply
            }
            Err(problem) => problem
                .with_counts(counts)
                .complete(&correlation_id, self.over_tls())
                .into_response(),
        };
        if head_only {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn serve(
        &self,
        parts: Parts,
        body: Bytes,
        peer: Option<IpAddr>,
        correlation_id: &str,
        counts: &mut Counts,
    ) -> Result<Reply, Problem> {
        let (route, captures) = match crate::routes::find(&parts.method, parts.uri.path()) {
            Found::Route(route, captures) => (route, captures),
            Found::OtherMethods(allow) => return Err(Problem::method_not_allowed(&allow)),
            Found::Nothing => return Err(Problem::new("route.not_found")),
        };
        let head = head_of(&parts, peer);
        match route.csrf {
            // Who is signed in by a cookie shows it below: `identify` holds every cookie to it.
            CsrfRule::Safe | CsrfRule::CookieProof => {}
            // Before anything is counted: a page of another site must not use up its visitors' quotas.
            CsrfRule::NotForeign => self.refuse_foreign(&head)?,
        }
        let pending = self.count(route, &head, counts).await?;
        let tenant = match route.caller {
            Caller::Service => gatekeeper_core::model::TenantId::DEFAULT,
            Caller::Public | Caller::TokenHolder | Caller::User | Caller::Permission(_) => {
                tenant::named(&head, self.settings())?
                    .resolve(self.gatekeeper())
                    .await?
            }
        };
        check_size(route, &parts.headers, &body)?;
        let identity = match route.caller {
            Caller::Service | Caller::Public | Caller::TokenHolder => None,
            Caller::User | Caller::Permission(_) => {
                let identified = self.identify(&head, tenant).await;
                let user = match &identified {
                    Ok(Some(identity)) => Some(identity.user_id),
                    Ok(None) | Err(_) => None,
                };
                self.count_pending(pending, user, &head, counts).await?;
                Some(identified?.ok_or_else(Problem::missing_token)?)
            }
        };
        if let Some(identity) = &identity {
            check_rules(route, identity)?;
        }
        if let (Caller::Permission(permission), Some(identity)) = (route.caller, &identity)
            && Requirement::permission(permission).check(identity, self.gatekeeper().clock().now())
                != Verdict::Met
        {
            return Err(Problem::new("access.forbidden"));
        }
        let mut context = self.context_in(&head, tenant, correlation_id.to_owned());
        context.identity.clone_from(&identity);
        let call = Call {
            context,
            api: self.clone(),
            identity,
            captures: captures.iter().map(|&capture| capture.to_owned()).collect(),
            query: parts.uri.query().map(str::to_owned),
            method: parts.method,
            headers: parts.headers,
            body,
        };
        let span = tracing::info_span!(
            "gatekeeper.http",
            operation = route.operation_id,
            correlation_id
        );
        let work = (route.handler)(call).instrument(span);
        if route.csrf == CsrfRule::Safe {
            return work.await;
        }
        // A client that hangs up drops this future; between a commit and its publication nothing may be dropped.
        match tokio::spawn(work).await {
            Ok(reply) => reply,
            Err(error) => Err(Error::internal(error).into()),
        }
    }

    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    pub(crate) fn cookies(&self) -> &Cookies {
        &self.0.cookies
    }

    pub(crate) fn over_tls(&self) -> bool {
        self.0.over_tls
    }

    pub(crate) fn openapi(&self) -> Bytes {
        let made = self.0.openapi.get_or_init(|| {
            let url = self.gatekeeper().public_url().as_str();
            Bytes::from(openapi::document(url, self.cookies()).to_string())
        });
        made.clone()
    }
}

impl From<Gatekeeper> for Api {
    /// With the default settings.
    fn from(gatekeeper: Gatekeeper) -> Self {
        Self::new(gatekeeper, HttpSettings::new())
    }
}

/// One request on its way to its handler: found, admitted, not yet read.
pub(crate) struct Call {
    pub(crate) api: Api,
    pub(crate) context: RequestContext,
    identity: Option<Arc<Identity>>,
    captures: Vec<String>,
    pub(crate) query: Option<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn gatekeeper(&self) -> &Gatekeeper {
        self.api.gatekeeper()
    }

    /// Who is signed in.
    pub(crate) fn who(&self) -> Result<&Identity, Problem> {
        self.identity.as_deref().ok_or_else(Problem::missing_token)
    }

    /// The variable part of the path.
    pub(crate) fn capture(&self) -> &str {
        self.captures.first().map_or("", String::as_str)
    }

    /// The second variable part of the path.
    pub(crate) fn second_capture(&self) -> &str {
        self.captures.get(1).map_or("", String::as_str)
    }

    /// The request but for its body. The peer's address is in the context.
    pub(crate) fn head(&self) -> RequestHead<'_, HeaderMap> {
        RequestHead {
            method: self.method.as_str(),
            authority: None,
            headers: &self.headers,
            peer: None,
        }
    }

    /// Reads a body that must be there.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Fields) -> T) -> Result<T, Problem> {
        body::required(&self.headers, &self.body, read)
    }

    /// Reads a body that may be left out.
    pub(crate) fn read_optional<T>(
        &self,
        read: impl FnOnce(&mut Fields) -> T,
    ) -> Result<T, Problem> {
        body::optional(&self.headers, &self.body, read)
    }

    /// Makes sure that a route that takes no fields was sent none.
    pub(crate) fn read_nothing(&self) -> Result<(), Problem> {
        self.read_optional(|_| ())
    }
}

fn head_of(parts: &Parts, peer: Option<IpAddr>) -> RequestHead<'_, HeaderMap> {
    RequestHead {
        method: parts.method.as_str(),
        authority: parts.uri.host(),
        headers: &parts.headers,
        peer,
    }
}

/// Whether this way of calling is let through.
fn check_rules(route: &Route, identity: &Identity) -> Result<(), Problem> {
    if identity.api_key.is_some() && route.api_keys == Rule::Refused {
        return Err(Error::from(AccessError::SessionRequired).into());
    }
    if identity.actor.is_some() && route.impersonation == Rule::Refused {
        return Err(Error::from(AccessError::Impersonating).into());
    }
    Ok(())
}

/// An adapter may stop reading at the announced length, so both are held to the limit.
fn check_size(route: &Route, headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    // A length that cannot be read is no small one.
    let announced = headers.get(header::CONTENT_LENGTH).map_or(0, |value| {
        value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usize::MAX)
    });
    if body.len().max(announced) > route.body_limit {
        Err(Problem::new("request.too_large"))
    } else {
        Ok(())
    }
}
