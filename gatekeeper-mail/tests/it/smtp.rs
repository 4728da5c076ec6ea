//! What a server may answer, and what becomes of the mail.

use std::time::Duration;

use gatekeeper_core::{
    env::{Mail, Mailer},
    model::EmailAddress,
};
use gatekeeper_mail::{SmtpMailer, SmtpTimeouts};

use crate::{
    PATIENT, builder, mail, permanent,
    scripted::{Plan, Reply, Security, Server},
    transient,
};

fn mailer(server: &Server) -> SmtpMailer {
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    builder(&url).build().unwrap()
}

fn plain() -> Plan {
    Plan::new(Security::None)
}

async fn attempt(plan: Plan) -> (Result<(), gatekeeper_core::env::MailError>, Server) {
    let server = Server::start(plan).await;
    let sent = mailer(&server).send(&mail()).await;
    (sent, server)
}

const STEPS: [&str; 6] = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."];

#[tokio::test]
async fn a_mail_is_handed_over_with_its_id() {
    let (sent, server) = attempt(plain()).await;
    sent.unwrap();
    let heard = server.heard();
    assert_eq!(heard.mails.len(), 1);
    let id = format!("Message-ID: <{}@example.com>", mail().id);
    assert!(heard.mails[0].contains(&id), "{heard:?}");
    assert!(heard.command("EHLO example.com"));
    assert!(heard.command("MAIL FROM:<no-reply@example.com>"));
    assert!(heard.command("RCPT TO:<ann@example.org>"));
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_what_is_not_is_tried_again() {
    // Only of the recipient and of the mail a server can say that it never will.
    for step in STEPS {
        for (reply, for_good) in [
            ("550 5.1.1 no", true),
            ("552 5.2.2 no", true),
            ("554 no", true),
            ("530 5.7.0 sign in first", false),
            ("535 5.7.8 no", false),
            ("421 4.3.2 going down", false),
            ("450 4.2.0 greylisted", false),
            ("451 4.7.1 come again", false),
            ("452 4.2.2 full", false),
        ] {
            let (sent, server) = attempt(plain().with(step, Reply::Say(reply))).await;
            let reason = if for_good && matches!(step, "RCPT" | "DATA" | ".") {
                permanent(sent)
            } else {
                transient(sent)
            };
            assert!(reason.contains(&reply[..3]), "{step}: {reason}");
            assert!(server.heard().mails.is_empty());
        }
    }
}

/// A positive answer of the wrong kind is no yes: something has lost step.
#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_delivery() {
    for (step, reply) in [
        ("MAIL", "354 go on"),
        ("RCPT", "354 go on"),
        ("DATA", "250 fine"),
        (".", "354 go on"),
        ("CONNECT", "SSH-2.0-OpenSSH_9.2"),
        ("EHLO", "HTTP/1.1 400 Bad Request"),
        ("RCPT", "999 what"),
        ("RCPT", ""),
    ] {
        let (sent, _server) = attempt(plain().with(step, Reply::Say(reply))).await;
        transient(sent);
    }
}

