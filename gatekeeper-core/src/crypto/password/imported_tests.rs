//! Hashes from elsewhere: that they verify, and what of them is refused.

use super::{
    tests::{hasher, verdict},
    *,
};

/// Made by argon2-cffi (the reference implementation), bcrypt, passlib, Django and Python's hashlib from
/// `correct horse bättery`.
pub(super) const ELSEWHERE: [(HashFormat, &str); 19] = [
    (
        HashFormat::Argon2,
        "$argon2id$v=19$m=128,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg$2NCvg/90MAbIC1+5gVgWkHBFluNR6RYY3Pj/DMbeCF8",
    ),
    (
        HashFormat::Argon2,
        "$argon2i$v=19$m=128,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg$U71wtdCy0ryA70K6pV/lqVkHiThI8+KtES4rans/Eb8",
    ),
    (
        HashFormat::Argon2,
        "$argon2d$v=19$m=128,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg$LnkSF1zAb8jnP8lL20pIS46yfEDJ8eRnB2u6BqeMfWE",
    ),
    (
        HashFormat::Argon2,
        "$argon2id$v=16$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$hMP5t/NAUMYEfFJzvNq0lXFtbeai/rNF",
    ),
    (
        HashFormat::Argon2,
        "$argon2id$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$hMP5t/NAUMYEfFJzvNq0lXFtbeai/rNF",
    ),
    (
        HashFormat::Argon2,
        "argon2$argon2id$v=19$m=64,t=1,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$3iEzgYpT/DcBFldBN2m3HGDWUNHiXWULKL0WGFHr1cA",
    ),
    (
        HashFormat::Bcrypt,
        "$2b$04$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy",
    ),
    (
        HashFormat::Bcrypt,
        "$2a$04$lJZ8L1xRf7p.DZFDcdovuuN1yq.tmjdwjhi3TldvhCkPgrTVBYlFm",
    ),
    (
        HashFormat::Bcrypt,
        "$2y$04$lJZ8L1xRf7p.DZFDcdovuuN1yq.tmjdwjhi3TldvhCkPgrTVBYlFm",
    ),
    (
        HashFormat::Bcrypt,
        "bcrypt$$2b$04$X61u3lB67mxOLYVYyPZPP.0ftd1aP3d5r3xowM9EbwIlRDDfgiXei",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2-sha256$1000$ca4VojSmNAYgBIBwznmPcQ$bjQ.HhD6Pc65pZD439pC81XcEBzOTqQDtryfcd.1fwk",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2-sha512$1000$IKSUknJubc0Zo9Sa05pzDg$kMAhQP3NGU.T1xeuopX6pGHpGUQ3g5Ji2IiUt.xunGt94lc6qD1UlzRZLdPGfTfG6h9aNQBgspnXiwylZeCv4g",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2$1000$BgDA2HuPEYLwXmvtfU9pDQ$d1AtPLhNVLbvWJ6ZrQ20fuC5UR4",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2-sha1$i=1200,l=20$MDEyMzQ1Njc4OWFiY2RlZg$urkLEaqG9ubPjJ8apZdJTTBMf4w",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2-sha256$i=1200,l=32$MDEyMzQ1Njc4OWFiY2RlZg$YHvXKk2msE9Dgy0OWCUK8Cbrk5MOw50qMjYr1KgA8FQ",
    ),
    (
        HashFormat::Pbkdf2,
        "$pbkdf2-sha512$i=1200,l=64$MDEyMzQ1Njc4OWFiY2RlZg$H2PLDtmDxQRzAp00g49rInEUcGpCeBYSKMZQBWG5ddaf20BjKj9NlnJdRuFBX1N2wu3c0XfGlkP5Z+oZKAs2qw",
    ),
    (
        HashFormat::Pbkdf2,
        "pbkdf2_sha256$1000$seasalt23$le3oHNBHcyb556hxatSjnbPKG9aLlceahhj2I1+EUCU=",
    ),
    (
        HashFormat::Pbkdf2,
        "pbkdf2_sha1$1000$seasalt23$CABniLlTfwp78Ef7+b7fAJL+XD4=",
    ),
    (
        HashFormat::Scrypt,
        "$scrypt$ln=5,r=8,p=1$7x1DSGntvVfKee8951zLWQ$am724puTTPbzbeIByj2fxvcKjcInw0PAoyDIMhwSXjI",
    ),
];

