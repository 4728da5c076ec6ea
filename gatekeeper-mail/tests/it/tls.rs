//! What leaves this machine, and to whom.

use std::time::Duration;

use gatekeeper_core::env::Mailer;
use gatekeeper_mail::{SmtpMailer, SmtpMailerBuilder, SmtpServer, SmtpTimeouts};

use crate::{
    PATIENT, builder,
    certificates::{Authority, Identity},
    mail,
    scripted::{Plan, Reply, Security, Server},
    sender, transient,
};

#[derive(Clone, Copy, Debug)]
enum Mode {
    StartTls,
    ImplicitTls,
}

const MODES: [Mode; 2] = [Mode::StartTls, Mode::ImplicitTls];

fn plan(mode: Mode, identity: &Identity) -> Plan {
    Plan::new(match mode {
        Mode::StartTls => Security::StartTls(identity.config()),
        Mode::ImplicitTls => Security::ImplicitTls(identity.config()),
    })
}

fn url(mode: Mode, host: &str, server: &Server) -> String {
    let port = server.port;
    match mode {
        Mode::StartTls => format!("smtp://ann:hunter2@{host}:{port}"),
        Mode::ImplicitTls => format!("smtps://ann:hunter2@{host}:{port}"),
    }
}

fn trusted(authority: &Authority, url: &str) -> SmtpMailerBuilder {
    let pem = authority.pem.as_bytes();
    builder(url).root_certificates(pem).unwrap()
}

fn trusting(authority: &Authority, url: &str) -> SmtpMailer {
    trusted(authority, url).build().unwrap()
}

/// Neither password nor mail.
fn told_nothing(server: &Server) {
    let heard = server.heard();
    assert!(
        !heard.command("AUTH") && !heard.command("MAIL"),
        "{heard:?}"
    );
    assert!(heard.mails.is_empty());
    let said = format!("{heard:?}");
    assert!(
        !said.contains("AGFub") && !said.contains("s3cr3t"),
        "{said}"
    );
}

#[tokio::test]
async fn password_and_mail_go_within_tls_alone() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    for mode in MODES {
        let server = Server::start(plan(mode, &identity)).await;
        let mailer = trusting(&authority, &url(mode, "localhost", &server));
        mailer.send(&mail()).await.unwrap();
        let heard = server.heard();
        assert_eq!(heard.mails.len(), 1);
        // base64 of NUL ann NUL hunter2.
        assert!(
            heard
                .encrypted
                .contains(&"AUTH PLAIN AGFubgBodW50ZXIy".to_owned())
        );
        for line in &heard.clear {
            assert!(line.starts_with("EHLO") || line == "STARTTLS", "{heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_with_a_wrong_certificate_gets_nothing() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for mode in MODES {
        for (case, identity) in [
            ("of an unknown issuer", stranger.identity("localhost")),
            ("expired", authority.expired("localhost")),
            ("of another name", authority.identity("mail.example.org")),
        ] {
            let server = Server::start(plan(mode, &identity)).await;
            let mailer = trusting(&authority, &url(mode, "localhost", &server));
            transient(mailer.send(&mail()).await);
            told_nothing(&server);
            assert!(server.heard().mails.is_empty(), "{mode:?}, {case}");
        }
        // Without a root of our own, one of the test's is a stranger.
        let server = Server::start(plan(mode, &authority.identity("localhost"))).await;
        let url = url(mode, "localhost", &server);
        transient(builder(&url).build().unwrap().send(&mail()).await);
        told_nothing(&server);
    }
}

#[tokio::test]
async fn an_address_in_place_of_a_name_is_verified_too() {
    let authority = Authority::new();
    for (name, good) in [("127.0.0.1", true), ("localhost", false)] {
        let server = Server::start(plan(Mode::ImplicitTls, &authority.identity(name))).await;
        let mailer = trusting(&authority, &url(Mode::ImplicitTls, "127.0.0.1", &server));
        let sent = mailer.send(&mail()).await;
        assert_eq!(sent.is_ok(), good, "{sent:?}");
    }
}

/// Somebody in between takes the offer of STARTTLS out of the server's answer, or the answer to it.
#[tokio::test]
async fn starttls_that_was_taken_out_means_no_mail() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    let server = Server::start(Plan::new(Security::None)).await;
    let url = url(Mode::StartTls, "localhost", &server);
    let reason = transient(trusting(&authority, &url).send(&mail()).await);
    assert!(reason.contains("STARTTLS"), "{reason}");
    told_nothing(&server);
    // Refused, or agreed to by somebody who goes on in the clear.
    for reply in ["454 4.7.0 not now", "502 what", "250 fine"] {
        let plan = plan(Mode::StartTls, &identity).with("STARTTLS", Reply::Say(reply));
        let server = Server::start(plan).await;
        let url = self::url(Mode::StartTls, "localhost", &server);
        let times = SmtpTimeouts {
            command: Duration::from_millis(500),
            ..PATIENT
        };
        let mailer = trusted(&authority, &url).timeouts(times).build().unwrap();
        transient(mailer.send(&mail()).await);
        told_nothing(&server);
    }
}

