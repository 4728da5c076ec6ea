use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        /// Which mail it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum MailKind {
            $($(#[$doc])* $name,)*
        }

        impl MailKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name, which is that of its templates.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $file,)*
                }
            }
        }

        /// (name, subject and text, HTML); the first line of the text template is the subject.
        const BUNDLED: &[(&str, &str, &str)] = &[
            $(($file, include_str!(concat!("templates/", $file, ".txt")), include_str!(concat!("templates/", $file, ".html"))),)*
        ];
    };
}

kinds! {
    /// Too many wrong guesses: the account is locked for a while.
    AccountLocked = "account_locked";
    /// Few backup codes are left.
    BackupCodesLow = "backup_codes_low";
    /// The account was deleted.
    AccountDeleted = "account_deleted";
    /// Confirms a new address; goes to the new one.
    ChangeEmail = "change_email";
    /// A change of address was asked for; goes to the old one.
    EmailChangeRequested = "email_change_requested";
    /// The address was changed; goes to the old one.
    EmailChanged = "email_changed";
    /// Signs in.
    MagicLink = "magic_link";
    /// A code, as a second factor.
    MfaCode = "mfa_code";
    /// A second factor was taken away.
    MfaDisabled = "mfa_disabled";
    /// A second factor is in force.
    MfaEnabled = "mfa_enabled";
    /// A wrong second factor was given after the right password.
    MfaFailed = "mfa_failed";
    /// A sign-in on a device that was not known.
    NewDevice = "new_device";
    /// The password is known to others and has to be reset.
    PasswordChangeRequired = "password_change_required";
    /// The password was changed.
    PasswordChanged = "password_changed";
    /// The password was set through a reset link.
    PasswordReset = "password_reset";
    /// Somebody tried to sign up with, or to change to, an address that has an account.
    RegistrationRepeated = "registration_repeated";
    /// Sets a new password.
    ResetPassword = "reset_password";
    /// A used refresh token came again; the session was ended.
    SessionReused = "session_reused";
    /// Confirms a sign-up.
    VerifyEmail = "verify_email";
    /// The address is confirmed, the account can be used.
    Welcome = "welcome";
}

/// The templates of mails: each kind has a subject, a text and an HTML part, in the language of Jinja.
///
/// The variables are `product`, `name` (may be undefined), `link` (in mails that have one), `expires_in` (`30 minutes`),
/// `sign_in_url` and `address` (the new address, in `change_email`). HTML parts escape what they print.
#[derive(Debug)]
pub struct MailTemplates {
    environment: Environment<'static>,
}

/// A template that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("the template {name} is not valid")]
pub struct TemplateError {
    /// The template, `verify_email.html`.
    pub name: String,
    #[source]
    source: minijinja::Error,
}

/// What a template may print.
#[derive(Debug, Default)]
pub(crate) struct MailVariables<'a> {
    pub(crate) product: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) link: Option<&'a str>,
    pub(crate) expires_in: Option<String>,
    pub(crate) sign_in_url: &'a str,
    pub(crate) address: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    pub(crate) device: Option<&'a str>,
}

impl MailVariables<'_> {
    fn to_value(&self) -> Value {
        let optional = |text: Option<&str>| text.map_or(Value::UNDEFINED, Value::from);
        Value::from_pairs([
            ("product", Value::from(self.product)),
            ("name", optional(self.name)),
            ("link", optional(self.link)),
            ("expires_in", optional(self.expires_in.as_deref())),
            ("sign_in_url", Value::from(self.sign_in_url)),
            ("address", optional(self.address)),
            ("code", optional(self.code)),
            ("device", optional(self.device)),
        ])
    }
}

