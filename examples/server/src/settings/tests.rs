use super::*;

const SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldCE=";

fn read(pairs: &[(&str, &str)]) -> Result<Settings, WrongSetting> {
    let file: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name} = '{value}'\n"))
        .collect();
    let given = sources::parse(&file.concat(), "gatekeeper.toml")?;
    Settings::read(&sources::combine(&[], &[], &given))
}

/// For each setting a value that is not the default, and wrong ones.
const EXAMPLES: &[(&str, &str, &[&str])] = &[
    (
        "bind",
        "0.0.0.0:9090",
        &["8080", "localhost:8080", "127.0.0.1", "127.0.0.1:99999"],
    ),
    ("adapter", "actix", &["Axum", "rocket"]),
    (
        "database_url",
        "sqlite://other.db",
        &["mysql://x", "gatekeeper.db", "sqlite://a?mode=ro"],
    ),
    (
        "public_url",
        "https://auth.example.org",
        &["auth.example.org", "https://a@b", "https://a?b"],
    ),
    (
        "secret",
        "hnS1pQzVtT3rYw8mX0aK5cJd2LuGbFqNe7RiOvHyU4E",
        &[
            "short",
            SECRET,
            "correct horse battery staple correct horse",
        ],
    ),
    (
        "mail",
        "dir:mails",
        &[
            "dir:",
            "Console",
            "smtp://",
            "smtp://u@localhost",
            "smtp://u:p@localhost?tls=none",
            "smtps://localhost?tls=required",
            "smtp:localhost",
            "sendgrid",
            "sendgrid:us",
            "sendgrid:SG.key",
        ],
    ),
    ("mail_from", "A <a@example.org>", &["A", "a@b, c@d"]),
    ("sendgrid_api_key", "SG.key", &["a b", "a\tb", "ä"]),
    (
        "sms",
        "console",
        &["on", "twilio", "twilio:token", "Console"],
    ),
    ("twilio_account_sid", "AC0", &["a b", "ä"]),
    ("twilio_auth_token", "token", &["a b", "ä"]),
    ("twilio_from", "+15005550006", &["a&b", "a:b"]),
    ("tls_roots", "Cargo.toml", &["missing.pem", "src"]),
    ("email_verification", "optional", &["off", "true"]),
    (
        "mail_templates",
        "../../gatekeeper-core/src/mail/templates",
        &["nowhere", "src", "Cargo.toml"],
    ),
    ("magic_links", "off", &["Off", "false", "0"]),
    (
        "trusted_proxies",
        "10.0.0.0/8, fd00::/8",
        &["10.0.0.0", "all", "10.0.0.0/8,"],
    ),
    (
        "redis_url",
        "rediss://user:hunter2@redis.example.org:6380/1",
        &[
            "redis.example.org",
            "http://localhost",
            "redis://a,rediss://b",
        ],
    ),
    ("redis_prefix", "shop", &["{shop}", "a b"]),
    ("redis_strict", "on", &["true", "1"]),
    ("rate_limits", "off", &["false", "none"]),
    ("lockout", "off", &["false", "none"]),
    ("access_token_lifetime", "5m", &["0s", "25h", "900", "-1m"]),
    ("session_idle_lifetime", "1d", &["59s", "367d"]),
    ("session_lifetime", "90d", &["59s", "367d"]),
    ("session_limit", "5", &["0", "1001", "-1", "many"]),
    ("session_limit_policy", "reject", &["oldest", "Reject"]),
    ("mfa", "required", &["on", "off"]),
    ("mfa_email_codes", "on", &["true", "yes"]),
    ("device_trust", "7d", &["366d", "7"]),
    ("new_device_notice", "off", &["no", "0"]),
    ("retention_sessions", "7d", &["3661d", "7"]),
    ("retention_mails", "1d", &["3661d", "forever"]),
    ("retention_audit", "forever", &["23h", "never", "36601d"]),
    ("tenant_hosts", "auth.example.org", &["", "a b", "org"]),
    ("tenant_paths", "on", &["yes"]),
    ("row_level_security", "on", &["yes"]),
    ("outdated_tokens", "refuse", &["Refuse", "keep"]),
    ("api_keys", "off", &["no"]),
    (
        "api_key_environment",
        "test",
        &["Test", "a_b", "seventeenletters1"],
    ),
    ("api_key_lifetime", "forever", &["1s", "never"]),
    ("impersonation", "off", &["no"]),
    ("impersonation_lifetime", "1h", &["30s", "13h", "1d"]),
    ("impersonation_notice", "on", &["yes"]),
    ("invitation_lifetime", "2d", &["30s", "31d"]),
    ("password_min_length", "20", &["7", "65", "-8", "many"]),
    ("password_min_score", "3", &["5", "-1", "high"]),
    ("password_history", "24", &["25", "-1", "all"]),
    (
        "breach_check",
        "https://api.pwnedpasswords.com",
        &["on", "http://ranges.example.org", "https://a@b"],
    ),
    ("breach_check_failure", "closed", &["Open", "503"]),
    ("breach_check_at_sign_in", "on", &["true"]),
    ("product_name", "Example", &["a\tb"]),
    ("log", "debug", &["loud", "info,x"]),
    ("log_format", "json", &["xml"]),
];

