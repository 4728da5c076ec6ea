use std::path::Path;

use gatekeeper_core::{FirebaseProject, model::SecretString};

use crate::failure::Failure;

/// The parameters as Firebase's console shows them:
///
/// ```text
/// hash_config {
///   algorithm: SCRYPT,
///   base64_signer_key: jxs...,
///   base64_salt_separator: Bw==,
///   rounds: 8,
///   mem_cost: 14,
/// }
/// ```
pub(super) fn read(path: &Path) -> Result<FirebaseProject, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::because("the file of --firebase-parameters cannot be read", &error)
    })?;
    parse(&text).ok_or_else(|| {
        let names = "base64_signer_key, base64_salt_separator, rounds and mem_cost";
        Failure::Usage(format!(
            "--firebase-parameters: must have lines with {names}"
        ))
    })
}

fn parse(text: &str) -> Option<FirebaseProject> {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found.trim() == name).then(|| value.trim().trim_end_matches(',').trim_matches('"'))
        })
    };
    Some(FirebaseProject {
        signer_key: SecretString::new(value("base64_signer_key")?),
        salt_separator: value("base64_salt_separator")?.to_owned(),
        rounds: value("rounds")?.parse().ok()?,
        mem_cost: value("mem_cost")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_project_are_read_as_the_console_shows_them() {
        let text = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: abc==,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}\n";
        let project = parse(text).unwrap();
        assert_eq!(project.signer_key.expose(), "abc==");
        assert_eq!(project.salt_separator, "Bw==");
        assert_eq!((project.rounds, project.mem_cost), (8, 14));
        assert!(parse("rounds: 8").is_none());
    }
}
