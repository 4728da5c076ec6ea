//! What the measurements share: the bench server, someone signed in at it, and sending the same request again and again.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Failure,
    http::{Answer, Connection, post},
    process::{Server, free_address, sibling},
    server::Framework,
};

pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PASSWORD: &str = "mauve-kettle-on-the-ninth-shelf";

/// Starts the bench server, with its data in this file or in memory, and as many threads for hashing or one for each core.
pub(crate) async fn start(
    framework: Framework,
    database: Option<&Path>,
    workers: Option<u32>,
) -> Result<Server, Failure> {
    let address = free_address()?;
    let mut command = sibling("gatekeeper-load")?;
    command
        .arg("serve")
        .args(["--framework", framework.name()])
        .args(["--bind", &address.to_string()]);
    if let Some(path) = database {
        command.arg("--database").arg(path);
    }
    if let Some(workers) = workers {
        command.args(["--workers", &workers.to_string()]);
    }
    let mut server = Server::start(&mut command, address)?;
    answers(
        &mut server,
        b"GET /bare HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await?;
    Ok(server)
}

/// Waits for the first 200 to this request.
pub(crate) async fn answers(server: &mut Server, request: &[u8]) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let answer: Result<Answer, Failure> =
            async { Connection::open(server.address).await?.send(request).await }.await;
        match answer {
            Ok(answer) if answer.status == 200 => return Ok(()),
            _ if began.elapsed() > Duration::from_secs(30) => {
                return Err("the server does not answer".into());
            }
            _ => {
                server.running()?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Makes an account and answers its access token.
pub(crate) async fn register(address: SocketAddr) -> Result<String, Failure> {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "token_delivery": "body" });
    let answer = Connection::open(address)
        .await?
        .send(&post("/v1/auth/register", &body))
        .await?
        .json(201)?;
    let token = answer.get("access_token").and_then(|token| token.as_str());
    Ok(token.ok_or("no access token")?.to_owned())
}

/// Sends a request `count` times over each of these connections at once; every answer must be 200.
pub(crate) async fn repeat(
    connections: &mut Vec<Connection>,
    request: &[u8],
    count: u32,
) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for mut connection in connections.drain(..) {
        let request = request.to_vec();
        tasks.spawn(async move {
            for _ in 0..count {
                let answer = connection.send(&request).await?;
                if answer.status != 200 {
                    return Err(Failure::from(format!("answered {}", answer.status)));
                }
            }
            Ok(connection)
        });
    }
    while let Some(done) = tasks.join_next().await {
        connections.push(done??);
    }
    Ok(())
}