#[tokio::test]
async fn a_hash_from_elsewhere_verifies_and_is_outdated() {
    let hasher = hasher();
    let three_lanes = (
        HashFormat::Scrypt,
        "$scrypt$ln=6,r=8,p=3$MDEyMzQ1Njc4OWFiY2RlZg$MZ8NthP7LL7zMb4rPJFlt/KE1KXEaBkbUj+z2uC7O2Y",
    );
    for (format, hash) in ELSEWHERE.into_iter().chain([three_lanes]) {
        assert_eq!(recognise(hash), Ok(format), "{hash}");
        assert_eq!(
            verdict(&hasher, "correct horse bättery", hash).await,
            PasswordVerdict::MatchOutdated,
            "{hash}"
        );
        for wrong in [
            "correct horse battery",
            "correct horse bätter",
            "Correct horse bättery",
            "",
        ] {
            assert_eq!(
                verdict(&hasher, wrong, hash).await,
                PasswordVerdict::Mismatch,
                "{hash}"
            );
        }
    }
}

#[test]
fn a_hash_cut_short_anywhere_is_refused() {
    for (_, hash) in ELSEWHERE {
        for end in 0..hash.len() {
            if let Ok(format) = recognise(&hash[..end]) {
                // A tag may be cut to another length that exists: 16 bytes and up.
                assert!(!matches!(format, HashFormat::Bcrypt), "{hash} {end}");
                assert!(hash.len() - end < 64);
            }
        }
        assert!(recognise(&format!("{hash}$")).is_err());
        assert!(recognise(&format!("{hash}\n")).is_err());
    }
}

#[test]
fn row_12_cve_2026_33306_the_parameters_of_an_import_are_bounded() {
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
    let tag = "2NCvg/90MAbIC1+5gVgWkHBFluNR6RYY3Pj/DMbeCF8";
    let bcrypt = "GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy";
    for (within, beyond) in [
        (format!("$2b$14${bcrypt}"), format!("$2b$15${bcrypt}")),
        (format!("$2b$04${bcrypt}"), format!("$2b$03${bcrypt}")),
        (format!("$2b$10${bcrypt}"), format!("$2b$31${bcrypt}")),
        (
            format!("$argon2id$v=19$m=262144,t=4,p=1${salt}${tag}"),
            format!("$argon2id$v=19$m=262145,t=1,p=1${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=65536,t=16,p=4${salt}${tag}"),
            format!("$argon2id$v=19$m=65537,t=16,p=4${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=1024,t=16,p=16${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=17,p=16${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=16,t=1,p=2${salt}${tag}"),
            format!("$argon2id$v=19$m=15,t=1,p=2${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=1024,t=1,p=16${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=1,p=17${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=4294967296,p=1${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=0,p=1${salt}${tag}"),
        ),
        (
            format!("$pbkdf2-sha256$5000000${salt}${tag}"),
            format!("$pbkdf2-sha256$5000001${salt}${tag}"),
        ),
        (
            format!("$pbkdf2-sha256$1${salt}${tag}"),
            format!("$pbkdf2-sha256$0${salt}${tag}"),
        ),
        (
            format!("$scrypt$ln=18,r=8,p=2${salt}${tag}"),
            format!("$scrypt$ln=18,r=8,p=3${salt}${tag}"),
        ),
        (
            format!("$scrypt$ln=20,r=2,p=1${salt}${tag}"),
            format!("$scrypt$ln=20,r=3,p=1${salt}${tag}"),
        ),
        (
            format!("$scrypt$ln=4,r=32,p=1${salt}${tag}"),
            format!("$scrypt$ln=63,r=1,p=1${salt}${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}${salt}"),
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}$c2hvcnQ"),
        ),
    ] {
        assert!(recognise(&within).is_ok(), "{within}");
        assert_eq!(
            recognise(&beyond),
            Err(HashFormatError::OutOfBounds),
            "{beyond}"
        );
    }
}

