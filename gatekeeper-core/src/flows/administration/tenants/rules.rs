//! What a tenant may set: nothing that makes it weaker than the application, nothing that shuts everybody out, nothing that a mail
//! could be misread by.

use std::collections::BTreeSet;

use crate::{
    Violations,
    gatekeeper::Inner,
    model::{Branding, EmailAddress, MfaRequirement, SignInMethod, TenantSettings},
};

/// The longest URL of a logo, in bytes.
const MAX_LOGO_URL: usize = 512;
/// The most domains.
const MAX_DOMAINS: usize = 100;
/// The longest name of a tenant, in characters.
const MAX_NAME: usize = 100;

/// The name people read.
pub(super) fn check_name(violations: &mut Violations, pointer: &str, name: &str) {
    check_text(violations, pointer, name, MAX_NAME);
}

/// The settings of a tenant, whose members are named below `at`.
pub(super) fn check_settings(
    inner: &Inner,
    violations: &mut Violations,
    at: &str,
    settings: &TenantSettings,
) {
    let TenantSettings {
        mfa,
        session_limit,
        branding,
        password_min_length,
        sign_in_methods,
        email_domains,
        // Either is as good.
        open_registration: _,
    } = settings;
    if *mfa == Some(MfaRequirement::Optional)
        && inner.config.mfa.requirement == MfaRequirement::Required
    {
        let detail = "the application requires a second factor of everybody";
        violations.push(format!("{at}/mfa"), "field.value", detail);
    }
    if session_limit.is_some_and(|limit| limit.max == 0) {
        let pointer = format!("{at}/session_limit/max");
        violations.push(pointer, "field.value", "must be at least 1");
    }
    if let Some(length) = password_min_length {
        let bounds = inner.policy.min_length()..=inner.policy.max_length();
        if !usize::try_from(*length).is_ok_and(|length| bounds.contains(&length)) {
            let (least, most) = (bounds.start(), bounds.end());
            let detail =
                format!("must be {least} to {most}: never fewer than the application asks for");
            violations.push(format!("{at}/password_min_length"), "field.value", detail);
        }
    }
    if let Some(methods) = sign_in_methods
        && !methods.iter().any(|method| inner.offers(*method))
    {
        let detail = "must leave a way to sign in that the application offers";
        violations.push(format!("{at}/sign_in_methods"), "field.value", detail);
    }
    if let Some(domains) = email_domains {
        check_domains(violations, at, domains);
    }
    check_branding(violations, &format!("{at}/branding"), branding);
}

impl Inner {
    /// Whether the application has this way to sign in.
    fn offers(&self, method: SignInMethod) -> bool {
        match method {
            SignInMethod::Federated => self
                .providers
                .iter()
                .any(|provider| provider.method() == SignInMethod::Federated),
            SignInMethod::MagicLink => self.config.magic_links.enabled,
            SignInMethod::Password => true,
        }
    }
}

fn check_domains(violations: &mut Violations, at: &str, domains: &BTreeSet<String>) {
    if !(1..=MAX_DOMAINS).contains(&domains.len()) {
        let detail = format!("must be 1 to {MAX_DOMAINS} domains");
        violations.push(format!("{at}/email_domains"), "field.value", detail);
    }
    // As it stands behind the `@` of a normalised address, or no address would ever match.
    let sound = |domain: &String| {
        EmailAddress::parse(&format!("a@{domain}"))
            .is_ok_and(|email| email.normalized().domain() == domain)
    };
    if !domains.iter().all(sound) {
        let detail = "must be domains in lower case and in their ASCII form, without an @";
        violations.push(format!("{at}/email_domains"), "field.value", detail);
    }
}

/// What stands in every mail to everybody in a tenant is held to what cannot carry more than it says.
fn check_branding(violations: &mut Violations, at: &str, branding: &Branding) {
    if let Some(name) = &branding.name {
        check_text(violations, &format!("{at}/name"), name, 64);
    }
    if let Some(url) = &branding.logo_url {
        // As it will stand in an attribute of the mail: nothing that could end that.
        let plain = url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte));
        let rest = url.strip_prefix("https://");
        let host = rest.is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        });
        if !plain || !host || url.len() > MAX_LOGO_URL {
            let detail = "must be an https URL of at most 512 characters";
            violations.push(format!("{at}/logo_url"), "field.value", detail);
        }
    }
    if let Some(color) = &branding.color {
        let sound = color.strip_prefix('#').is_some_and(|digits| {
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        if !sound {
            let detail = "must be # and six hexadecimal digits";
            violations.push(format!("{at}/color"), "field.value", detail);
        }
    }
}

fn check_text(violations: &mut Violations, pointer: &str, text: &str, most: usize) {
    let length = text.chars().count();
    let plain = !text.chars().any(char::is_control) && text.trim() == text;
    if !(1..=most).contains(&length) || !plain {
        let detail = format!("must be 1 to {most} printable characters, without space around them");
        violations.push(pointer, "field.value", detail);
    }
}
