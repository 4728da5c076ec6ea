use proptest::prelude::*;

use super::{danger::danger_short_passwords, *};

fn policy(min_length: usize) -> PasswordPolicy {
    PasswordPolicy::new(PasswordPolicySettings {
        min_length,
        ..PasswordPolicySettings::default()
    })
    .unwrap()
}

fn codes(policy: &PasswordPolicy, password: &str, context: &[&str]) -> Vec<&'static str> {
    let violations = policy.check("/password", &SecretString::new(password), context);
    let violations = violations.as_slice();
    assert!(
        violations
            .iter()
            .all(|violation| violation.pointer == "/password")
    );
    violations.iter().map(|violation| violation.code).collect()
}

const NOTHING: [&str; 0] = [];
/// No walk, no repetition, no word.
const FINE: &str = "zu rak qom bel tiv ";

fn fine(length: usize) -> String {
    let mut text = String::from("Ä");
    let mut state = 7_u32;
    while text.chars().count() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push(char::from(b'a' + u8::try_from((state >> 24) % 26).unwrap()));
    }
    text
}

#[test]
fn asvs_6_2_1_length_is_counted_in_code_points() {
    let default = PasswordPolicy::default();
    assert_eq!((default.min_length(), default.max_length()), (15, 256));
    assert_eq!(codes(&default, &fine(14), &[]), ["password.too_short"]);
    assert_eq!(codes(&default, &fine(15), &[]), NOTHING);
    assert_eq!(codes(&policy(8), &fine(7), &[]), ["password.too_short"]);
    assert_eq!(codes(&policy(8), &fine(8), &[]), NOTHING);
    // 8 code points of 4 bytes each, 7 likewise.
    assert_eq!(codes(&policy(8), "🦀🐢🌵🎻🏔🚲🧀🪁", &[]), NOTHING);
    assert_eq!(
        codes(&policy(8), "🦀🐢🌵🎻🏔🚲🧀", &[]),
        ["password.too_short"]
    );
}

#[test]
fn asvs_6_2_9_at_least_64_characters_are_allowed_and_row_11_not_without_end() {
    let default = PasswordPolicy::default();
    assert_eq!(codes(&default, &fine(64), &[]), NOTHING);
    assert_eq!(codes(&default, &fine(256), &[]), NOTHING);
    assert_eq!(codes(&default, &fine(257), &[]), ["password.too_long"]);
    assert_eq!(
        codes(&default, &"🦀".repeat(100_000), &[]),
        ["password.too_long"]
    );
    let with_max = |max_length| {
        PasswordPolicy::new(PasswordPolicySettings {
            max_length,
            ..PasswordPolicySettings::default()
        })
    };
    assert_eq!(with_max(63).unwrap_err(), PasswordPolicyError::MaxLength);
    assert!(with_max(64).is_ok());
    assert!(with_max(1_024).is_ok());
    assert_eq!(with_max(1_025).unwrap_err(), PasswordPolicyError::MaxLength);
}

#[test]
fn settings_below_the_standards_are_refused() {
    let with_min = |min_length| {
        PasswordPolicy::new(PasswordPolicySettings {
            min_length,
            ..PasswordPolicySettings::default()
        })
    };
    assert_eq!(with_min(7).unwrap_err(), PasswordPolicyError::MinLength);
    assert!(with_min(8).is_ok());
    assert_eq!(with_min(257).unwrap_err(), PasswordPolicyError::MinLength);
    let short = PasswordPolicy::new(danger_short_passwords(1)).unwrap();
    assert_eq!(codes(&short, "ü", &[]), NOTHING);
    let context = PasswordPolicySettings {
        context_words: vec!["ab-c".to_owned()],
        ..PasswordPolicySettings::default()
    };
    assert_eq!(
        PasswordPolicy::new(context).unwrap_err(),
        PasswordPolicyError::ContextWord
    );
}

#[test]
fn asvs_6_2_4_the_common_passwords_that_meet_a_policy_of_8_are_blocked() {
    let policy = policy(8);
    let long_enough: Vec<&str> = common::bundled()
        .filter(|password| password.len() >= 8)
        .collect();
    assert!(long_enough.len() >= 10_000, "{}", long_enough.len());
    for password in long_enough {
        assert_eq!(codes(&policy, password, &[]), ["password.common"]);
        assert_eq!(
            codes(&policy, &password.to_uppercase(), &[]),
            ["password.common"]
        );
    }
}

