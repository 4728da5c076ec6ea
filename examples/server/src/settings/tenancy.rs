//! Settings of tenants, of roles in tokens, of API keys, of impersonation and of invitations.

use std::time::Duration;

use gatekeeper_core::config::OutdatedTokens;
use gatekeeper_http::HttpSettings;

use super::{
    readers::{lifetime, switch},
    table::Setting,
};
use crate::duration;

pub(super) const TENANT_HOSTS: Setting = Setting {
    name: "tenant_hosts",
    shape: "HOST",
    default: "none",
    help: "The host name below which each tenant has one of its own: acme.HOST is the tenant acme",
    read: |settings, value| {
        let known = HttpSettings::new().tenant_hosts(value);
        known.map_err(|_| "must be a host name in lower case with a dot in it")?;
        settings.tenant_hosts = Some(value.to_owned());
        Ok(())
    },
};

pub(super) const TENANT_PATHS: Setting = Setting {
    name: "tenant_paths",
    shape: "on|off",
    default: "off",
    help: "Whether a tenant may be named by a path too: /t/acme/v1/... is the tenant acme",
    read: |settings, value| {
        settings.tenant_paths = switch(value)?;
        Ok(())
    },
};

pub(super) const ROW_LEVEL_SECURITY: Setting = Setting {
    name: "row_level_security",
    shape: "on|off",
    default: "off",
    help: "On PostgreSQL, whether the database itself keeps tenants apart too; costs round trips",
    read: |settings, value| {
        settings.row_level_security = switch(value)?;
        Ok(())
    },
};

pub(super) const OUTDATED_TOKENS: Setting = Setting {
    name: "outdated_tokens",
    shape: "reread|refuse",
    default: "reread",
    help: "What becomes of access tokens of before a change of roles: roles are read anew, or the token is refused",
    read: |settings, value| {
        settings.config.authority.outdated_tokens = match value {
            "reread" => OutdatedTokens::Reread,
            "refuse" => OutdatedTokens::Refuse,
            _ => return Err("must be reread or refuse".to_owned()),
        };
        Ok(())
    },
};

pub(super) const API_KEYS: Setting = Setting {
    name: "api_keys",
    shape: "on|off",
    default: "on",
    help: "Whether there are API keys",
    read: |settings, value| {
        settings.config.api_keys.enabled = switch(value)?;
        Ok(())
    },
};

pub(super) const API_KEY_ENVIRONMENT: Setting = Setting {
    name: "api_key_environment",
    shape: "WORD",
    default: "live",
    help: "The word in an API key that says where it belongs, 1 to 16 of a-z and 0-9; keys of another are refused",
    read: |settings, value| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=16).contains(&value.len()) || !value.bytes().all(plain) {
            return Err("must be 1 to 16 of a-z and 0-9".to_owned());
        }
        value.clone_into(&mut settings.config.api_keys.environment);
        Ok(())
    },
};

pub(super) const API_KEY_LIFETIME: Setting = Setting {
    name: "api_key_lifetime",
    shape: "DURATION|forever",
    default: "366d",
    help: "How long an API key may live",
    read: |settings, value| {
        settings.config.api_keys.max_lifetime = match value {
            "forever" => None,
            value => Some(lifetime(value, 60, "1m", 36_600, "36600d")?),
        };
        Ok(())
    },
};

pub(super) const IMPERSONATION: Setting = Setting {
    name: "impersonation",
    shape: "on|off",
    default: "on",
    help: "Whether administrators with users:impersonate may act as users",
    read: |settings, value| {
        settings.config.impersonation.enabled = switch(value)?;
        Ok(())
    },
};

pub(super) const IMPERSONATION_LIFETIME: Setting = Setting {
    name: "impersonation_lifetime",
    shape: "DURATION",
    default: "30m",
    help: "For how long",
    read: |settings, value| {
        let lifetime = duration::parse(value).filter(|lifetime| {
            (Duration::from_mins(1)..=Duration::from_hours(12)).contains(lifetime)
        });
        settings.config.impersonation.lifetime =
            lifetime.ok_or("must be a whole number with s, m, h or d behind it, from 1m to 12h")?;
        Ok(())
    },
};

pub(super) const IMPERSONATION_NOTICE: Setting = Setting {
    name: "impersonation_notice",
    shape: "on|off",
    default: "off",
    help: "Whether the user is mailed when it begins",
    read: |settings, value| {
        settings.config.impersonation.notify = switch(value)?;
        Ok(())
    },
};

pub(super) const INVITATION_LIFETIME: Setting = Setting {
    name: "invitation_lifetime",
    shape: "DURATION",
    default: "7d",
    help: "How long an invitation is good for, where whoever invites says nothing",
    read: |settings, value| {
        settings.config.invitations.lifetime = lifetime(value, 60, "1m", 30, "30d")?;
        Ok(())
    },
};
