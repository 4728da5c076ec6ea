//! The audit trail.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
