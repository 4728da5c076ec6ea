//! The table of routes, and finding one in it.

use std::{fmt, future::Future, pin::Pin};

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use crate::{
    api::{Api, Call},
    codes::{self, ErrorCode},
    device,
    endpoints::{
        admin, email, history, magic_link, me, mfa, password, refresh, register, service, sessions,
        sign_in,
    },
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
            rate: match caller {
                Caller::Service => RateRule::Unlimited,
                Caller::Public | Caller::TokenHolder => RateRule::Address(RateClass::Read),
                Caller::User | Caller::Permission(_) => RateRule::User(RateClass::Read),
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
            Caller::User | Caller::Permission(_) => CsrfRule::CookieProof,
            Caller::Service | Caller::Public | Caller::TokenHolder => CsrfRule::NotForeign,
        };
        Self {
            method,
            path,
            operation_id,
            summary,
            caller,
            csrf,
            rate: match caller {
                Caller::Service => RateRule::Unlimited,
                Caller::Public | Caller::TokenHolder => RateRule::Address(RateClass::SignIn),
                Caller::User | Caller::Permission(_) => RateRule::User(RateClass::Write),
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
            Caller::User | Caller::Permission(_) => codes.extend([
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
        if matches!(self.caller, Caller::Permission(_)) {
            codes.push("access.forbidden");
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
        if self.input == Input::List {
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

use Caller::{Permission, Public, Service, TokenHolder, User};
use Input::{Fields, List, OptionalFields};

/// Every route.
pub(crate) static ROUTES: &[Route] = &[
    Route::change(
        Method::POST,
        "/v1/auth/register",
        "register",
        Public,
        "Make an account",
        handler!(register::register),
    )
    .counted(RateClass::Register)
    .reads(Fields("RegisterRequest"))
    .answers(&[
        answer(
            202,
            "VerificationRequired",
            "The owner of the address is mailed. The same when the address is taken.",
        ),
        answer(
            201,
            "SignInAnswer",
            "Made and signed in, or waiting for a second factor; where verification is optional.",
        ),
    ])
    .errors(&["account.email_taken", "hook.refused", "service.overloaded"]),
    Route::change(
        Method::POST,
        "/v1/auth/email/verify",
        "verifyEmail",
        Public,
        "Confirm an address with the token that was mailed to it",
        handler!(email::verify),
    )
    .counted(RateClass::Redeem)
    .reads(Fields("TokenRequest"))
    .answers(&[answer(200, "Verified", "The address is the account's.")])
    .errors(&["request.missing_token", "token.invalid"]),
    Route::change(
        Method::POST,
        "/v1/auth/email/verification",
        "requestEmailVerification",
        Public,
        "Ask for a new verification mail",
        handler!(email::request_verification),
    )
    .counted(RateClass::Mail)
    .reads(Fields("EmailRequest"))
    .answers(ACCEPTED),
    Route::change(
        Method::POST,
        "/v1/auth/email/change",
        "requestEmailChange",
        User,
        "Ask for another address; it is confirmed at email/verify",
        handler!(email::request_change),
    )
    .counted(RateClass::Mail)
    .reads(Fields("EmailChangeRequest"))
    .answers(ACCEPTED)
    .errors(&["password.current_incorrect", "service.overloaded"]),
    Route::change(
        Method::POST,
        "/v1/auth/login",
        "signIn",
        Public,
        "Sign in with a password",
        handler!(sign_in::sign_in),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("SignInRequest"))
    .answers(FIRST_FACTOR)
    .errors(&[
        "password.invalid_credentials",
        "password.change_required",
        "account.email_unverified",
        "session.limit_reached",
        "hook.refused",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/login/mfa",
        "finishMfa",
        Public,
        "Finish a sign-in with a second factor",
        handler!(sign_in::finish_mfa),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("FinishMfaRequest"))
    .answers(SIGNED_IN)
    .errors(&[
        "mfa.invalid_code",
        "mfa.invalid_token",
        "account.email_unverified",
        "password.change_required",
        "session.limit_reached",
        "hook.refused",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/login/mfa/challenge",
        "sendMfaCode",
        TokenHolder,
        "Have a code sent for a sign-in that waits",
        handler!(mfa::challenge),
    )
    .reads(Fields("ChallengeRequest"))
    .answers(&[answer(
        202,
        "Accepted",
        "Taken in; a code is on its way, unless there were too many.",
    )])
    .errors(&["mfa.invalid_token"]),
    Route::change(
        Method::POST,
        "/v1/auth/login/mfa/enroll",
        "beginMfaEnrollment",
        TokenHolder,
        "Set up the second factor that a sign-in waits for",
        handler!(mfa::enroll),
    )
    .reads(Fields("EnrollmentRequest"))
    .answers(&[answer(
        200,
        "TotpSetup",
        "For the authenticator app; not in force yet.",
    )])
    .errors(&["mfa.invalid_token"]),
    Route::change(
        Method::POST,
        "/v1/auth/login/mfa/enroll/confirm",
        "finishMfaEnrollment",
        TokenHolder,
        "Confirm that factor, and sign in",
        handler!(mfa::finish_enrollment),
    )
    .reads(Fields("FinishEnrollmentRequest"))
    .answers(&[answer(200, "EnrollmentAnswer", "In force, and signed in.")])
    .errors(&[
        "mfa.invalid_code",
        "mfa.invalid_token",
        "mfa.not_enabled",
        "password.change_required",
        "session.limit_reached",
        "account.email_unverified",
        "hook.refused",
        "service.overloaded",
    ]),
    Route::get(
        "/v1/auth/mfa",
        "getMfa",
        User,
        "How the second factors stand",
        handler!(mfa::show),
    )
    .answers(&[answer(200, "MfaStatus", "As they stand.")]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/totp",
        "beginTotp",
        User,
        "Set up an authenticator app; not in force until confirmed",
        handler!(mfa::begin_totp),
    )
    .answers(&[answer(
        200,
        "TotpSetup",
        "For the authenticator app. Shown once.",
    )])
    .errors(&["access.step_up_required", "mfa.already_enabled"]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/totp/confirm",
        "confirmTotp",
        User,
        "Put the authenticator app in force; ends the other sessions",
        handler!(mfa::confirm_totp),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .answers(&[answer(
        200,
        "BackupCodes",
        "In force. The codes are shown once.",
    )])
    .errors(&[
        "access.step_up_required",
        "mfa.already_enabled",
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/totp/disable",
        "disableTotp",
        User,
        "Take the authenticator app away; ends the other sessions",
        handler!(mfa::disable_totp),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .errors(&[
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "mfa.required",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/backup-codes",
        "makeBackupCodes",
        User,
        "Make new backup codes; the old are dead",
        handler!(mfa::new_backup_codes),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .answers(&[answer(200, "BackupCodes", "The new ones, shown once.")])
    .errors(&[
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/sms",
        "beginSms",
        User,
        "Have a code sent to a telephone, to set it up",
        handler!(mfa::begin_sms),
    )
    .reads(Fields("PhoneRequest"))
    .answers(&[answer(
        202,
        "Accepted",
        "Taken in; a code is on its way, unless there were too many.",
    )])
    .errors(&[
        "access.step_up_required",
        "mfa.already_enabled",
        "mfa.not_offered",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/sms/confirm",
        "confirmSms",
        User,
        "Put the telephone in force; ends the other sessions",
        handler!(mfa::confirm_sms),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .answers(&[answer(
        200,
        "BackupCodes",
        "In force. The codes are shown once.",
    )])
    .errors(&[
        "access.step_up_required",
        "mfa.already_enabled",
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/sms/disable",
        "disableSms",
        User,
        "Take the telephone away; ends the other sessions",
        handler!(mfa::disable_sms),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .errors(&[
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "mfa.required",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/email",
        "beginEmailCodes",
        User,
        "Have a code mailed, to choose codes by mail",
        handler!(mfa::begin_email),
    )
    .answers(&[answer(
        202,
        "Accepted",
        "Taken in; a code is on its way, unless there were too many.",
    )])
    .errors(&[
        "access.step_up_required",
        "mfa.already_enabled",
        "account.email_unverified",
        "mfa.not_offered",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/email/confirm",
        "confirmEmailCodes",
        User,
        "Put codes by mail in force; ends the other sessions",
        handler!(mfa::confirm_email),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .answers(&[answer(
        200,
        "BackupCodes",
        "In force. The codes are shown once.",
    )])
    .errors(&[
        "access.step_up_required",
        "mfa.already_enabled",
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/email/disable",
        "disableEmailCodes",
        User,
        "Take codes by mail away; ends the other sessions",
        handler!(mfa::disable_email),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("CodeRequest"))
    .errors(&[
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "mfa.required",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/challenge",
        "sendStepUpCode",
        User,
        "Have a code sent, for a step-up or to take a factor away",
        handler!(mfa::send_code),
    )
    .reads(Fields("MethodRequest"))
    .answers(&[answer(
        202,
        "Accepted",
        "Taken in; a code is on its way, unless there were too many.",
    )]),
    Route::change(
        Method::POST,
        "/v1/auth/mfa/step-up",
        "stepUp",
        User,
        "Show a second factor again; goes on in a new session",
        handler!(sign_in::step_up),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("StepUpRequest"))
    .answers(SIGNED_IN)
    .errors(&[
        "mfa.code_incorrect",
        "mfa.not_enabled",
        "hook.refused",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/refresh",
        "refresh",
        TokenHolder,
        "Exchange a refresh token for a new pair",
        handler!(refresh::refresh),
    )
    .counted(RateClass::Refresh)
    .reads(OptionalFields("RefreshRequest"))
    .answers(SIGNED_IN)
    .errors(&["session.invalid_refresh_token", "hook.refused"]),
    Route::change(
        Method::POST,
        "/v1/auth/logout",
        "signOut",
        TokenHolder,
        "End this session",
        handler!(refresh::sign_out),
    )
    .counted(RateClass::Refresh)
    .reads(OptionalFields("SignOutRequest"))
    .errors(&[
        "access.missing_token",
        "access.invalid_token",
        "session.invalid_refresh_token",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/magic-link",
        "requestMagicLink",
        Public,
        "Ask for a mail with a link to sign in with",
        handler!(magic_link::request),
    )
    .reads(Fields("MagicLinkRequest"))
    .answers(&[answer(
        202,
        "MagicLinkAccepted",
        "Taken in. The same whether or not there is such an account. The browser that asked is bound to the link by a cookie.",
    )])
    .errors(&["magic_link.disabled"]),
    Route::change(
        Method::POST,
        "/v1/auth/magic-link/verify",
        "redeemMagicLink",
        Public,
        "Sign in with the token of a link, or with the code that it became in another browser",
        handler!(magic_link::redeem),
    )
    .reads(Fields("MagicLinkRedemption"))
    .answers(FIRST_FACTOR)
    .errors(&[
        "hook.refused",
        "magic_link.disabled",
        "magic_link.other_browser",
        "request.missing_token",
        "session.limit_reached",
        "token.invalid",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/password/forgot",
        "requestPasswordReset",
        Public,
        "Ask for a mail that lets one set a new password",
        handler!(password::request_reset),
    )
    .counted(RateClass::Mail)
    .reads(Fields("EmailRequest"))
    .answers(ACCEPTED),
    Route::change(
        Method::POST,
        "/v1/auth/password/reset",
        "resetPassword",
        Public,
        "Set a new password with the token that was mailed",
        handler!(password::reset),
    )
    .counted(RateClass::Redeem)
    .reads(Fields("PasswordResetRequest"))
    .errors(&[
        "request.missing_token",
        "token.invalid",
        "service.overloaded",
    ]),
    Route::change(
        Method::POST,
        "/v1/auth/password/change",
        "changePassword",
        User,
        "Change the password; ends the other sessions",
        handler!(password::change),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("PasswordChangeRequest"))
    .errors(&["password.current_incorrect", "service.overloaded"]),
    Route::get(
        "/v1/auth/me",
        "getMe",
        User,
        "The signed-in user",
        handler!(me::show),
    )
    .answers(&[answer(200, "User", "The user.")]),
    Route::change(
        Method::PATCH,
        "/v1/auth/me",
        "updateMe",
        User,
        "Change name, locale or metadata",
        handler!(me::update),
    )
    .reads(Fields("ProfileChanges"))
    .answers(&[answer(200, "User", "The user as it now is.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/me",
        "deleteMe",
        User,
        "Delete the account",
        handler!(me::delete),
    )
    .counted(RateClass::SignIn)
    .reads(Fields("PasswordConfirmation"))
    .errors(&["password.current_incorrect", "service.overloaded"]),
    Route::get(
        "/v1/auth/sessions",
        "listSessions",
        User,
        "The user's sessions, newest first",
        handler!(sessions::list),
    )
    .reads(List)
    .answers(&[answer(200, "SessionList", "The sessions.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/sessions",
        "endOtherSessions",
        User,
        "End every session but this one",
        handler!(sessions::end_others),
    ),
    Route::change(
        Method::DELETE,
        "/v1/auth/sessions/{id}",
        "endSession",
        User,
        "End one session",
        handler!(sessions::end),
    )
    .errors(&["session.not_found"]),
    Route::get(
        "/v1/auth/devices",
        "listDevices",
        User,
        "The devices that the user has signed in with, newest first, at most 100",
        handler!(device::list),
    )
    .answers(&[answer(200, "DeviceList", "The devices.")]),
    Route::change(
        Method::DELETE,
        "/v1/auth/devices/{id}",
        "revokeDevice",
        User,
        "Forget a device; ends its other sessions",
        handler!(device::revoke),
    )
    .errors(&["device.not_found"]),
    Route::get(
        "/v1/auth/history",
        "listHistory",
        User,
        "The user's own security events, newest first",
        handler!(history::list),
    )
    .reads(List)
    .answers(&[answer(200, "HistoryList", "The events.")]),
    Route::change(
        Method::POST,
        "/v1/admin/users/{id}/unlock",
        "unlockUser",
        Permission("users:write"),
        "Lift the locks that wrong guesses put on an account",
        handler!(admin::unlock),
    )
    .errors(&["account.not_found"]),
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
    for route in ROUTES {
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
        for route in ROUTES {
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
