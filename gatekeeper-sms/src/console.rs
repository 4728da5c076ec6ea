use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use gatekeeper_core::env::{Sms, SmsError, SmsSender};

/// Prints text messages, code and all. For development only.
///
/// # Security
///
/// The output holds codes that sign in. Where it is kept or sent on, whoever reads it can use them.
pub struct ConsoleSender(Mutex<Box<dyn Write + Send>>);

impl ConsoleSender {
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
impl SmsSender for ConsoleSender {
    async fn send(&self, sms: &Sms) -> Result<(), SmsError> {
        // A terminal obeys escape sequences.
        let printable = |text: &str| -> String {
            text.chars()
                .filter(|c| !c.is_control() || *c == '\n')
                .collect()
        };
        let to = printable(&sms.to);
        let body = printable(sms.text.expose());
        let text = format!("---- text message {}\nTo: {to}\n\n{body}\n----\n", sms.id);
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
            .map_err(|error| SmsError::Transient(error.to_string()))
    }
}

impl fmt::Debug for ConsoleSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleSender")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatekeeper_core::{
        model::{MailId, Timestamp},
        testing::SeededRandom,
    };

    use super::*;

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
    async fn a_message_can_be_read() {
        let kept = Kept::default();
        let sms = Sms {
            id: MailId::new(Timestamp::from_unix_seconds(0), &SeededRandom::new(1)),
            to: "+15005550006".to_owned(),
            text: "Code: \u{1b}[2J123456".into(),
        };
        ConsoleSender::to(kept.clone()).send(&sms).await.unwrap();
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let id = sms.id;
        assert_eq!(
            text,
            format!("---- text message {id}\nTo: +15005550006\n\nCode: [2J123456\n----\n")
        );
    }
}
