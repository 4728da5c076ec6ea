//! Groups of users.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
