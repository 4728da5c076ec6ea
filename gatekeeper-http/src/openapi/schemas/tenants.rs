//! Tenants.

use serde_json::{Map, Value, json};

use super::{list_of, object, reference};
use crate::openapi::SLUG;

pub(super) fn all() -> Value {
    let slug = json!({"type": "string", "pattern": SLUG, "examples": ["acme"]});
    let name =
        json!({"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Acme, Inc."]});
    let time = json!({"type": "string", "format": "date-time"});
    let maybe_time = json!({"type": ["string", "null"], "format": "date-time"});
    let settings = settings();
    let names: Vec<&str> = settings
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    let branding = branding();
    let parts = ["color", "logo_url", "name"];
    let mut changes = settings.clone();
    if let Some(members) = changes.as_object_mut() {
        let part = json!({"anyOf": [object(branding.clone(), &parts), {"type": "null"}]});
        members.insert("branding".to_owned(), part);
    }
    let email = json!({"type": ["string", "null"], "format": "email", "maxLength": 254, "description": "Who is invited to be its first administrator.", "examples": ["ada@example.com"]});
    json!({
        "Branding": object(branding, &[]),
        "NewTenant": object(
            json!({
                "slug": slug,
                "name": name,
                "settings": reference("TenantSettingsChanges"),
                "admin_email": email,
            }),
            &["settings", "admin_email"],
        ),
        "SessionLimit": object(
            json!({
                "max": {"type": "integer", "minimum": 1, "examples": [5]},
                "when_full": {"enum": ["end_oldest", "reject"], "default": "end_oldest"},
            }),
            &["when_full"],
        ),
        "Tenant": object(
            json!({
                "id": {"type": "string", "format": "uuid"},
                "slug": slug,
                "name": name,
                "suspended_at": maybe_time,
                "created_at": time,
                "updated_at": time,
                "settings": reference("TenantSettings"),
            }),
            &[],
        ),
        "TenantChanges": object(
            json!({
                "name": name,
                "settings": reference("TenantSettingsChanges"),
                "suspended": {"type": "boolean", "description": "Nobody in it can sign in, and every session ends."},
            }),
            &["name", "settings", "suspended"],
        ),
        "TenantDeletion": object(
            json!({"slug": {"type": "string", "description": "The slug of the tenant once more.", "examples": ["acme"]}}),
            &[],
        ),
        "TenantList": list_of("Tenant"),
        "TenantSettings": object(settings.clone(), &[]),
        "TenantSettingsChanges": object(changes, &names),
    })
}

fn settings() -> Value {
    json!({
        "branding": reference("Branding"),
        "email_domains": {
            "type": ["array", "null"],
            "items": {"type": "string", "examples": ["acme.example"]},
            "description": "Of which domains the addresses of users may be; null: of any.",
        },
        "mfa": {
            "enum": ["optional", "required", null],
            "description": "Whether users must have a second factor. Never less than the service asks for.",
        },
        "open_registration": {
            "type": ["boolean", "null"],
            "description": "Whether anybody may sign up; null: they may.",
        },
        "password_min_length": {
            "type": ["integer", "null"],
            "minimum": 8,
            "description": "The fewest characters of a password. Never fewer than the service asks for.",
        },
        "session_limit": {"anyOf": [reference("SessionLimit"), {"type": "null"}]},
        "sign_in_methods": {
            "type": ["array", "null"],
            "items": {"enum": ["federated", "magic_link", "password"]},
            "description": "By what users may sign in, of what the service offers; null: by all of it.",
        },
    })
}

fn branding() -> Value {
    json!({
        "color": {"type": ["string", "null"], "examples": ["#0b7285"], "description": "Of buttons in mails."},
        "logo_url": {"type": ["string", "null"], "maxLength": 512, "examples": ["https://acme.example/logo.png"]},
        "name": {"type": ["string", "null"], "maxLength": 64, "examples": ["Acme"]},
    })
}
