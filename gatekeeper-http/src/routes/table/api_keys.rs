//! API keys and service accounts.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
