//! Connections: one for commands, to a server or a cluster, and one for news.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, ProtocolVersion, PushInfo, PushKind,
    RedisError, RedisFuture, RedisResult, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::sync::mpsc;

use crate::settings::{RedisSettings, RedisSetupError};

/// How many messages wait to be read. More mean that news are lost, and all is read anew.
const MESSAGES: usize = 1024;

/// What commands go over.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Makes connections.
pub(crate) struct Connector {
    commands: Commands,
    /// A client for each address: in a cluster every node hears every message, so that any will do.
    news: Vec<Client>,
    next: AtomicUsize,
    timeout: Duration,
}

enum Commands {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Connector {
    pub(crate) fn new(settings: &RedisSettings) -> Result<Self, RedisSetupError> {
        Self::build(settings).map_err(|error| RedisSetupError::Connection(described(&error)))
    }

    fn build(settings: &RedisSettings) -> RedisResult<Self> {
        if settings.is_tls() && rustls::crypto::CryptoProvider::get_default().is_none() {
            // The client takes the process's provider, and would panic where there is none to be found. Should another
            // thread have been faster, its choice stands.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let certificates = settings
            .root_certificates
            .as_ref()
            .map(|pem| TlsCertificates {
                client_tls: None,
                root_cert: Some(pem.clone()),
            });
        let clients = |protocol| -> RedisResult<Vec<Client>> {
            let nodes = settings.nodes.iter().map(|node| {
                let redis = node.redis_settings().clone().set_protocol(protocol);
                let node = node.clone().set_redis_settings(redis);
                match &certificates {
                    Some(certificates) if settings.is_tls() => {
                        Client::build_with_tls(node, certificates.clone())
                    }
                    _ => Client::open(node),
                }
            });
            nodes.collect()
        };
        let commands = if settings.cluster {
            let mut builder = ClusterClient::builder(settings.nodes.clone())
                .connection_timeout(settings.timeout)
                .response_timeout(settings.timeout)
                // Enough for a slot that has moved; the time above bounds them together.
                .retries(3)
                .min_retry_wait(5)
                .max_retry_wait(50);
            if let Some(certificates) = certificates.clone().filter(|_| settings.is_tls()) {
                builder = builder.certs(certificates);
            }
            Commands::Cluster(Box::new(builder.build()?))
        } else {
            let mut single = clients(ProtocolVersion::RESP2)?;
            Commands::Single(Box::new(single.pop().ok_or_else(no_address)?))
        };
        Ok(Self {
            commands,
            news: clients(ProtocolVersion::RESP3)?,
            next: AtomicUsize::new(0),
            timeout: settings.timeout,
        })
    }

    /// A connection for commands that has answered.
    pub(crate) async fn commands(&self) -> RedisResult<Connection> {
        let mut connection = match &self.commands {
            Commands::Single(client) => Connection::Single(
                client
                    .get_multiplexed_async_connection_with_config(&self.config())
                    .await?,
            ),
            Commands::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        ping(&mut connection).await?;
        Ok(connection)
    }

    /// A connection that hears these channels.
    pub(crate) async fn news(&self, channels: &[&str]) -> RedisResult<News> {
        // Another address at each attempt: the one before may be the one that is gone.
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let client = turn
            .checked_rem(self.news.len())
            .and_then(|index| self.news.get(index))
            .ok_or_else(no_address)?;
        let (sender, messages) = mpsc::channel(MESSAGES);
        let lost = Arc::new(AtomicBool::new(false));
        let losing = Arc::clone(&lost);
        let config = self.config().set_push_sender(move |push: PushInfo| {
            if let Some(message) = Message::read(push)
                && sender.try_send(message).is_err()
            {
                losing.store(true, Ordering::Release);
            }
            Ok::<_, redis::aio::SendError>(())
        });
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        connection.subscribe(channels).await?;
        Ok(News {
            _connection: connection,
            messages,
            lost,
        })
    }

    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
    }
}

/// Asks whether it is there; a cluster, whether every primary is.
pub(crate) async fn ping(connection: &mut Connection) -> RedisResult<()> {
    redis::cmd("PING").query_async::<Value>(connection).await?;
    Ok(())
}

/// What is heard on channels.
pub(crate) struct News {
    /// Dropped, it is closed.
    _connection: MultiplexedConnection,
    messages: mpsc::Receiver<Message>,
    lost: Arc<AtomicBool>,
}

/// One message.
pub(crate) struct Message {
    pub(crate) channel: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    fn read(push: PushInfo) -> Option<Self> {
        if push.kind != PushKind::Message {
            return None;
        }
        let mut data = push.data.into_iter();
        match (data.next(), data.next(), data.next()) {
            (Some(Value::BulkString(channel)), Some(Value::BulkString(payload)), None) => {
                Some(Self { channel, payload })
            }
            _ => None,
        }
    }
}

impl News {
    /// The next message; `None` where the connection is gone or a message was lost.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let message = self.messages.recv().await;
        message.filter(|_| !self.lost.load(Ordering::Acquire))
    }
}

/// An error in words that hold nothing of a URL.
pub(crate) fn described(error: &RedisError) -> String {
    error.to_string()
}

fn no_address() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "no address"))
}
