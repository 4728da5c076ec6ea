//! POST /v1/admin/users/{id}/impersonate, /v1/auth/impersonation/end

use gatekeeper_core::BeginImpersonation;
use http::StatusCode;

use super::users::user_id;
use crate::{
    api::Call,
    authenticate::Credential,
    deliver::{self, Delivery},
    problem::Problem,
    respond::{self, Reply},
};

/// The new tokens go where the old ones were, unless it is asked otherwise: who was signed in by a cookie has them in cookies. Whoever
/// wants to keep their own beside them asks for the body.
pub(crate) async fn begin(call: Call) -> Result<Reply, Problem> {
    let user_id = user_id(&call)?;
    let (reason, delivery) = call.read(|fields| (fields.text("reason"), Delivery::read(fields)))?;
    let delivery = match delivery {
        Some(delivery) => delivery,
        None => match call.cookies().access.read(&call.head())? {
            Some(_) => Delivery::Cookie,
            None => Delivery::Split,
        },
    };
    let input = BeginImpersonation { user_id, reason };
    let signed_in = call
        .gatekeeper()
        .impersonation()
        .begin(&call.context, call.who()?, input)
        .await?;
    deliver::signed_in(&call, StatusCode::OK, &signed_in, delivery)
}

pub(crate) async fn end(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .impersonation()
        .end(&call.context, call.who()?)
        .await?;
    // Of a header's token the cookies may be somebody else's: the administrator's own.
    let cookies = match call.api.credential(&call.head())? {
        Some(Credential::Cookie(_)) => call.cookies().clear_all().to_vec(),
        Some(Credential::Header(_)) | None => Vec::new(),
    };
    Ok(respond::with_cookies(respond::no_content(), cookies))
}
