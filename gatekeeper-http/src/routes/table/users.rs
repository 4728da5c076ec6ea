//! Administration of users.

use http::Method;

use super::super::{Caller::Permission, Route};
use crate::endpoints::admin;

pub(super) static ROUTES: &[Route] = &[Route::change(
    Method::POST,
    "/v1/admin/users/{id}/unlock",
    "unlockUser",
    Permission("users:write"),
    "Lift the locks that wrong guesses put on an account",
    handler!(admin::unlock),
)
.errors(&["account.not_found"])];
