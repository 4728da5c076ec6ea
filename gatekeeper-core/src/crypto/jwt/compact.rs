use super::TokenRejection;

/// The longest token, in bytes; looked at before anything else (CVE-2025-30204, CVE-2025-27144).
pub const MAX_TOKEN: usize = 8 * 1024;

/// The longest signature: RSA with 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

/// A token in the compact serialisation (RFC 7515 section 7.1), cut at its two dots.
#[derive(Clone, Copy)]
pub(super) struct Compact<'a> {
    /// Everything that is signed.
    pub(super) signed: &'a str,
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Cuts a token. That each segment is base64url, and thus that the whole has no other characters (RFC 8725bis), is for whoever decodes them.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenRejection> {
        if token.len() > MAX_TOKEN {
            return Err(TokenRejection::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRejection::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenRejection::Malformed)?;
        // A third dot stands in the payload, where it is no base64url; empty segments are told apart here.
        if header.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(TokenRejection::Malformed);
        }
        Ok(Self {
            signed,
            header,
            payload,
            signature,
        })
    }
}
