use std::{borrow::Cow, collections::BTreeSet, path::PathBuf};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig};

use super::{
    check,
    kind::{BUNDLED, MailKind},
    render::{self, MailVariables, RenderedParts},
};

/// The design of HTML parts, which every language shares.
const BASE: &str = "base.html";

/// What a language has beside its kinds: the words around a mail, and how it says a duration and an instant.
const PARTS: &[&str] = &[
    "duration.txt",
    "facts.html",
    "facts.txt",
    "layout.html",
    "layout.txt",
    "link.html",
    "time.txt",
];

macro_rules! parts {
    ($($language:literal: $($file:literal)*;)*) => {
        &[$($(($language, $file, include_str!(concat!("templates/", $language, "/", $file))),)*)*]
    };
}

const BUNDLED_PARTS: &[(&str, &str, &str)] = parts! {
    "en": "duration.txt" "facts.html" "facts.txt" "layout.html" "layout.txt" "link.html" "time.txt";
    "de": "duration.txt" "facts.html" "facts.txt" "layout.html" "layout.txt" "link.html" "time.txt";
};

/// The templates of mails, in any number of languages; English and German are bundled.
///
/// # Files
///
/// Each language has these files, in the language of Jinja, whether they come from a directory or from code:
///
/// | file | what it is |
/// |---|---|
/// | `<kind>.txt` | the subject in its first line, then the text part; for each [`MailKind`] |
/// | `<kind>.html` | the HTML part |
/// | `layout.txt`, `layout.html` | what stands around them; a kind may `{% extends "layout.html" %}` |
/// | `link.html`, `facts.txt`, `facts.html` | the button, and the lines that say when, on what and from where |
/// | `duration.txt` | says `count` and `unit` (`minute`, `hour`, `day`): `10 minutes` |
/// | `time.txt` | says `year`, `month` (1 to 12), `day` and `clock` (`18:04`) in UTC |
///
/// A name in `extends` or `include` is looked up in the same language, but for `base.html`: the design of the HTML parts,
/// which all languages share.
///
/// # Variables
///
/// Always: `product`, `subject` (not in itself), `address` (where the mail goes), `sign_in_url`, `language`, `color` and `text_color`
/// (`#rrggbb`), `time` (when it happened), `bound` (whether a magic link is bound to a browser). Where they are known: `name`,
/// `logo_url`, `ip`, `device`, `codes_left`. In mails that have one: `link` or `code`, with `expires_in`.
///
/// # Security
///
/// HTML parts escape what they print. Every text is held to one line; of a name that somebody chose, what a mail program
/// would make a link of never reaches a template. Links are built from the public URL alone.
#[derive(Clone, Debug)]
pub struct MailTemplates {
    environment: Environment<'static>,
    languages: BTreeSet<String>,
    default_language: String,
}

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A template is not well-formed.
    #[error("the template {name} is not valid")]
    Syntax {
        /// The template, `en/verify_email.html`.
        name: String,
        #[source]
        /// What is wrong, and where.
        source: minijinja::Error,
    },
    /// A template prints what is not there, or asks for a template that is not there.
    #[error("the mail {name} cannot be made")]
    Render {
        /// Language and kind, `en/verify_email`.
        name: String,
        #[source]
        /// What is wrong, and where.
        source: minijinja::Error,
    },
    /// A part does not print what its reader has to have.
    #[error("the template {name} does not print {lacks}")]
    Lacks {
        /// The template, `en/verify_email.txt`.
        name: String,
        /// What it has to print: `link`, `code`, `subject`.
        lacks: &'static str,
    },
    /// A new language is not complete.
    #[error("the template {name} is missing")]
    Missing {
        /// The template, `fr/verify_email.txt`.
        name: String,
    },
    /// No template has this name.
    #[error("{name} is the name of no template")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Not a language tag such as `en` or `pt-BR`, or a language without templates.
    #[error("{0:?} is no language that there are templates for")]
    Language(String),
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        #[source]
        /// Why.
        source: std::io::Error,
    },
}

impl MailTemplates {
    /// The bundled templates, in English and German; English is what is used where a language is unknown.
    ///
    /// # Errors
    ///
    /// None in practice: the tests look at every bundled template.
    pub fn bundled() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_syntax(syntax().map_err(|source| TemplateError::Syntax {
            name: "syntax".to_owned(),
            source,
        })?);
        environment.set_auto_escape_callback(|name| {
            if name
                .rsplit_once('.')
                .is_some_and(|(_, ending)| ending == "html")
            {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        environment.set_path_join_callback(|name, parent| match parent.split_once('/') {
            Some((language, _)) if name != BASE => Cow::Owned(format!("{language}/{name}")),
            _ => Cow::Borrowed(name),
        });
        let mut templates = Self {
            environment,
            languages: ["de", "en"].map(str::to_owned).into(),
            default_language: "en".to_owned(),
        };
        templates.add(BASE.to_owned(), include_str!("templates/base.html"))?;
        for (language, file, source) in BUNDLED_PARTS {
            templates.add(format!("{language}/{file}"), source)?;
        }
        for (language, kind, text, html) in BUNDLED {
            templates.add_text(language, *kind, text)?;
            templates.add(format!("{language}/{}.html", kind.as_str()), html)?;
        }
        Ok(templates)
    }

    /// The languages that there are templates for, as tags in lower case.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str)
    }

    /// The language of mails to people who have chosen none that is known.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Language`] where there are no templates for it.
    pub fn set_default_language(&mut self, tag: &str) -> Result<(), TemplateError> {
        let language = parse_language(tag)?;
        if !self.languages.contains(&language) {
            return Err(TemplateError::Language(tag.to_owned()));
        }
        self.default_language = language;
        Ok(())
    }

    /// Adds a language, or replaces templates of one that is there: (file, source), with the files of
    /// [the type's table](Self#files). A language that is new has every kind, `duration.txt` and `time.txt`.
    ///
    /// Every mail of the language is then made once, with made-up content, so that a mistake is found here and not in a mail.
    ///
    /// # Errors
    ///
    /// The first mistake; the templates are then not to be used.
    pub fn set_language<'a>(
        &mut self,
        tag: &str,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), TemplateError> {
        let language = parse_language(tag)?;
        for (file, source) in files {
            let kind = |suffix: &str| {
                let name = file.strip_suffix(suffix)?;
                MailKind::ALL.iter().find(|kind| kind.as_str() == name)
            };
            if let Some(kind) = kind(".txt") {
                self.add_text(&language, *kind, source)?;
            } else if kind(".html").is_some() || PARTS.contains(&file) {
                self.add(format!("{language}/{file}"), source)?;
            } else {
                let name = format!("{tag}/{file}");
                return Err(TemplateError::Unknown { name });
            }
        }
        if !self.languages.contains(&language) {
            self.require_complete(&language)?;
            self.languages.insert(language.clone());
        }
        self.check(&language)
    }

