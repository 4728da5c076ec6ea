//! Makes every mail of a language once, with made-up content: what is wrong with a template is found at the start.

use std::time::Duration;

use minijinja::Environment;

use super::{
    brand::Brand,
    kind::{Carries, MailKind},
    render::{self, MailVariables},
    templates::TemplateError,
};
use crate::model::{Branding, Timestamp};

const LINK: &str = "https://example.org/page#token=sample-of-a-token";
const LINK_MARK: &str = "sample-of-a-token";
const CODE: &str = "sample-of-a-code";

pub(super) fn every_kind(
    environment: &Environment<'static>,
    language: &str,
) -> Result<(), TemplateError> {
    for &kind in MailKind::ALL {
        for brand in [plain_brand(), full_brand()] {
            for known in [false, true] {
                one(environment, language, kind, &variables(kind, &brand, known))?;
            }
        }
    }
    Ok(())
}

fn one(
    environment: &Environment<'static>,
    language: &str,
    kind: MailKind,
    variables: &MailVariables<'_>,
) -> Result<(), TemplateError> {
    let name = format!("{language}/{}", kind.as_str());
    let parts = render::render(environment, language, kind, variables).map_err(|source| {
        TemplateError::Render {
            name: name.clone(),
            source,
        }
    })?;
    if parts.subject.is_empty() {
        let name = format!("{name}.txt");
        let lacks = "subject";
        return Err(TemplateError::Lacks { name, lacks });
    }
    let (mark, lacks) = match kind.carries() {
        Carries::Nothing => return Ok(()),
        Carries::Link => (LINK_MARK, "link"),
        Carries::Code => (CODE, "code"),
    };
    for (ending, part) in [("txt", &parts.text), ("html", &parts.html)] {
        if !part.contains(mark) {
            let name = format!("{name}.{ending}");
            return Err(TemplateError::Lacks { name, lacks });
        }
    }
    Ok(())
}

/// What a mail of this kind may print; `known`: with all that is there in some of them alone.
pub(super) fn variables(kind: MailKind, brand: &Brand, known: bool) -> MailVariables<'_> {
    let (link, code) = match kind.carries() {
        Carries::Nothing => (None, None),
        Carries::Link => (Some(LINK), None),
        Carries::Code => (None, Some(CODE)),
    };
    MailVariables {
        brand,
        name: known.then_some("Ada"),
        address: "ada@example.org",
        link,
        code,
        lifetime: (link.is_some() || code.is_some()).then_some(Duration::from_mins(10)),
        bound: known,
        sign_in_url: "https://example.org/sign-in",
        at: Timestamp::from_unix_seconds(1_795_370_640),
        ip: known.then_some([192, 0, 2, 7].into()),
        device: known.then_some("Firefox on Linux"),
        codes_left: known.then_some(3),
        inviter: known.then_some("Grace Hopper"),
        organization: known.then_some("Analytical Engines"),
    }
}

pub(super) fn plain_brand() -> Brand {
    Brand::new("Acme", &Branding::default())
}

fn full_brand() -> Brand {
    let branding = Branding {
        logo_url: Some("https://example.org/logo.png".to_owned()),
        color: Some("#ffcc00".to_owned()),
        ..Branding::default()
    };
    Brand::new("Acme", &branding)
}
