//! Second factors.

use gatekeeper_core::rate_limit::RateClass;
use http::Method;

use super::super::{
    Caller::{Public, User},
    Input::Fields,
    Route, SIGNED_IN, answer,
};
use crate::endpoints::{mfa, sign_in};

pub(super) static ROUTES: &[Route] = &[
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
];
