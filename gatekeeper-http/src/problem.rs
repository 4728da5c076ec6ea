use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use bytes::Bytes;
use gatekeeper_core::{
    AccessError, Error, ErrorClass, MagicLinkError, RateLimited, Refusal, Violations,
};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    codes::{self, ErrorCode},
    limits::{Counts, seconds},
    respond,
};

/// Why a request was not served: a problem document (RFC 9457) in the making.
///
/// What [`Api`](crate::Api) hands out is complete: it has its correlation id, and its cause has been logged.
pub struct Problem(Box<Parts>);

struct Parts {
    code: Cow<'static, str>,
    status: StatusCode,
    title: &'static str,
    detail: Cow<'static, str>,
    errors: Violations,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    counts: Counts,
    limit: Option<RateLimited>,
    token_sent: bool,
    step_up: Option<StepUp>,
    allow: Option<HeaderValue>,
    cookies: Vec<HeaderValue>,
    correlation_id: String,
    over_tls: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The token is sound, and asks for a sign-in that is more recent or stronger (RFC 9470 section 3).
struct StepUp {
    max_age: Option<Duration>,
}

impl StepUp {
    fn challenge(&self) -> HeaderValue {
        const ERROR: &str =
            "Bearer realm=\"gatekeeper\", error=\"insufficient_user_authentication\"";
        let Some(max_age) = self.max_age else {
            return HeaderValue::from_static(ERROR);
        };
        let challenge = format!("{ERROR}, max_age=\"{}\"", max_age.as_secs());
        HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static(ERROR))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
    #[serde(flatten)]
    extensions: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct FieldError<'a> {
    pointer: &'a str,
    code: &'a str,
    detail: &'a str,
}

impl Problem {
    /// The problem with this code of the catalogue.
    pub(crate) fn new(code: &'static str) -> Self {
        // A code that is not in the catalogue must not become a success or a panic.
        let entry = codes::find(code).unwrap_or(&INTERNAL);
        Self(Box::new(Parts {
            code: Cow::Borrowed(entry.code),
            status: entry.status,
            title: entry.title,
            detail: Cow::Borrowed(entry.detail),
            errors: Violations::none(),
            extensions: Map::new(),
            retry_after: None,
            counts: Counts::default(),
            limit: None,
            token_sent: false,
            step_up: None,
            allow: None,
            cookies: Vec::new(),
            correlation_id: String::new(),
            over_tls: false,
            cause: None,
        }))
    }

    /// Nobody is signed in.
    pub(crate) fn missing_token() -> Self {
        Self::new("access.missing_token")
    }

    /// Fields are wrong.
    pub(crate) fn invalid(violations: Violations) -> Self {
        let mut problem = Self::new("request.invalid");
        problem.0.errors = violations;
        problem
    }