#[test]
fn asvs_6_2_4_the_common_passwords_that_meet_a_policy_of_15_are_blocked() {
    let policy = PasswordPolicy::default();
    let mut blocked = 0;
    for word in common::bundled() {
        let variants = [
            word.to_owned(),
            word.repeat(2),
            word.repeat(3),
            format!("{word}123456789"),
            format!("{word}2026!!"),
        ];
        for variant in variants {
            let lettered = word.bytes().all(|byte| byte.is_ascii_alphabetic());
            if lettered && (15..=20).contains(&variant.len()) {
                assert_eq!(
                    codes(&policy, &variant, &[]),
                    ["password.common"],
                    "{variant}"
                );
                blocked += 1;
            }
        }
    }
    assert!(blocked >= 10_000, "{blocked}");
}

#[test]
fn asvs_6_2_4_three_thousand_of_every_minimum_length_are_blocked() {
    for least in 8..=17 {
        let long_enough = common::bundled().filter(|password| password.len() >= least);
        let count = long_enough.count();
        assert!(count >= 3_000, "{count} of {least} and more");
    }
    let policy = PasswordPolicy::default();
    for password in common::bundled().filter(|password| password.len() >= 15) {
        assert_eq!(
            codes(&policy, password, &[]),
            ["password.common"],
            "{password}"
        );
    }
}

#[test]
fn variants_of_common_passwords_are_blocked() {
    let policy = PasswordPolicy::default();
    for password in [
        "PasswordPassword",
        "passwordpasswordpass",
        "P4$$w0rdP4$$w0rd",
        "p4ssw0rd1234567890",
        "!!password2026!!",
        "Password1234567",
        "manchester2019!",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "abcdefghijklmnopqrstuvwxyz",
        "123456789012345",
        "987654321098765",
        "qwertyuiopasdfghjkl",
        "QWERTYUIOPasdfgh1!",
        "1qaz2wsx3edc4rfv",
        "q1w2e3r4t5y6u7i8",
        "!QAZ@WSX#EDC$RFV",
        "qwertzuiopasdfgh",
        "azertyuiopqsdfgh",
        "ｐａｓｓｗｏｒｄ１２３４５６７８９",
    ] {
        assert_eq!(
            codes(&policy, password, &[]),
            ["password.common"],
            "{password}"
        );
    }
}

#[test]
fn nist_800_63b_passphrases_are_welcome() {
    let policy = PasswordPolicy::default();
    for password in [
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "dragon monkey football",
        "the cat sat on the mat",
        "nine tailors and one bell",
        "dragon849203175512",
        "пароль длинный такой",
        "一二三四五六七八九十百千万億兆",
        "7f3a9c1e5b2d8046",
        // Not runs alone; not the repetition of a word.
        "qwertyuiopXbMzK",
        "k7#mqz9k7#mqz9k7",
    ] {
        assert_eq!(codes(&policy, password, &[]), NOTHING, "{password}");
    }
}

#[test]
fn asvs_6_2_11_words_of_the_context_are_blocked() {
    let policy = PasswordPolicy::new(PasswordPolicySettings {
        context_words: vec!["Gatekeeper".to_owned(), "Acme Corp".to_owned()],
        ..PasswordPolicySettings::default()
    })
    .unwrap();
    let user = ["ada.lovelace@example.com", "Ada Lovelace"];
    for password in [
        format!("Gatekeeper {FINE}"),
        format!("{FINE}G4t3k33per"),
        format!("{FINE}g-a-t-e-k-e-e-p-e-r"),
        format!("{FINE}ACMECORP"),
        format!("{FINE}LoveLace"),
        format!("{FINE}ada.lovelace"),
        format!("{FINE}1ov3lace").replace('1', "l"),
        format!("{FINE}example"),
    ] {
        assert_eq!(
            codes(&policy, &password, &user),
            ["password.contextual"],
            "{password}"
        );
    }
    // Three letters occur in anything; what belongs to nobody here is fine.
    for password in [format!("{FINE}ada"), format!("{FINE}Hopper")] {
        assert_eq!(codes(&policy, &password, &user), NOTHING, "{password}");
    }
    assert_eq!(codes(&policy, &format!("{FINE}Lovelace"), &[]), NOTHING);
    // A name with digits in it is found as it is written.
    assert_eq!(
        codes(
            &policy,
            &format!("{FINE}r2d2c3po"),
            &["r2d2c3po@example.com"]
        ),
        ["password.contextual"]
    );
}

#[test]
fn an_application_blocks_passwords_of_its_own() {
    let policy = PasswordPolicy::new(PasswordPolicySettings {
        block_list: vec!["Blau-Weiss Walzer".to_owned()],
        ..PasswordPolicySettings::default()
    })
    .unwrap();
    assert_eq!(
        codes(&policy, "blau-weiss WALZER", &[]),
        ["password.common"]
    );
    assert_eq!(
        codes(&policy, "blau-weiss walzer99", &[]),
        ["password.common"]
    );
    assert_eq!(codes(&policy, "blau-weiss tango", &[]), NOTHING);
}

