use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use super::{Breach, BreachChecker, BreachError};
use crate::{
    config::{BreachConfig, PublicUrl},
    env::{Clock, HttpClient, HttpMethod, HttpRequest, MAX_HTTP_RESPONSE},
    model::{SecretString, Timestamp},
};

/// Hexadecimal digits of the hash that the service is told: 20 of 160 bits, which thousands of known passwords share.
const PREFIX: usize = 5;
/// A SHA-1 hash in hexadecimal.
const DIGITS: usize = 40;

/// Asks a service that speaks the range protocol of Have I Been Pwned, version 3: it is told the first five hexadecimal digits
/// of the password's SHA-1 hash and answers with the rest of every hash that it knows and that begins so (k-anonymity).
///
/// # Security
///
/// The service learns 20 bits of the hash, whoever reads along not even how many lines came back (`Add-Padding`). SHA-1 is what
/// the protocol speaks; nothing is kept or compared for its strength. An answer that is malformed in any line, or has none, counts
/// as no answer: padding was asked for, so an honest one is never empty. A server of one's own that knows nothing of a
/// range answers with a line of padding: 35 digits, a colon, and a count of zero.
pub struct RangeChecker {
    client: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    base: String,
    timeout: Duration,
    lifetime: Duration,
    kept: Option<Cache<[u8; PREFIX], Kept>>,
}

/// A range, and until when it is good.
type Kept = (Arc<Range>, Timestamp);

/// What a service knows of one range: the digits after the prefix.
struct Range(Vec<[u8; DIGITS - PREFIX]>);

impl RangeChecker {
    /// A checker that asks `base`.
    pub fn new(
        client: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        base: &PublicUrl,
        settings: &BreachConfig,
    ) -> Self {
        Self {
            client,
            clock,
            base: base.as_str().to_owned(),
            timeout: settings.timeout,
            lifetime: settings.cache_lifetime,
            kept: (settings.cached_ranges > 0).then(|| Cache::new(settings.cached_ranges)),
        }
    }

    async fn range(&self, prefix: [u8; PREFIX]) -> Result<Arc<Range>, BreachError> {
        let now = self.clock.now();
        if let Some(kept) = &self.kept
            && let Some((range, until)) = kept.get(&prefix)
            && now < until
        {
            return Ok(range);
        }
        let range = Arc::new(self.ask(prefix).await?);
        if let Some(kept) = &self.kept {
            kept.insert(prefix, (Arc::clone(&range), now.after(self.lifetime)));
        }
        Ok(range)
    }

    async fn ask(&self, prefix: [u8; PREFIX]) -> Result<Range, BreachError> {
        let prefix = String::from_utf8_lossy(&prefix).into_owned();
        let request = HttpRequest {
            method: HttpMethod::Get,
            url: format!("{}/range/{prefix}", self.base),
            headers: vec![
                ("add-padding", SecretString::new("true")),
                ("user-agent", SecretString::new("gatekeeper")),
            ],
            body: Vec::new(),
            timeout: self.timeout,
        };
        let response = self.client.send(request).await.map_err(|error| {
            tracing::debug!(%error, "asking for a range of breached passwords");
            BreachError::Unreachable
        })?;
        if response.status != 200 {
            return Err(BreachError::Status(response.status));
        }
        Range::parse(&response.body).ok_or(BreachError::Malformed)
    }
}

#[async_trait]
impl BreachChecker for RangeChecker {
    async fn check(&self, password: &SecretString) -> Result<Breach, BreachError> {
        let digits = hash(password);
        let (Some(prefix), Some(rest)) = (digits.first_chunk(), digits.last_chunk()) else {
            return Err(BreachError::Malformed);
        };
        Ok(self.range(*prefix).await?.find(rest))
    }
}

impl fmt::Debug for RangeChecker {
    // Which ranges are kept says something of the passwords that were asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeChecker")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// SHA-1 in hexadecimal, as the protocol has it. Not a use of SHA-1 that hangs on its strength: the hash is neither kept nor
/// shown to anybody.
fn hash(password: &SecretString) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hash = digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        password.expose().as_bytes(),
    );
    let nibbles = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut digits = [0; DIGITS];
    for (to, nibble) in digits.iter_mut().zip(nibbles) {
        *to = HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    }
    digits
}

impl Range {
    /// Reads `35 hexadecimal digits:count` a line. `None` where any line is otherwise, or there is none.
    fn parse(body: &[u8]) -> Option<Self> {
        // A client should read no more than this; one that does is not trusted for it.
        if body.len() > MAX_HTTP_RESPONSE {
            return None;
        }
        let text = std::str::from_utf8(body).ok()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut known = Vec::new();
        for line in text.split('\n') {
            let (digits, count) = line.strip_suffix('\r').unwrap_or(line).split_once(':')?;
            let mut digits: [u8; DIGITS - PREFIX] = digits.as_bytes().try_into().ok()?;
            let counted =
                (1..=18).contains(&count.len()) && count.bytes().all(|byte| byte.is_ascii_digit());
            if !counted || !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            // A count of zero is padding, which means nothing.
            if count.bytes().any(|byte| byte != b'0') {
                digits.make_ascii_uppercase();
                known.push(digits);
            }
        }
        known.sort_unstable();
        Some(Self(known))
    }

    fn find(&self, rest: &[u8; DIGITS - PREFIX]) -> Breach {
        match self.0.binary_search(rest) {
            Ok(_) => Breach::Known,
            Err(_) => Breach::Unknown,
        }
    }
}
