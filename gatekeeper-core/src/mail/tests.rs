use std::{fs, time::Duration};

use super::{
    brand::Brand,
    check::{plain_brand, variables},
    kind::Carries,
    render::MailVariables,
    *,
};
use crate::model::{Branding, Timestamp};

const HOSTILE: &str = "<b>Ada</b>\r\nBcc: eve\u{202e}";

fn render(templates: &MailTemplates, kind: MailKind, language: &str) -> [String; 3] {
    let brand = plain_brand();
    render_with(templates, kind, language, &variables(kind, &brand, true))
}

fn render_with(
    templates: &MailTemplates,
    kind: MailKind,
    language: &str,
    variables: &MailVariables<'_>,
) -> [String; 3] {
    let parts = templates.render(kind, Some(language), variables).unwrap();
    [parts.subject, parts.text, parts.html]
}

/// What an HTML part shows, and where its links lead.
fn unescaped(html: &str) -> String {
    html.replace("&#x2f;", "/")
        .replace("&#x27;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn every_mail() -> impl Iterator<Item = (&'static str, MailKind)> {
    ["en", "de"]
        .into_iter()
        .flat_map(|language| MailKind::ALL.iter().map(move |kind| (language, *kind)))
}

#[test]
fn every_bundled_mail_can_be_made_with_all_it_prints_defined() {
    let mut templates = MailTemplates::bundled().unwrap();
    // An empty change: each mail of the language is made with undefined variables being a mistake.
    for language in ["en", "de"] {
        templates.set_language(language, []).unwrap();
    }
    for (language, kind) in every_mail() {
        let [subject, text, html] = render(&templates, kind, language);
        assert!(subject.contains("Acme"), "{language} {kind:?}: {subject}");
        assert!(html.starts_with("<!doctype html>\n") && html.ends_with("</html>\n"));
        assert!(html.contains(&format!("<html lang=\"{language}\">")));
        for part in [&subject, &text, &html] {
            assert!(
                !part.contains(['{', '}']) || part == &html,
                "{language} {kind:?}: {part}"
            );
            assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
        }
        assert!(
            !text.contains("\n\n\n") && !text.contains("  \n"),
            "{language} {kind:?}: {text}"
        );
        assert!(!text.contains('<'), "{language} {kind:?}: {text}");
    }
}

/// The wording, for whoever looks at what owners read.
#[test]
fn golden_a_mail_reads_well_in_both_languages() {
    let templates = MailTemplates::bundled().unwrap();
    let [subject, text, _] = render(&templates, MailKind::NewDevice, "en");
    assert_eq!(subject, "A new sign-in to Acme");
    assert_eq!(
        text,
        "Hello Ada,\n\n\
         Somebody signed in to your account on a device that was not used for it before.\n\n\
         When: 22 November 2026, 18:04 UTC\n\
         Device: Firefox on Linux\n\
         IP address: 192.0.2.7\n\n\
         If it was you, there is nothing you need to do.\n\n\
         If it was not, set a new password at https://example.org/sign-in at once. That signs every device out.\n\n\
         This mail was sent to ada@example.org because there is, or is to be, an account for it with Acme.\n"
    );
    let [subject, text, _] = render(&templates, MailKind::VerifyEmail, "de");
    assert_eq!(subject, "Bestätigen Sie Ihre Adresse für Acme");
    assert_eq!(
        text,
        "Guten Tag Ada,\n\n\
         Bitte bestätigen Sie, dass dies Ihre E-Mail-Adresse ist:\n\n\
         https://example.org/page#token=sample-of-a-token\n\n\
         Der Link funktioniert einmal, innerhalb von 10 Minuten.\n\n\
         Falls Sie sich nicht registriert haben, ignorieren Sie diese Nachricht.\n\n\
         Diese Nachricht ging an ada@example.org, weil es dazu ein Konto bei Acme gibt oder geben soll.\n"
    );
}

#[test]
fn the_text_part_is_complete() {
    let templates = MailTemplates::bundled().unwrap();
    for (language, kind) in every_mail() {
        let [_, text, html] = render(&templates, kind, language);
        let html = unescaped(&html);
        for (wanted, carries) in [
            (
                "https://example.org/page#token=sample-of-a-token",
                Carries::Link,
            ),
            ("sample-of-a-code", Carries::Code),
        ] {
            let expected = kind.carries() == carries;
            assert_eq!(
                text.contains(wanted),
                expected,
                "{language} {kind:?}: {text}"
            );
            assert_eq!(
                html.contains(wanted),
                expected,
                "{language} {kind:?}: {html}"
            );
        }
        // Each sentence of the HTML part stands in the text part too.
        let shown = html.split("<body").nth(1).unwrap();
        for paragraph in shown.split("<p ").skip(1) {
            let (_, paragraph) = paragraph.split_once('>').unwrap();
            let (paragraph, _) = paragraph.split_once("</p>").unwrap();
            if paragraph.contains("<br>") {
                continue;
            }
            let words: String = strip_tags(paragraph);
            assert!(text.contains(&words), "{language} {kind:?}: {words}");
        }
    }
}

fn strip_tags(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, rest)| rest));
    }
    text
}

