use http::StatusCode;

/// One public error code: what `code` in a problem document may be.
///
/// Codes are part of the contract: one is never renamed, and never taken away without a new major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCode {
    /// The code, `password.invalid_credentials`.
    pub code: &'static str,
    /// The status it comes with.
    pub status: StatusCode,
    /// What kind of problem it is: the `title`.
    pub title: &'static str,
    /// The `detail`, where nothing more exact is said.
    pub detail: &'static str,
}

const fn code(
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
) -> ErrorCode {
    ErrorCode {
        code,
        status,
        title,
        detail,
    }
}

/// Every code, sorted. A hook's refusal is `hook.<its code>`, after the model of `hook.refused`.
pub static CODES: &[ErrorCode] = &[
    code(
        "access.forbidden",
        StatusCode::FORBIDDEN,
        "Not allowed",
        "you may not do this",
    ),
    code(
        "access.impersonating",
        StatusCode::FORBIDDEN,
        "Acting as another user",
        "this cannot be done while acting as another user",
    ),
    code(
        "access.insufficient_rank",
        StatusCode::FORBIDDEN,
        "Not allowed",
        "this reaches further than your own rights",
    ),
    code(
        "access.invalid_token",
        StatusCode::UNAUTHORIZED,
        "Invalid access token",
        "the access token is invalid or has expired",
    ),
    code(
        "access.missing_token",
        StatusCode::UNAUTHORIZED,
        "Authentication required",
        "authentication is required",
    ),
    code(
        "access.session_required",
        StatusCode::FORBIDDEN,
        "Sign-in required",
        "this cannot be done with an API key",
    ),
    code(
        "access.step_up_required",
        StatusCode::UNAUTHORIZED,
        "Step-up required",
        "a more recent or a stronger sign-in is required",
    ),
    code(
        "account.domain_not_allowed",
        StatusCode::FORBIDDEN,
        "Domain not accepted",
        "addresses of this domain are not accepted",
    ),
    code(
        "account.email_taken",
        StatusCode::CONFLICT,
        "Address taken",
        "an account with this address exists already",
    ),
    code(
        "account.email_unverified",
        StatusCode::FORBIDDEN,
        "Address not verified",
        "the e-mail address is not verified yet",
    ),
    code(
        "account.not_found",
        StatusCode::NOT_FOUND,
        "No such account",
        "there is no such account",
    ),
    code(
        "account.registration_closed",
        StatusCode::FORBIDDEN,
        "By invitation alone",
        "an account is made by invitation alone",
    ),
    code(
        "api_key.limit_reached",
        StatusCode::CONFLICT,
        "Too many API keys",
        "there are too many API keys: revoke one first",
    ),
    code(
        "api_key.not_found",
        StatusCode::NOT_FOUND,
        "No such API key",
        "there is no such API key",
    ),
    code(
        "api_key.not_offered",
        StatusCode::NOT_FOUND,
        "Not offered",
        "API keys are not offered",
    ),
    code(
        "api_key.settled",
        StatusCode::CONFLICT,
        "API key revoked or replaced",
        "the API key was revoked or replaced already",
    ),
    code(
        "device.not_found",
        StatusCode::NOT_FOUND,
        "No such device",
        "there is no such device",
    ),
    code(
        "group.not_found",
        StatusCode::NOT_FOUND,
        "No such group",
        "there is no such group",
    ),
    code(
        "hook.refused",
        StatusCode::FORBIDDEN,
        "Refused",
        "the application refused",
    ),
    code(
        "impersonation.not_acting",
        StatusCode::CONFLICT,
        "Not acting as another user",
        "you are not acting as another user",
    ),
    code(
        "impersonation.not_possible",
        StatusCode::FORBIDDEN,
        "Not possible",
        "this account cannot be acted as",
    ),
    code(
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal error",
        "an internal error occurred",
    ),
    code(
        "invitation.already_member",
        StatusCode::CONFLICT,
        "Member already",
        "the account is a member already",
    ),
    code(
        "invitation.not_found",
        StatusCode::NOT_FOUND,
        "No such invitation",
        "there is no such invitation",
    ),
    code(
        "invitation.settled",
        StatusCode::CONFLICT,
        "Invitation settled",
        "the invitation was accepted or revoked already",
    ),
    code(
        "magic_link.disabled",
        StatusCode::NOT_FOUND,
        "Not offered",
        "links to sign in with are not offered",
    ),
    code(
        "magic_link.other_browser",
        StatusCode::FORBIDDEN,
        "Opened in another browser",
        "the link was opened in another browser: type sign_in_code where you asked for the link",
    ),
    code(
        "mfa.already_enabled",
        StatusCode::CONFLICT,
        "Second factor set up already",
        "this second factor is set up already",
    ),
    code(
        "mfa.code_incorrect",
        StatusCode::FORBIDDEN,
        "Wrong code",
        "the code is wrong or was used already",
    ),
    code(
        "mfa.invalid_code",
        StatusCode::UNAUTHORIZED,
        "Wrong code",
        "the code is wrong or was used already",
    ),
    code(
        "mfa.invalid_token",
        StatusCode::UNAUTHORIZED,
        "Invalid MFA token",
        "the sign-in has expired or was finished: begin again",
    ),
    code(
        "mfa.not_enabled",
        StatusCode::NOT_FOUND,
        "Second factor not set up",
        "this second factor is not set up",
    ),
    code(
        "mfa.not_offered",
        StatusCode::NOT_FOUND,
        "Second factor not offered",
        "this second factor is not offered",
    ),
    code(
        "mfa.required",
        StatusCode::FORBIDDEN,
        "Second factor required",
        "a second factor is required and cannot be taken away",
    ),
    code(
        "organization.member_not_found",
        StatusCode::NOT_FOUND,
        "No such member",
        "there is no such member",
    ),
    code(
        "organization.not_found",
        StatusCode::NOT_FOUND,
        "No such organisation",
        "there is no such organisation",
    ),
    code(
        "organization.slug_taken",
        StatusCode::CONFLICT,
        "Slug taken",
        "the slug is taken",
    ),
    code(
        "password.change_required",
        StatusCode::FORBIDDEN,
        "Password must be changed",
        "the password is known to others and has to be changed: ask for a reset",
    ),
    code(
        "password.current_incorrect",
        StatusCode::FORBIDDEN,
        "Wrong password",
        "the current password is wrong",
    ),
    code(
        "password.invalid_credentials",
        StatusCode::UNAUTHORIZED,
        "Sign-in refused",
        "the e-mail address or the password is wrong",
    ),
    code(
        "request.ambiguous_credentials",
        StatusCode::BAD_REQUEST,
        "Ambiguous credentials",
        "a credential is there twice: send one Authorization header, and each cookie once",
    ),
    code(
        "request.csrf",
        StatusCode::FORBIDDEN,
        "Cross-site request refused",
        "the request does not prove that it comes from this site: send an allowed Origin, or the value of the CSRF cookie in X-CSRF-Token",
    ),
    code(
        "request.invalid",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Invalid fields",
        "the request has invalid fields",
    ),
    code(
        "request.malformed",
        StatusCode::BAD_REQUEST,
        "Malformed request",
        "the body is not well-formed JSON",
    ),
    code(
        "request.missing_token",
        StatusCode::BAD_REQUEST,
        "Missing token",
        "the body has no token",
    ),
    code(
        "request.rate_limited",
        StatusCode::TOO_MANY_REQUESTS,
        "Request cannot be satisfied as assigned quota has been exceeded",
        "too many requests: come again later",
    ),
    code(
        "request.too_large",
        StatusCode::PAYLOAD_TOO_LARGE,
        "Body too large",
        "the body is larger than this route accepts",
    ),
    code(
        "request.unsupported_media_type",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Not JSON",
        "the body must be application/json in UTF-8, without a content coding",
    ),
    code(
        "role.cycle",
        StatusCode::CONFLICT,
        "Circle of roles",
        "a role cannot inherit itself",
    ),
    code(
        "role.last_administrator",
        StatusCode::CONFLICT,
        "Last administrator",
        "the last administrator must stay one",
    ),
    code(
        "role.name_taken",
        StatusCode::CONFLICT,
        "Name taken",
        "there is one of this name already",
    ),
    code(
        "role.not_found",
        StatusCode::NOT_FOUND,
        "No such role",
        "there is no such role",
    ),
    code(
        "role.system",
        StatusCode::CONFLICT,
        "Role of the system",
        "a role of the system cannot be changed",
    ),
    code(
        "route.method_not_allowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "Method not allowed",
        "this path does not know the method; see Allow",
    ),
    code(
        "route.not_found",
        StatusCode::NOT_FOUND,
        "Not found",
        "there is nothing at this path",
    ),
    code(
        "service.overloaded",
        StatusCode::SERVICE_UNAVAILABLE,
        "Busy",
        "the service is busy",
    ),
    code(
        "service.unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "Unavailable",
        "the service is unavailable",
    ),
    code(
        "session.invalid_refresh_token",
        StatusCode::UNAUTHORIZED,
        "Invalid refresh token",
        "the refresh token is invalid or has expired",
    ),
    code(
        "session.limit_reached",
        StatusCode::FORBIDDEN,
        "Too many sessions",
        "there are too many sessions: end one first",
    ),
    code(
        "session.not_found",
        StatusCode::NOT_FOUND,
        "No such session",
        "there is no such session",
    ),
    code(
        "tenant.default",
        StatusCode::CONFLICT,
        "Default tenant",
        "the default tenant must stay",
    ),
    code(
        "tenant.not_found",
        StatusCode::NOT_FOUND,
        "No such tenant",
        "there is no such tenant",
    ),
    code(
        "tenant.slug_taken",
        StatusCode::CONFLICT,
        "Slug taken",
        "the slug is taken",
    ),
    code(
        "token.invalid",
        StatusCode::BAD_REQUEST,
        "Invalid token",
        "the token is invalid or has expired",
    ),
];

/// The entry of a code.
pub(crate) fn find(code: &str) -> Option<&'static ErrorCode> {
    CODES
        .binary_search_by(|entry| entry.code.cmp(code))
        .ok()
        .and_then(|at| CODES.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_single() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(
            find("token.invalid").unwrap().status,
            StatusCode::BAD_REQUEST
        );
        assert!(find("token.invali").is_none());
    }
}
