//! The OpenAPI 3.1 description, made from the table of routes.

mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    codes::ErrorCode,
    cookies::Cookies,
    limits::RateRule,
    problem::problem_type,
    routes::{Answer, Caller, CsrfRule, Input, Route, Rule, all},
};

/// The whole document.
pub(crate) fn document(public_url: &str, mounts: &[&str], cookies: &Cookies<'_>) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in all() {
        paths
            .entry(route.path)
            .or_default()
            .insert(route.method.as_str().to_ascii_lowercase(), operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatekeeper",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": servers(public_url, mounts),
        "tags": [
            {"name": "sign-in", "description": "Accounts and sign-in."},
            {"name": "user", "description": "What belongs to the signed-in user."},
            {"name": "administration", "description": "For whoever holds the permission that an operation asks for."},
            {"name": "organization", "description": "For members of the active organisation, with the permission that an operation asks for."},
            {"name": "service", "description": "The service itself."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "parameters": parameters(),
            "headers": headers(),
            "examples": examples(),
            "securitySchemes": security_schemes(cookies),
        },
    })
}

/// The service, and each tenant of it where paths name tenants.
fn servers(public_url: &str, mounts: &[&str]) -> Value {
    let server = |mount: &&str| {
        let url = format!("{public_url}{mount}");
        if mount.is_empty() {
            json!({"url": url})
        } else {
            let slug = json!({"default": "default", "description": "The slug of a tenant."});
            json!({"url": url, "variables": {"tenant": slug}})
        }
    };
    mounts.iter().map(server).collect()
}

const INTRODUCTION: &str = "Authentication and authorisation. Every answer that is not 2xx is a problem document \
(RFC 9457) with a stable `code`. Bodies are JSON in UTF-8, at most 64 KiB; unknown and repeated members are refused. A \
request that a cookie signs in and that changes something needs an allowed `Origin`, `Sec-Fetch-Site: same-origin`, or \
the value of the CSRF cookie in `X-CSRF-Token`. Requests are limited; `RateLimit` and `RateLimit-Policy` say how far.";

/// A tenant's slug.
pub(super) const SLUG: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

fn operation(route: &Route) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), json!(route.operation_id));
    operation.insert("summary".to_owned(), json!(route.summary));
    match route.caller {
        Caller::Permission(name) => {
            let text = format!("Asks for the permission `{name}`.");
            operation.insert("description".to_owned(), json!(text));
        }
        Caller::OrganizationPermission(name) => {
            let text = format!("Asks for the permission `{name}` in the active organisation.");
            operation.insert("description".to_owned(), json!(text));
        }
        Caller::Service | Caller::Public | Caller::TokenHolder | Caller::User => {}
    }
    operation.insert("tags".to_owned(), json!([tag(route)]));
    operation.insert("security".to_owned(), security(route));
    operation.insert("parameters".to_owned(), route_parameters(route));
    let body = |schema: &str, required: bool| {
        json!({
            "required": required,
            "content": {"application/json": {"schema": reference(schema)}},
        })
    };
    match route.input {
        Input::Fields(schema) => {
            operation.insert("requestBody".to_owned(), body(schema, true));
        }
        Input::OptionalFields(schema) => {
            operation.insert("requestBody".to_owned(), body(schema, false));
        }
        Input::Nothing | Input::List | Input::ListBy(_) => {}
    }
    operation.insert("responses".to_owned(), responses(route));
    Value::Object(operation)
}

const fn tag(route: &Route) -> &'static str {
    match route.caller {
        Caller::Service => "service",
        Caller::Public | Caller::TokenHolder => "sign-in",
        Caller::User => "user",
        Caller::Permission(_) => "administration",
        Caller::OrganizationPermission(_) => "organization",
    }
}

fn security(route: &Route) -> Value {
    match route.caller {
        Caller::Service | Caller::Public => json!([]),
        Caller::TokenHolder => json!([{"refreshCookie": []}, {"bearer": []}, {}]),
        Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_) => {
            match route.api_keys {
                Rule::Allowed => json!([{"bearer": []}, {"accessCookie": []}, {"apiKey": []}]),
                Rule::Refused => json!([{"bearer": []}, {"accessCookie": []}]),
            }
        }
    }
}

