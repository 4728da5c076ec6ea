//! The rows of the table, by subject.

mod account;
mod api_keys;
mod audit;
mod groups;
mod impersonation;
mod invitations;
mod organizations;
mod privacy;
mod roles;
mod second_factors;
mod service;
mod sign_in;
mod tenants;
mod users;

use super::Route;

/// Every route, by subject.
static SUBJECTS: &[&[Route]] = &[
    sign_in::ROUTES,
    second_factors::ROUTES,
    account::ROUTES,
    api_keys::ROUTES,
    invitations::ROUTES,
    organizations::ROUTES,
    impersonation::ROUTES,
    users::ROUTES,
    roles::ROUTES,
    groups::ROUTES,
    tenants::ROUTES,
    audit::ROUTES,
    privacy::ROUTES,
    service::ROUTES,
];

/// Every route.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    SUBJECTS.iter().copied().flatten()
}