    /// The method is not one of `allow`.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let mut problem = Self::new("route.method_not_allowed");
        problem.0.allow = HeaderValue::from_str(allow).ok();
        problem
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    pub(crate) fn with_extension(mut self, name: &str, value: Value) -> Self {
        self.0.extensions.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// With what was counted for the request.
    pub(crate) fn with_counts(mut self, counts: Counts) -> Self {
        self.0.counts = counts;
        self
    }

    pub(crate) fn with_cookies(mut self, cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.0.cookies.extend(cookies);
        self
    }

    /// The last step, at the boundary: names the request and logs the cause, once.
    pub(crate) fn complete(mut self, correlation_id: &str, over_tls: bool) -> Self {
        correlation_id.clone_into(&mut self.0.correlation_id);
        self.0.over_tls = over_tls;
        if let Some(cause) = self.0.cause.take() {
            tracing::error!(
                correlation_id,
                code = &*self.0.code,
                cause = chain(&*cause),
                "a request failed"
            );
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The id that logs and audit events name the request by.
    pub fn correlation_id(&self) -> &str {
        &self.0.correlation_id
    }

    /// The answer, complete with every header.
    pub fn into_response(self) -> Response<Bytes> {
        let parts = *self.0;
        let document = Document {
            r#type: problem_type(&parts.code),
            title: parts.title,
            status: parts.status.as_u16(),
            detail: &parts.detail,
            code: &parts.code,
            correlation_id: &parts.correlation_id,
            errors: parts
                .errors
                .as_slice()
                .iter()
                .map(|violation| FieldError {
                    pointer: &violation.pointer,
                    code: violation.code,
                    detail: &violation.detail,
                })
                .collect(),
            extensions: &parts.extensions,
        };
        // Strings and numbers alone: this cannot fail, and an empty body would be a sound answer still.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = parts.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if parts.status == StatusCode::UNAUTHORIZED {
            // RFC 6750 section 3: `error` where a token was sent, none where there was none.
            let challenge = match parts.step_up {
                Some(step_up) => step_up.challenge(),
                None if parts.token_sent => {
                    HeaderValue::from_static("Bearer realm=\"gatekeeper\", error=\"invalid_token\"")
                }
                None => HeaderValue::from_static("Bearer realm=\"gatekeeper\""),
            };
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = parts.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(seconds(after).max(1)),
            );
        }
        parts.counts.write(headers, parts.limit.as_ref());
        if let Some(allow) = parts.allow {
            headers.insert(header::ALLOW, allow);
        }
        for cookie in parts.cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        respond::mark_private(headers);
        respond::secure(headers, &parts.correlation_id, parts.over_tls);
        response
    }
}

/// The type of the problem with this code: our own, or the one that is registered for it.
pub(crate) fn problem_type(code: &str) -> String {
    if code == "request.rate_limited" {
        // draft-ietf-httpapi-ratelimit-headers section "Problem Types".
        return "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned();
    }
    format!("urn:gatekeeper:error:{code}")
}

const INTERNAL: ErrorCode = ErrorCode {
    code: "internal",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    title: "Internal error",
    detail: "an internal error occurred",
};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let class = error.class();
        let mut problem = match codes::find(error.code()) {
            Some(entry) => Self::new(entry.code),
            // A code of core's that is missing in our catalogue keeps its class.
            None => Self::new(match class {
                ErrorClass::BadRequest => "request.malformed",
                ErrorClass::Unauthenticated => "access.invalid_token",
                ErrorClass::Forbidden => "access.forbidden",
                ErrorClass::NotFound => "route.not_found",
                ErrorClass::Conflict => "account.email_taken",
                ErrorClass::Unprocessable => "request.invalid",
                ErrorClass::TooMany => "request.rate_limited",
                ErrorClass::Unavailable => "service.unavailable",
                ErrorClass::Internal => "internal",
            }),
        };
        if let Some(after) = error.retry_after() {
            problem = problem.with_retry_after(after);
        }
        match error {
            Error::Invalid(violations) => problem.0.errors = violations,
            Error::RateLimited(limit) => {
                problem.0.limit = Some(limit);
                return problem.with_extension("violated-policies", json!([limit.policy]));
            }
            Error::Refused(refusal) => return problem.refused(refusal),
            Error::Access(AccessError::StepUpRequired { max_age }) => {
                problem.0.step_up = Some(StepUp { max_age });
            }
            // For the page to show. It stands in no log: neither `Debug` nor `Display` has extensions.
            Error::MagicLink(MagicLinkError::OtherBrowser { code }) => {
                return problem.with_extension("sign_in_code", code.expose().into());
            }
            Error::Access(AccessError::Invalid) => problem.0.token_sent = true,
            // What the caller is told of these is fixed; the cause is for the log.
            error
                if matches!(class, ErrorClass::Internal)
                    || matches!(error, Error::Store(_) | Error::Unavailable(_)) =>
            {
                problem.0.cause = Some(Box::new(error));
            }
            _ => {}
        }
        problem
    }
}

impl Problem {
    fn refused(mut self, refusal: Refusal) -> Self {
        let sound = (1..=64).contains(&refusal.code.len())
            && refusal
                .code
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
        if sound {
            self.0.code = Cow::Owned(format!("hook.{}", refusal.code));
        }
        self.with_detail(refusal.detail)
    }
}

impl From<Violations> for Problem {
    fn from(violations: Violations) -> Self {
        Self::invalid(violations)
    }
}

impl From<Problem> for Response<Bytes> {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.0.code)
            .field("status", &self.0.status)
            .field("correlation_id", &self.0.correlation_id)
            .finish_non_exhaustive()
    }
}

impl StdError for Problem {}

/// An error with everything that led to it, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        // A line break from outside must not look like a log entry of its own (ASVS 16.4.1).
        text.extend(
            error
                .to_string()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        next = error.source();
    }
    text
}
