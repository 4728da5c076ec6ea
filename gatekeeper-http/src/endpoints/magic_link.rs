//! POST /v1/auth/magic-link, /v1/auth/magic-link/verify

use gatekeeper_core::model::SecretString;
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    body::Fields,
    deliver::{self, Delivery},
    device,
    problem::Problem,
    respond::{self, Reply},
};

#[derive(Serialize)]
struct Accepted<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<&'a str>,
}

/// What is redeemed.
enum Shown {
    Token(SecretString),
    Code(SecretString),
}

/// The browser that asks is recognised by a cookie from now on; a client without cookies keeps the binding itself.
pub(crate) async fn request(call: Call) -> Result<Reply, Problem> {
    let (email, delivery) = call.read(|fields| {
        (
            fields.text("email"),
            Delivery::read(fields).unwrap_or_default(),
        )
    })?;
    let asked = call
        .gatekeeper()
        .magic_links()
        .request(&call.context, &email)
        .await?;
    let (in_body, in_cookie) = match delivery {
        Delivery::Body => (asked.binding.as_ref(), None),
        Delivery::Cookie | Delivery::Split => (None, asked.binding.as_ref()),
    };
    let body = Accepted {
        status: "accepted",
        binding: in_body.map(SecretString::expose),
    };
    let reply = respond::json(StatusCode::ACCEPTED, &body)?;
    let kind = call.cookies().magic;
    let cookie = in_cookie
        .map(|binding| kind.set(binding, asked.expires_in))
        .transpose()?;
    Ok(respond::with_cookies(reply, cookie))
}

pub(crate) async fn redeem(mut call: Call) -> Result<Reply, Problem> {
    let (shown, binding, delivery, device) = call.read(|fields| {
        let shown = read_shown(fields);
        let binding = fields.optional_secret("binding");
        let delivery = Delivery::read(fields).unwrap_or_default();
        (
            shown,
            binding,
            delivery,
            fields.optional_secret("device_token"),
        )
    })?;
    device::recognise(&mut call, device);
    let binding = match binding {
        Some(binding) => Some(binding),
        None => cookie_binding(&call)?,
    };
    let links = call.gatekeeper().magic_links();
    let outcome = match shown {
        Shown::Token(token) => {
            links
                .redeem(&call.context, &token, binding.as_ref())
                .await?
        }
        Shown::Code(code) => {
            // Without one there is nothing that the code could go with; core refuses what is none.
            let binding = binding.unwrap_or_else(|| SecretString::new(""));
            links.redeem_code(&call.context, &code, &binding).await?
        }
    };
    let reply = deliver::sign_in(&call, StatusCode::OK, &outcome, delivery)?;
    Ok(respond::with_cookies(reply, spent(&call)))
}

/// The token of a link, or the code that it became.
fn read_shown(fields: &mut Fields) -> Shown {
    match fields.optional_secret("code") {
        None => Shown::Token(fields.token()),
        Some(code) => {
            if fields.optional_secret("token").is_some() {
                let why = "a token or a code, not both";
                fields.refuse("code", "magic_link.ambiguous", why);
            }
            Shown::Code(code)
        }
    }
}

fn cookie_binding(call: &Call) -> Result<Option<SecretString>, Problem> {
    let head = call.head();
    let Some(value) = call.cookies().magic.read(&head)? else {
        return Ok(None);
    };
    call.api.prove_same_site(&head, &[value])?;
    Ok(Some(SecretString::new(value)))
}

/// The binding has served.
fn spent(call: &Call) -> Option<http::HeaderValue> {
    let cookie = call.cookies().magic;
    match cookie.read(&call.head()) {
        Ok(None) => None,
        Ok(Some(_)) | Err(_) => Some(cookie.clear()),
    }
}
