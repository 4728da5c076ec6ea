//! The table of routes, and finding one in it.

use std::{fmt, future::Future, pin::Pin};

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use crate::{
    api::{Api, Call},
    codes::{self, ErrorCode},
    limits::RateRule,
    problem::Problem,
    respond::Reply,
};

/// One route of the API: everything that dispatch, OpenAPI and tests need to know of it.
#[non_exhaustive]
pub struct Route {
    /// The method. A `GET` answers `HEAD` too.
    pub method: Method,
    /// The path; `{name}` stands for one segment.
    pub path: &'static str,
    /// The name that never changes.
    pub operation_id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Who may call it.
    pub caller: Caller,
    /// What proves that another site did not cause it.
    pub csrf: CsrfRule,
    /// Whether an API key may call it, in place of somebody signed in. Where a permission is asked for, the key's scopes must hold it too.
    pub api_keys: Rule,
    /// Whether somebody who acts as another user may call it.
    pub impersonation: Rule,
    /// By whom its requests are counted, and as what.
    pub rate: RateRule,
    /// The largest body it reads, in bytes.
    pub body_limit: usize,
    /// What it reads.
    pub input: Input,
    /// What it answers where all is well.
    pub answers: &'static [Answer],
    /// Codes of problems that are its own; those that follow from the other columns are not repeated.
    pub errors: &'static [&'static str],
    pub(crate) handler: Handler,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Anyone; it is about the service and not about a tenant.
    Service,
    /// Anyone.
    Public,
    /// Whoever holds a token that the handler judges: a refresh token.
    TokenHolder,
    /// Whoever is signed in.
    User,
    /// Whoever is signed in and has this permission.
    Permission(&'static str),
    /// Whoever is signed in and has this permission in the organisation that is active in their session.
    OrganizationPermission(&'static str),
}

/// Whether a way of calling is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is.
    Allowed,
    /// It is answered 403.
    Refused,
}

/// What proves that another site did not cause a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfRule {
    /// Nothing has to: it changes nothing.
    Safe,
    /// Where a cookie signs the caller in: an allowed `Origin`, or `Sec-Fetch-Site: same-origin`, or the double-submit token.
    CookieProof,
    /// It may not come from another site; where a cookie is used, the same proof is asked as with
    /// [`CookieProof`](Self::CookieProof).
    NotForeign,
}

/// What a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Nothing.
    Nothing,
    /// A JSON object of this schema.
    Fields(&'static str),
    /// The same, or no body at all.
    OptionalFields(&'static str),
    /// `limit` and `cursor` in the query.
    List,
    /// The same, and these parameters of the description.
    ListBy(&'static [&'static str]),
}

/// An answer to a request that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The schema of the body, if there is one.
    pub schema: Option<&'static str>,
    /// When it is given.
    pub description: &'static str,
}

pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// Turns an async function into a [`Handler`].
macro_rules! handler {
    ($function:path) => {
        |call| Box::pin($function(call))
    };
}

mod table;

pub(crate) use table::all;

const fn answer(status: u16, schema: &'static str, description: &'static str) -> Answer {
    Answer {
        status,
        schema: Some(schema),
        description,
    }
}

const NO_CONTENT: &[Answer] = &[Answer {
    status: 204,
    schema: None,
    description: "Done.",
}];
const ACCEPTED: &[Answer] = &[answer(
    202,
    "Accepted",
    "Taken in. The same whether or not there is such an account.",
)];
const SIGNED_IN: &[Answer] = &[answer(200, "AuthResponse", "Signed in.")];
const FIRST_FACTOR: &[Answer] = &[answer(
    200,
    "SignInAnswer",
    "Signed in; or the first factor was right, and a second one is needed.",
)];

