/// Whether it is a telephone number of E.164: `+`, a country's code that does not begin with 0, at most 15 digits.
pub(crate) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_plus_and_7_to_15_digits() {
        for number in [
            "+4915112345678",
            "+15005550006",
            "+2901234",
            "+123456789012345",
        ] {
            assert!(is_e164(number), "{number}");
        }
        for number in [
            "",
            "+",
            "+123456",
            "+1234567890123456",
            "+04915112345678",
            "004915112345678",
            "15005550006",
            "+1 500 555 0006",
            "+1500555000a",
            "+1500555０006",
            "+15005550006\n",
            "+15005550006&Body=x",
            "++15005550006",
        ] {
            assert!(!is_e164(number), "{number:?}");
        }
    }
}
