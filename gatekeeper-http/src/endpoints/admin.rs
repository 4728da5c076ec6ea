//! /v1/admin/...

use gatekeeper_core::{AccountError, Error};

use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

pub(crate) async fn unlock(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    // What is no id names no account.
    let user = call
        .capture()
        .parse()
        .map_err(|_| Error::from(AccountError::NotFound))?;
    call.gatekeeper()
        .administration()
        .unlock(&call.context, user)
        .await?;
    Ok(respond::no_content())
}
