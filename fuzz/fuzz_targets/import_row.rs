//! A row of an import, read by the rules of each source. Nothing panics; what is read has an address.
#![no_main]

use gatekeeper_core::{FirebaseProject, ImportSource, model::SecretString};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let Ok(row) = serde_json::from_slice::<Map<String, Value>>(bytes) else {
        return;
    };
    let project = FirebaseProject {
        signer_key: SecretString::new("AAAA"),
        salt_separator: "Bw==".to_owned(),
        rounds: 8,
        mem_cost: 14,
    };
    for source in [
        ImportSource::Auth0,
        ImportSource::Devise,
        ImportSource::Django,
        ImportSource::Firebase(project),
        ImportSource::Gatekeeper,
        ImportSource::Keycloak,
        ImportSource::Supabase,
        ImportSource::WordPress,
    ] {
        if let Ok(user) = source.read(&row) {
            assert!(!user.email.is_empty());
        }
    }
});
