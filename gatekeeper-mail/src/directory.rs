use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use gatekeeper_core::{
    env::{Clock, Mail, MailError, Mailer, SystemClock},
    model::{MailId, Timestamp},
};

use crate::{
    Sender,
    compose::{Bits, compose},
};

/// Writes every mail to a file of its own in a directory: `TIME-ID.eml`, where the time is that of the mail's making, so that
/// the names sort.
///
/// A file is there whole or not at all, and durable when the mail counts as delivered. A mail that is delivered twice is one
/// file.
///
/// # Security
///
/// Files have mode 0600. Where the directory does not exist it is made, with mode 0700; where it does, its mode is left
/// alone.
#[derive(Clone, Debug)]
pub struct DirectoryMailer {
    directory: PathBuf,
    sender: Sender,
    clock: Arc<dyn Clock>,
}

impl DirectoryMailer {
    /// Writes to this directory, which is made where it does not exist.
    ///
    /// # Errors
    ///
    /// Where it cannot be made, or is no directory.
    pub fn new(directory: impl Into<PathBuf>, sender: Sender) -> io::Result<Self> {
        let directory = directory.into();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        Ok(Self {
            directory,
            sender,
            clock: Arc::new(SystemClock),
        })
    }

    /// Takes the time of `Date` headers from here.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

#[async_trait]
impl Mailer for DirectoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let text = compose(mail, &self.sender, self.clock.now(), Bits::Eight)?;
        let name = file_name(mail.id);
        let directory = self.directory.clone();
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &text)).await;
        written
            .map_err(|error| MailError::Transient(error.to_string()))?
            .map_err(|error| MailError::Transient(error.to_string()))
    }
}

/// `20261122T142136Z-ID.eml`: of the id alone, so that a second delivery meets the first.
fn file_name(id: MailId) -> String {
    // RFC 9562 section 5.7: the first 48 bits of a version 7 UUID are milliseconds since 1970.
    let millis = i64::try_from(id.as_uuid().as_u128() >> 80).unwrap_or(0);
    let time = Timestamp::from_unix_seconds(millis / 1_000).to_string();
    format!("{}-{id}.eml", time.replace(['-', ':'], ""))
}

fn write(directory: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    // Two deliveries of one mail at the same time, by two processes even, each write a file of their own.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = directory.join(format!(".{name}.{}.{number}", process::id()));
    let written = write_new(&temporary, text)
        .and_then(|()| fs::rename(&temporary, directory.join(name)))
        // The name, too, has to outlast a power cut.
        .and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        // It may be gone already; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    // An earlier process with this number may have died here. Never written over in place: it may be a link.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use gatekeeper_core::testing::ManualClock;

    use super::*;
    use crate::compose::tests::{NOW, mail, sender};

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn mailer(directory: &Path) -> DirectoryMailer {
        DirectoryMailer::new(directory, sender())
            .unwrap()
            .clock(ManualClock::at(NOW))
    }

    #[tokio::test]
    async fn a_mail_is_one_private_file_however_often_it_is_delivered() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("a/b");
        let mailer = mailer(&directory);
        let mail = mail();
        for _ in 0..3 {
            mailer.send(&mail).await.unwrap();
        }
        let name = format!("20261122T142136Z-{}.eml", mail.id);
        assert_eq!(&names(&directory), std::slice::from_ref(&name));
        let text = fs::read(directory.join(&name)).unwrap();
        assert_eq!(text, compose(&mail, &sender(), NOW, Bits::Eight).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&directory.join(name)), 0o600);
            assert_eq!(mode(&directory), 0o700);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn deliveries_at_the_same_time_do_not_mix() {
        let scratch = tempfile::tempdir().unwrap();
        let mailer = mailer(scratch.path());
        let mail = mail();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (mailer, mail) = (mailer.clone(), mail.clone());
                tokio::spawn(async move { mailer.send(&mail).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let names = names(scratch.path());
        assert_eq!(names.len(), 1, "{names:?}");
        let text = fs::read(scratch.path().join(&names[0])).unwrap();
        assert_eq!(text, compose(&mail, &sender(), NOW, Bits::Eight).unwrap());
    }

    #[tokio::test]
    async fn a_directory_that_is_gone_is_tried_again_later() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("mails");
        let mailer = mailer(&directory);
        fs::remove_dir(&directory).unwrap();
        let sent = mailer.send(&mail()).await;
        assert!(matches!(sent, Err(MailError::Transient(_))));
        fs::create_dir(&directory).unwrap();
        mailer.send(&mail()).await.unwrap();
        assert_eq!(names(&directory).len(), 1);
    }

    #[test]
    fn a_file_is_no_directory() {
        let scratch = tempfile::NamedTempFile::new().unwrap();
        assert!(DirectoryMailer::new(scratch.path(), sender()).is_err());
    }
}
