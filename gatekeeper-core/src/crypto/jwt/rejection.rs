/// Why a token was refused: for logs and the audit trail. The caller is told nothing but that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRejection {
    /// `alg` is not the algorithm of the key (RFC 8725 section 3.1).
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// `aud` is not this audience.
    #[error("the audience is another")]
    Audience,
    /// The claims are not an object of distinct members of the right types with every required one.
    #[error("the claims are malformed")]
    Claims,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// A header member that is never believed: `crit`, `jku`, `jwk`, `x5u`, `x5c`, `zip`, `enc`, `b64`.
    #[error("the header has a member that is not allowed")]
    ForbiddenHeader,
    /// `iat` lies in the future.
    #[error("the token was issued in the future")]
    FromTheFuture,
    /// The header is not an object of distinct members of the right types with an `alg`.
    #[error("the header is malformed")]
    Header,
    /// `iss` is not this issuer.
    #[error("the issuer is another")]
    Issuer,
    /// `exp` is not after `iat`, or further after it than access tokens live.
    #[error("the lifetime is impossible")]
    Lifetime,
    /// Not three segments of canonical base64url.
    #[error("the token is malformed")]
    Malformed,
    /// `nbf` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The signature is not that of the key.
    #[error("the signature is wrong")]
    Signature,
    /// `sub` is empty, or not the `uid`.
    #[error("the subject is malformed")]
    Subject,
    /// Longer than any token of ours.
    #[error("the token is too long")]
    TooLong,
    /// `typ` is not that of an access token (RFC 9068 section 4).
    #[error("the token is of another type")]
    Type,
    /// `kid` is absent or names no key.
    #[error("the key is unknown")]
    UnknownKey,
}

impl TokenRejection {
    /// A stable name, for logs and audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::ForbiddenHeader => "forbidden_header",
            Self::FromTheFuture => "from_the_future",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Lifetime => "lifetime",
            Self::Malformed => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Signature => "signature",
            Self::Subject => "subject",
            Self::TooLong => "too_long",
            Self::Type => "type",
            Self::UnknownKey => "unknown_key",
        }
    }
}
