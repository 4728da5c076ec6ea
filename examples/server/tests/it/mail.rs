//! Mails by SMTP, and what an operator sees of them.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::server::{PASSWORD, Server, json_of, run, token_in, within};

/// A mail server in the clear. It refuses recipients until it is told not to.
#[derive(Clone)]
struct Postbox {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    takes: bool,
    mails: Vec<String>,
}

impl Postbox {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let postbox = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let accepting = postbox.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let postbox = accepting.clone();
                thread::spawn(move || postbox.serve(&stream));
            }
        });
        postbox
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut writer = stream;
        let mut say = |text: &str| writer.write_all(text.as_bytes()).ok();
        say("220 test\r\n")?;
        let mut lines = BufReader::new(stream).lines();
        while let Some(Ok(line)) = lines.next() {
            match line.split(' ').next().unwrap() {
                "EHLO" => say("250-test\r\n250 8BITMIME\r\n")?,
                "RCPT" if !self.state.lock().unwrap().takes => say("550 5.1.1 no such user\r\n")?,
                "DATA" => {
                    say("354 go on\r\n")?;
                    let mut mail = String::new();
                    while let Some(Ok(line)) = lines
                        .next()
                        .filter(|line| !matches!(line, Ok(end) if end == "."))
                    {
                        mail.push_str(&line);
                        mail.push('\n');
                    }
                    self.state.lock().unwrap().mails.push(mail);
                    say("250 taken\r\n")?;
                }
                _ => say("250 fine\r\n")?,
            }
        }
        None
    }

    fn mail(&self) -> Option<String> {
        self.state.lock().unwrap().mails.first().cloned()
    }
}

fn listed(directory: &std::path::Path, state: &str) -> Vec<Value> {
    let page = json_of(directory, &["mail", "list", "--state", state]);
    page["items"].as_array().unwrap().clone()
}

#[test]
fn a_refused_mail_is_seen_and_sent_again() {
    let postbox = Postbox::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let url = format!("smtp://127.0.0.1:{}?tls=none", postbox.port);
    let server = Server::start(path, &["--mail", &url]);
    assert_eq!(server.register("ann@example.org").status, 202);
    assert_eq!(server.register("bob@example.org").status, 202);
    let dead = within(Duration::from_secs(30), || {
        Some(listed(path, "dead")).filter(|dead| dead.len() == 2)
    });
    let dead = dead.unwrap_or_else(|| panic!("{}", server.log()));
    let ann = dead
        .iter()
        .find(|one| one["recipient"] == "ann@example.org")
        .unwrap();
    assert_eq!(ann["kind"], "mail");
    assert_eq!(ann["attempts"], 1);
    let error = "the mail server answered RCPT with 550 5.1.1 no such user";
    assert_eq!(ann["last_error"], error);
    // To whom, and why; not what it says.
    let text = String::from_utf8(run(path, &["mail", "list"]).stdout).unwrap();
    assert!(
        text.contains("ann@example.org") && text.contains(error),
        "{text}"
    );
    assert!(!text.contains("token") && !json!(dead).to_string().contains("token"));
    assert!(
        !server.log().contains("ann@example.org"),
        "{}",
        server.log()
    );

    postbox.state.lock().unwrap().takes = true;
    let id = ann["id"].as_str().unwrap();
    assert_eq!(
        json_of(path, &["mail", "retry", id]),
        json!({ "retried": 1 })
    );
    let mail = within(Duration::from_secs(30), || postbox.mail()).unwrap();
    assert!(mail.contains("To: ann@example.org\n"), "{mail}");
    let body = json!({ "token": token_in(&mail) });
    assert_eq!(
        server.post("/v1/auth/email/verify", None, &body).status,
        200
    );
    assert_eq!(server.sign_in("ann@example.org", PASSWORD).status, 200);
    let delivered = within(Duration::from_secs(30), || {
        let delivered = listed(path, "delivered");
        delivered.into_iter().find(|one| one["id"] == id)
    });
    assert_eq!(delivered.unwrap()["recipient"], Value::Null);

    let again = run(path, &["mail", "retry", id, "--json"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        String::from_utf8(again.stderr)
            .unwrap()
            .contains("mail.not_dead")
    );
    assert_eq!(
        json_of(path, &["mail", "retry", "--all"]),
        json!({ "retried": 1 })
    );
    let gone = within(Duration::from_secs(30), || {
        listed(path, "dead").is_empty().then_some(())
    });
    assert!(gone.is_some());
}

#[test]
fn retrying_takes_one_message_or_all() {
    let directory = tempfile::tempdir().unwrap();
    for args in [
        &["mail", "retry"][..],
        &[
            "mail",
            "retry",
            "--all",
            "019b76da-a805-7469-890e-d7332f9c5f90",
        ],
        &["mail", "retry", "hunter2"],
        &["mail", "list", "--state", "lost"],
        &["mail", "list", "--cursor", "x"],
    ] {
        let output = run(directory.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    }
}
