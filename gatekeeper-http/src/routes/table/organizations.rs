//! Organisations inside a tenant.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
