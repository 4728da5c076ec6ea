use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use bytes::Bytes;
use gatekeeper_core::Gatekeeper;
use gatekeeper_http::Api;

use crate::{
    body,
    convert::{request_of, response_of},
};

/// The whole REST API with the default [`HttpSettings`](gatekeeper_http::HttpSettings), for `App::configure`; the extractors and guards then work in every
/// route of the application.
pub fn configure(gatekeeper: Gatekeeper) -> impl FnOnce(&mut ServiceConfig) + Clone {
    configure_with(Api::from(gatekeeper))
}

/// The whole REST API, for `App::configure` at the root of the application; the extractors and guards then work in every
/// route of the application.
///
/// Everything below the API's own prefixes (`/v1/auth` and the like) is answered by the API, with a problem document where
/// there is nothing; a route that the application adds there must come before. The application keeps its own default
/// service. With [`HttpSettings::tenant_paths`](gatekeeper_http::HttpSettings::tenant_paths) all of it stands below `/t/{tenant}` as well.
pub fn configure_with(api: Api) -> impl FnOnce(&mut ServiceConfig) + Clone {
    move |config| {
        let mut below: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        let mut elsewhere = Vec::new();
        for route in Api::routes() {
            match split(route.path) {
                Some((prefix, rest)) => {
                    let paths = below.entry(prefix).or_default();
                    if !paths.contains(&rest) {
                        paths.push(rest);
                    }
                }
                None if elsewhere.contains(&route.path) => {}
                None => elsewhere.push(route.path),
            }
        }
        // One entry for each prefix: the routes of the application are looked for behind few of ours.
        for mount in api.mounts() {
            for (prefix, paths) in &below {
                let mut scope = web::scope(&format!("{mount}{prefix}"));
                for path in paths {
                    // Every method: it is the API that knows which are allowed, and answers 405.
                    scope = scope.service(web::resource(*path).to(serve));
                }
                config.service(scope.default_service(web::to(fallback)));
            }
        }
        config.service(web::resource(elsewhere).to(serve));
        config.app_data(Data::new(api));
    }
}

/// Answers 404 with a problem document: a default service for the whole application.
///
/// ```
/// use actix_web::{App, web};
///
/// # fn example(api: gatekeeper_actix::Api) {
/// let app = App::new()
///     .configure(gatekeeper_actix::configure_with(api))
///     .default_service(web::to(gatekeeper_actix::fallback));
/// # let _ = app;
/// # }
/// ```
pub async fn fallback(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    // What leads nowhere is answered without its body being read.
    respond(&api, &request, Bytes::new()).await
}

async fn serve(request: HttpRequest, payload: Payload, api: Data<Api>) -> HttpResponse {
    let body = body::collect(request.headers(), payload).await;
    respond(&api, &request, body).await
}

async fn respond(api: &Api, request: &HttpRequest, body: Bytes) -> HttpResponse {
    let peer = request.peer_addr().map(|address| address.ip());
    response_of(&api.handle(request_of(request, body), peer).await)
}

/// `/v1/auth` and `/me` of `/v1/auth/me`: below the first, everything is the API's.
fn split(path: &'static str) -> Option<(&'static str, &'static str)> {
    let below = path.strip_prefix("/v1/")?;
    let end = below.find('/').unwrap_or(below.len());
    path.split_at_checked("/v1/".len() + end)
}
