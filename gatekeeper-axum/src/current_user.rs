use std::{ops::Deref, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use gatekeeper_core::Identity;
use gatekeeper_http::{Api, Requirement, RequirementDef};

use crate::{head::head_of_parts, identify::identify, rejection::Rejection, requirement::check};

/// Extracts who is signed in; a request of nobody is answered 401.
///
/// Derefs to [`Identity`], so that `&user` goes wherever a flow asks for one.
///
/// ```
/// use gatekeeper_axum::CurrentUser;
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

impl<S> FromRequestParts<S> for CurrentUser
where
    S: Send + Sync,
    Api: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        const SIGNED_IN: &Requirement = &Requirement::signed_in();
        let api = Api::from_ref(state);
        match identify(parts, &api).await? {
            Some(identity) => Ok(Self(identity)),
            None => Ok(Self(check(&api, &head_of_parts(parts), None, SIGNED_IN)?)),
        }
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

impl<S> FromRequestParts<S> for MaybeUser
where
    S: Send + Sync,
    Api: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let api = Api::from_ref(state);
        Ok(Self(identify(parts, &api).await?.map(CurrentUser)))
    }
}

/// Extracts who is signed in and meets the requirement `R`: 401 for nobody, 403 for anybody else.
///
/// ```
/// use gatekeeper_axum::{Admin, Require, Requirement, requirement};
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
    met: std::marker::PhantomData<fn() -> R>,
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

impl<S, R> FromRequestParts<S> for Require<R>
where
    S: Send + Sync,
    Api: FromRef<S>,
    R: RequirementDef,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let api = Api::from_ref(state);
        let identity = identify(parts, &api).await?;
        let identity = check(
            &api,
            &head_of_parts(parts),
            identity.as_ref(),
            R::requirement(),
        )?;
        Ok(Self {
            user: CurrentUser(identity),
            met: std::marker::PhantomData,
        })
    }
}