#[test]
fn every_setting_is_read_and_held_to_its_form() {
    let documented: Vec<_> = TABLE.iter().map(|setting| setting.name).collect();
    let tried: Vec<_> = EXAMPLES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(tried, documented);
    let plain = format!("{:?}", Settings::default());
    for (name, right, wrong) in EXAMPLES {
        let given = [("redis_url", "redis://localhost"), (name, right)];
        // Two say how Redis is used, and are refused where there is none.
        let of_redis = name.starts_with("redis_") && *name != "redis_url";
        assert!(!of_redis || read(&[(name, right)]).is_err(), "{name}");
        let settings = read(&given[usize::from(!of_redis)..]).unwrap();
        assert_ne!(format!("{settings:?}"), plain, "{name} is read by nobody");
        for value in *wrong {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.name, format!("{name} in gatekeeper.toml"));
            assert!(!error.reason.is_empty());
        }
        let empty = read(&[(name, "")]).unwrap_err();
        assert_eq!(empty.reason, "must not be empty");
    }
}

#[test]
fn a_secret_value_is_never_repeated() {
    for (name, value) in [
        ("secret", SECRET),
        ("secret", "hunter2"),
        ("database_url", "postgress://u:hunter2@h/d"),
        ("database_url", "hunter2"),
        ("mail", "hunter2"),
        ("mail", "sendgrid:hunter2"),
        ("mail", "smtp://u:hunter2@localhost?tls=none"),
        ("mail", "smtp://hunter2@localhost"),
        ("sms", "twilio:hunter2"),
        ("sendgrid_api_key", "hunter2 hunter2"),
        ("twilio_auth_token", "hunter2 hunter2"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(!error.to_string().contains(value), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let settings = read(&[
        ("secret", EXAMPLES[4].1),
        ("database_url", "postgres://u:hunter2@h/d"),
        ("mail", "smtps://u:hunter2@mail.example.org"),
        ("sendgrid_api_key", "hunter2"),
        ("twilio_auth_token", "hunter2"),
    ])
    .unwrap();
    let shown = format!("{settings:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains(EXAMPLES[4].1),
        "{shown}"
    );
    for broken in ["secret = hunter2", "secret = \"hunter2", "[hunter2"] {
        let error = sources::parse(broken, "x.toml").err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let error = read(&[("session_idle_lifetime", "8d"), ("session_lifetime", "7d")]).unwrap_err();
    assert_eq!(error.name, "session_idle_lifetime in gatekeeper.toml");
    let error = read(&[("session_lifetime", "1d")]).unwrap_err();
    assert_eq!(error.name, "GATEKEEPER_SESSION_IDLE_LIFETIME");
    let error = read(&[("database_url", "postgres://u@h/d")]).unwrap_err();
    assert_eq!(error.name, "GATEKEEPER_SECRET");
    let error = read(&[("password_min_length", "14")]).unwrap_err();
    assert_eq!(error.name, "password_min_length in gatekeeper.toml");
    assert!(error.reason.contains("GATEKEEPER_MFA"), "{error}");
    read(&[("password_min_length", "8"), ("mfa", "required")]).unwrap();
    let error = read(&[("mail", "sendgrid:eu")]).unwrap_err();
    assert_eq!(error.name, "GATEKEEPER_SENDGRID_API_KEY");
    read(&[("mail", "sendgrid:eu"), ("sendgrid_api_key", "SG.key")]).unwrap();
    let twilio = [
        ("sms", "twilio:"),
        ("twilio_account_sid", "AC0"),
        ("twilio_auth_token", "token"),
        ("twilio_from", "Example"),
    ];
    read(&twilio).unwrap();
    for missing in 1..twilio.len() {
        let mut given = twilio.to_vec();
        let (name, _) = given.remove(missing);
        let error = read(&given).unwrap_err();
        assert_eq!(
            error.name,
            format!("GATEKEEPER_{}", name.to_ascii_uppercase())
        );
    }
}

#[test]
fn what_belongs_to_another_version_is_not_taken_silently() {
    for name in ["LDAP_URL", "SAML", "BINDD", "X"] {
        let name = format!("GATEKEEPER_{name}");
        let variables = [(name.clone().into(), "on".into())];
        let error = sources::environment(variables.into_iter()).err().unwrap();
        assert_eq!(error.name, name);
    }
    assert!(sources::parse("ldap_url = 'x'", "f").is_err());
    assert!(sources::parse("[server]\nbind = 'x'", "f").is_err());
    assert!(sources::parse("password_min_length = 1.5", "f").is_err());
    assert!(sources::parse("adapter = true", "f").is_err());
}

#[test]
fn variables_that_others_set_are_left_alone() {
    let variables = [
        "PATH",
        "GATEKEEPER_CONFIG",
        "GATEKEEPER_TEST_VECTORS",
        "GATEKEEPER_SERVICE_HOST",
        "GATEKEEPER_SERVICE_PORT_HTTP",
        "GATEKEEPER_PORT",
        "GATEKEEPER_PORT_8080_TCP_ADDR",
    ]
    .map(|name| (name.into(), "x".into()));
    assert!(
        sources::environment(variables.into_iter())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_file_may_say_numbers_and_lists() {
    let given = sources::parse(
        "password_min_length = 20\ntrusted_proxies = ['10.0.0.0/8', 'fd00::/8']",
        "f",
    )
    .unwrap();
    let settings = Settings::read(&sources::combine(&[], &[], &given)).unwrap();
    assert_eq!(settings.config.password_policy.min_length, 20);
    assert_eq!(settings.trusted_proxies.len(), 2);
}

#[test]
fn the_defaults_are_the_ones_that_are_documented() {
    for setting in TABLE {
        let mut settings = Settings::default();
        let plain = format!("{settings:?}");
        if (setting.read)(&mut settings, setting.default).is_ok() {
            assert_eq!(format!("{settings:?}"), plain, "{}", setting.name);
        } else {
            // A sentence that says where the default comes from.
            assert!(
                setting.default == "none" || setting.default.contains(' '),
                "{}",
                setting.name
            );
        }
    }
}

/// The README lists every setting, and none that there is not.
#[test]
fn the_readme_documents_every_setting() {
    let readme = include_str!("../../README.md");
    for setting in TABLE {
        let row = format!(
            "| `{}` | `{}` | {} | {} |",
            setting.environment(),
            setting.shape.replace('|', "\\|"),
            setting.default,
            setting.help.replace('|', "\\|")
        );
        assert!(readme.contains(&row), "the README lacks the row\n{row}");
    }
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `GATEKEEPER_"));
    assert_eq!(rows.count(), TABLE.len());
    for word in readme.split(|c: char| !(c.is_ascii_uppercase() || c == '_')) {
        let known = TABLE.iter().any(|setting| setting.environment() == word);
        assert!(
            !word.starts_with("GATEKEEPER_")
                || known
                || word == "GATEKEEPER_CONFIG"
                || word == "GATEKEEPER_",
            "the README names {word}, which there is not"
        );
    }
}

/// A mail that is still on its way is no other worker's; one that a killed server had is taken up soon.
#[test]
fn a_carrier_far_away_has_a_longer_lease() {
    for (mail, seconds) in [
        ("console", 10),
        ("dir:mails", 10),
        ("smtps://mail.example.org", 120),
        ("smtp://localhost:25?tls=none", 120),
    ] {
        let outbox = read(&[("mail", mail)]).unwrap().config.outbox;
        assert_eq!(outbox.lease, std::time::Duration::from_secs(seconds));
        assert!(outbox.attempt < outbox.lease);
    }
    let printed = read(&[("sms", "console")]).unwrap().config.outbox;
    assert_eq!(printed.lease, std::time::Duration::from_secs(10));
}