fn route_parameters(route: &Route) -> Value {
    let parameter = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    let mut parameters = Vec::new();
    for segment in route.path.split('/') {
        if let Some(name) = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let schema = match name {
                "name" | "role" => json!({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$"}),
                "slug" => json!({"type": "string", "pattern": SLUG}),
                _ => json!({"type": "string", "format": "uuid"}),
            };
            parameters
                .push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        }
    }
    match route.input {
        Input::List => parameters.extend([parameter("Limit"), parameter("Cursor")]),
        Input::ListBy(names) => {
            parameters.extend([parameter("Limit"), parameter("Cursor")]);
            parameters.extend(names.iter().map(|name| parameter(name)));
        }
        Input::Nothing | Input::Fields(_) | Input::OptionalFields(_) => {}
    }
    if route.caller != Caller::Service {
        parameters.push(parameter("Tenant"));
    }
    if route.csrf == CsrfRule::CookieProof || route.caller == Caller::TokenHolder {
        parameters.push(parameter("CsrfToken"));
    }
    parameters.push(parameter("CorrelationId"));
    json!(parameters)
}

fn responses(route: &Route) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in route.answers {
        responses.insert(answer.status.to_string(), success(route, answer));
    }
    let mut by_status: BTreeMap<u16, Vec<&'static ErrorCode>> = BTreeMap::new();
    for code in route.problems() {
        by_status
            .entry(code.status.as_u16())
            .or_default()
            .push(code);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), failure(route, status, &codes));
    }
    json!(responses)
}

/// The headers that every answer of a route has.
fn common_headers(route: &Route) -> Map<String, Value> {
    let mut headers = Map::new();
    headers.insert("x-correlation-id".to_owned(), header("CorrelationId"));
    if route.rate != RateRule::Unlimited {
        headers.insert("ratelimit".to_owned(), header("RateLimit"));
        headers.insert("ratelimit-policy".to_owned(), header("RateLimitPolicy"));
    }
    headers
}

fn success(route: &Route, answer: &Answer) -> Value {
    let mut response = json!({
        "description": answer.description,
        "headers": common_headers(route),
    });
    if let Some(members) = response.as_object_mut()
        && let Some(schema) = answer.schema
    {
        members.insert(
            "content".to_owned(),
            json!({"application/json": {"schema": reference(schema)}}),
        );
    }
    response
}

fn failure(route: &Route, status: u16, codes: &[&'static ErrorCode]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.code).collect();
    let code = if names.contains(&"hook.refused") {
        json!({"anyOf": [{"enum": names}, {"pattern": "^hook\\.[a-z0-9_.]{1,64}$"}]})
    } else {
        json!({"enum": names})
    };
    let examples: Map<String, Value> = codes
        .iter()
        .map(|code| {
            let at = format!("#/components/examples/{}", code.code);
            (code.code.to_owned(), json!({"$ref": at}))
        })
        .collect();
    let mut headers = common_headers(route);
    let extra = match status {
        401 => Some(("www-authenticate", "WwwAuthenticate")),
        429 | 503 => Some(("retry-after", "RetryAfter")),
        _ => None,
    };
    if let Some((name, component)) = extra {
        headers.insert(name.to_owned(), header(component));
    }
    let descriptions: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.code, code.detail))
        .collect();
    json!({
        "description": descriptions.join(" "),
        "headers": headers,
        "content": {"application/problem+json": {
            "schema": {"allOf": [reference("Problem"), {"properties": {"code": code}}]},
            "examples": examples,
        }},
    })
}

/// One for each code that a route names. They are told once: said again at each of their routes, they would be half of the document.
fn examples() -> Value {
    let named: BTreeMap<&str, Value> = all()
        .flat_map(Route::problems)
        .map(|code| (code.code, json!({"value": example(code)})))
        .collect();
    json!(named)
}

