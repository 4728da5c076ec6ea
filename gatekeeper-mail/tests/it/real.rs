//! Against a server that others wrote.

use gatekeeper_core::{
    env::{Mail, Mailer},
    model::{EmailAddress, MailId},
    testing::SeededRandom,
};
use gatekeeper_mail::SmtpMailer;

use crate::{
    NOW, builder,
    certificates::Authority,
    mail,
    postbox::{Postbox, from_base64},
    transient,
};

const CREDENTIALS: &str = "ann%40example.com:p%3A%2F%40%C3%9F";

fn mailer(authority: &Authority, url: &str) -> SmtpMailer {
    let builder = builder(url).root_certificates(authority.pem.as_bytes());
    builder.unwrap().build().unwrap()
}

#[tokio::test]
async fn a_mail_arrives_whole_by_starttls_and_by_implicit_tls() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    for (mode, scheme, excluded) in [
        ("starttls", "smtp", ""),
        ("starttls", "smtp", "PLAIN"),
        ("implicit", "smtps", ""),
        ("implicit", "smtps", "PLAIN"),
    ] {
        let mut postbox = Postbox::start(mode, &identity, excluded).await;
        let url = format!("{scheme}://{CREDENTIALS}@localhost:{}", postbox.port);
        let mailer = mailer(&authority, &url);
        let mail = Mail {
            to: EmailAddress::parse("Zoë@bücher.example").unwrap(),
            to_name: Some("Zoë\r\nBcc: evil@example.net".to_owned()),
            subject: "Grüße\r\nBcc: evil@example.net".to_owned(),
            text: "Grüße, Zoë\n.\n..\n.dots\nhttps://auth.example.org/#token=abc\n".to_owned(),
            html: "<p>Grüße</p>\n.\n".to_owned(),
            ..mail()
        };
        mailer.send(&mail).await.unwrap();
        let taken = postbox.take().await;
        let envelope = &taken.envelope;
        assert_eq!(envelope["login"], "ann@example.com");
        assert_eq!(envelope["encrypted"], true);
        assert_eq!(envelope["from"], "no-reply@example.com");
        let to = serde_json::json!(["Zoë@xn--bcher-kva.example"]);
        assert_eq!(envelope["to"], to);
        let (head, body) = taken.content.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Message-ID: <{}@example.com>", mail.id)));
        let head = head.replace("\r\n ", " ");
        assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
        let subject = head
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "))
            .unwrap();
        assert_eq!(decoded(subject), "Grüße Bcc: evil@example.net");
        let text =
            "\r\n\r\nGrüße, Zoë\r\n.\r\n..\r\n.dots\r\nhttps://auth.example.org/#token=abc\r\n";
        assert!(taken.content.contains(text), "{body}");

        // The same connection takes the next.
        let next = Mail {
            id: MailId::new(NOW, &SeededRandom::new(8)),
            ..crate::mail()
        };
        mailer.send(&next).await.unwrap();
        let second = postbox.take().await;
        assert_eq!(second.envelope["peer"], envelope["peer"]);
        assert_eq!(
            second.envelope["to"],
            serde_json::json!(["ann@example.org"])
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_loses_nothing() {
    let authority = Authority::new();
    let mut postbox = Postbox::start("implicit", &authority.identity("localhost"), "").await;
    let port = postbox.port;
    let wrong = format!("smtps://ann%40example.com:hunter2@localhost:{port}");
    let reason = transient(mailer(&authority, &wrong).send(&mail()).await);
    assert!(reason.contains("AUTH with 535"), "{reason}");
    let none = format!("smtps://localhost:{port}");
    let reason = transient(mailer(&authority, &none).send(&mail()).await);
    assert!(reason.contains("530"), "{reason}");
    let right = format!("smtps://{CREDENTIALS}@localhost:{port}");
    mailer(&authority, &right).send(&mail()).await.unwrap();
    postbox.take().await;
}

#[tokio::test]
async fn a_server_of_an_unknown_issuer_gets_nothing() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (mode, scheme) in [("starttls", "smtp"), ("implicit", "smtps")] {
        let mut postbox = Postbox::start(mode, &stranger.identity("localhost"), "").await;
        let url = format!("{scheme}://{CREDENTIALS}@localhost:{}", postbox.port);
        transient(mailer(&authority, &url).send(&mail()).await);
        let second = Mail {
            id: MailId::new(NOW, &SeededRandom::new(8)),
            ..mail()
        };
        mailer(&stranger, &url).send(&second).await.unwrap();
        // The first that it took is the second.
        let taken = postbox.take().await;
        assert!(taken.content.contains(&second.id.to_string()));
    }
}

/// The words of RFC 2047 put together: a space between two encoded ones is none (section 6.2).
fn decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut after_encoded = None;
    for word in text.split(' ') {
        let inner = word.strip_prefix("=?utf-8?b?");
        let inner = inner.and_then(|inner| inner.strip_suffix("?="));
        if after_encoded.is_some_and(|encoded: bool| !encoded || inner.is_none()) {
            decoded.push(b' ');
        }
        after_encoded = Some(inner.is_some());
        match inner {
            Some(base64) => decoded.extend(from_base64(base64)),
            None => decoded.extend(word.bytes()),
        }
    }
    String::from_utf8(decoded).unwrap()
}
