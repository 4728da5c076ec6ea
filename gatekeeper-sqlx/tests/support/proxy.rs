use std::net::SocketAddr;

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinSet,
};

/// Stands between a repository and the server, and can be gone as if the server were.
pub(crate) struct Proxy {
    server: PgConnectOptions,
    address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy = Self {
            server,
            address: listener.local_addr().unwrap(),
            tasks: JoinSet::new(),
        };
        proxy.serve(listener);
        proxy
    }

    /// The server, through here.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.server
            .clone()
            .host(&self.address.ip().to_string())
            .port(self.address.port())
    }

    /// Cuts every connection and refuses new ones.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Is there again, at the same address.
    pub(crate) async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let server = self.server.clone();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(forward(client, server.clone()));
            }
        });
    }
}

async fn forward(mut client: TcpStream, server: PgConnectOptions) {
    let port = server.get_port();
    // One end or the other is cut: that is what this is for.
    let _ = if let Some(directory) = server.get_socket() {
        let path = directory.join(format!(".s.PGSQL.{port}"));
        let mut upstream = UnixStream::connect(path).await.unwrap();
        copy_bidirectional(&mut client, &mut upstream).await
    } else {
        let address = (server.get_host().to_owned(), port);
        let mut upstream = TcpStream::connect(address).await.unwrap();
        copy_bidirectional(&mut client, &mut upstream).await
    };
}
