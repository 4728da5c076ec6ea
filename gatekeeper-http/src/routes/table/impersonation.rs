//! Acting as another user.

use super::super::Route;

pub(super) static ROUTES: &[Route] = &[];
