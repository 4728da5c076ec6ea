//! Over HTTP for real.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::env::Mailer;
use gatekeeper_mail::SendGridMailer;
use gatekeeper_reqwest::ReqwestClient;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{Outcome, mail, permanent, sender, transient};

/// Answers each request with the next of these, and gives the requests back.
async fn api(answers: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            loop {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                request.extend_from_slice(&bytes[..count]);
                let text = String::from_utf8_lossy(&request);
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: "));
                    body.len() >= length.unwrap().parse().unwrap()
                });
                if whole || count == 0 {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    });
    (port, served)
}

#[tokio::test]
async fn a_mail_is_posted_and_each_answer_understood() -> Outcome {
    let (port, served) = api(&[
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 400 Bad\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "nonsense\r\n\r\n",
    ])
    .await;
    let client = Arc::new(ReqwestClient::new()?);
    let mailer = SendGridMailer::new(client, "SG.hunter2", sender())?
        .url(&format!("http://127.0.0.1:{port}"))?
        .timeout(Duration::from_mins(1));
    mailer.send(&mail()).await?;
    transient(mailer.send(&mail()).await);
    permanent(mailer.send(&mail()).await);
    transient(mailer.send(&mail()).await);
    let reason = transient(mailer.send(&mail()).await);
    assert!(!reason.contains("127.0.0.1") && !reason.contains("hunter2"));
    let requests = served.await?;
    assert_eq!(requests.len(), 5);
    assert!(requests[0].starts_with("POST /v3/mail/send HTTP/1.1\r\n"));
    assert!(requests[0].contains("authorization: Bearer SG.hunter2\r\n"));
    assert!(requests[0].contains(&mail().id.to_string()));
    Ok(())
}