#[test]
fn every_fault_is_told_and_none_repeats_the_password() {
    let policy = PasswordPolicy::default();
    assert_eq!(
        codes(&policy, "password", &["pass.word@example.com"]),
        [
            "password.too_short",
            "password.common",
            "password.contextual"
        ]
    );
    assert_eq!(codes(&policy, "", &[]), ["password.too_short"]);
    let violations = policy.check("/new_password", &SecretString::new("hunter2"), &[]);
    assert!(
        violations
            .as_slice()
            .iter()
            .all(|violation| !violation.detail.contains("hunter2"))
    );
}

proptest! {
    // ASVS 6.2.5 and NIST SP 800-63B-4 section 3.1.1.2: no composition rules. Random characters are neither common nor
    // contextual but by a chance that no run of this test meets.
    #[test]
    fn asvs_6_2_5_any_random_string_of_legal_length_is_accepted(
        password in prop_oneof![
            "[a-z]{20,60}", "[A-Z]{20,60}", "[0-9]{24,60}", "[ -~]{15,60}", "\\PC{15,200}",
        ],
    ) {
        prop_assert_eq!(codes(&PasswordPolicy::default(), &password, &["ada@example.com"]), NOTHING);
    }

    #[test]
    fn any_input_is_answered(password in ".{0,40}", context in ".{0,40}") {
        codes(&policy(8), &password, &[&context]);
    }
}

#[test]
fn a_score_is_refused_where_nothing_estimates_it_or_it_is_none() {
    let with_score = |min_score| {
        PasswordPolicy::new(PasswordPolicySettings {
            min_score: Some(min_score),
            ..PasswordPolicySettings::default()
        })
    };
    assert_eq!(with_score(5).unwrap_err(), PasswordPolicyError::MinScore);
    for score in 0..=4 {
        let built = with_score(score).map(|_| ());
        if cfg!(feature = "zxcvbn") {
            assert_eq!(built, Ok(()));
        } else {
            assert_eq!(built, Err(PasswordPolicyError::ScoreUnavailable));
        }
    }
}

#[cfg(feature = "zxcvbn")]
mod score {
    use super::*;

    fn weak(min_score: u8, password: &str, context: &[&str]) -> Option<String> {
        let policy = PasswordPolicy::new(PasswordPolicySettings {
            min_score: Some(min_score),
            ..PasswordPolicySettings::default()
        })
        .unwrap();
        let violations = policy.check_score("/password", &SecretString::new(password), context);
        let [violation] = violations.as_slice() else {
            assert!(violations.as_slice().is_empty());
            return None;
        };
        assert_eq!(
            (violation.pointer.as_str(), violation.code),
            ("/password", "password.too_weak")
        );
        Some(violation.detail.clone())
    }

    #[test]
    fn a_password_below_the_score_is_told_what_would_help() {
        // Three, by the estimate: a name and a date.
        let password = "johnsmith19851212";
        assert_eq!(weak(3, password, &[]), None);
        assert!(weak(4, password, &[]).is_some());
        let advice = weak(3, "passwordpassword1", &[]).unwrap();
        assert!(
            advice.starts_with("is too easy to guess. Repeats"),
            "{advice}"
        );
        assert!(!advice.contains("passwordpassword1"));
        assert_eq!(weak(4, "plum-otter-91-lantern", &[]), None);
        assert_eq!(weak(0, "aaaaaaaaaaaaaaaaa", &[]), None);
    }

    #[test]
    fn the_estimate_knows_the_context() {
        let password = "zebulonia-quixotine";
        assert_eq!(weak(4, password, &[]), None);
        assert!(weak(4, password, &["Zebulonia", "quixotine"]).is_some());
        let mut settings = PasswordPolicySettings {
            min_score: Some(4),
            ..PasswordPolicySettings::default()
        };
        settings.context_words = vec!["zebulonia".to_owned(), "quixotine".to_owned()];
        let policy = PasswordPolicy::new(settings).unwrap();
        let violations = policy.check_score("/password", &SecretString::new(password), &[]);
        assert_eq!(violations.as_slice().len(), 1);
    }

    /// What the estimate costs grows with more than the square of the length: no more than 32 characters at either end are
    /// looked at.
    #[test]
    fn row_11_a_long_password_is_judged_by_its_ends() {
        let weak_part = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let strong = "k7#mqz9!vx@2pR";
        assert!(weak(3, &weak_part.repeat(8), &[]).is_some());
        assert_eq!(
            weak(3, &format!("{}{strong}", weak_part.repeat(3)), &[]),
            None
        );
        assert_eq!(
            weak(3, &format!("{strong}{}", weak_part.repeat(3)), &[]),
            None
        );
        let hidden = format!("{weak_part}{strong}{weak_part}");
        assert!(weak(3, &hidden, &[]).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_password_is_judged(password in ".{0,80}", context in ".{0,40}") {
            weak(4, &password, &[&context]);
        }
    }
}