#[test]
fn row_58_a_hostile_name_is_neither_markup_nor_a_header_nor_a_line() {
    let branding = Branding {
        name: Some("A<script>\"'&B".to_owned()),
        logo_url: Some("https://cdn.example.com/l.png?a=1&b=2".to_owned()),
        ..Branding::default()
    };
    let templates = MailTemplates::bundled().unwrap();
    for (language, kind) in every_mail() {
        for logo in [true, false] {
            let mut branding = branding.clone();
            branding.logo_url = branding.logo_url.filter(|_| logo);
            let brand = Brand::new("Acme", &branding);
            let mut hostile = variables(kind, &brand, true);
            hostile.name = Some(HOSTILE.trim_end_matches("\r\nBcc: eve\u{202e}"));
            hostile.device = Some(HOSTILE);
            let [subject, text, html] = render_with(&templates, kind, language, &hostile);
            assert!(!subject.chars().any(char::is_control), "{subject:?}");
            assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
            assert!(!html.contains("\"'"), "{html}");
            for part in [&text, &html] {
                assert!(
                    !part.contains("\nBcc:") && !part.contains(['\r', '\u{202e}']),
                    "{part}"
                );
            }
        }
    }
}

#[test]
fn row_58_a_name_that_is_a_message_reaches_no_part() {
    let templates = MailTemplates::bundled().unwrap();
    let brand = plain_brand();
    for (language, kind) in every_mail() {
        let mut spam = variables(kind, &brand, true);
        spam.name = Some("win at https://evil.example/prize");
        for part in render_with(&templates, kind, language, &spam) {
            assert!(!part.contains("evil"), "{language} {kind:?}: {part}");
        }
    }
}

/// Nothing is loaded or run, and nothing leads anywhere but to the public URL.
#[test]
fn row_25_mails_lead_to_the_public_url_alone() {
    let templates = MailTemplates::bundled().unwrap();
    let branding = Branding {
        logo_url: Some("https://cdn.example.com/logo.png".to_owned()),
        ..Branding::default()
    };
    let brand = Brand::new("Acme", &branding);
    for (language, kind) in every_mail() {
        let [_, text, html] =
            render_with(&templates, kind, language, &variables(kind, &brand, true));
        let html = unescaped(&html);
        let lower = html.to_ascii_lowercase();
        for forbidden in [
            "<script",
            "<iframe",
            "<link",
            "<form",
            "<object",
            "javascript:",
            "@import",
            "url(",
            " onerror",
            " onload",
        ] {
            assert!(
                !lower.contains(forbidden),
                "{language} {kind:?}: {forbidden}"
            );
        }
        for (attribute, allowed) in [
            ("href=\"", "https://example.org/"),
            ("src=\"", "https://cdn.example.com/logo.png\""),
        ] {
            for value in html.split(attribute).skip(1) {
                assert!(
                    value.starts_with(allowed),
                    "{language} {kind:?}: {value:.60}"
                );
            }
        }
        for part in [&text, &html] {
            for url in part.split("http").skip(1) {
                let own = url.starts_with("s://example.org/")
                    || url.starts_with("s://cdn.example.com/logo.png");
                assert!(own, "{language} {kind:?}: http{url:.60}");
            }
        }
    }
}