fn example(code: &ErrorCode) -> Value {
    let mut example = json!({
        "type": problem_type(code.code),
        "title": code.title,
        "status": code.status.as_u16(),
        "detail": code.detail,
        "code": code.code,
        "correlation_id": "3f1c9a5e7b2d4860a1c3e5f708",
    });
    if code.code == "request.rate_limited"
        && let Some(members) = example.as_object_mut()
    {
        members.insert("violated-policies".to_owned(), json!(["sign_in"]));
    }
    if code.code == "request.invalid"
        && let Some(members) = example.as_object_mut()
    {
        members.insert(
            "errors".to_owned(),
            json!([{"pointer": "/email", "code": "email.malformed", "detail": "not an e-mail address"}]),
        );
    }
    example
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn header(component: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{component}")})
}

fn parameters() -> Value {
    json!({
        "Tenant": {
            "name": "X-Tenant",
            "in": "header",
            "required": false,
            "description": "The tenant's slug. Without it, and without a tenant in host name or path, the default tenant is meant. Where two are named, they have to be one.",
            "schema": {"type": "string", "pattern": SLUG},
        },
        "CsrfToken": {
            "name": "X-CSRF-Token",
            "in": "header",
            "required": false,
            "description": "The value of the CSRF cookie; needed where a cookie signs in and neither Origin nor Sec-Fetch-Site is sent.",
            "schema": {"type": "string"},
        },
        "CorrelationId": {
            "name": "x-correlation-id",
            "in": "header",
            "required": false,
            "description": "A name for the request, kept in logs and in the audit trail. One that is not of this form is replaced.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        },
        "Limit": {
            "name": "limit",
            "in": "query",
            "required": false,
            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
        },
        "Cursor": {
            "name": "cursor",
            "in": "query",
            "required": false,
            "description": "`next_cursor` of the page before.",
            "schema": {"type": "string"},
        },
        "AuditActor": {
            "name": "actor",
            "in": "query",
            "required": false,
            "description": "Done by this user.",
            "schema": {"type": "string", "format": "uuid"},
        },
        "AuditTarget": {
            "name": "target",
            "in": "query",
            "required": false,
            "description": "Concerning this user.",
            "schema": {"type": "string", "format": "uuid"},
        },
        "AuditEvent": {
            "name": "event",
            "in": "query",
            "required": false,
            "description": "Of this kind.",
            "schema": {"type": "string", "examples": ["session.created"]},
        },
        "AuditSince": {
            "name": "since",
            "in": "query",
            "required": false,
            "description": "At this time or after it.",
            "schema": {"type": "string", "format": "date-time"},
        },
        "AuditUntil": {
            "name": "until",
            "in": "query",
            "required": false,
            "description": "Before this time.",
            "schema": {"type": "string", "format": "date-time"},
        },
        "UserQuery": {
            "name": "query",
            "in": "query",
            "required": false,
            "description": "Users of whose address, its domain with `@`, or name a word begins with this. They come sorted by what was found; a page may then be short, and still not be the last.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        },
        "UserRole": {
            "name": "role",
            "in": "query",
            "required": false,
            "description": "Users to whom this role was granted.",
            "schema": {"type": "string"},
        },
        "UserStatus": {
            "name": "status",
            "in": "query",
            "required": false,
            "schema": {"enum": ["active", "disabled"]},
        },
    })
}

fn headers() -> Value {
    json!({
        "CorrelationId": {
            "description": "The name of the request in logs and in the audit trail.",
            "schema": {"type": "string"},
        },
        "RateLimit": {
            "description": "What is left of each limit that the request was counted by: a List of Strings (RFC 9651) with `r`, requests left, `t`, seconds until the limit is whole again (of a refusal: until the next request is let through), and `pk`, by which the requests are counted together. Absent where limits are off.",
            "schema": {"type": "string", "examples": ["\"sign_in\";r=29;t=2;pk=:dGhlIHNhbWU=:"]},
        },
        "RateLimitPolicy": {
            "description": "Each limit that the request was counted by: a List of Strings (RFC 9651) with `q`, requests, in `w` seconds.",
            "schema": {"type": "string", "examples": ["\"sign_in\";q=30;w=60;pk=:dGhlIHNhbWU=:"]},
        },
        "RetryAfter": {
            "description": "After how many seconds trying again may help.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "WwwAuthenticate": {
            "description": "RFC 6750 section 3.",
            "schema": {"type": "string"},
        },
    })
}

fn security_schemes(cookies: &Cookies<'_>) -> Value {
    json!({
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "accessCookie": {"type": "apiKey", "in": "cookie", "name": cookies.access.name},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key; it is taken as a bearer token, too."},
        "refreshCookie": {"type": "apiKey", "in": "cookie", "name": cookies.refresh.name},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything the table names is there, and everything that is there is named.
    #[test]
    fn schemas_and_the_table_name_each_other() {
        let schemas = schemas::all();
        let known = schemas.as_object().unwrap();
        let text = all()
            .map(|route| operation(route).to_string())
            .chain([schemas.to_string()])
            .collect::<String>();
        let mut named: Vec<&str> = text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        named.sort_unstable();
        named.dedup();
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        assert_eq!(named, known);
    }
}
