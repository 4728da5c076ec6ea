//! Who is asking: for the routes of the API, and for the application's own.

use std::sync::Arc;

use gatekeeper_core::{AccessError, Error, Identity, RequestContext, model::TenantId};

use crate::{
    api::Api,
    api_key,
    csrf::{self, Site},
    denial,
    head::{HeaderView, RequestHead, Single},
    problem::Problem,
    requirement::{Requirement, Verdict},
    tenant::{self, Named},
};

/// The access token or API key of a request, and how it came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Credential<'a> {
    Header(&'a str),
    Cookie(&'a str),
}

impl Credential<'_> {
    pub(crate) const fn token(&self) -> &str {
        match self {
            Self::Header(token) | Self::Cookie(token) => token,
        }
    }
}

/// For adapters: everything about authenticating a request that does not depend on a framework.
impl Api {
    /// Who is asking, without waiting: the way of nearly every request. `None` says that
    /// [`authenticate`](Self::authenticate) has to be asked.
    ///
    /// The rules are:
    ///
    /// 1. An `Authorization: Bearer` or `X-Api-Key` header goes before the access cookie; where it is wrong, the cookie is not asked.
    /// 2. A header or cookie that is there twice is refused with 400; so are both headers, where they say two things.
    /// 3. A cookie signs in a request that changes something only if that comes from this site; else 403.
    /// 4. A token of another tenant than the request's is refused like any other wrong one.
    ///
    /// `Ok(None)` says that no token was sent.
    pub fn authenticate_cached<H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
    ) -> Option<Result<Option<Arc<Identity>>, Problem>> {
        let judged = match self.credential(head) {
            Ok(None) => Some(Ok(None)),
            Ok(Some(credential)) => match tenant::named(head, self.settings()) {
                Ok(Named::Default) => self
                    .judge_cached(head, credential.token())
                    .map(|judged| in_tenant(judged, TenantId::DEFAULT).map(Some)),
                Ok(Named::Slug(_)) => None,
                Err(problem) => Some(Err(problem)),
            },
            Err(problem) => Some(Err(problem)),
        };
        judged.map(|judged| judged.map_err(|problem| self.complete(head, problem)))
    }

    /// Who is asking. As [`authenticate_cached`](Self::authenticate_cached), with everything that may have to be waited for.
    ///
    /// # Errors
    ///
    /// 400, 401, 403, 404 for an unknown tenant, and 503 where a token cannot be judged: then nobody is let through.
    pub async fn authenticate<H: HeaderView + Sync>(
        &self,
        head: &RequestHead<'_, H>,
    ) -> Result<Option<Arc<Identity>>, Problem> {
        if let Some(judged) = self.authenticate_cached(head) {
            return judged;
        }
        let judged = match tenant::named(head, self.settings()) {
            Ok(named) => match named.resolve(self.gatekeeper()).await {
                Ok(tenant) => self.identify(head, tenant).await,
                Err(problem) => Err(problem),
            },
            Err(problem) => Err(problem),
        };
        judged.map_err(|problem| self.complete(head, problem))
    }

    /// Lets an identity through, or answers why not: 401 where nobody is signed in or a second factor is missing, 403 where the
    /// requirement is not met. The latter is an audit event, `access.denied`, which a task writes.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub fn require<'i, H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
        identity: Option<&'i Arc<Identity>>,
        requirement: &Requirement,
    ) -> Result<&'i Arc<Identity>, Problem> {
        let judged = match identity {
            None => Err(Problem::missing_token()),
            Some(identity) => match requirement.check(identity, self.gatekeeper().clock().now()) {
                Verdict::Met => Ok(identity),
                Verdict::Unmet => {
                    let correlation_id = self.correlation_id(head);
                    let problem =
                        Problem::new("access.forbidden").complete(&correlation_id, self.over_tls());
                    let cx = self
                        .context_in(head, identity.tenant_id, correlation_id)
                        .with_identity(Arc::clone(identity));
                    let operation = format!("{} {}", head.method, head.path);
                    let requirement = requirement.to_string();
                    denial::record(self, cx, identity, &problem, requirement, operation);
                    return Err(problem);
                }
                Verdict::StepUp { max_age } => {
                    Err(Error::from(AccessError::StepUpRequired { max_age }).into())
                }
            },
        };
        judged.map_err(|problem| self.complete(head, problem))
    }

    /// What a handler of the application's own answers when a flow of core's refuses: the same problem document as the API's
    /// own routes, with the request's correlation id; a cause is logged. `cx` is the request's [`context`](Self::context).
    pub fn problem(&self, cx: &RequestContext, error: impl Into<Problem>) -> Problem {
        error.into().complete(&cx.correlation_id, self.over_tls())
    }

    /// What a flow of core's wants to know of the request: tenant, correlation id, address, user agent.
    ///
    /// # Errors
    ///
    /// 404 where the request names a tenant that does not exist; 503 where that cannot be found out.
    pub async fn context<H: HeaderView + Sync>(
        &self,
        head: &RequestHead<'_, H>,
    ) -> Result<RequestContext, Problem> {
        let correlation_id = self.correlation_id(head);
        let tenant = match tenant::named(head, self.settings()) {
            Ok(named) => named.resolve(self.gatekeeper()).await,
            Err(problem) => Err(problem),
        };
        match tenant {
            Ok(tenant) => Ok(self.context_in(head, tenant, correlation_id)),
            Err(problem) => Err(problem.complete(&correlation_id, self.over_tls())),
        }
    }

    /// The caller's correlation id where it sent a sane one (1 to 64 of letters, digits, `.`, `_` and `-`), else a new one.
    pub fn correlation_id<H: HeaderView>(&self, head: &RequestHead<'_, H>) -> String {
        head.single(crate::respond::CORRELATION_ID)
            .text()
            .filter(|id| {
                (1..=64).contains(&id.len())
                    && id.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
                    })
            })
            .map_or_else(|| self.gatekeeper().new_correlation_id(), str::to_owned)
    }

    /// Finishes a problem document for this request.
    fn complete<H: HeaderView>(&self, head: &RequestHead<'_, H>, problem: Problem) -> Problem {
        problem.complete(&self.correlation_id(head), self.over_tls())
    }

    pub(crate) fn context_in<H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
        tenant: TenantId,
        correlation_id: String,
    ) -> RequestContext {
        let mut context = RequestContext::internal(tenant, correlation_id);
        if let Some(address) = crate::client::client_address(head, self.settings()) {
            context = context.with_ip(address);
        }
        match head.single("user-agent") {
            Single::Text(text) => context.with_user_agent(text),
            Single::Absent | Single::Unreadable => context,
        }
    }

    /// Who is asking, in a tenant that is known already.
    pub(crate) async fn identify<H: HeaderView + Sync>(
        &self,
        head: &RequestHead<'_, H>,
        tenant: TenantId,
    ) -> Result<Option<Arc<Identity>>, Problem> {
        let Some(credential) = self.credential(head)? else {
            return Ok(None);
        };
        let judged = match self.judge_cached(head, credential.token()) {
            Some(judged) => judged,
            None => self.judge(head, credential.token()).await,
        };
        in_tenant(judged, tenant).map(Some)
    }

    /// The access token, held to the CSRF rule.
    pub(crate) fn credential<'a, H: HeaderView>(
        &self,
        head: &RequestHead<'a, H>,
    ) -> Result<Option<Credential<'a>>, Problem> {
        if let Some(token) = api_key::from_headers(head)? {
            return Ok(Some(Credential::Header(token)));
        }
        let Some(token) = self.cookies(head.path).access.read(head)? else {
            return Ok(None);
        };
        if !head.is_safe() {
            self.prove_same_site(head, &[token])?;
        }
        Ok(Some(Credential::Cookie(token)))
    }

    /// Refuses a request that one of these cookies would sign in, unless it comes from this site.
    pub(crate) fn prove_same_site<H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
        credentials: &[&str],
    ) -> Result<(), Problem> {
        let proven = || {
            credentials
                .iter()
                .any(|credential| csrf::proof(head, credential) == Site::Same)
        };
        match self.site(head) {
            Site::Same => Ok(()),
            Site::Unsaid if proven() => Ok(()),
            Site::Unsaid | Site::Foreign => Err(Problem::new("request.csrf")),
        }
    }

    /// Refuses a request that another site caused. What sets cookies must not be done for a foreign page either: it would sign
    /// its visitor in as somebody else (CVE-2015-9284).
    pub(crate) fn refuse_foreign<H: HeaderView>(
        &self,
        head: &RequestHead<'_, H>,
    ) -> Result<(), Problem> {
        // A page of another site cannot make a browser send these headers without being let by the application's own CORS.
        if api_key::from_headers(head)?.is_some() {
            return Ok(());
        }
        match self.site(head) {
            Site::Same | Site::Unsaid => Ok(()),
            Site::Foreign => Err(Problem::new("request.csrf")),
        }
    }

    fn site<H: HeaderView>(&self, head: &RequestHead<'_, H>) -> Site {
        csrf::site(head, |origin| {
            origin == self.gatekeeper().public_url().origin()
                || self.settings().allows_origin(origin)
        })
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1); the scheme's case does not matter (RFC 9110 section 11.1).
/// Other schemes are somebody else's: a proxy's, say.
pub(crate) fn bearer<'a, H: HeaderView>(
    head: &RequestHead<'a, H>,
) -> Result<Option<&'a str>, Problem> {
    let mut values = head.headers.values("authorization");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::new("request.ambiguous_credentials"));
    }
    let Some((scheme, rest)) = value.split_at_checked("bearer".len()) else {
        return Ok(None);
    };
    let ours =
        scheme.eq_ignore_ascii_case(b"bearer") && rest.first().is_none_or(|&byte| byte == b' ');
    // What is not text is no token of ours: the empty one is refused like any other wrong one.
    Ok(ours.then(|| std::str::from_utf8(rest).map_or("", |text| text.trim_matches(' '))))
}

