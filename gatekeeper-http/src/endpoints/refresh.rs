//! POST /v1/auth/refresh and POST /v1/auth/logout: what a refresh token is good for.

use std::sync::Arc;

use gatekeeper_core::{AccessError, Error, ErrorClass, SessionError, model::SecretString};
use http::StatusCode;

use crate::{
    api::Call,
    deliver::{self, Delivery},
    problem::Problem,
    respond::{self, Reply},
};

/// A refresh token goes back the way it came: out of the body into the body, out of the cookie into the cookie. A script
/// that cannot read the cookie must not have it read out to it either. Where both are there, the body's is meant.
pub(crate) async fn refresh(call: Call) -> Result<Reply, Problem> {
    let (in_body, asked) = call.read_optional(|fields| {
        let token = fields.optional_secret("refresh_token");
        let asked = Delivery::read(fields);
        let misfit = match (&token, asked) {
            (Some(_), Some(Delivery::Cookie)) => {
                Some("a token from the body is answered in the body")
            }
            (None, Some(Delivery::Body)) => {
                Some("a token from the cookie is answered in the cookie")
            }
            _ => None,
        };
        if let Some(why) = misfit {
            fields.refuse("token_delivery", "token_delivery.mismatch", why);
        }
        (token, asked)
    })?;
    let (token, delivery) = match in_body {
        Some(token) => (token, Delivery::Body),
        None => cookie_token(&call, asked)?,
    };
    match call
        .gatekeeper()
        .sessions()
        .refresh(&call.context, &token)
        .await
    {
        Ok(signed_in) => deliver::signed_in(&call, StatusCode::OK, &signed_in, delivery),
        Err(error) => {
            let dead = matches!(error, Error::Session(SessionError::InvalidRefreshToken));
            let problem = Problem::from(error);
            Err(if dead && delivery != Delivery::Body {
                problem.with_cookies(call.cookies().clear_all())
            } else {
                problem
            })
        }
    }
}

fn cookie_token(call: &Call, asked: Option<Delivery>) -> Result<(SecretString, Delivery), Problem> {
    let head = call.head();
    let cookies = call.cookies();
    let Some(token) = cookies.refresh.read(&head)? else {
        return Err(Error::from(SessionError::InvalidRefreshToken).into());
    };
    let access = cookies.access.read(&head)?;
    call.api
        .prove_same_site(&head, &[token, access.unwrap_or(token)])?;
    // The access cookie lives as long as the refresh cookie, so its presence tells how the session began.
    let delivery = match (asked, access) {
        (Some(asked), _) => asked,
        (None, Some(_)) => Delivery::Cookie,
        (None, None) => Delivery::Split,
    };
    Ok((SecretString::new(token), delivery))
}

/// Signs out whoever the request names: by its access token, else by its refresh token in the body, else by the one in the
/// cookie. So a client whose access token has expired can sign out still.
pub(crate) async fn sign_out(call: Call) -> Result<Reply, Problem> {
    let in_body = call.read_optional(|fields| fields.optional_secret("refresh_token"))?;
    let head = call.head();
    let cookies = call.cookies();
    let sessions = call.gatekeeper().sessions();
    let in_cookie = cookies.refresh.read(&head)?;

    let identified = call.api.identify(&head, call.context.tenant_id).await;
    let done = match identified {
        Ok(Some(identity)) => {
            // Who is asking, and who acts as them, is found out here.
            let context = call.context.clone().with_identity(Arc::clone(&identity));
            sessions.sign_out(&context, &identity).await
        }
        Ok(None) => by_refresh_token(&call, in_body, in_cookie, AccessError::Missing).await?,
        Err(problem) if problem.code() == "access.invalid_token" => {
            by_refresh_token(&call, in_body, in_cookie, AccessError::Invalid).await?
        }
        Err(problem) => return Err(problem),
    };
    match done {
        Ok(()) => Ok(respond::with_cookies(
            respond::no_content(),
            cookies.clear_all(),
        )),
        // Whoever is not signed in has no use for the cookies either.
        Err(error) if error.class() == ErrorClass::Unauthenticated => {
            Err(Problem::from(error).with_cookies(cookies.clear_all()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn by_refresh_token(
    call: &Call,
    in_body: Option<SecretString>,
    in_cookie: Option<&str>,
    otherwise: AccessError,
) -> Result<Result<(), Error>, Problem> {
    let token = match (in_body, in_cookie) {
        (Some(token), _) => token,
        (None, Some(token)) => {
            let head = call.head();
            let access = call.cookies().access.read(&head)?;
            call.api
                .prove_same_site(&head, &[token, access.unwrap_or(token)])?;
            SecretString::new(token)
        }
        (None, None) => return Ok(Err(otherwise.into())),
    };
    Ok(call
        .gatekeeper()
        .sessions()
        .sign_out_by_refresh_token(&call.context, &token)
        .await)
}
