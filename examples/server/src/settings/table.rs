use gatekeeper_core::{
    config::{BreachFailure, EmailVerification, PublicUrl},
    crypto::SecretKey,
    model::{MfaRequirement, WhenFull},
};
use gatekeeper_mail::Sender;
use gatekeeper_redis::RedisSettings;

use super::{
    Adapter, LogFormat, Settings,
    readers::{lifetime, printable, switch, templates},
    tenancy,
};
use crate::{
    carriers::{MailTo, SmsTo},
    database::Database,
    logging,
};

/// One setting: `--some-name`, `GATEKEEPER_SOME_NAME` and `some_name` in the file.
pub(crate) struct Setting {
    /// The name in the file.
    pub(crate) name: &'static str,
    /// What a value looks like.
    pub(crate) shape: &'static str,
    /// The default, for people.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
    /// Reads a value; an error says what is wrong with it without saying the value.
    pub(super) read: fn(&mut Settings, &str) -> Result<(), String>,
}

impl Setting {
    /// `some-name`.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `GATEKEEPER_SOME_NAME`.
    pub(crate) fn environment(&self) -> String {
        environment_name(self.name)
    }
}

pub(super) fn environment_name(name: &str) -> String {
    format!("GATEKEEPER_{}", name.to_ascii_uppercase())
}