fn in_tenant(
    judged: Result<Arc<Identity>, Error>,
    tenant: TenantId,
) -> Result<Arc<Identity>, Problem> {
    let identity = judged?;
    if identity.tenant_id == tenant {
        Ok(identity)
    } else {
        Err(Error::from(AccessError::Invalid).into())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn read(lines: &[&[u8]]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("authorization", HeaderValue::from_bytes(line).unwrap());
        }
        let head = RequestHead {
            path: "/",
            method: "GET",
            authority: None,
            headers: &headers,
            peer: None,
        };
        bearer(&head)
            .map(|token| token.map(str::to_owned))
            .map_err(|problem| problem.code().to_owned())
    }

    #[test]
    fn a_bearer_token_is_read_once_and_in_any_case_of_its_scheme() {
        let token = || Ok(Some("abc".to_owned()));
        assert_eq!(read(&[b"Bearer abc"]), token());
        assert_eq!(read(&[b"bEARER   abc "]), token());
        assert_eq!(read(&[b"Bearer"]), Ok(Some(String::new())));
        assert_eq!(read(&[b"Bearer \xff"]), Ok(Some(String::new())));
        assert_eq!(read(&[b"Bearerabc"]), Ok(None));
        assert_eq!(read(&[b"Basic YTpi"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
        let refused = Err("request.ambiguous_credentials".to_owned());
        assert_eq!(read(&[b"Bearer abc", b"Bearer abc"]), refused);
        assert_eq!(read(&[b"Basic YTpi", b"Bearer abc"]), refused);
    }
}
