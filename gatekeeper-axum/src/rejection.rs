use std::fmt;

use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gatekeeper_http::Problem;

/// Why a request does not reach its handler: a problem document (RFC 9457), the same that the API itself answers with.
pub struct Rejection(Problem);

impl Rejection {
    /// The stable code, `access.missing_token`.
    pub fn code(&self) -> &str {
        self.0.code()
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.into_response().map(Body::from)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.0).finish()
    }
}

impl std::error::Error for Rejection {}