    /// Replaces the three parts of one kind in one language.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Language`] for a language that is not there; the first mistake.
    pub fn replace(
        &mut self,
        tag: &str,
        kind: MailKind,
        subject: &str,
        text: &str,
        html: &str,
    ) -> Result<(), TemplateError> {
        let language = parse_language(tag)?;
        if !self.languages.contains(&language) {
            return Err(TemplateError::Language(tag.to_owned()));
        }
        let name = format!("{language}/{}", kind.as_str());
        self.add(format!("{name}.subject"), subject)?;
        self.add(format!("{name}.txt"), text)?;
        self.add(format!("{name}.html"), html)?;
        self.check(&language)
    }

    /// Replaces `base.html`, the design that the HTML parts of all languages share. Its blocks are `greeting`, `content` and
    /// `footer`.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn replace_base(&mut self, html: &str) -> Result<(), TemplateError> {
        self.add(BASE.to_owned(), html)?;
        for language in self.languages.clone() {
            self.check(&language)?;
        }
        Ok(())
    }

    /// The language of a mail to somebody who prefers `locale`: the tag itself, or what is left of it when its last subtags are
    /// taken away (RFC 4647 section 3.4), so that `de-AT` finds `de`; else the default.
    pub(crate) fn language_for(&self, locale: Option<&str>) -> &str {
        let tag = locale.unwrap_or_default().to_ascii_lowercase();
        let mut rest = tag.as_str();
        loop {
            if let Some(language) = self.languages.get(rest) {
                return language;
            }
            match rest.rsplit_once('-') {
                Some((shorter, _)) => rest = shorter,
                None => return &self.default_language,
            }
        }
    }

    pub(crate) fn render(
        &self,
        kind: MailKind,
        locale: Option<&str>,
        variables: &MailVariables<'_>,
    ) -> Result<RenderedParts, minijinja::Error> {
        render::render(
            &self.environment,
            self.language_for(locale),
            kind,
            variables,
        )
    }

    /// The first line of a text template is the subject.
    fn add_text(
        &mut self,
        language: &str,
        kind: MailKind,
        source: &str,
    ) -> Result<(), TemplateError> {
        let (subject, text) = source.split_once('\n').unwrap_or((source, ""));
        let name = format!("{language}/{}", kind.as_str());
        self.add(format!("{name}.subject"), subject)?;
        self.add(format!("{name}.txt"), text.trim_start())
    }

    fn add(&mut self, name: String, source: &str) -> Result<(), TemplateError> {
        self.environment
            .add_template_owned(name.clone(), source.to_owned())
            .map_err(|source| TemplateError::Syntax { name, source })
    }

    fn require_complete(&self, language: &str) -> Result<(), TemplateError> {
        let kinds = MailKind::ALL
            .iter()
            .flat_map(|kind| ["txt", "html"].map(|ending| format!("{}.{ending}", kind.as_str())));
        let parts = ["duration.txt", "time.txt"].map(str::to_owned);
        for file in kinds.chain(parts) {
            let name = format!("{language}/{file}");
            if self.environment.get_template(&name).is_err() {
                return Err(TemplateError::Missing { name });
            }
        }
        Ok(())
    }

    /// Makes every mail of a language, with printing what is undefined being a mistake.
    fn check(&mut self, language: &str) -> Result<(), TemplateError> {
        self.environment
            .set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let found = check::every_kind(&self.environment, language);
        // A mail that lacks a word is better than none: strict is for finding mistakes beforehand.
        self.environment
            .set_undefined_behavior(UndefinedBehavior::Lenient);
        found
    }
}

/// A tag on a line of its own leaves no empty line behind.
fn syntax() -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
}

/// A language tag (RFC 5646 section 2.1) in lower case.
fn parse_language(tag: &str) -> Result<String, TemplateError> {
    let mut subtags = tag.split('-');
    let language = subtags.next().unwrap_or_default();
    let sound = tag.len() <= 35
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if sound {
        Ok(tag.to_ascii_lowercase())
    } else {
        Err(TemplateError::Language(tag.to_owned()))
    }
}