/// A mail's three parts.
#[derive(Debug)]
pub(crate) struct RenderedParts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl MailTemplates {
    /// The bundled templates, in English.
    ///
    /// # Errors
    ///
    /// None in practice: the bundled templates are compiled by the tests.
    pub fn bundled() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|name| {
            let html = std::path::Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "html");
            if html {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        let mut templates = Self { environment };
        templates.add("layout.html", include_str!("templates/layout.html"))?;
        for (name, text, html) in BUNDLED {
            let (subject, text) = text.split_once('\n').unwrap_or((text, ""));
            templates.add(&format!("{name}.subject"), subject)?;
            templates.add(&format!("{name}.txt"), text.trim_start())?;
            templates.add(&format!("{name}.html"), html)?;
        }
        Ok(templates)
    }

    /// Replaces the three parts of one kind. An HTML part may extend `layout.html`.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] where one does not compile.
    pub fn replace(
        &mut self,
        kind: MailKind,
        subject: &str,
        text: &str,
        html: &str,
    ) -> Result<(), TemplateError> {
        let name = kind.as_str();
        self.add(&format!("{name}.subject"), subject)?;
        self.add(&format!("{name}.txt"), text)?;
        self.add(&format!("{name}.html"), html)
    }

    fn add(&mut self, name: &str, source: &str) -> Result<(), TemplateError> {
        self.environment
            .add_template_owned(name.to_owned(), source.to_owned())
            .map_err(|source| TemplateError {
                name: name.to_owned(),
                source,
            })
    }

    pub(crate) fn render(
        &self,
        kind: MailKind,
        variables: &MailVariables<'_>,
    ) -> Result<RenderedParts, minijinja::Error> {
        let part = |suffix: &str| {
            self.environment
                .get_template(&format!("{}.{suffix}", kind.as_str()))?
                .render(variables.to_value())
        };
        // A subject is one line, whatever a name holds: a line break would begin a header (RFC 5322 section 2.2).
        let subject = part("subject")?
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        Ok(RenderedParts {
            subject,
            text: part("txt")?,
            html: part("html")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> MailVariables<'static> {
        MailVariables {
            product: "Acme",
            name: Some("<b>Ada</b>\r\nBcc: eve@example.org"),
            link: Some("https://example.org/x#token=T"),
            expires_in: Some("30 minutes".to_owned()),
            sign_in_url: "https://example.org/sign-in",
            address: Some("new@example.org"),
            code: Some("123456"),
            device: Some("Firefox on Linux"),
        }
    }

    #[test]
    fn every_bundled_mail_renders_and_carries_its_link() {
        let templates = MailTemplates::bundled().unwrap();
        for &kind in MailKind::ALL {
            let parts = templates.render(kind, &variables()).unwrap();
            assert!(
                parts.subject.contains("Acme"),
                "{kind:?}: {}",
                parts.subject
            );
            assert!(
                !parts.text.is_empty() && parts.html.contains("</html>"),
                "{kind:?}"
            );
            let linked = parts.text.contains("#token=T");
            let expected = matches!(
                kind,
                MailKind::ChangeEmail
                    | MailKind::MagicLink
                    | MailKind::ResetPassword
                    | MailKind::VerifyEmail
            );
            assert_eq!(linked, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_name_becomes_neither_markup_nor_a_header() {
        let mut templates = MailTemplates::bundled().unwrap();
        templates
            .replace(
                MailKind::VerifyEmail,
                "Hello {{ name }}",
                "{{ name }}",
                "<p>{{ name }}</p>",
            )
            .unwrap();
        let parts = templates
            .render(MailKind::VerifyEmail, &variables())
            .unwrap();
        assert!(!parts.subject.contains(['\r', '\n']), "{:?}", parts.subject);
        assert!(!parts.html.contains("<b>"), "{}", parts.html);
    }

    #[test]
    fn a_template_that_does_not_compile_is_refused() {
        let mut templates = MailTemplates::bundled().unwrap();
        assert!(
            templates
                .replace(MailKind::VerifyEmail, "{{", "", "")
                .is_err()
        );
    }
}
