use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use gatekeeper_core::env::{Mail, MailError, Mailer};

use crate::compose::one_line;

/// Prints mails, link and all. For development only.
///
/// # Security
///
/// The output holds links that verify an address or set a password. Where it is kept or sent on, whoever reads it can use
/// them.
pub struct ConsoleMailer(Mutex<Box<dyn Write + Send>>);

impl ConsoleMailer {
    /// Prints to standard output.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Prints to standard error.
    pub fn stderr() -> Self {
        Self::to(io::stderr())
    }

    /// Prints elsewhere.
    pub fn to(output: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(output)))
    }
}

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let text = readable(mail);
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
            .map_err(|error| MailError::Transient(error.to_string()))
    }
}

impl fmt::Debug for ConsoleMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleMailer")
    }
}

fn readable(mail: &Mail) -> String {
    use fmt::Write as _;

    let mut text = format!("---- mail {}\nTo: ", mail.id);
    // Writing to a string does not fail.
    let _ = match mail.to_name.as_deref().map(one_line) {
        Some(name) => writeln!(text, "{name} <{}>", mail.to.as_str()),
        None => writeln!(text, "{}", mail.to.as_str()),
    };
    let _ = writeln!(text, "Subject: {}\n", one_line(&mail.subject));
    // A terminal obeys escape sequences; what people typed must not reach it as one.
    text.extend(
        mail.text
            .trim_end()
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t')),
    );
    text.push_str("\n----\n");
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compose::tests::mail;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_mail_can_be_read_and_its_link_copied() {
        let kept = Kept::default();
        let mail = Mail {
            to_name: Some("Ann\r\nTo: evil@example.net".to_owned()),
            text: "Hello \u{1b}[2JAnn,\nhttps://auth.example.org/verify-email#token=abc\n"
                .to_owned(),
            ..mail()
        };
        ConsoleMailer::to(kept.clone()).send(&mail).await.unwrap();
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            format!(
                "---- mail {}\nTo: Ann To: evil@example.net <ann@example.org>\nSubject: Verify your address\n\n\
                 Hello [2JAnn,\nhttps://auth.example.org/verify-email#token=abc\n----\n",
                mail.id
            )
        );
    }

    #[tokio::test]
    async fn a_closed_console_is_no_loss() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sent = ConsoleMailer::to(Closed).send(&mail()).await;
        assert!(matches!(sent, Err(MailError::Transient(_))));
    }
}