impl Route {
    /// A route that reads. Counted as [`RateClass::Read`] unless [`counted`](Self::counted) says otherwise.
    const fn get(
        path: &'static str,
        operation_id: &'static str,
        caller: Caller,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            method: Method::GET,
            path,
            operation_id,
            summary,
            caller,
            csrf: CsrfRule::Safe,
            api_keys: keys_of(caller),
            impersonation: Rule::Allowed,
            rate: match caller {
                Caller::Service => RateRule::Unlimited,
                Caller::Public | Caller::TokenHolder => RateRule::Address(RateClass::Read),
                Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
                    RateRule::User(RateClass::Read)
                }
            },
            body_limit: Api::MAX_BODY,
            input: Input::Nothing,
            answers: NO_CONTENT,
            errors: &[],
            handler,
        }
    }

    /// A route that changes something: it always has a CSRF rule, and always a limit. Unless [`counted`](Self::counted) says
    /// otherwise it is counted as [`RateClass::Write`] where somebody is signed in, and where nobody is as
    /// [`RateClass::SignIn`], the narrowest.
    const fn change(
        method: Method,
        path: &'static str,
        operation_id: &'static str,
        caller: Caller,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        let csrf = match caller {
            Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
                CsrfRule::CookieProof
            }
            Caller::Service | Caller::Public | Caller::TokenHolder => CsrfRule::NotForeign,
        };
        Self {
            method,
            path,
            operation_id,
            summary,
            caller,
            csrf,
            api_keys: keys_of(caller),
            // What users change of themselves is their own to change, and administrators administer as themselves, unless a row
            // says otherwise.
            impersonation: match caller {
                Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
                    Rule::Refused
                }
                Caller::Service | Caller::Public | Caller::TokenHolder => Rule::Allowed,
            },
            rate: match caller {
                Caller::Service => RateRule::Unlimited,
                Caller::Public | Caller::TokenHolder => RateRule::Address(RateClass::SignIn),
                Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
                    RateRule::User(RateClass::Write)
                }
            },
            body_limit: Api::MAX_BODY,
            input: Input::Nothing,
            answers: NO_CONTENT,
            errors: &[],
            handler,
        }
    }

    /// Every problem it can answer with, sorted by code: its own, and those that follow from who may call it and what it
    /// reads. A hook's refusal stands there as `hook.refused`.
    pub fn problems(&self) -> Vec<&'static ErrorCode> {
        let mut codes = vec!["internal", "request.too_large"];
        codes.extend(self.errors);
        match self.caller {
            Caller::Service => {}
            Caller::Public | Caller::TokenHolder => {
                codes.extend(["service.unavailable", "tenant.not_found"]);
            }
            Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => codes
                .extend([
                    "access.invalid_token",
                    "access.missing_token",
                    "request.ambiguous_credentials",
                    "service.unavailable",
                    "tenant.not_found",
                ]),
        }
        if self.rate != RateRule::Unlimited {
            codes.push("request.rate_limited");
        }
        match self.caller {
            Caller::Service | Caller::Public | Caller::TokenHolder => {}
            Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
                if !matches!(self.caller, Caller::User) {
                    codes.push("access.forbidden");
                }
                if self.api_keys == Rule::Refused {
                    codes.push("access.session_required");
                }
                if self.impersonation == Rule::Refused {
                    codes.push("access.impersonating");
                }
            }
        }
        match self.csrf {
            CsrfRule::Safe => {}
            CsrfRule::CookieProof | CsrfRule::NotForeign => codes.extend([
                "request.ambiguous_credentials",
                "request.csrf",
                "request.invalid",
                "request.malformed",
                "request.unsupported_media_type",
            ]),
        }
        if matches!(self.input, Input::List | Input::ListBy(_)) {
            codes.push("request.invalid");
        }
        codes.sort_unstable();
        codes.dedup();
        codes.into_iter().filter_map(codes::find).collect()
    }

    /// Counted as this class, by whoever calls.
    const fn counted(mut self, class: RateClass) -> Self {
        self.rate = match self.rate {
            RateRule::Unlimited | RateRule::Address(_) => RateRule::Address(class),
            RateRule::User(_) => RateRule::User(class),
        };
        self
    }

    /// Open to API keys too.
    const fn with_api_keys(mut self) -> Self {
        self.api_keys = Rule::Allowed;
        self
    }

    /// Closed to API keys.
    const fn signed_in(mut self) -> Self {
        self.api_keys = Rule::Refused;
        self
    }

    /// Open to whoever acts as another user.
    const fn while_impersonating(mut self) -> Self {
        self.impersonation = Rule::Allowed;
        self
    }

    /// Closed to whoever acts as another user.
    #[expect(
        clippy::wrong_self_convention,
        reason = "it says as whom a route is called, and converts nothing"
    )]
    const fn as_oneself(mut self) -> Self {
        self.impersonation = Rule::Refused;
        self
    }

    const fn reads(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    const fn answers(mut self, answers: &'static [Answer]) -> Self {
        self.answers = answers;
        self
    }

    const fn errors(mut self, errors: &'static [&'static str]) -> Self {
        self.errors = errors;
        self
    }
}

