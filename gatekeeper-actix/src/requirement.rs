use std::sync::Arc;

use actix_web::HttpRequest;
use gatekeeper_core::Identity;
use gatekeeper_http::{Api, Requirement};

use crate::{
    convert::{head_of, headers_of},
    rejection::Rejection,
};

/// A [`Requirement`] with a name in the type system, for [`Require`](crate::Require). Made by
/// [`requirement!`](crate::requirement!).
pub trait RequirementDef: 'static {
    /// What is required.
    fn requirement() -> &'static Requirement;
}

/// Gives a [`Requirement`] a name, under which [`Require`](crate::Require) asks for it.
///
/// ```
/// use gatekeeper_actix::{Requirement, requirement};
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
pub(crate) fn check(
    api: &Api,
    request: &HttpRequest,
    identity: Option<&Arc<Identity>>,
    requirement: &Requirement,
) -> Result<Arc<Identity>, Rejection> {
    let headers = headers_of(request);
    let met = api.require(&head_of(request, &headers), identity, requirement)?;
    Ok(Arc::clone(met))
}
