//! The service itself.

use super::super::{Caller::Service, Route, answer};
use crate::endpoints::service;

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/.well-known/jwks.json",
        "getKeys",
        Service,
        "The public keys that access tokens are verified with",
        handler!(service::jwks),
    )
    .answers(&[answer(200, "KeySet", "The keys.")]),
    Route::get(
        "/health/live",
        "getLiveness",
        Service,
        "Whether the process runs",
        handler!(service::live),
    )
    .answers(&[answer(200, "Liveness", "It does.")]),
    Route::get(
        "/health/ready",
        "getReadiness",
        Service,
        "Whether requests can be served",
        handler!(service::ready),
    )
    .answers(&[answer(200, "Readiness", "They can.")])
    .errors(&["service.unavailable"]),
    Route::get(
        "/openapi.json",
        "getOpenApi",
        Service,
        "This description",
        handler!(service::openapi),
    )
    .answers(&[answer(200, "OpenApi", "OpenAPI 3.1.")]),
];
