//! The audit trail.

use super::super::{Caller::Permission, Input::ListBy, Route, answer};
use crate::endpoints::audit;

pub(super) static ROUTES: &[Route] = &[Route::get(
    "/v1/admin/audit",
    "listAudit",
    Permission("audit:read"),
    "The audit trail, newest first",
    handler!(audit::list),
)
.reads(ListBy(&[
    "AuditActor",
    "AuditTarget",
    "AuditEvent",
    "AuditSince",
    "AuditUntil",
]))
.answers(&[answer(200, "AuditList", "The events.")])];