#[test]
fn german_is_german() {
    let templates = MailTemplates::bundled().unwrap();
    let mut umlauts = 0;
    for &kind in MailKind::ALL {
        let [subject, text, html] = render(&templates, kind, "de");
        assert_ne!(subject, render(&templates, kind, "en")[0]);
        for part in [&subject, &text, &html] {
            let lower = part.to_lowercase();
            for spelled_out in [
                "aender",
                "bestaetig",
                "duerf",
                "fuer",
                "gueltig",
                "koenn",
                "loesch",
                "moecht",
                "muess",
                "naechst",
                "pruef",
                "schluessel",
                "spaeter",
                "ueber",
                "voruebergehend",
                "waehl",
                "waer",
                "zurueck",
                "geraet",
                "schuetz",
                "grues",
            ] {
                assert!(
                    !lower.contains(spelled_out),
                    "{kind:?}: {spelled_out}: {part}"
                );
            }
            for english in [" the ", " your ", " you ", "Hello", " sign ", " link works"] {
                assert!(!part.contains(english), "{kind:?}: {english}: {part}");
            }
        }
        umlauts += text.chars().filter(|c| "äöüÄÖÜß".contains(*c)).count();
    }
    assert!(umlauts > 50, "{umlauts}");
}

#[test]
fn a_language_is_found_by_what_is_left_of_its_tag() {
    let mut templates = MailTemplates::bundled().unwrap();
    for (locale, expected) in [
        (None, "en"),
        (Some("de"), "de"),
        (Some("DE-at"), "de"),
        (Some("de-Latn-CH-1996"), "de"),
        (Some("en-GB"), "en"),
        (Some("fr"), "en"),
        (Some("den"), "en"),
        (Some("d"), "en"),
        (Some("de_AT"), "en"),
        (Some("../../etc"), "en"),
        (Some(""), "en"),
    ] {
        assert_eq!(templates.language_for(locale), expected, "{locale:?}");
    }
    templates.set_default_language("DE").unwrap();
    assert_eq!(templates.language_for(Some("fr")), "de");
    assert!(templates.set_default_language("fr").is_err());
}

