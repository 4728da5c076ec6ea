//! Settings: flags, then the environment, then a file, then defaults. One [`TABLE`] says what there is; reading, `--help`
//! and the check of the README go by it.

mod readers;
mod sources;
mod table;
mod tenancy;

use std::{fmt, net::SocketAddr, path::PathBuf};

use gatekeeper_core::{
    Config,
    crypto::SecretKey,
    mail::MailTemplates,
    model::{MfaRequirement, SecretString, SessionLimit, WhenFull},
};
use gatekeeper_http::IpNet;
use gatekeeper_mail::Sender;
use gatekeeper_redis::RedisSettings;

use crate::{
    carriers::{self, MailTo, SmsTo, TwilioAccount},
    cli::Invocation,
    database::Database,
    failure::Failure,
};
pub(crate) use sources::Given;
pub(crate) use table::{Setting, TABLE};

/// Every setting, read and checked.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting that is on or off"
)]
pub(crate) struct Settings {
    pub(crate) adapter: Adapter,
    pub(crate) bind: SocketAddr,
    pub(crate) database: Database,
    /// Whether answers are in JSON: then nothing else is written beside them.
    pub(crate) json: bool,
    pub(crate) log: String,
    /// Whether somebody chose what is logged.
    pub(crate) log_chosen: bool,
    pub(crate) log_format: LogFormat,
    pub(crate) mail: MailTo,
    pub(crate) mail_from: Option<Sender>,
    pub(crate) mail_templates: Option<MailTemplates>,
    pub(crate) sendgrid_api_key: Option<SecretString>,
    pub(crate) sms: SmsTo,
    pub(crate) twilio: TwilioAccount,
    pub(crate) tls_roots: Option<PathBuf>,
    pub(crate) public_url: Option<String>,
    pub(crate) redis: Option<RedisSettings>,
    pub(crate) redis_prefix: String,
    pub(crate) redis_strict: bool,
    pub(crate) secret: Option<SecretKey>,
    /// The two halves of [`SessionLimit`], which is put together when both are read.
    pub(crate) session_limit: Option<u32>,
    pub(crate) session_limit_policy: WhenFull,
    /// Whether PostgreSQL itself keeps tenants apart too.
    pub(crate) row_level_security: bool,
    pub(crate) tenant_hosts: Option<String>,
    pub(crate) tenant_paths: bool,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// What the library itself is told.
    pub(crate) config: Config,
}

impl Default for Settings {
    fn default() -> Self {
        let (mail, sms) = (MailTo::Console, SmsTo::Nowhere);
        let mut config = Config::default();
        carriers::fit_lease(&mut config, &mail, &sms);
        Self {
            adapter: Adapter::Axum,
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: Database::default(),
            json: false,
            log: "info".to_owned(),
            log_chosen: false,
            log_format: LogFormat::Text,
            mail,
            mail_from: None,
            mail_templates: None,
            sendgrid_api_key: None,
            sms,
            twilio: TwilioAccount::default(),
            tls_roots: None,
            public_url: None,
            redis: None,
            redis_prefix: "gatekeeper".to_owned(),
            redis_strict: false,
            secret: None,
            session_limit: None,
            session_limit_policy: WhenFull::EndOldest,
            row_level_security: false,
            tenant_hosts: None,
            tenant_paths: false,
            trusted_proxies: Vec::new(),
            config,
        }
    }
}

/// Which web framework serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Actix,
    Axum,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

impl Adapter {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Actix => "actix",
            Self::Axum => "axum",
        }
    }
}

/// A setting that is wrong. Its value is never part of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongSetting {
    /// The setting, as whoever set it wrote it.
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl From<WrongSetting> for Failure {
    fn from(wrong: WrongSetting) -> Self {
        Self::Usage(wrong.to_string())
    }
}

impl Settings {
    /// The settings that this process was started with.
    pub(crate) fn load(invocation: &Invocation) -> Result<Self, WrongSetting> {
        let file = sources::file(invocation.config.as_deref())?;
        let environment = sources::environment(std::env::vars_os())?;
        let given = sources::combine(&invocation.flags, &environment, &file);
        let mut settings = Self::read(&given)?;
        settings.json = invocation.json;
        settings.log_chosen = given.iter().any(|one| one.setting.name == "log");
        Ok(settings)
    }

    fn read(given: &[Given]) -> Result<Self, WrongSetting> {
        let mut settings = Self::default();
        for one in given {
            let read = if one.value.is_empty() {
                Err("must not be empty".to_owned())
            } else {
                (one.setting.read)(&mut settings, &one.value)
            };
            read.map_err(|reason| WrongSetting {
                name: one.name.clone(),
                reason,
            })?;
        }
        settings.check(given)?;
        carriers::fit_lease(&mut settings.config, &settings.mail, &settings.sms);
        settings.config.sessions.limit = settings.session_limit.map(|max| SessionLimit {
            max,
            when_full: settings.session_limit_policy,
        });
        Ok(settings)
    }

    /// What is wrong only together.
    fn check(&self, given: &[Given]) -> Result<(), WrongSetting> {
        let wrong = |setting: &str, reason: &str| {
            let name = given
                .iter()
                .find(|one| one.setting.name == setting)
                .map_or_else(|| table::environment_name(setting), |one| one.name.clone());
            Err(WrongSetting {
                name,
                reason: reason.to_owned(),
            })
        };
        let sessions = &self.config.sessions;
        if sessions.idle_lifetime > sessions.absolute_lifetime {
            let reason = "must not be longer than GATEKEEPER_SESSION_LIFETIME";
            return wrong("session_idle_lifetime", reason);
        }
        let least = self.config.password_policy.min_length;
        if least < 15 && self.config.mfa.requirement != MfaRequirement::Required {
            let reason = "less than 15 needs GATEKEEPER_MFA to be required: a password that is the only factor has at least \
                          15 characters";
            return wrong("password_min_length", reason);
        }
        if matches!(self.database, Database::Postgres(_)) && self.secret.is_none() {
            let reason = "must be given with PostgreSQL, since every server needs the same; \
                          `head -c 32 /dev/urandom | base64` makes one";
            return wrong("secret", reason);
        }
        if matches!(self.mail, MailTo::SendGrid(_)) && self.sendgrid_api_key.is_none() {
            return wrong(
                "sendgrid_api_key",
                "must be given with GATEKEEPER_MAIL=sendgrid:",
            );
        }
        if matches!(self.sms, SmsTo::Twilio(_)) {
            let account = &self.twilio;
            for (setting, is_given) in [
                ("twilio_account_sid", account.sid.is_some()),
                ("twilio_auth_token", account.token.is_some()),
                ("twilio_from", account.from.is_some()),
            ] {
                if !is_given {
                    return wrong(setting, "must be given with GATEKEEPER_SMS=twilio:");
                }
            }
        }
        let says_prefix = given.iter().any(|one| one.setting.name == "redis_prefix");
        if self.redis.is_none() && says_prefix {
            return wrong("redis_prefix", "needs GATEKEEPER_REDIS_URL");
        }
        if self.redis.is_none() && self.redis_strict {
            return wrong("redis_strict", "needs GATEKEEPER_REDIS_URL");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
