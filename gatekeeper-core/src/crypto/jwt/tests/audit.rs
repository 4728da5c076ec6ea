use super::*;

#[test]
fn row_27_cve_2026_27840_every_changed_dropped_or_added_byte_is_refused() {
    for &algorithm in Algorithm::ALL {
        let tokens = tokens(algorithm);
        let token = tokens.issue(&access_claims()).unwrap();
        let text = token.expose();
        // The memory must not make it any easier.
        assert!(tokens.verify(text, NOW).is_ok());
        let refused = |text: &[u8]| {
            if let Ok(text) = std::str::from_utf8(text) {
                assert!(tokens.verify(text, NOW).is_err(), "{algorithm:?} {text}");
            }
        };
        for at in 0..text.len() {
            for change in [1, 2, 4, 32, 64] {
                let mut changed = text.as_bytes().to_vec();
                changed[at] ^= change;
                refused(&changed);
            }
            let mut shorter = text.as_bytes().to_vec();
            shorter.remove(at);
            // Of two equal neighbours either may go: the text is then the same as before for neither.
            refused(&shorter);
            refused(&text.as_bytes()[..at]);
            let mut longer = text.as_bytes().to_vec();
            longer.insert(at, b'A');
            refused(&longer);
        }
        for added in ["=", "==", "A", ".", " ", "\n", "\0", ".A"] {
            refused(format!("{text}{added}").as_bytes());
            refused(format!("{added}{text}").as_bytes());
        }
    }
}

#[test]
fn jwt_1_rfc8725bis_only_base64url_and_dots() {
    let key = signing_key(Algorithm::EdDsa, 1);
    let tokens = tokens(Algorithm::EdDsa);
    let header = BASE64URL.encode(sound_header(&key).to_string());
    let claims = BASE64URL.encode(sound_claims().to_string());
    assert!(
        tokens
            .verify(&sign_segments(&key, &format!("{header}.{claims}")), NOW)
            .is_ok()
    );
    for odd in [
        "=", "==", " ", "\n", "\r\n", "\t", "?", "#", "+", "/", "%2e", "\0", "\u{e9}",
    ] {
        for signed in [
            format!("{header}{odd}.{claims}"),
            format!("{odd}{header}.{claims}"),
            format!("{header}.{claims}{odd}"),
            format!("{header}.{odd}{claims}"),
            format!("{header}.{}{odd}{}", &claims[..8], &claims[8..]),
        ] {
            let token = sign_segments(&key, &signed);
            assert_eq!(
                tokens.verify(&token, NOW).unwrap_err(),
                TokenRejection::Malformed,
                "{odd:?} in {signed}"
            );
        }
        let token = sign_segments(&key, &format!("{header}.{claims}"));
        for token in [
            format!("{token}{odd}"),
            token.replacen('.', &format!(".{odd}"), 2),
        ] {
            assert_eq!(
                tokens.verify(&token, NOW).unwrap_err(),
                TokenRejection::Malformed,
                "{odd:?}"
            );
        }
    }
}

#[test]
fn rfc4648_3_5_bits_to_spare_are_zero() {
    let key = signing_key(Algorithm::EdDsa, 1);
    let tokens = tokens(Algorithm::EdDsa);
    // 86 characters hold 64 bytes and four bits to spare.
    let token = sign(
        &key,
        sound_header(&key).to_string(),
        sound_claims().to_string(),
    );
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = alphabet.find(last).unwrap();
    assert_eq!(value % 16, 0);
    for spare in 1..16 {
        let other = &alphabet[value + spare..=value + spare];
        let token = format!("{}{other}", &token[..token.len() - 1]);
        assert_eq!(
            tokens.verify(&token, NOW).unwrap_err(),
            TokenRejection::Malformed
        );
    }
}

#[test]
fn row_45_cve_2025_30204_long_tokens_and_dots_are_refused_at_once() {
    let tokens = tokens(Algorithm::EdDsa);
    let key = signing_key(Algorithm::EdDsa, 1);
    for text in [
        ".".repeat(MAX_TOKEN + 1),
        "a".repeat(MAX_TOKEN + 1),
        "a.".repeat(1_000_000),
    ] {
        assert_eq!(
            tokens.verify(&text, NOW).unwrap_err(),
            TokenRejection::TooLong
        );
    }
    for text in [
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a..c",
        ".b.c",
        "a.b.",
        "a.b.c.d",
        "a.b.c.d.e",
        &".".repeat(MAX_TOKEN),
    ] {
        assert!(
            matches!(
                tokens.verify(text, NOW).unwrap_err(),
                TokenRejection::Malformed | TokenRejection::Header
            ),
            "{text:.20}"
        );
    }
    // Properly signed and one byte too long, and properly signed and just long enough.
    let of_length = |length: usize| {
        (0..20_000).find_map(|pad| {
            let claims = with(&sound_claims(), "x", "y".repeat(pad).into()).to_string();
            let header = sound_header(&key).to_string();
            let known = BASE64URL.encode(&header).len() + 2 + 86;
            (known + (claims.len() * 4).div_ceil(3) == length).then(|| sign(&key, header, claims))
        })
    };
    let long = (1..4).find_map(|over| of_length(MAX_TOKEN + over)).unwrap();
    assert_eq!(
        tokens.verify(&long, NOW).unwrap_err(),
        TokenRejection::TooLong
    );
    let short = (0..4)
        .find_map(|under| of_length(MAX_TOKEN - under))
        .unwrap();
    assert!(tokens.verify(&short, NOW).is_ok());
}

#[test]
fn asvs_9_1_1_the_content_is_not_looked_at_before_the_signature() {
    let key = signing_key(Algorithm::EdDsa, 1);
    let tokens = tokens(Algorithm::EdDsa);
    let header = BASE64URL.encode(sound_header(&key).to_string());
    let signature = BASE64URL.encode([7; 64]);
    for payload in ["{}", "not json", "{\"exp\":0}", "{\"iss\":\"evil\"}"] {
        let token = format!("{header}.{}.{signature}", BASE64URL.encode(payload));
        assert_eq!(
            tokens.verify(&token, NOW).unwrap_err(),
            TokenRejection::Signature,
            "{payload}"
        );
    }
}

#[test]
fn signatures_of_the_wrong_length_are_refused() {
    for &algorithm in Algorithm::ALL {
        let key = signing_key(algorithm, 1);
        let tokens = tokens(algorithm);
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(sound_header(&key).to_string()),
            BASE64URL.encode(sound_claims().to_string())
        );
        let mut good = Vec::new();
        key.sign(signed.as_bytes(), &mut good).unwrap();
        let mut longer = good.clone();
        longer.push(0);
        let mut led = good.clone();
        led.insert(0, 0);
        for signature in [
            &good[..good.len() - 1],
            &good[1..],
            &good[..1],
            &longer,
            &led,
            &vec![0; good.len()],
            &vec![0xff; good.len()],
            &vec![0; 1024],
        ] {
            let token = format!("{signed}.{}", BASE64URL.encode(signature));
            assert_eq!(
                tokens.verify(&token, NOW).unwrap_err(),
                TokenRejection::Signature,
                "{algorithm:?}"
            );
        }
        let token = format!("{signed}.{}", BASE64URL.encode(vec![0; 1025]));
        assert_eq!(
            tokens.verify(&token, NOW).unwrap_err(),
            TokenRejection::Malformed
        );
    }
}