#[test]
fn durations_and_instants_are_said_in_words() {
    let templates = MailTemplates::bundled().unwrap();
    let brand = plain_brand();
    for (seconds, english, german) in [
        (1, "1 minute", "1 Minute"),
        (60, "1 minute", "1 Minute"),
        (61, "2 minutes", "2 Minuten"),
        (600, "10 minutes", "10 Minuten"),
        (3_600, "60 minutes", "60 Minuten"),
        (7_200, "2 hours", "2 Stunden"),
        (86_400, "24 hours", "24 Stunden"),
        (172_800, "2 days", "2 Tagen"),
    ] {
        for (language, expected) in [("en", english), ("de", german)] {
            let mut one = variables(MailKind::ResetPassword, &brand, true);
            one.lifetime = Some(Duration::from_secs(seconds));
            let [_, text, _] = render_with(&templates, MailKind::ResetPassword, language, &one);
            assert!(
                text.contains(&format!(" {expected}.")),
                "{expected}: {text}"
            );
        }
    }
    for (at, english, german) in [
        (
            0,
            "1 January 1970, 00:00 UTC",
            "1. Januar 1970, 00:00 Uhr (UTC)",
        ),
        (
            1_772_323_199,
            "28 February 2026, 23:59 UTC",
            "28. Februar 2026, 23:59 Uhr (UTC)",
        ),
        (
            1_774_000_000,
            "20 March 2026, 09:46 UTC",
            "20. März 2026, 09:46 Uhr (UTC)",
        ),
        (
            1_798_761_540,
            "31 December 2026, 23:59 UTC",
            "31. Dezember 2026, 23:59 Uhr (UTC)",
        ),
    ] {
        for (language, expected) in [("en", english), ("de", german)] {
            let mut one = variables(MailKind::PasswordChanged, &brand, true);
            one.at = Timestamp::from_unix_seconds(at);
            let [_, text, _] = render_with(&templates, MailKind::PasswordChanged, language, &one);
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}

#[test]
fn codes_left_are_counted_in_words() {
    let templates = MailTemplates::bundled().unwrap();
    let brand = plain_brand();
    for (left, english, german) in [
        (None, "Few are left.", "nur noch wenige"),
        (Some(0), "None is left.", "keiner mehr"),
        (Some(1), "One is left.", "noch einer"),
        (Some(3), "3 are left.", "noch 3 übrig"),
    ] {
        for (language, expected) in [("en", english), ("de", german)] {
            let mut one = variables(MailKind::BackupCodesLow, &brand, true);
            one.codes_left = left;
            let [_, text, _] = render_with(&templates, MailKind::BackupCodesLow, language, &one);
            assert!(text.contains(expected), "{text}");
        }
    }
}

fn french() -> Vec<(String, String)> {
    let mut files = vec![
        (
            "duration.txt".to_owned(),
            "{{ count }} {{ unit }}s".to_owned(),
        ),
        (
            "time.txt".to_owned(),
            "le {{ day }}/{{ month }}/{{ year }}".to_owned(),
        ),
        (
            "layout.html".to_owned(),
            "{% extends \"base.html\" %}".to_owned(),
        ),
    ];
    for kind in MailKind::ALL {
        let name = kind.as_str();
        files.push((
            format!("{name}.txt"),
            "Bonjour de {{ product }}\n\n{{ link }}{{ code }}".replace(
                "{{ link }}{{ code }}",
                "{% if link %}{{ link }}{% endif %}{% if code %}{{ code }}{% endif %}",
            ),
        ));
        files.push((
            format!("{name}.html"),
            "{% extends \"layout.html\" %}{% block content %}{% if link %}{{ link }}{% endif %}{% if code %}{{ code }}{% endif %}{% endblock %}".to_owned(),
        ));
    }
    files
}

fn borrowed(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files
        .iter()
        .map(|(name, source)| (name.as_str(), source.as_str()))
}

#[test]
fn a_language_can_be_added_whole() {
    let mut templates = MailTemplates::bundled().unwrap();
    let files = french();
    templates.set_language("fr-CA", borrowed(&files)).unwrap();
    let [subject, ..] = render(&templates, MailKind::Welcome, "fr-CA");
    assert_eq!(subject, "Bonjour de Acme");
    assert_eq!(
        templates.languages().collect::<Vec<_>>(),
        ["de", "en", "fr-ca"]
    );

    for missing in ["welcome.txt", "mfa_code.html", "duration.txt", "time.txt"] {
        let mut templates = MailTemplates::bundled().unwrap();
        let rest = borrowed(&files).filter(|(name, _)| *name != missing);
        let error = templates.set_language("fr", rest).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the template fr/{missing} is missing")
        );
    }
}

#[test]
fn mistakes_are_found_beforehand() {
    for (file, source, expected) in [
        (
            "verify_email.txt",
            "Hello\n\nClick",
            "the template en/verify_email.txt does not print link",
        ),
        (
            "verify_email.html",
            "<p>{{ address }}</p>",
            "the template en/verify_email.html does not print link",
        ),
        (
            "mfa_code.txt",
            "Code",
            "the template en/mfa_code.txt does not print code",
        ),
        (
            "welcome.txt",
            "\n\nHello",
            "the template en/welcome.txt does not print subject",
        ),
        (
            "welcome.txt",
            "Hello {{ nmae }}\n\nText",
            "the mail en/welcome cannot be made",
        ),
        (
            "welcome.txt",
            "Hello\n\n{{ name }}",
            "the mail en/welcome cannot be made",
        ),
        (
            "welcome.html",
            "{{ link }}",
            "the mail en/welcome cannot be made",
        ),
        (
            "welcome.html",
            "{% include \"../../../etc/passwd\" %}",
            "the mail en/welcome cannot be made",
        ),
        (
            "welcome.html",
            "{% if %}",
            "the template en/welcome.html is not valid",
        ),
        (
            "duration.txt",
            "{{ minutes }}",
            "the mail en/account_created cannot be made",
        ),
        (
            "wellcome.txt",
            "Hello",
            "en/wellcome.txt is the name of no template",
        ),
        (
            "welcome.md",
            "Hello",
            "en/welcome.md is the name of no template",
        ),
        (
            "base.html",
            "Hello",
            "en/base.html is the name of no template",
        ),
    ] {
        let mut templates = MailTemplates::bundled().unwrap();
        let error = templates.set_language("en", [(file, source)]).unwrap_err();
        assert_eq!(error.to_string(), expected, "{file} {source}");
    }
    let mut templates = MailTemplates::bundled().unwrap();
    for tag in ["", "e", "en_GB", "../en", "en/..", "e n", "en-"] {
        assert!(templates.set_language(tag, []).is_err(), "{tag}");
    }
    assert!(
        templates
            .replace("en", MailKind::Welcome, "{{", "", "")
            .is_err()
    );
    assert!(
        templates
            .replace("fr", MailKind::Welcome, "a", "b", "c")
            .is_err()
    );
    assert!(templates.replace_base("{{ colour }}").is_err());
}

#[test]
fn a_part_that_was_replaced_is_escaped_all_the_same() {
    let mut templates = MailTemplates::bundled().unwrap();
    templates
        .replace(
            "en",
            MailKind::Welcome,
            "Hi {{ device }}",
            "{{ device }}",
            "<p>{{ device }}</p>",
        )
        .unwrap_err();
    let guarded = "{% if device %}{{ device }}{% endif %}";
    templates
        .replace(
            "en",
            MailKind::Welcome,
            &format!("Hi {guarded}"),
            guarded,
            &format!("<p>{guarded}</p>"),
        )
        .unwrap();
    let brand = plain_brand();
    let mut hostile = variables(MailKind::Welcome, &brand, true);
    hostile.device = Some(HOSTILE);
    let [subject, text, html] = render_with(&templates, MailKind::Welcome, "en", &hostile);
    assert_eq!(subject, "Hi <b>Ada</b> Bcc: eve");
    assert_eq!(text, "<b>Ada</b> Bcc: eve");
    assert_eq!(html, "<p>&lt;b&gt;Ada&lt;&#x2f;b&gt; Bcc: eve</p>");
}

#[test]
fn a_directory_is_taken_in() {
    let directory = tempfile::tempdir().unwrap();
    let english = directory.path().join("en");
    fs::create_dir(&english).unwrap();
    fs::write(
        english.join("welcome.txt"),
        "Hi from {{ product }}\n\nNice.\n",
    )
    .unwrap();
    fs::write(english.join(".welcome.txt.swp"), "x").unwrap();
    fs::write(
        directory.path().join("base.html"),
        "<main>{% block content %}{% endblock %}</main>",
    )
    .unwrap();
    let french_directory = directory.path().join("fr");
    fs::create_dir(&french_directory).unwrap();
    for (name, source) in french() {
        fs::write(french_directory.join(name), source).unwrap();
    }
    let mut templates = MailTemplates::bundled().unwrap();
    templates.load_directory(directory.path()).unwrap();
    let [subject, text, html] = render(&templates, MailKind::Welcome, "en");
    assert_eq!(
        (subject.as_str(), text.as_str()),
        ("Hi from Acme", "Nice.\n")
    );
    assert!(
        html.starts_with("<main>") && html.contains("Your address is confirmed"),
        "{html}"
    );
    assert_eq!(templates.language_for(Some("fr-CH")), "fr");

    let wrong = |name: &str, source: &[u8], expected: &str| {
        let path = directory.path().join(name);
        fs::write(&path, source).unwrap();
        let error = MailTemplates::bundled()
            .unwrap()
            .load_directory(directory.path())
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        fs::remove_file(path).unwrap();
    };
    wrong("readme.md", b"", "readme.md is the name of no template");
    wrong(
        "en/welcom.html",
        b"",
        "en/welcom.html is the name of no template",
    );
    wrong("en/welcome.html", b"\xff", "en/welcome.html cannot be read");
    wrong(
        "en/mfa_enabled.html",
        &vec![b'x'; 300 * 1024],
        "mfa_enabled.html cannot be read",
    );
    wrong(
        "en/mfa_enabled.html",
        b"{{ x }}",
        "the mail en/mfa_enabled cannot be made",
    );
    let nowhere = directory.path().join("nowhere");
    assert!(
        MailTemplates::bundled()
            .unwrap()
            .load_directory(nowhere)
            .is_err()
    );
}
