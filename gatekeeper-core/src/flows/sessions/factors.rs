//! What a sign-in needs to know of second factors.

pub(super) use crate::flows::mfa::{
    Binding, MfaVerdict, PreparedCode, offered, prepare, verify_in,
};
use crate::{MfaMethod, gatekeeper::Inner, model::AuthMethod};

/// What `amr` says of a method; `None` where there is no such method.
pub(super) fn amr(inner: &Inner, method: &str) -> Option<AuthMethod> {
    inner.mfa_methods.find(method).map(MfaMethod::amr)
}
