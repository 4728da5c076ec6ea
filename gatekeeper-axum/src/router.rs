use std::{collections::BTreeSet, io, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{Request, State, connect_info::Connected},
    response::Response,
    routing::any,
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use gatekeeper_core::Gatekeeper;
use gatekeeper_http::Api;

use crate::{body, head};

/// The whole REST API with the default [`HttpSettings`](gatekeeper_http::HttpSettings), to be merged into the application's router at its root.
///
/// The application's own routes need the [`Api`] as well, to say who is asking; where there are any, make one and use
/// [`router_with`].
pub fn router<S>(gatekeeper: Gatekeeper) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router_with(Api::from(gatekeeper))
}

/// The whole REST API, to be merged into the application's router at its root.
///
/// It has no fallback, so that the application keeps its own. Below the API's own prefixes (`/v1/auth` and the like) it
/// answers what does not exist itself, with a problem document; a route that the application adds there goes before that.
///
/// With [`HttpSettings::tenant_paths`](gatekeeper_http::HttpSettings::tenant_paths) all of it stands below `/t/{tenant}` as well; a
/// route of the application's own there calls that segment `{tenant}` too.
pub fn router_with<S>(api: Api) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let mut prefixes = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for route in Api::routes() {
        let Some(prefix) = prefix(route.path) else {
            paths.insert(route.path.to_owned());
            continue;
        };
        for mount in api.mounts() {
            paths.insert(format!("{mount}{}", route.path));
            prefixes.insert(format!("{mount}{prefix}"));
        }
    }
    let mut router = Router::new();
    for path in &paths {
        // Every method: it is the API that knows which are allowed, and answers 405.
        router = router.route(path, any(answer));
    }
    for prefix in prefixes {
        if !paths.contains(&prefix) {
            router = router.route(&prefix, any(fallback));
        }
        // Beside a variable segment there is no room for one that stands for all: what is below the variable one is caught there.
        let mut base = prefix.clone();
        while let Some(variable) = variable_below(&base, &paths) {
            router = router.route(&format!("{base}/"), any(fallback));
            base = format!("{base}/{variable}");
            if !paths.contains(base.as_str()) {
                router = router.route(&base, any(fallback));
            }
        }
        router = router
            .route(&format!("{base}/"), any(fallback))
            .route(&format!("{base}/{{*rest}}"), any(fallback));
    }
    router.with_state(api)
}

/// Answers 404 with a problem document: a fallback for the whole application.
///
/// ```
/// # async fn example(api: gatekeeper_axum::Api) {
/// let app: axum::Router = axum::Router::new()
///     .merge(gatekeeper_axum::router_with(api.clone()))
///     .fallback(gatekeeper_axum::fallback)
///     .with_state(api);
/// # }
/// ```
pub async fn fallback(State(api): State<Api>, request: Request) -> Response {
    // What leads nowhere is answered without its body being read.
    respond(&api, request.map(|_| Bytes::new())).await
}

/// Serves the application as `axum::serve` does, with the addresses of its clients known: audit trail and rate limits live on
/// them.
///
/// # Errors
///
/// Those of `axum::serve`.
pub async fn serve<L>(listener: L, app: Router) -> io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
    SocketAddr: for<'a> Connected<IncomingStream<'a, L>>,
{
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body::collect(&parts.headers, body).await;
    respond(&api, Request::from_parts(parts, body)).await
}

async fn respond(api: &Api, request: axum::http::Request<Bytes>) -> Response {
    let peer = head::peer(request.extensions());
    api.handle(request, peer).await.map(Body::from)
}

/// The variable segment that comes right below a path, `{id}`.
fn variable_below<'p>(base: &str, paths: &'p BTreeSet<String>) -> Option<&'p str> {
    paths.iter().find_map(|path| {
        let below = path.strip_prefix(base)?.strip_prefix('/')?;
        let segment = below.split('/').next()?;
        segment.starts_with('{').then_some(segment)
    })
}

/// `/v1/auth` of `/v1/auth/me`: below it, everything is the API's.
fn prefix(path: &'static str) -> Option<&'static str> {
    let below = path.strip_prefix("/v1/")?;
    let end = below.find('/').unwrap_or(below.len());
    path.get(.."/v1/".len() + end)
}
