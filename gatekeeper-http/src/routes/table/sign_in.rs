//! Sign-up, sign-in, addresses and passwords.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    ACCEPTED,
    Caller::{Public, TokenHolder, User},
    FIRST_FACTOR,
    Input::{Fields, OptionalFields},
    Route, SIGNED_IN, answer,
};
use crate::endpoints::{email, magic_link, password, refresh, register, sign_in};

pub(super) static ROUTES: &[Route] = &[
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
    .errors(&[
        "account.domain_not_allowed",
        "account.email_taken",
        "account.registration_closed",
        "hook.refused",
        "service.overloaded",
    ]),
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
    .errors(&[
        "account.domain_not_allowed",
        "password.current_incorrect",
        "service.overloaded",
    ]),
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
    .counted(RateClass::Mail)
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
    .counted(RateClass::SignIn)
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
];
