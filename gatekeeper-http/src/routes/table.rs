//! The rows of the table.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::{ACCEPTED, Caller, FIRST_FACTOR, Input, Route, SIGNED_IN, answer};
use crate::{
    device,
    endpoints::{
        admin, email, history, magic_link, me, mfa, password, refresh, register, service, sessions,
        sign_in,
    },
};

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
        Public,
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
        Public,
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
        Public,
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
