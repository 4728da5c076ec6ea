use std::{marker::PhantomData, ops::Deref, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use gatekeeper_core::Identity;
use gatekeeper_http::{Requirement, RequirementDef};

use crate::{identify::Extraction, requirement::check};

/// Extracts who is signed in; a request of nobody is answered 401.
///
/// Derefs to [`Identity`], so that `&user` goes wherever a flow asks for one. Where anybody may come, take [`MaybeUser`]
/// and not `Option<CurrentUser>`: actix-web's `Option` turns every refusal into `None`.
///
/// ```
/// use gatekeeper_actix::CurrentUser;
///
/// async fn hello(user: CurrentUser) -> String {
///     format!("Hello, {}!", user.email)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentUser(Arc<Identity>);

impl CurrentUser {
    /// The shared identity.
    pub fn into_inner(self) -> Arc<Identity> {
        self.0
    }
}

impl From<Arc<Identity>> for CurrentUser {
    fn from(identity: Arc<Identity>) -> Self {
        Self(identity)
    }
}

impl Deref for CurrentUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl FromRequest for CurrentUser {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        const SIGNED_IN: &Requirement = &Requirement::signed_in();
        Extraction::new(request, |request, api, identity| match identity {
            Some(identity) => Ok(Self(identity)),
            None => check(api, request, None, SIGNED_IN).map(Self),
        })
    }
}

/// Extracts who is signed in, if anybody is.
///
/// A request without a token is nobody's. One whose token is wrong, expired or revoked is refused with 401 all the same: its
/// sender believes to be signed in, and must learn that they are not.
#[derive(Clone, Debug)]
pub struct MaybeUser(pub Option<CurrentUser>);

impl Deref for MaybeUser {
    type Target = Option<CurrentUser>;

    fn deref(&self) -> &Option<CurrentUser> {
        &self.0
    }
}

impl FromRequest for MaybeUser {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::new(request, |_, _, identity| {
            Ok(Self(identity.map(CurrentUser)))
        })
    }
}

/// Extracts who is signed in and meets the requirement `R`: 401 for nobody, 403 for anybody else.
///
/// ```
/// use gatekeeper_actix::{Admin, Require, Requirement, requirement};
///
/// requirement!(CanExport = Requirement::role("admin") | Requirement::permission("reports:export"));
///
/// async fn export(user: Require<CanExport>) -> String {
///     format!("the reports of {}", user.email)
/// }
///
/// async fn office(admin: Require<Admin>) -> String {
///     format!("all reports, {}", admin.email)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Require<R> {
    user: CurrentUser,
    met: PhantomData<fn() -> R>,
}

impl<R> Require<R> {
    /// Who it is.
    pub fn into_inner(self) -> CurrentUser {
        self.user
    }
}

impl<R> Deref for Require<R> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.user
    }
}

impl<R: RequirementDef> FromRequest for Require<R> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::new(request, |request, api, identity| {
            Ok(Self {
                user: CurrentUser(check(api, request, identity.as_ref(), R::requirement())?),
                met: PhantomData,
            })
        })
    }
}