/// CVE-2011-0411 and its kin: what is said in the clear behind the answer to STARTTLS is nobody's word.
#[tokio::test]
async fn what_was_said_before_tls_is_not_believed_within_it() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    for injected in ["\r\n250 injected", "\r\n250-AUTH LOGIN\r\n250 injected"] {
        let plan = Plan {
            injected,
            ..plan(Mode::StartTls, &identity)
        };
        let server = Server::start(plan).await;
        let url = url(Mode::StartTls, "localhost", &server);
        transient(trusting(&authority, &url).send(&mail()).await);
        let heard = server.heard();
        assert!(heard.encrypted.is_empty(), "{heard:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_left() {
    let authority = Authority::new();
    let flood: &'static str = "x".repeat(1 << 20).leak();
    for step in ["CONNECT", "EHLO"] {
        let plan = plan(Mode::StartTls, &authority.identity("localhost"));
        let server = Server::start(plan.with(step, Reply::Say(flood))).await;
        let url = url(Mode::StartTls, "localhost", &server);
        let reason = transient(trusting(&authority, &url).send(&mail()).await);
        assert!(reason.contains("too much"), "{reason}");
    }
}

#[tokio::test]
async fn a_wrong_password_loses_no_mail_and_is_not_repeated() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    for said in [
        "535 5.7.8 no",
        "534 5.7.9 too weak",
        "454 4.7.0 later",
        "550 hunter2",
        "535 AGFubgBodW50ZXIy",
    ] {
        let plan = plan(Mode::ImplicitTls, &identity).once("AUTH", Reply::Say(said));
        let server = Server::start(plan).await;
        let mailer = trusting(&authority, &url(Mode::ImplicitTls, "localhost", &server));
        let reason = transient(mailer.send(&mail()).await);
        assert!(
            !reason.contains("hunter2") && !reason.contains("AGFub"),
            "{reason}"
        );
        assert!(!server.heard().command("MAIL"));
        mailer.send(&mail()).await.unwrap();
    }
    let plan = Plan {
        extensions: &["8BITMIME"],
        ..plan(Mode::ImplicitTls, &identity)
    };
    let server = Server::start(plan).await;
    let mailer = trusting(&authority, &url(Mode::ImplicitTls, "localhost", &server));
    transient(mailer.send(&mail()).await);
    assert!(!server.heard().command("MAIL"));
}

#[test]
fn nothing_shows_the_password() {
    let server = SmtpServer::parse("smtps://ann:hunter2@mail.example.org").unwrap();
    let mailer = SmtpMailer::builder(server, sender());
    let shown = format!("{mailer:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown = format!("{:?}", mailer.build().unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn wrong_settings_make_no_mailer() {
    for pem in [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----",
    ] {
        let with = builder("smtps://a.example").root_certificates(pem.as_bytes());
        let made = with.and_then(gatekeeper_mail::SmtpMailerBuilder::build);
        assert!(made.is_err(), "{pem:?}");
    }
    assert!(builder("smtps://a.example").connections(0).build().is_err());
    for hello in ["", "a b", "a\r\nMAIL", "é"] {
        assert!(builder("smtps://a.example").hello(hello).build().is_err());
    }
}
