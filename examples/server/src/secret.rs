//! The secret that everything else is derived from: given, or made once and kept beside the database.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use gatekeeper_core::{
    crypto::SecretKey,
    env::{Random, SystemRandom},
};

use crate::{database::Database, failure::Failure, settings::Settings};

const FILE: &str = "gatekeeper.secret";

/// Where a secret came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the settings.
    Given,
    /// From the file, made by an earlier start.
    Kept,
    /// Made by this start, into this file.
    Made(PathBuf),
    /// Made for this process alone.
    Passing,
}

/// The secret to work with.
pub(crate) fn obtain(settings: &Settings) -> Result<(SecretKey, Origin), Failure> {
    if let Some(secret) = &settings.secret {
        return Ok((secret.clone(), Origin::Given));
    }
    let Some(directory) = settings.database.directory() else {
        return Ok((SecretKey::generate(&SystemRandom), Origin::Passing));
    };
    let path = if directory == Path::new(".") {
        PathBuf::from(FILE)
    } else {
        directory.join(FILE)
    };
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => {
            return read
                .map(|secret| (secret, Origin::Kept))
                .map_err(|error| unusable(&path, &error));
        }
    }
    // With a new secret nothing in an old database could be read: better to say so than to leave a wrong one lying there.
    if settings.database.holds_data() {
        return Err(lost(&settings.database, &path));
    }
    let made = make(&path, &SystemRandom).map_err(|error| unusable(&path, &error))?;
    let secret = read(&path).map_err(|error| unusable(&path, &error))?;
    let origin = if made {
        Origin::Made(path)
    } else {
        Origin::Kept
    };
    Ok((secret, origin))
}

fn read(path: &Path) -> io::Result<SecretKey> {
    let text = gatekeeper_core::model::SecretString::new(fs::read_to_string(path)?);
    warn_if_open(path);
    SecretKey::parse(text.expose())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Makes a secret, unless another process does so first. Answers whether it did.
fn make(path: &Path, random: &dyn Random) -> io::Result<bool> {
    // A name of its own: what an earlier process left behind, or another one is writing, is not in the way.
    let number = u64::from_be_bytes(random.bytes());
    let temporary = path.with_extension(format!("secret.{number:016x}"));
    let linked = write_private(&temporary, SecretKey::generate(random).to_text().expose())
        // Unlike a rename, a link never replaces what is there: of two first starts one makes it, and both use it.
        .and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        });
    let removed = fs::remove_file(&temporary);
    let made = linked?;
    removed?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    // The name has to outlast a power cut, or the database would outlast its secret.
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(made)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let open = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(path = %path.display(), "others can read the secret; `chmod 600` it");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("the secret {} cannot be used", path.display());
    Failure::because(&what, error)
}

fn lost(database: &Database, path: &Path) -> Failure {
    Failure::failed(
        "secret.missing",
        format!(
            "there is a database, {database}, but not its secret, {}; put it back, or give the secret as GATEKEEPER_SECRET",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use gatekeeper_core::testing::SeededRandom;

    use super::*;

    #[test]
    fn of_two_first_starts_one_makes_the_secret_and_both_use_it() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(FILE);
        assert!(make(&path, &SeededRandom::new(1)).unwrap());
        let first = read(&path).unwrap();
        assert!(!make(&path, &SeededRandom::new(2)).unwrap());
        let second = read(&path).unwrap();
        assert_eq!(first.to_text().expose(), second.to_text().expose());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_neither_used_nor_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(FILE);
        for damaged in [
            "",
            "short",
            "correct-horse-battery-staple-correct-horse-battery",
        ] {
            fs::write(&path, damaged).unwrap();
            let settings = Settings {
                database: Database::File(scratch.path().join("g.db")),
                ..Settings::default()
            };
            let failure = obtain(&settings).unwrap_err();
            assert!(matches!(failure, Failure::Failed { .. }));
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
