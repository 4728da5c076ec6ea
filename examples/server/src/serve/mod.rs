//! Serves the API until told to stop.

mod access_log;
mod actix;
mod announce;
mod axum;
mod stop;

use std::{net::TcpListener, time::Duration};

use gatekeeper_http::{Api, HttpSettings};
use tokio::time::timeout;

use crate::{
    failure::Failure,
    service,
    settings::{Adapter, Settings},
};
use announce::Announcement;
use stop::Stop;

/// How long requests at hand have once it is time to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the mail at hand has after that. Together they stay well below the ten seconds after which an orchestrator
/// kills.
const FINISH: Duration = Duration::from_secs(3);
/// How long a client may take to send the head of a request, and a connection lie idle.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(settings: Settings, json: bool) -> Result<(), Failure> {
    // The socket first: where it is taken, nothing is made, and who connects from now on waits for an answer instead of
    // being turned away.
    let listener = listen(&settings)?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::because("the socket has no address", &error))?;
    let public_url = match &settings.public_url {
        Some(url) => url.clone(),
        None => service::url_of(address),
    };
    let stop = Stop::on_signals()
        .map_err(|error| Failure::because("signals cannot be received", &error))?;
    let service = service::serving(&settings, &public_url).await?;
    let gatekeeper = service.gatekeeper.clone();
    let api = Api::new(service.gatekeeper, http_settings(&settings)?);
    Announcement {
        settings: &settings,
        local_url: &service::url_of(address),
        public_url: gatekeeper.public_url(),
        secret: &service.secret,
    }
    .print(json);

    let served = match settings.adapter {
        Adapter::Actix => actix::run(api, listener, stop).await,
        Adapter::Axum => axum::run(api, listener, stop).await,
    };
    if timeout(FINISH, gatekeeper.shutdown()).await.is_err() {
        tracing::warn!(
            "a mail was still being handed over; it is tried again after the next start"
        );
    }
    tracing::info!("stopped");
    served.map_err(|error| Failure::because("the server failed", &error))
}

fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let listening = TcpListener::bind(settings.bind).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listening.map_err(|error| {
        let what = format!("{} cannot be listened on", settings.bind);
        Failure::because(&what, &error)
    })
}

fn http_settings(settings: &Settings) -> Result<HttpSettings, Failure> {
    let proxies = settings.trusted_proxies.iter().copied();
    let mut http = HttpSettings::new()
        .trust_proxies(proxies)
        .tenant_paths(settings.tenant_paths);
    if let Some(parent) = &settings.tenant_hosts {
        http = http
            .tenant_hosts(parent.as_str())
            .map_err(|error| Failure::Usage(format!("GATEKEEPER_TENANT_HOSTS: {error}")))?;
    }
    Ok(http)
}
