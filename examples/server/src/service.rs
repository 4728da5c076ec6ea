//! Puts the library together from the settings.

use std::sync::Arc;

use gatekeeper_core::{
    Gatekeeper, GatekeeperBuilder, RequestContext,
    crypto::{SecretKey, SecretKeys},
    model::{TenantId, TenantSlug},
    store::Repository,
};
use gatekeeper_mail::{ConsoleMailer, DirectoryMailer, Sender};
use gatekeeper_redis::{
    RedisBlacklist, RedisClient, RedisLockout, RedisRateLimiter, RedisSettings, RedisSetupError,
};

use crate::{
    failure::Failure,
    secret::{self, Origin},
    settings::{MailTo, Settings},
};

/// The library, and what of its beginnings people are told.
pub(crate) struct Service {
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) secret: Origin,
}

/// One that runs its workers and sends mails.
pub(crate) async fn serving(settings: &Settings, public_url: &str) -> Result<Service, Failure> {
    let builder = match &settings.mail {
        MailTo::Console => Gatekeeper::builder().mailer(ConsoleMailer::stdout()),
        MailTo::Directory(path) => {
            let sender = match &settings.mail_from {
                Some(sender) => sender.clone(),
                None => default_sender(&settings.config.product_name, public_url)?,
            };
            let mailer = DirectoryMailer::new(path, sender).map_err(|error| {
                let what = format!("mails cannot be written to {}", path.display());
                Failure::because(&what, &error)
            })?;
            Gatekeeper::builder().mailer(mailer)
        }
    };
    build(settings, public_url, builder).await
}

/// One for a single command, beside servers that may be running: what it leaves in the outbox they deliver.
pub(crate) async fn commanding(settings: &Settings) -> Result<Service, Failure> {
    let public_url = match &settings.public_url {
        Some(url) => url.clone(),
        None => url_of(settings.bind),
    };
    let builder = Gatekeeper::builder().without_workers();
    let service = build(settings, &public_url, builder).await?;
    if let Origin::Made(path) = &service.secret
        && !settings.json
    {
        eprintln!("Made a secret and kept it in {}.", path.display());
    }
    Ok(service)
}

async fn build(
    settings: &Settings,
    public_url: &str,
    builder: GatekeeperBuilder,
) -> Result<Service, Failure> {
    // The secret first: should the process die in between, there is a secret without a database, which does no harm.
    let (key, origin) = secret::obtain(settings)?;
    let repository = settings.database.open().await?;
    let builder = match &settings.redis {
        Some(redis) => on_redis(builder, settings, redis, &key, &repository).await?,
        None => builder,
    };
    let gatekeeper = builder
        .shared_repository(repository)
        .secret(key)
        .public_url(public_url)
        .config(settings.config.clone())
        .build()
        .await?;
    Ok(Service {
        gatekeeper,
        secret: origin,
    })
}

/// Counts requests and guesses in Redis, and hears of revocations through it.
async fn on_redis(
    builder: GatekeeperBuilder,
    settings: &Settings,
    redis: &RedisSettings,
    key: &SecretKey,
    repository: &Arc<dyn Repository>,
) -> Result<GatekeeperBuilder, Failure> {
    let unusable =
        |error: RedisSetupError| Failure::Usage(format!("GATEKEEPER_REDIS_URL: {error}"));
    let mut redis = redis.clone();
    if let Some(prefix) = &settings.redis_prefix {
        redis = redis.prefix(prefix.as_str()).map_err(unusable)?;
    }
    // One that is away is no reason not to start.
    let client = RedisClient::connect(redis).await.map_err(unusable)?;
    let secrets = SecretKeys::new(key.clone());
    let make = if settings.redis_strict {
        RedisBlacklist::strict
    } else {
        RedisBlacklist::new
    };
    Ok(builder
        .rate_limiter(RedisRateLimiter::new(client.clone()))
        .lockout_counters(RedisLockout::new(client.clone(), Arc::clone(repository)))
        .blacklist(move |store| Arc::new(make(client, &secrets, store))))
}

/// Where a server that listens there is reached from this machine.
pub(crate) fn url_of(bind: std::net::SocketAddr) -> String {
    let mut reached = bind;
    if bind.ip().is_unspecified() {
        reached.set_ip(if bind.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    format!("http://{reached}")
}

fn default_sender(product: &str, public_url: &str) -> Result<Sender, Failure> {
    let authority = public_url.split('/').nth(2).unwrap_or("");
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    // An IP address is no domain of a mail.
    let is_name = host.parse::<std::net::Ipv4Addr>().is_err() && !host.contains(['[', ':']);
    let host = if is_name { host } else { "localhost" };
    Sender::new(product, &format!("no-reply@{host}")).map_err(|_| {
        Failure::Usage(
            "GATEKEEPER_MAIL_FROM: must be given, since the public URL's host makes no address"
                .to_owned(),
        )
    })
}

/// What commands act on: a tenant, under a correlation id that the audit trail keeps.
pub(crate) async fn context(
    gatekeeper: &Gatekeeper,
    tenant: Option<&str>,
) -> Result<RequestContext, Failure> {
    let id = match tenant {
        None => TenantId::DEFAULT,
        Some(slug) => {
            let missing = || Failure::failed("tenant.not_found", "there is no such tenant");
            let slug = TenantSlug::parse(slug).ok_or_else(missing)?;
            gatekeeper
                .resolve_tenant(&slug)
                .await?
                .ok_or_else(missing)?
        }
    };
    Ok(RequestContext::internal(
        id,
        gatekeeper.new_correlation_id(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_from_the_public_host() {
        for (url, from) in [
            (
                "https://auth.example.org",
                "Product <no-reply@auth.example.org>",
            ),
            (
                "https://auth.example.org:8443/base",
                "Product <no-reply@auth.example.org>",
            ),
            ("http://127.0.0.1:8080", "Product <no-reply@localhost>"),
            ("http://[::1]:8080", "Product <no-reply@localhost>"),
            ("http://localhost:8080", "Product <no-reply@localhost>"),
        ] {
            assert_eq!(default_sender("Product", url).unwrap().to_string(), from);
        }
    }

    #[test]
    fn a_server_on_every_address_is_reached_on_this_machine() {
        for (bind, url) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            assert_eq!(url_of(bind.parse().unwrap()), url);
        }
    }
}
