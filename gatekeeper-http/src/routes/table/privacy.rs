//! What is kept about a user: export and erasure.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