/// Where a permission is asked for, a key may have it; what is a user's own, a key has no business with, and no organisation is active
/// for it.
const fn keys_of(caller: Caller) -> Rule {
    match caller {
        Caller::User | Caller::OrganizationPermission(_) => Rule::Refused,
        Caller::Service | Caller::Public | Caller::TokenHolder | Caller::Permission(_) => {
            Rule::Allowed
        }
    }
}

/// The variable segments of a path, at most two.
pub(crate) type Captures<'p> = [&'p str; 2];

/// What a request's method and path lead to.
pub(crate) enum Found<'p> {
    /// A route.
    Route(&'static Route, Captures<'p>),
    /// A path that knows other methods: the value of `Allow`.
    OtherMethods(String),
    /// Nothing.
    Nothing,
}

/// Finds the route of a request. A path is compared as it came: what is percent-encoded, doubled or has a slash too many is
/// another path, and leads nowhere (CVE-2026-33186 came of two readers of one path).
pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Found<'p> {
    let wanted = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut allow = String::new();
    for route in all() {
        let Some(captures) = captures(route.path, path) else {
            continue;
        };
        if route.method == *wanted {
            return Found::Route(route, captures);
        }
        if !allow.is_empty() {
            allow.push_str(", ");
        }
        allow.push_str(route.method.as_str());
        if route.method == Method::GET {
            allow.push_str(", HEAD");
        }
    }
    if allow.is_empty() {
        Found::Nothing
    } else {
        Found::OtherMethods(allow)
    }
}

/// The variable segments where the path fits the pattern.
fn captures<'p>(pattern: &str, path: &'p str) -> Option<Captures<'p>> {
    let mut found = [""; 2];
    let mut slots = found.iter_mut();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if segment.is_empty() || !segment.bytes().all(plain) {
                return None;
            }
            *slots.next()? = segment;
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then_some(found)
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn at(method: &Method, path: &str) -> String {
        match find(method, path) {
            Found::Route(route, [first, _]) => format!("{}({first})", route.operation_id),
            Found::OtherMethods(allow) => allow,
            Found::Nothing => String::new(),
        }
    }

    #[test]
    fn a_path_is_taken_as_it_came() {
        assert_eq!(at(&Method::GET, "/v1/auth/me"), "getMe()");
        assert_eq!(at(&Method::HEAD, "/v1/auth/me"), "getMe()");
        assert_eq!(
            at(&Method::OPTIONS, "/v1/auth/me"),
            "GET, HEAD, PATCH, DELETE"
        );
        assert_eq!(at(&Method::GET, "/v1/auth/refresh"), "POST");
        assert_eq!(
            at(&Method::DELETE, "/v1/auth/sessions/a-1"),
            "endSession(a-1)"
        );
        for odd in [
            "",
            "/",
            "*",
            "/v1/auth/me/",
            "//v1/auth/me",
            "/v1//auth/me",
            "/v1/auth/%6de",
            "/V1/auth/me",
            "/v1/auth/me%00",
            "/v1/auth/me;a",
            "/v1/auth/./me",
            "/v1/auth/x/../me",
            "v1/auth/me",
        ] {
            assert_eq!(at(&Method::GET, odd), "", "{odd}");
        }
        for odd in [
            "/v1/auth/sessions/",
            "/v1/auth/sessions/a%2fb",
            "/v1/auth/sessions/a/b",
        ] {
            assert_eq!(at(&Method::DELETE, odd), "", "{odd}");
        }
    }

    #[test]
    fn every_route_that_changes_something_has_a_csrf_rule_and_a_name_of_its_own() {
        let mut names = HashSet::new();
        let mut places = HashSet::new();
        for route in all() {
            assert_eq!(
                route.csrf == CsrfRule::Safe,
                route.method == Method::GET,
                "{route:?}"
            );
            assert!(names.insert(route.operation_id), "{route:?}");
            assert!(
                places.insert((route.method.clone(), route.path)),
                "{route:?}"
            );
            assert!(
                !route.answers.is_empty() && !route.summary.is_empty(),
                "{route:?}"
            );
            for code in route.errors {
                assert!(crate::codes::find(code).is_some(), "{route:?}: {code}");
            }
        }
    }
}
