//! Puts the library together from the settings.

use std::sync::Arc;

use gatekeeper_core::{
    Gatekeeper, GatekeeperBuilder, RequestContext,
    crypto::{SecretKey, SecretKeys},
    model::{TenantId, TenantSlug},
    store::Repository,
};
use gatekeeper_redis::{
    RedisBlacklist, RedisClient, RedisLockout, RedisRateLimiter, RedisSettings, RedisSetupError,
};

use crate::{
    carriers,
    failure::Failure,
    secret::{self, Origin},
    settings::Settings,
};

/// The library, and what of its beginnings people are told.
pub(crate) struct Service {
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) secret: Origin,
}

/// One that runs its workers and sends mails.
pub(crate) async fn serving(settings: &Settings, public_url: &str) -> Result<Service, Failure> {
    let client = carriers::http_client(settings)?;
    let builder = Gatekeeper::builder().http_client(client.clone());
    let builder = carriers::with_mail(builder, settings, public_url, &client)?;
    let builder = carriers::with_sms(builder, settings, &client)?;
    build(settings, public_url, builder).await
}

/// One for a single command, beside servers that may be running: what it leaves in the outbox they deliver.
pub(crate) async fn commanding(settings: &Settings) -> Result<Service, Failure> {
    let public_url = match &settings.public_url {
        Some(url) => url.clone(),
        None => url_of(settings.bind),
    };
    let builder = Gatekeeper::builder()
        .without_workers()
        .http_client(carriers::http_client(settings)?);
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
    let repository = settings.database.open(settings.row_level_security).await?;
    let builder = match &settings.mail_templates {
        Some(templates) => builder.mail_templates(templates.clone()),
        None => builder,
    };
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
    let redis = redis
        .clone()
        .prefix(settings.redis_prefix.as_str())
        .map_err(unusable)?;
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
