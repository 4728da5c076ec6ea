//! Hashes that one maker alone writes: that they verify, and what of them is refused.

use super::{
    tests::{hasher, verdict},
    *,
};

const PASSWORD: &str = "correct horse bättery";

/// What Firebase's own description gives, and hashes made with Python's hashlib and the C library's bcrypt.
const FOREIGN: [(HashFormat, &str, &str); 6] = [
    (
        HashFormat::Firebase,
        "user1password",
        "$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    ),
    (
        HashFormat::Phpass,
        "test12345",
        "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
    ),
    (
        HashFormat::Phpass,
        PASSWORD,
        "$H$5saltsaltvrwjHD1II24ahwtM309G7.",
    ),
    (
        HashFormat::Scrypt,
        PASSWORD,
        "scrypt$64$seasalt23$8$1$qFf29l3COs4PaW1WHcQneqs5jleZw137yuXRsrqodnXwXBV9mi4tDvR8u1oZo8m1/lLC1wr16XOgXEFRGRdzrw==",
    ),
    (
        HashFormat::Bcrypt,
        PASSWORD,
        "$wp$2y$04$lJZ8L1xRf7p.DZFDcdovuuPthkz2NAwS64.S/wFJsbhwm8lzStqlG",
    ),
    (
        HashFormat::Bcrypt,
        PASSWORD,
        "bcrypt_sha256$$2b$04$lJZ8L1xRf7p.DZFDcdovuucKkX8VyMXokDfO8.eQrMl7q.hDC7goG",
    ),
];

#[tokio::test]
async fn a_hash_of_another_maker_verifies_and_is_outdated() {
    let hasher = hasher();
    for (format, password, hash) in FOREIGN {
        assert_eq!(recognise(hash), Ok(format), "{hash}");
        assert_eq!(
            verdict(&hasher, password, hash).await,
            PasswordVerdict::MatchOutdated,
            "{hash}"
        );
        for wrong in ["", "user2password", "Correct horse bättery", "test1234"] {
            assert_eq!(
                verdict(&hasher, wrong, hash).await,
                PasswordVerdict::Mismatch,
                "{hash}"
            );
        }
    }
}

/// What is hashed before bcrypt sees it is never too long for bcrypt.
#[tokio::test]
async fn a_long_password_behind_a_first_hash_is_read_to_its_end() {
    let hasher = hasher();
    let long = "x".repeat(100);
    let hash = "bcrypt_sha256$$2b$04$lJZ8L1xRf7p.DZFDcdovuuDpfrcXSWD.Qa0Hc/Q.ZES7nRxb7YpQm";
    let longer = format!("{long}y");
    for (password, verdict_) in [
        (long.as_str(), PasswordVerdict::MatchOutdated),
        (longer.as_str(), PasswordVerdict::Mismatch),
    ] {
        assert_eq!(verdict(&hasher, password, hash).await, verdict_);
    }
}

#[test]
fn a_foreign_hash_cut_short_or_changed_in_form_is_refused() {
    for (_, _, hash) in FOREIGN {
        for end in 0..hash.len() {
            let cut = recognise(&hash[..end]);
            // Of Django's scrypt a shorter tag is one too, down to 16 bytes.
            assert!(
                cut.is_err() || cut == Ok(HashFormat::Scrypt),
                "{hash} {end}"
            );
        }
        assert!(recognise(&format!("{hash}$")).is_err());
        assert!(recognise(&format!("{hash} ")).is_err());
    }
}

#[test]
fn row_12_the_parameters_of_a_foreign_hash_are_bounded() {
    let rest = "IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";
    assert!(recognise(&format!("$P$I{rest}")).is_ok());
    for digit in ["J", "z", ".", "4"] {
        let hash = format!("$P${digit}{rest}");
        assert_eq!(
            recognise(&hash),
            Err(HashFormatError::OutOfBounds),
            "{hash}"
        );
    }
    let (_, _, firebase) = FOREIGN[0];
    for (old, new, error) in [
        ("ln=14", "ln=21", HashFormatError::OutOfBounds),
        ("ln=14", "ln=63", HashFormatError::OutOfBounds),
        ("r=8", "r=33", HashFormatError::OutOfBounds),
        ("p=1", "p=2", HashFormatError::OutOfBounds),
        ("ln=14", "n=14", HashFormatError::Malformed),
    ] {
        let hash = firebase.replacen(old, new, 1);
        assert_eq!(recognise(&hash), Err(error), "{hash}");
    }
    let (_, _, django) = FOREIGN[3];
    for (old, new) in [("$64$", "$63$"), ("$64$", "$0$")] {
        let hash = django.replacen(old, new, 1);
        assert_eq!(recognise(&hash), Err(HashFormatError::Malformed), "{hash}");
    }
    let hash = django.replacen("$64$", "$2147483648$", 1);
    assert_eq!(recognise(&hash), Err(HashFormatError::OutOfBounds));
}
