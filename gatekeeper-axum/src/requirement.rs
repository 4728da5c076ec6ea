use std::sync::Arc;

use gatekeeper_core::Identity;
use gatekeeper_http::{Api, HeaderView, RequestHead, Requirement};

use crate::rejection::Rejection;

/// A [`Requirement`] with a name in the type system, for [`Require`](crate::Require). Made by
/// [`requirement!`](crate::requirement!).
pub trait RequirementDef: 'static {
    /// What is required.
    fn requirement() -> &'static Requirement;
}

/// Gives a [`Requirement`] a name, under which [`Require`](crate::Require) asks for it.
///
/// ```
/// use gatekeeper_axum::{Requirement, requirement};
///
/// requirement! {
///     /// May take reports out of the house.
///     pub CanExport = Requirement::role("admin")
///         | Requirement::permission("reports:export") & !Requirement::role("suspended")
/// }
/// ```
#[macro_export]
macro_rules! requirement {
    ($(#[$meta:meta])* $visibility:vis $name:ident = $requirement:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::RequirementDef for $name {
            fn requirement() -> &'static $crate::Requirement {
                static REQUIREMENT: ::std::sync::LazyLock<$crate::Requirement> =
                    ::std::sync::LazyLock::new(|| $requirement);
                &REQUIREMENT
            }
        }
    };
}

/// Lets whoever meets the requirement through.
pub(crate) fn check<H: HeaderView>(
    api: &Api,
    head: &RequestHead<'_, H>,
    identity: Option<&Arc<Identity>>,
    requirement: &Requirement,
) -> Result<Arc<Identity>, Rejection> {
    let met = api.require(head, identity, requirement)?;
    Ok(Arc::clone(met))
}
