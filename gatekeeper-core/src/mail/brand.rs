use crate::model::Branding;

/// The colour of buttons where a tenant has none.
const DEFAULT_COLOR: &str = "#1c2024";
/// The longest URL of a logo.
const MAX_LOGO_URL: usize = 2_048;
/// The longest name of a product, in characters.
const MAX_NAME: usize = 64;

/// How the mails of a tenant look, fit to stand in HTML and in a header. What is stored may come from anywhere: a value that
/// is not of its form is as good as none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Brand {
    pub(crate) product: String,
    pub(crate) logo_url: Option<String>,
    pub(crate) color: String,
    pub(crate) text_color: &'static str,
}

impl Brand {
    pub(crate) fn new(product_name: &str, branding: &Branding) -> Self {
        let name = branding.name.as_deref().filter(|name| is_name(name));
        let logo = branding.logo_url.as_deref().filter(|url| is_logo(url));
        let color = branding
            .color
            .as_deref()
            .and_then(|text| Some((text, channels(text)?)));
        let (color, text_color) = match color {
            Some((text, rgb)) => (text, text_on(rgb)),
            None => (DEFAULT_COLOR, "#ffffff"),
        };
        Self {
            product: name.unwrap_or(product_name).to_owned(),
            logo_url: logo.map(str::to_owned),
            color: color.to_owned(),
            text_color,
        }
    }
}

fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=MAX_NAME).contains(&length)
        && !name.trim().is_empty()
        && !name.chars().any(super::clean::is_unseen)
}

/// An `https` URL of plain characters. It is escaped all the same.
fn is_logo(url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&byte);
    url.len() <= MAX_LOGO_URL
        && url
            .strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.bytes().all(plain)
}

/// Red, green and blue of `#rrggbb`. Nothing else may stand in a style.
fn channels(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// Black or white, whichever can be read on this colour: by its brightness (ITU-R BT.601), of at most 255,000.
fn text_on([red, green, blue]: [u8; 3]) -> &'static str {
    let brightness = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if brightness > 150_000 {
        "#000000"
    } else {
        "#ffffff"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branding(name: &str, logo: &str, color: &str) -> Branding {
        Branding {
            name: Some(name.to_owned()),
            logo_url: Some(logo.to_owned()),
            color: Some(color.to_owned()),
        }
    }

    #[test]
    fn a_tenants_brand_is_taken() {
        let logo = "https://cdn.example.com/logo.png?v=2&w=80";
        let brand = Brand::new("Gatekeeper", &branding("Müller & Söhne", logo, "#FFcc00"));
        assert_eq!(brand.product, "Müller & Söhne");
        assert_eq!(brand.logo_url.as_deref(), Some(logo));
        assert_eq!(
            (brand.color.as_str(), brand.text_color),
            ("#FFcc00", "#000000")
        );
        assert_eq!(
            Brand::new("x", &branding("a", "", "#00307f")).text_color,
            "#ffffff"
        );
    }

    #[test]
    fn what_is_not_of_its_form_is_as_good_as_none() {
        let none = Brand::new("Gatekeeper", &Branding::default());
        for name in [
            "",
            " ",
            "a\r\nBcc: eve@example.org",
            "\u{202e}evil",
            &"x".repeat(65),
        ] {
            assert_eq!(
                Brand::new("Gatekeeper", &branding(name, "", "")),
                none,
                "{name:?}"
            );
        }
        for logo in [
            "http://example.com/a.png",
            "https://",
            "https:///a",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "//example.com/a.png",
            "https://example.com/\" onerror=\"alert(1)",
            "https://example.com/a b",
            "https://example.com/\u{e9}",
        ] {
            let found = Brand::new("Gatekeeper", &branding("Gatekeeper", logo, ""));
            assert_eq!(found, none, "{logo:?}");
        }
        for color in [
            "red",
            "#fff",
            "#12345g",
            "#1234567",
            "#+12345",
            "#000000;background:url(x)",
        ] {
            let found = Brand::new("Gatekeeper", &branding("Gatekeeper", "", color));
            assert_eq!(found, none, "{color:?}");
        }
    }
}