#[tokio::test]
async fn a_server_that_breaks_off_loses_nothing() {
    for step in STEPS {
        let (sent, _server) = attempt(plain().with(step, Reply::Drop)).await;
        transient(sent);
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up_for_now() {
    let short = Duration::from_millis(200);
    for times in [
        SmtpTimeouts {
            command: short,
            connect: short,
            ..PATIENT
        },
        SmtpTimeouts {
            whole: short,
            ..PATIENT
        },
    ] {
        for step in STEPS {
            let server = Server::start(plain().with(step, Reply::Silence)).await;
            let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
            let mailer = builder(&url).timeouts(times).build().unwrap();
            let reason = transient(mailer.send(&mail()).await);
            assert!(reason.contains("too long"), "{step}: {reason}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_loses_nothing() {
    let server = Server::start(plain()).await;
    let mailer = mailer(&server);
    drop(server);
    transient(mailer.send(&mail()).await);
    let unknown = builder("smtps://no-such-host.invalid").build().unwrap();
    transient(unknown.send(&mail()).await);
}

#[tokio::test]
async fn what_is_greylisted_is_taken_the_next_time() {
    let plan = plain().once("RCPT", Reply::Say("451 4.7.1 greylisted, come again"));
    let server = Server::start(plan).await;
    let mailer = mailer(&server);
    let reason = transient(mailer.send(&mail()).await);
    assert_eq!(
        reason,
        "the mail server answered RCPT with 451 4.7.1 greylisted, come again"
    );
    mailer.send(&mail()).await.unwrap();
    assert_eq!(server.heard().mails.len(), 1);
}

/// The answer is lost, not the mail: it comes twice, and whoever reads it can tell.
#[tokio::test]
async fn a_lost_answer_doubles_a_mail_with_the_same_id() {
    let server = Server::start(plain()).await;
    let mailer = mailer(&server);
    mailer.send(&mail()).await.unwrap();
    server.plan(plain().once(".", Reply::Drop));
    transient(mailer.send(&mail()).await);
    mailer.send(&mail()).await.unwrap();
    let heard = server.heard();
    let ids = heard.encrypted.iter().chain(&heard.clear);
    let ids: Vec<_> = ids.filter(|line| line.starts_with("Message-ID")).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

/// SECURITY row 58: nothing that people chose becomes a header, a recipient or a command.
#[tokio::test]
async fn row_58_nothing_is_smuggled_into_the_dialogue() {
    for address in [
        "ann@example.org\r\nRCPT TO:<evil@example.net>",
        "ann\r\n@example.org",
        "ann@example.org>\r\nDATA",
        "<ann@example.org>",
        "ann@example.org\n",
    ] {
        assert!(EmailAddress::parse(address).is_err(), "{address:?}");
    }
    let server = Server::start(plain()).await;
    let evil = "x\r\n.\r\nMAIL FROM:<evil@example.net>\r\nBcc: evil@example.net\r\n";
    let mail = Mail {
        to_name: Some(evil.to_owned()),
        subject: evil.to_owned(),
        text: format!("a\n.\nMAIL FROM:<b@example.net>\n\r.\r\n..\n.dot\r\n.\r\n{evil}.\r"),
        html: "<p>\r.\r.\n.\n</p>".to_owned(),
        ..mail()
    };
    mailer(&server).send(&mail).await.unwrap();
    mailer(&server).send(&mail).await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.mails.len(), 2, "{heard:?}");
    // As the server sees it, every line of the mail that begins with a dot was sent with one more.
    assert!(heard.mails[0].contains("\n..\nMAIL FROM:<b@example.net>\n"));
    assert!(heard.mails[0].contains("\n...\n..dot\n"));
    let start = heard.mails[0].split("\n\n").next().unwrap();
    assert!(
        !start.contains("\nBcc") && !start.contains("\nMAIL"),
        "{start}"
    );
}

#[tokio::test]
async fn a_server_that_takes_seven_bits_gets_seven() {
    let mail = Mail {
        to_name: Some("Zoë".to_owned()),
        subject: "Grüße".to_owned(),
        text: "Grüße, Zoë\n.\nhttps://auth.example.org/#token=abc\n".to_owned(),
        ..mail()
    };
    let eight = Server::start(plain()).await;
    mailer(&eight).send(&mail).await.unwrap();
    assert!(eight.heard().mails[0].contains("\nGrüße, Zoë\n"));
    assert!(
        eight
            .heard()
            .command("MAIL FROM:<no-reply@example.com> BODY=8BITMIME")
    );
    let plan = Plan {
        extensions: &[],
        ..plain()
    };
    let seven = Server::start(plan).await;
    mailer(&seven).send(&mail).await.unwrap();
    let heard = seven.heard();
    assert!(heard.mails[0].is_ascii());
    assert!(heard.command("MAIL FROM:<no-reply@example.com>"));
    assert!(!heard.command("MAIL FROM:<no-reply@example.com> "));
    // An address that is not ASCII cannot be written otherwise (RFC 6531).
    let mail = Mail {
        to: EmailAddress::parse("zoë@example.org").unwrap(),
        ..mail
    };
    permanent(mailer(&seven).send(&mail).await);
    mailer(&eight).send(&mail).await.unwrap();
    assert!(eight.heard().command("RCPT TO:<zoë@example.org>"));
}

#[tokio::test]
async fn errors_repeat_no_address_and_no_link() {
    for (step, said) in [
        ("RCPT", "550 5.1.1 <ann@example.org> no such user"),
        (
            ".",
            "554 5.7.1 blocked: https://auth.example.org/verify-email#token=s3cr3t",
        ),
        (".", "554 s3cr3t"),
        ("EHLO", "421 ann@example.org"),
    ] {
        let (sent, _server) = attempt(plain().with(step, Reply::Say(said))).await;
        let error = sent.unwrap_err().to_string();
        assert!(
            !error.contains("ann") && !error.contains("s3cr3t"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn connections_are_used_again_and_are_not_too_many() {
    let server = Server::start(plain()).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    let keep = Duration::from_mins(10);
    let mailer = builder(&url).connections(2).keep(keep).build().unwrap();
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let mailer = mailer.clone();
            tokio::spawn(async move { mailer.send(&mail()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let heard = server.heard();
    assert_eq!(heard.mails.len(), 12);
    assert!(heard.most <= 2 && heard.connections <= 2, "{heard:?}");
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_no_failure() {
    let server = Server::start(plain()).await;
    let mailer = mailer(&server);
    mailer.send(&mail()).await.unwrap();
    // The server closes when it is asked whether it is there.
    server.plan(plain().once("NOOP", Reply::Drop));
    mailer.send(&mail()).await.unwrap();
    let heard = server.heard();
    assert_eq!((heard.mails.len(), heard.connections), (2, 2));
}

#[tokio::test]
async fn a_connection_that_lay_idle_is_closed_and_not_used_again() {
    let server = Server::start(plain()).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port);
    let keep = Duration::from_millis(50);
    let mailer = builder(&url).keep(keep).build().unwrap();
    mailer.send(&mail()).await.unwrap();
    for _ in 0..600 {
        if server.heard().command("QUIT") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(server.heard().command("QUIT"));
    mailer.send(&mail()).await.unwrap();
    assert_eq!(server.heard().connections, 2);
}