#[test]
fn what_is_no_hash_is_unknown_or_malformed() {
    for unknown in [
        "",
        "password",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$ab$cdefgh",
        "$2x$04$x",
        "$argon2id$v=20$m=8,t=1,p=1$c$d",
    ] {
        assert_eq!(
            recognise(unknown),
            Err(HashFormatError::Unknown),
            "{unknown}"
        );
    }
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
    for malformed in [
        "$argon2id$v=19$m=8,t=1,p=1",
        "$2b$4$short",
        "$2b$04$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/R!y",
        &format!("$argon2id$v=19$t=1,m=8,p=1${salt}${salt}"),
        &format!("$argon2id$v=19$m=8,t=1,p=1,x=2${salt}${salt}"),
        &format!("$argon2id$v=19$m=+8,t=1,p=1${salt}${salt}"),
        &format!("$argon2id$v=19$m=08,t=1,p=1${salt}${salt}"),
        &format!("$pbkdf2-sha256$i=1000,l=20${salt}${salt}"),
        &format!("$pbkdf2-sha256$-1${salt}${salt}"),
    ] {
        assert_eq!(
            recognise(malformed),
            Err(HashFormatError::Malformed),
            "{malformed}"
        );
    }
}

#[tokio::test]
async fn row_12_cve_2025_22228_bcrypt_the_73rd_byte_matters() {
    let hasher = hasher();
    let all_72 = format!("{}y", "x".repeat(71));
    let hash = "$2b$04$ZBjVCosSxW4hJpvw2YXuzOA.Tbx93LCfOQYbLAlBIedbnVFfT6GT.";
    assert_eq!(
        verdict(&hasher, &all_72, hash).await,
        PasswordVerdict::MatchOutdated
    );
    // Its maker would take each of these.
    for more in ["z", "y", "\u{e4}", "anything at all"] {
        let longer = format!("{all_72}{more}");
        assert_eq!(
            verdict(&hasher, &longer, hash).await,
            PasswordVerdict::Mismatch
        );
    }
    // Made from 73 bytes, of which bcrypt saw 72.
    let of_73 = "$2b$04$KB8XZzQTHkDFH6WyYUJ7J.plSYt0d.N1neQltY.wN2/GfZZ1HVlgC";
    let longer = format!("{all_72}z");
    assert_eq!(
        verdict(&hasher, &longer, of_73).await,
        PasswordVerdict::Mismatch
    );
}

#[tokio::test]
async fn row_12_bcrypt_a_nul_in_the_password_matters() {
    let hasher = hasher();
    let abc = "$2b$04$VOAG9UoyPKGZ8ttNIU4mNuzcMyiDgR8u6xE1LirG.htMDSHJF1KY.";
    assert_eq!(
        verdict(&hasher, "abc", abc).await,
        PasswordVerdict::MatchOutdated
    );
    for other in ["abc\0", "abc\0def", "abc\0abc", "abc\0abc\0abc"] {
        assert_eq!(
            verdict(&hasher, other, abc).await,
            PasswordVerdict::Mismatch,
            "{other:?}"
        );
    }
    let empty = "$2b$04$xfLKE.dk5QqOBMpEDLeCQ.wX9xoSCMimZwHd.aPyARIgtppXvYiFa";
    assert_eq!(
        verdict(&hasher, "", empty).await,
        PasswordVerdict::MatchOutdated
    );
    assert_eq!(
        verdict(&hasher, "\0", empty).await,
        PasswordVerdict::Mismatch
    );
}