/// Every setting there is.
pub(crate) const TABLE: &[Setting] = &[
    Setting {
        name: "bind",
        shape: "ADDRESS:PORT",
        default: "127.0.0.1:8080",
        help: "Where to listen; port 0 takes a free one",
        read: |settings, value| {
            settings.bind = value.parse().map_err(
                |_| "must be an IP address with a port, such as 127.0.0.1:8080 or [::]:8080",
            )?;
            Ok(())
        },
    },
    Setting {
        name: "adapter",
        shape: "axum|actix",
        default: "axum",
        help: "The web framework that serves; the API is the same",
        read: |settings, value| {
            settings.adapter = match value {
                "actix" => Adapter::Actix,
                "axum" => Adapter::Axum,
                _ => return Err("must be axum or actix".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "database_url",
        shape: "URL",
        default: "sqlite://gatekeeper.db",
        help: "sqlite://PATH, made where it does not exist; postgres://USER:PASSWORD@HOST/DATABASE; sqlite::memory: for trying out",
        read: |settings, value| {
            settings.database = Database::parse(value)?;
            Ok(())
        },
    },
    Setting {
        name: "public_url",
        shape: "URL",
        default: "http:// and the address it listens on",
        help: "Where people reach the service; links in mails are built from it alone",
        read: |settings, value| {
            let url = PublicUrl::parse(value).map_err(|error| error.reason)?;
            settings.public_url = Some(url.as_str().to_owned());
            Ok(())
        },
    },
    Setting {
        name: "secret",
        shape: "KEY",
        default: "with SQLite made on the first start and kept in gatekeeper.secret beside the database; needed with PostgreSQL",
        help: "32 or more random bytes in base64 or hexadecimal, from which all keys are derived. Other users of the machine can see flags: give it in the environment",
        read: |settings, value| {
            settings.secret = Some(SecretKey::parse(value).map_err(|error| error.to_string())?);
            Ok(())
        },
    },
    Setting {
        name: "mail",
        shape: "console|dir:PATH|smtp://...|smtps://...|sendgrid:",
        default: "console",
        help: "Where mails go: printed, for development only; one .eml file each in a directory; a mail server, smtps://USER:PASSWORD@HOST:PORT or, by STARTTLS, smtp://USER:PASSWORD@HOST:PORT, both percent-encoded, ?tls=none for one without TLS and password; or SendGrid, sendgrid:eu in its region EU. With a password, give it in the environment",
        read: |settings, value| {
            settings.mail = MailTo::parse(value)?;
            Ok(())
        },
    },
    Setting {
        name: "mail_from",
        shape: "SENDER",
        default: "the product's name, no-reply@ and the host of the public URL",
        help: "Whom mails are from: an address, or `Name <address>`",
        read: |settings, value| {
            settings.mail_from = Some(Sender::parse(value).map_err(|error| error.to_string())?);
            Ok(())
        },
    },
    Setting {
        name: "sendgrid_api_key",
        shape: "KEY",
        default: "none; needed with sendgrid:",
        help: "The key for GATEKEEPER_MAIL=sendgrid:; it needs the permission Mail Send alone. Give it in the environment",
        read: |settings, value| {
            settings.sendgrid_api_key = Some(printable(value)?.into());
            Ok(())
        },
    },
    Setting {
        name: "sms",
        shape: "none|console|twilio:",
        default: "none",
        help: "Where text messages go, which make telephone numbers a second factor: printed, for development only; or Twilio",
        read: |settings, value| {
            settings.sms = SmsTo::parse(value)?;
            Ok(())
        },
    },
    Setting {
        name: "twilio_account_sid",
        shape: "SID",
        default: "none; needed with twilio:",
        help: "The account for GATEKEEPER_SMS=twilio:, AC and 32 hexadecimal digits",
        read: |settings, value| {
            settings.twilio.sid = Some(printable(value)?.to_owned());
            Ok(())
        },
    },
    Setting {
        name: "twilio_auth_token",
        shape: "TOKEN",
        default: "none; needed with twilio:",
        help: "The account's token. Give it in the environment",
        read: |settings, value| {
            settings.twilio.token = Some(printable(value)?.into());
            Ok(())
        },
    },
    Setting {
        name: "twilio_from",
        shape: "SENDER",
        default: "none; needed with twilio:",
        help: "Whom text messages are from: a number such as +15005550006, a short code, a name, or the SID of a messaging service",
        read: |settings, value| {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b' ');
            if !value.bytes().all(sound) {
                return Err("must be a number, a name or a SID".to_owned());
            }
            settings.twilio.from = Some(value.to_owned());
            Ok(())
        },
    },
    Setting {
        name: "tls_roots",
        shape: "PATH",
        default: "none",
        help: "A file of certificates in PEM that are trusted beside the bundled ones, by mail and by HTTP: an authority of your own",
        read: |settings, value| {
            if !std::path::Path::new(value).is_file() {
                return Err("must be a file that can be read".to_owned());
            }
            settings.tls_roots = Some(value.into());
            Ok(())
        },
    },
    Setting {
        name: "email_verification",
        shape: "required|optional",
        default: "required",
        help: "Whether an address must be verified before its account can be used",
        read: |settings, value| {
            settings.config.email.verification = match value {
                "optional" => EmailVerification::Optional,
                "required" => EmailVerification::Required,
                _ => return Err("must be required or optional".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "mail_templates",
        shape: "DIR",
        default: "the bundled ones, in English and German",
        help: "A directory with templates of mails that replace bundled ones or add languages: base.html and one folder a language",
        read: |settings, value| {
            settings.mail_templates = Some(templates(value)?);
            Ok(())
        },
    },
    Setting {
        name: "magic_links",
        shape: "on|off",
        default: "on",
        help: "Whether users may sign in with a link from a mail; off for ASVS 6.3.6 (level 3)",
        read: |settings, value| {
            settings.config.magic_links.enabled = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "trusted_proxies",
        shape: "NETWORKS",
        default: "none",
        help: "Networks, separated by commas, whose X-Forwarded-For is believed: 10.0.0.0/8,fd00::/8",
        read: |settings, value| {
            settings.trusted_proxies = value
                .split(',')
                .map(|network| network.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(|_| "must be networks such as 10.0.0.0/8, separated by commas")?;
            Ok(())
        },
    },
    Setting {
        name: "redis_url",
        shape: "URL",
        default: "none",
        help: "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS; several with commas, or redis+cluster://, for a cluster. Servers then count guesses and requests together and hear of revocations at once; without it each counts requests for itself",
        read: |settings, value| {
            settings.redis = Some(RedisSettings::new(value).map_err(|error| error.to_string())?);
            Ok(())
        },
    },
    Setting {
        name: "redis_prefix",
        shape: "PREFIX",
        default: "gatekeeper",
        help: "What the names of keys and channels in Redis begin with; two installations on one Redis need two",
        read: |settings, value| {
            // Whether it is sound does not depend on the server, which may be read after it.
            let any = RedisSettings::new("redis://localhost").and_then(|any| any.prefix(value));
            any.map_err(|error| error.to_string())?;
            value.clone_into(&mut settings.redis_prefix);
            Ok(())
        },
    },
    Setting {
        name: "redis_strict",
        shape: "on|off",
        default: "off",
        help: "Whether Redis is asked with every authenticated request, so that a revocation holds everywhere at once; costs a round trip each time",
        read: |settings, value| {
            settings.redis_strict = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "rate_limits",
        shape: "on|off",
        default: "on",
        help: "Whether requests are limited by address and by account; off only where something in front of the server does it",
        read: |settings, value| {
            settings.config.rate_limits.enabled = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "lockout",
        shape: "on|off",
        default: "on",
        help: "Whether wrong guesses lock an account for a while; off leaves passwords and codes to be guessed at",
        read: |settings, value| {
            settings.config.lockout.enabled = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "access_token_lifetime",
        shape: "DURATION",
        default: "15m",
        help: "How long an access token is good for",
        read: |settings, value| {
            settings.config.access_tokens.lifetime = lifetime(value, 1, "1s", 1, "24h")?;
            Ok(())
        },
    },
    Setting {
        name: "session_idle_lifetime",
        shape: "DURATION",
        default: "7d",
        help: "A session that is not refreshed for this long is over",
        read: |settings, value| {
            settings.config.sessions.idle_lifetime = lifetime(value, 60, "1m", 366, "366d")?;
            Ok(())
        },
    },
    Setting {
        name: "session_lifetime",
        shape: "DURATION",
        default: "30d",
        help: "A session is over after this long in any case",
        read: |settings, value| {
            settings.config.sessions.absolute_lifetime = lifetime(value, 60, "1m", 366, "366d")?;
            Ok(())
        },
    },
    Setting {
        name: "session_limit",
        shape: "NUMBER",
        default: "none",
        help: "How many sessions a user may have at once",
        read: |settings, value| {
            settings.session_limit = Some(
                value
                    .parse()
                    .ok()
                    .filter(|max| (1..=1000).contains(max))
                    .ok_or("must be a number from 1 to 1000")?,
            );
            Ok(())
        },
    },
    Setting {
        name: "session_limit_policy",
        shape: "end_oldest|reject",
        default: "end_oldest",
        help: "What a sign-in does that would be one session too many; with session_limit",
        read: |settings, value| {
            settings.session_limit_policy = match value {
                "end_oldest" => WhenFull::EndOldest,
                "reject" => WhenFull::Reject,
                _ => return Err("must be end_oldest or reject".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "mfa",
        shape: "optional|required",
        default: "optional",
        help: "Whether every user must have a second factor; who has none sets one up at the next sign-in",
        read: |settings, value| {
            settings.config.mfa.requirement = match value {
                "optional" => MfaRequirement::Optional,
                "required" => MfaRequirement::Required,
                _ => return Err("must be optional or required".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "mfa_email_codes",
        shape: "on|off",
        default: "off",
        help: "Whether a code by e-mail is offered as a second factor to users who have no other; weaker than the others",
        read: |settings, value| {
            settings.config.mfa.email_codes = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "device_trust",
        shape: "DURATION",
        default: "30d",
        help: "For how long a device is spared the second factor where its user asks for it; 0s for never",
        read: |settings, value| {
            settings.config.devices.trust_lifetime = lifetime(value, 0, "0s", 365, "365d")?;
            Ok(())
        },
    },
    Setting {
        name: "new_device_notice",
        shape: "on|off",
        default: "on",
        help: "Whether a sign-in on a device that was not known mails a notice",
        read: |settings, value| {
            settings.config.devices.new_device_notice = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "retention_sessions",
        shape: "DURATION",
        default: "30d",
        help: "How long a session is kept after its end",
        read: |settings, value| {
            settings.config.retention.sessions = lifetime(value, 0, "0s", 3_660, "3660d")?;
            Ok(())
        },
    },
    Setting {
        name: "retention_mails",
        shape: "DURATION",
        default: "7d",
        help: "How long it is kept that a mail was delivered; its content is gone by then",
        read: |settings, value| {
            settings.config.retention.delivered_mails = lifetime(value, 0, "0s", 3_660, "3660d")?;
            Ok(())
        },
    },
    Setting {
        name: "retention_audit",
        shape: "DURATION|forever",
        default: "730d",
        help: "How long the audit trail is kept",
        read: |settings, value| {
            settings.config.retention.audit = match value {
                "forever" => None,
                value => Some(lifetime(value, 24 * 60 * 60, "1d", 36_600, "36600d")?),
            };
            Ok(())
        },
    },
    tenancy::TENANT_HOSTS,
    tenancy::TENANT_PATHS,
    tenancy::ROW_LEVEL_SECURITY,
    tenancy::OUTDATED_TOKENS,
    tenancy::API_KEYS,
    tenancy::API_KEY_ENVIRONMENT,
    tenancy::API_KEY_LIFETIME,
    tenancy::IMPERSONATION,
    tenancy::IMPERSONATION_LIFETIME,
    tenancy::IMPERSONATION_NOTICE,
    tenancy::INVITATION_LIFETIME,
    Setting {
        name: "password_min_length",
        shape: "NUMBER",
        default: "15",
        help: "How many characters a password has at least; less than 15 only where GATEKEEPER_MFA is required",
        read: |settings, value| {
            settings.config.password_policy.min_length = value
                .parse()
                .ok()
                .filter(|length| (8..=64).contains(length))
                .ok_or("must be a number from 8 to 64")?;
            Ok(())
        },
    },
    Setting {
        name: "password_min_score",
        shape: "NUMBER",
        default: "none",
        help: "The least strength of a password by zxcvbn's estimate, 0 to 4",
        read: |settings, value| {
            let score = value.parse().ok().filter(|score| *score <= 4);
            settings.config.password_policy.min_score =
                Some(score.ok_or("must be a number from 0 to 4")?);
            Ok(())
        },
    },
    Setting {
        name: "password_history",
        shape: "NUMBER",
        default: "5",
        help: "How many of a user's passwords cannot be chosen again, the present one counted; 0 to 24",
        read: |settings, value| {
            settings.config.password_history.remembered = value
                .parse()
                .ok()
                .filter(|remembered| *remembered <= 24)
                .ok_or("must be a number from 0 to 24")?;
            Ok(())
        },
    },
    Setting {
        name: "breach_check",
        shape: "off|URL",
        default: "off",
        help: "Where new passwords are looked up among those known from breaches, by five digits of their SHA-1 hash: https://api.pwnedpasswords.com, or a server of your own that speaks the same",
        read: |settings, value| {
            settings.config.breach.range_url = match value {
                "off" => None,
                url => {
                    let url = PublicUrl::parse(url).map_err(|error| error.reason)?;
                    if !url.is_secure() && !url.is_localhost() {
                        return Err("must be https, or http on this machine".to_owned());
                    }
                    Some(url.as_str().to_owned())
                }
            };
            Ok(())
        },
    },
    Setting {
        name: "breach_check_failure",
        shape: "open|closed",
        default: "open",
        help: "What becomes of a new password where there is no answer: open accepts it by the other rules and says so in the log and the audit trail, closed answers 503",
        read: |settings, value| {
            settings.config.breach.on_failure = match value {
                "open" => BreachFailure::Accept,
                "closed" => BreachFailure::Refuse,
                _ => return Err("must be open or closed".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "breach_check_at_sign_in",
        shape: "on|off",
        default: "off",
        help: "Whether passwords are looked up at sign-in as well; one that became known can then only be reset. With breach_check",
        read: |settings, value| {
            settings.config.breach.at_sign_in = switch(value)?;
            Ok(())
        },
    },
    Setting {
        name: "product_name",
        shape: "NAME",
        default: "Gatekeeper",
        help: "What mails call the product",
        read: |settings, value| {
            if value.chars().count() > 64 || value.chars().any(char::is_control) {
                return Err("must be 1 to 64 printable characters".to_owned());
            }
            value.clone_into(&mut settings.config.product_name);
            Ok(())
        },
    },
    Setting {
        name: "log",
        shape: "FILTER",
        default: "info; for commands other than serve, warn",
        help: "What is logged, to standard error: error, warn, info, debug, trace or off, also by module: info,gatekeeper_core=debug",
        read: |settings, value| {
            logging::filter(value).ok_or(
                "must be a level, or levels by module, such as info,gatekeeper_core=debug",
            )?;
            value.clone_into(&mut settings.log);
            Ok(())
        },
    },
    Setting {
        name: "log_format",
        shape: "text|json",
        default: "text",
        help: "How the log is written",
        read: |settings, value| {
            settings.log_format = match value {
                "json" => LogFormat::Json,
                "text" => LogFormat::Text,
                _ => return Err("must be text or json".to_owned()),
            };
            Ok(())
        },
    },
];
