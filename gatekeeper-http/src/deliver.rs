//! How the tokens of a new session reach its client.

use gatekeeper_core::{Error, MfaPending, SignIn, SignedIn, model::SecretString};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::{
    api::Call,
    body::Fields,
    csrf, device,
    endpoints::me::UserBody,
    problem::Problem,
    respond::{self, Reply},
};

/// No cookie lives longer (RFC 6265bis section 5.5), in seconds.
const MAX_AGE: u64 = 400 * 24 * 3_600;

/// Where the tokens go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Both into the body, none into a cookie.
    Body,
    /// Both into cookies.
    Cookie,
    /// The refresh token into a cookie, the access token into the body.
    #[default]
    Split,
}

impl Delivery {
    /// Reads `token_delivery`; `None` where it is not there.
    pub(crate) fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional_word(
            "token_delivery",
            &[("body", Self::Body), ("cookie", Self::Cookie)],
        )
    }

    /// Where whoever is signed in gets the tokens of the session that follows: where they were before, unless it is asked otherwise.
    pub(crate) fn or_as_before(asked: Option<Self>, call: &Call) -> Result<Self, Problem> {
        Ok(match asked {
            Some(delivery) => delivery,
            None => match call.cookies().access.read(&call.head())? {
                Some(_) => Self::Cookie,
                None => Self::Split,
            },
        })
    }
}

#[derive(Serialize)]
struct AuthResponse<'a, T> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    session_id: String,
    user: UserBody<'a>,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct MfaRequired<'a> {
    status: &'static str,
    mfa_token: &'a str,
    expires_in: u64,
    methods: &'a [String],
}

#[derive(Serialize)]
struct MfaEnrollmentRequired<'a> {
    status: &'static str,
    enrollment_token: &'a str,
    expires_in: u64,
    methods: &'a [String],
}

/// The answer to whoever has just shown a first factor, whichever it was.
pub(crate) fn sign_in(
    call: &Call,
    status: StatusCode,
    outcome: &SignIn,
    delivery: Delivery,
) -> Result<Reply, Problem> {
    match outcome {
        SignIn::SignedIn(tokens) => signed_in(call, status, tokens, delivery),
        SignIn::MfaRequired(pending) => mfa_required(status, pending),
        SignIn::MfaEnrollmentRequired(pending) => mfa_enrollment_required(status, pending),
        // An outcome that this version does not know signs nobody in.
        _ => Err(Error::internal("an unknown outcome of a sign-in").into()),
    }
}

/// In the body whatever the delivery: the token waits for a code that its bearer has still to give.
fn mfa_required(status: StatusCode, pending: &MfaPending) -> Result<Reply, Problem> {
    let body = MfaRequired {
        status: "mfa_required",
        mfa_token: pending.token.expose(),
        expires_in: pending.expires_in,
        methods: &pending.methods,
    };
    respond::json(status, &body)
}

fn mfa_enrollment_required(status: StatusCode, pending: &MfaPending) -> Result<Reply, Problem> {
    let body = MfaEnrollmentRequired {
        status: "mfa_enrollment_required",
        enrollment_token: pending.token.expose(),
        expires_in: pending.expires_in,
        methods: &pending.methods,
    };
    respond::json(status, &body)
}

/// The answer to whoever has just signed in or refreshed.
pub(crate) fn signed_in(
    call: &Call,
    status: StatusCode,
    signed_in: &SignedIn,
    delivery: Delivery,
) -> Result<Reply, Problem> {
    signed_in_with(call, status, signed_in, delivery, Nothing {})
}

/// The same, with more members.
pub(crate) fn signed_in_with<T: Serialize>(
    call: &Call,
    status: StatusCode,
    signed_in: &SignedIn,
    delivery: Delivery,
    more: T,
) -> Result<Reply, Problem> {
    let body = AuthResponse {
        more,
        status: "authenticated",
        access_token: match delivery {
            Delivery::Body | Delivery::Split => Some(signed_in.access_token.expose()),
            Delivery::Cookie => None,
        },
        token_type: "Bearer",
        expires_in: signed_in.expires_in,
        refresh_token: match delivery {
            Delivery::Body => Some(signed_in.refresh_token.expose()),
            Delivery::Cookie | Delivery::Split => None,
        },
        device_token: match delivery {
            Delivery::Body => signed_in.device_token.as_ref().map(SecretString::expose),
            Delivery::Cookie | Delivery::Split => None,
        },
        session_id: signed_in.session.id.to_string(),
        user: UserBody::of(&signed_in.profile),
    };
    let reply = respond::json(status, &body)?;
    Ok(respond::with_cookies(
        reply,
        cookies(call, signed_in, delivery)?,
    ))
}

fn cookies(
    call: &Call,
    signed_in: &SignedIn,
    delivery: Delivery,
) -> Result<Vec<HeaderValue>, Problem> {
    let kinds = call.cookies();
    let now = call.gatekeeper().clock().now();
    let age = signed_in
        .session
        .expires_at()
        .since(now)
        .as_secs()
        .min(MAX_AGE);
    // The page needs it as long as it has the credential that it goes with.
    let csrf = |credential: &SecretString| {
        kinds
            .csrf
            .set(&SecretString::new(csrf::token(credential.expose())), age)
    };
    let mut cookies = match delivery {
        Delivery::Body => return Ok(Vec::new()),
        Delivery::Cookie => vec![
            kinds.refresh.set(&signed_in.refresh_token, age)?,
            // As long as the refresh cookie, although the token expires sooner: that it is there tells how to refresh.
            kinds.access.set(&signed_in.access_token, age)?,
            csrf(&signed_in.access_token)?,
        ],
        Delivery::Split => {
            let mut cookies = vec![
                kinds.refresh.set(&signed_in.refresh_token, age)?,
                csrf(&signed_in.refresh_token)?,
            ];
            // An access cookie from before would sign in somebody else.
            if !matches!(kinds.access.read(&call.head()), Ok(None)) {
                cookies.push(kinds.access.clear());
            }
            cookies
        }
    };
    cookies.extend(device::cookie(call, signed_in)?);
    Ok(cookies)
}
