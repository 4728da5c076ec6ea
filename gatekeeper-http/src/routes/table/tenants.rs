//! Tenants, and a tenant's own settings.

use http::Method;

use super::super::{Answer, Caller::Permission, Input, Route, answer};
use crate::endpoints::tenants;

const TENANT: &[Answer] = &[answer(200, "Tenant", "The tenant.")];
const SETTINGS: &[Answer] = &[answer(
    200,
    "TenantSettings",
    "What differs in the tenant from what the service does otherwise.",
)];

pub(super) static ROUTES: &[Route] = &[
    Route::get(
        "/v1/admin/tenants",
        "listTenants",
        Permission("tenants:read"),
        "List tenants, newest first",
        handler!(tenants::list),
    )
    .reads(Input::List)
    .answers(&[answer(200, "TenantList", "A page of tenants.")]),
    Route::change(
        Method::POST,
        "/v1/admin/tenants",
        "createTenant",
        Permission("tenants:write"),
        "Make a tenant, and invite its first administrator",
        handler!(tenants::create),
    )
    .reads(Input::Fields("NewTenant"))
    .answers(&[answer(201, "Tenant", "The tenant was made.")])
    .errors(&["tenant.slug_taken"]),
    Route::get(
        "/v1/admin/tenants/{slug}",
        "getTenant",
        Permission("tenants:read"),
        "Show a tenant",
        handler!(tenants::show),
    )
    .answers(TENANT),
    Route::change(
        Method::PATCH,
        "/v1/admin/tenants/{slug}",
        "updateTenant",
        Permission("tenants:write"),
        "Change a tenant's name or settings, suspend it, or open it again",
        handler!(tenants::update),
    )
    .reads(Input::Fields("TenantChanges"))
    .answers(TENANT)
    .errors(&["tenant.default"]),
    Route::change(
        Method::DELETE,
        "/v1/admin/tenants/{slug}",
        "deleteTenant",
        Permission("tenants:write"),
        "Remove a tenant with all that is its own",
        handler!(tenants::delete),
    )
    .reads(Input::Fields("TenantDeletion"))
    .errors(&["tenant.default"]),
    Route::get(
        "/v1/admin/settings",
        "getSettings",
        Permission("settings:read"),
        "Show the tenant's own settings",
        handler!(tenants::settings),
    )
    .answers(SETTINGS),
    Route::change(
        Method::PATCH,
        "/v1/admin/settings",
        "updateSettings",
        Permission("settings:write"),
        "Change some of the tenant's own settings; null goes back to what the service does otherwise",
        handler!(tenants::update_settings),
    )
    .reads(Input::Fields("TenantSettingsChanges"))
    .answers(SETTINGS),
];
