use serde_json::json;

use super::Answer;
use crate::{failure::Failure, settings::Settings};

/// Brings the tables up to date. `serve` does the same; apart from it, a deployment can do it once, with a role that may.
pub(super) async fn run(settings: &Settings) -> Result<Answer, Failure> {
    // Where the secret is made beside the database, it is made before it.
    crate::secret::obtain(settings)?;
    settings.database.open(settings.row_level_security).await?;
    let database = settings.database.to_string();
    Ok(Answer {
        text: format!("{database} is up to date."),
        json: json!({ "database": database, "status": "up_to_date" }),
    })
}
