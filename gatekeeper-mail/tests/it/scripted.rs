//! A mail server that does what it is told, at each step.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What it answers with, other than usual.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Say(&'static str),
    /// Nothing, for ever.
    Silence,
    /// Closes the connection.
    Drop,
}

/// How it is reached.
#[derive(Clone)]
pub(crate) enum Security {
    None,
    StartTls(Arc<ServerConfig>),
    ImplicitTls(Arc<ServerConfig>),
}

/// What it does other than a server should: at a step (`CONNECT`, a command's name, `.` for the end of the mail), so many
/// times.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) security: Security,
    pub(crate) extensions: &'static [&'static str],
    pub(crate) replies: Vec<(&'static str, Reply, usize)>,
    /// What is said in the clear behind the answer to `STARTTLS`.
    pub(crate) injected: &'static str,
}

impl Plan {
    pub(crate) fn new(security: Security) -> Self {
        Self {
            security,
            extensions: &["8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN"],
            replies: Vec::new(),
            injected: "",
        }
    }

    pub(crate) fn with(mut self, step: &'static str, reply: Reply) -> Self {
        self.replies.push((step, reply, usize::MAX));
        self
    }

    pub(crate) fn once(mut self, step: &'static str, reply: Reply) -> Self {
        self.replies.push((step, reply, 1));
        self
    }
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    plan: Mutex<Plan>,
    heard: Mutex<Heard>,
    open: AtomicUsize,
}

/// What it was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Lines before TLS, or without it.
    pub(crate) clear: Vec<String>,
    /// Lines within TLS.
    pub(crate) encrypted: Vec<String>,
    /// Mails that it took.
    pub(crate) mails: Vec<String>,
    pub(crate) connections: usize,
    /// How many connections there were at once, at most.
    pub(crate) most: usize,
}

impl Heard {
    /// Whether any line begins so.
    pub(crate) fn command(&self, name: &str) -> bool {
        let lines = self.clear.iter().chain(&self.encrypted);
        lines.into_iter().any(|line| line.starts_with(name))
    }
}

impl Server {
    pub(crate) async fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            plan: Mutex::new(plan),
            heard: Mutex::default(),
            open: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, task }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.shared.heard.lock().unwrap().clone()
    }

    /// Behaves otherwise from now on.
    pub(crate) fn plan(&self, plan: Plan) {
        *self.shared.plan.lock().unwrap() = plan;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
            {
                let mut heard = shared.heard.lock().unwrap();
                heard.connections += 1;
                heard.most = heard.most.max(open);
            }
            serve(stream, &shared).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

enum End {
    Closed,
    StartTls,
}

async fn serve(stream: TcpStream, shared: &Shared) {
    let security = shared.plan.lock().unwrap().security.clone();
    match security {
        Security::None => drop(talk(stream, shared, false, true).await),
        Security::ImplicitTls(config) => {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                drop(talk(stream, shared, true, true).await);
            }
        }
        Security::StartTls(config) => {
            let (stream, End::StartTls) = talk(stream, shared, false, true).await else {
                return;
            };
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                drop(talk(stream, shared, true, false).await);
            }
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    shared: &Shared,
    encrypted: bool,
    greets: bool,
) -> (S, End) {
    let mut stream = BufReader::new(stream);
    if greets
        && answer(&mut stream, shared, "CONNECT", "220 test ESMTP")
            .await
            .is_none()
    {
        return (stream.into_inner(), End::Closed);
    }
    let mut content: Option<String> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if !matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
            return (stream.into_inner(), End::Closed);
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let text = text.trim_end_matches(['\r', '\n']);
        {
            let mut heard = shared.heard.lock().unwrap();
            let lines = if encrypted {
                &mut heard.encrypted
            } else {
                &mut heard.clear
            };
            lines.push(text.to_owned());
        }
        if let Some(mail) = &mut content {
            if text != "." {
                mail.push_str(text);
                mail.push('\n');
                continue;
            }
            let mail = content.take().unwrap();
            let Some(said) = answer(&mut stream, shared, ".", "250 taken").await else {
                return (stream.into_inner(), End::Closed);
            };
            if said.starts_with('2') {
                shared.heard.lock().unwrap().mails.push(mail);
            }
            continue;
        }
        let command = text.split(' ').next().unwrap_or("").to_ascii_uppercase();
        let usual = match command.as_str() {
            "EHLO" => {
                let plan = shared.plan.lock().unwrap();
                let mut text = String::new();
                for extension in plan.extensions {
                    text.push_str("250-");
                    text.push_str(extension);
                    text.push_str("\r\n");
                }
                if matches!(plan.security, Security::StartTls(_)) && !encrypted {
                    text.push_str("250-STARTTLS\r\n");
                }
                format!("250-test\r\n{text}250 HELP")
            }
            "STARTTLS" => format!("220 go ahead{}", shared.plan.lock().unwrap().injected),
            "AUTH" => "235 welcome".to_owned(),
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "250 fine".to_owned(),
        };
        let Some(said) = answer(&mut stream, shared, &command, &usual).await else {
            return (stream.into_inner(), End::Closed);
        };
        match command.as_str() {
            "STARTTLS" if said.starts_with("220") => return (stream.into_inner(), End::StartTls),
            "DATA" if said.starts_with('3') => content = Some(String::new()),
            "QUIT" => return (stream.into_inner(), End::Closed),
            _ => {}
        }
    }
}

/// Says what is usual at this step, or what the plan has; answers what was said, and nothing where the connection is to
/// close.
async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    shared: &Shared,
    step: &str,
    usual: &str,
) -> Option<String> {
    let planned = {
        let mut plan = shared.plan.lock().unwrap();
        let mut replies = plan.replies.iter_mut();
        let planned = replies.find(|(at, _, times)| *at == step && *times > 0);
        planned.map(|(_, reply, times)| {
            *times -= 1;
            reply.clone()
        })
    };
    let text = match planned {
        None => usual.to_owned(),
        Some(Reply::Say(text)) => text.to_owned(),
        Some(Reply::Drop) => return None,
        Some(Reply::Silence) => std::future::pending().await,
    };
    stream
        .write_all(format!("{text}\r\n").as_bytes())
        .await
        .ok()?;
    stream.flush().await.ok()?;
    Some(text)
}
