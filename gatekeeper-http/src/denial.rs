//! Attempts that were refused although it is known who made them.

use gatekeeper_core::{DeniedAttempt, Identity, RequestContext};

use crate::{api::Api, problem::Problem};

/// The codes that say so. Others with the same status are about the request, not about who sent it.
const CODES: [&str; 4] = [
    "access.forbidden",
    "access.impersonating",
    "access.insufficient_rank",
    "access.session_required",
];

/// Has an attempt recorded, where that is what the problem is. Does not wait for it.
pub(crate) fn record(
    api: &Api,
    cx: RequestContext,
    who: &Identity,
    problem: &Problem,
    requirement: String,
    operation: String,
) {
    if let Some(reason) = CODES.into_iter().find(|code| *code == problem.code()) {
        let attempt = DeniedAttempt {
            requirement,
            operation,
            reason,
        };
        api.gatekeeper().record_denial(cx, who, attempt);
    }
}
