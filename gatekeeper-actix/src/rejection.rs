use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use bytes::Bytes;
use gatekeeper_http::Problem;

use crate::convert::response_of;

/// Why a request does not reach its handler: a problem document (RFC 9457), the same that the API itself answers with.
pub struct Rejection(Box<Answer>);

struct Answer {
    code: String,
    text: String,
    // actix-web asks for the answer behind a shared reference, so it is made beforehand.
    response: http::Response<Bytes>,
}

impl Rejection {
    /// The stable code, `access.missing_token`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status_code()
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Answer {
            code: problem.code().to_owned(),
            text: problem.to_string(),
            response: problem.into_response(),
        }))
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.response.status().as_u16())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        response_of(&self.0.response)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("code", &self.0.code)
            .field("status", &self.0.response.status())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Rejection {}
