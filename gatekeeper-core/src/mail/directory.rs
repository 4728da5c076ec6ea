use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::templates::{MailTemplates, TemplateError};

/// The largest template, in bytes.
const MAX_TEMPLATE: u64 = 256 * 1024;

impl MailTemplates {
    /// Takes in the templates of a directory: `base.html`, and one folder a language with the files of
    /// [the type's table](Self#files). What the directory does not have stays as it was; a language that is new has to be complete.
    ///
    /// Names that begin with a dot are passed over; any other name that is no template's is a mistake.
    ///
    /// # Errors
    ///
    /// The first mistake; the templates are then not to be used.
    pub fn load_directory(&mut self, path: impl AsRef<Path>) -> Result<(), TemplateError> {
        let mut languages = Vec::new();
        for (name, path) in entries(path.as_ref())? {
            if path.is_dir() {
                languages.push((name, path));
            } else if name == "base.html" {
                let source = read(&path)?;
                self.replace_base(&source)?;
            } else {
                return Err(TemplateError::Unknown { name });
            }
        }
        for (language, path) in languages {
            let mut files = Vec::new();
            for (name, path) in entries(&path)? {
                files.push((name, read(&path)?));
            }
            let files = files
                .iter()
                .map(|(name, source)| (name.as_str(), source.as_str()));
            self.set_language(&language, files)?;
        }
        Ok(())
    }
}

/// What is in a directory, sorted, so that of two mistakes the same one is told each time.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, TemplateError> {
    let failed = |source| TemplateError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, TemplateError> {
    let read = || {
        if fs::metadata(path)?.len() > MAX_TEMPLATE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {MAX_TEMPLATE} bytes"),
            ));
        }
        fs::read_to_string(path)
    };
    read().map_err(|source| TemplateError::Read {
        path: path.to_owned(),
        source,
    })
}
