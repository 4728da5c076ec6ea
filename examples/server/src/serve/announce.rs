use std::fmt::Write as _;

use gatekeeper_core::config::{EmailVerification, PublicUrl};
use serde_json::{Value, json};

use crate::{carriers::MailTo, commands::Answer, secret::Origin, settings::Settings};

/// What is said when the server is ready.
pub(super) struct Announcement<'a> {
    pub(super) settings: &'a Settings,
    /// Where it is reached from this machine.
    pub(super) local_url: &'a str,
    pub(super) public_url: &'a PublicUrl,
    pub(super) secret: &'a Origin,
}

impl Announcement<'_> {
    pub(super) fn print(&self, json: bool) {
        let answer = Answer {
            text: self.text(),
            json: self.json(),
        };
        answer.print(json);
        self.warn();
    }

    fn text(&self) -> String {
        let Self {
            settings,
            local_url,
            ..
        } = self;
        let mut text = format!(
            "Gatekeeper {} listens on {local_url} ({}, {}).\n",
            env!("CARGO_PKG_VERSION"),
            settings.adapter.as_str(),
            settings.database
        );
        // Writing to a string does not fail.
        let _ = match &settings.redis {
            Some(redis) => writeln!(
                text,
                "Servers count together and hear of revocations through {redis}."
            ),
            None => Ok(()),
        };
        let _ = match self.secret {
            Origin::Given | Origin::Kept => Ok(()),
            Origin::Made(path) => writeln!(
                text,
                "Made a secret and kept it in {}. Keep it with the database: without it nobody stays signed in.",
                path.display()
            ),
            Origin::Passing => writeln!(
                text,
                "Everything is in memory, under a secret of this process: all is gone when it ends."
            ),
        };
        let _ = match &settings.mail {
            MailTo::Console => writeln!(
                text,
                "Mails are printed here, links and all: for development only (GATEKEEPER_MAIL)."
            ),
            MailTo::Directory(path) => writeln!(text, "Mails are written to {}.", path.display()),
            MailTo::Smtp(server) => writeln!(text, "Mails are sent by {server}."),
            MailTo::SendGrid(_) => writeln!(text, "Mails are sent by SendGrid."),
        };
        if matches!(self.secret, Origin::Made(_) | Origin::Passing) {
            text.push_str(&self.next_steps());
        }
        text
    }

    /// What to try first, on a database with nobody in it.
    fn next_steps(&self) -> String {
        let url = self.local_url;
        let mut password = "seven quiet herons at dawn".to_owned();
        while password.chars().count() < self.settings.config.password_policy.min_length {
            password.push_str(", and one at dusk");
        }
        let mut text = format!(
            "\nTry it:\n\n  curl -i {url}/v1/auth/register -H 'content-type: application/json' \
             -d '{{\"email\":\"ann@example.org\",\"password\":\"{password}\"}}'\n"
        );
        match self.settings.config.email.verification {
            EmailVerification::Optional => {}
            EmailVerification::Required => {
                let _ = write!(
                    text,
                    "\nThe mail it sends ends in a link with #token=...; redeem it:\n\n  \
                     curl -i {url}/v1/auth/email/verify -H 'content-type: application/json' -d '{{\"token\":\"...\"}}'\n"
                );
            }
        }
        let _ = write!(text, "\nThe whole API: {url}/openapi.json\n");
        text
    }

    fn json(&self) -> Value {
        json!({
            "status": "listening",
            "version": env!("CARGO_PKG_VERSION"),
            "url": self.local_url,
            "public_url": self.public_url.as_str(),
            "adapter": self.settings.adapter.as_str(),
            "database": self.settings.database.to_string(),
            "redis": self.settings.redis.as_ref().map(ToString::to_string),
            "made_secret": match self.secret {
                Origin::Made(path) => Some(path.display().to_string()),
                Origin::Given | Origin::Kept | Origin::Passing => None,
            },
        })
    }

    fn warn(&self) {
        if !self.public_url.is_secure() && !self.public_url.is_localhost() {
            tracing::warn!(
                "the public URL is not https: passwords and tokens cross the network in the clear, and browsers keep no cookie"
            );
        }
        if self.settings.public_url.is_none() && !self.settings.bind.ip().is_loopback() {
            tracing::warn!(
                "GATEKEEPER_PUBLIC_URL is not set: links in mails lead to {}",
                self.public_url
            );
        }
        let config = &self.settings.config;
        if !config.rate_limits.enabled {
            tracing::warn!(
                "GATEKEEPER_RATE_LIMITS is off: nothing here holds back who asks too often"
            );
        }
        if !config.lockout.enabled {
            tracing::warn!(
                "GATEKEEPER_LOCKOUT is off: nothing here holds back who guesses passwords and codes"
            );
        }
    }
}
