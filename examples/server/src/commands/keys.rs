use gatekeeper_core::KeyRotation;
use serde_json::json;

use super::{Answer, begin};
use crate::{cli::keys::Task, failure::Failure, settings::Settings};

pub(super) async fn run(settings: &Settings, task: &Task) -> Result<Answer, Failure> {
    match task {
        Task::Rotate { compromised } => rotate(settings, *compromised).await,
    }
}

async fn rotate(settings: &Settings, compromised: bool) -> Result<Answer, Failure> {
    let (gatekeeper, cx) = begin(settings, None).await?;
    let (rotation, consequence) = if compromised {
        (
            KeyRotation::Compromised,
            "Access tokens of the old keys are refused; running servers follow within a minute, clients refresh.",
        )
    } else {
        (
            KeyRotation::Planned,
            "Running servers publish it within a minute and sign with it once everybody has had time to fetch it.",
        )
    };
    let kid = gatekeeper
        .administration()
        .rotate_keys(&cx, rotation)
        .await?;
    Ok(Answer {
        text: format!("Made the signing key {kid}. {consequence}"),
        json: json!({ "kid": kid, "compromised": compromised }),
    })
}
