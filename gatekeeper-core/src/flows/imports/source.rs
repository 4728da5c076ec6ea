//! How a row reads, by where it comes from.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use serde_json::{Map, Value};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339};

use super::ImportedUser;
use crate::{
    Violations,
    model::{SecretString, Timestamp},
};

/// Where accounts come from: says which members of a row mean what. A row is an object, as in JSON Lines; of CSV, one whose values
/// are texts, where an empty text is as good as none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ImportSource {
    /// Auth0's export and import: `email`, `email_verified`, `name`, `user_metadata`, `blocked`, `created_at`, `passwordHash` or
    /// `custom_password_hash`; `identities` of social providers.
    Auth0,
    /// Devise's table of users: `email`, `encrypted_password`, `confirmed_at`, `created_at`. Passwords with a pepper do not verify.
    Devise,
    /// Django's `auth_user`: `email`, `password`, `first_name`, `last_name`, `is_active`, `date_joined`.
    Django,
    /// Firebase's `auth:export`, one user a row: `email`, `emailVerified`, `displayName`, `disabled`, `createdAt`, `passwordHash`, `salt`,
    /// `providerUserInfo`.
    Firebase(FirebaseProject),
    /// What Gatekeeper itself exports: `email`, `email_verified`, `name`, `locale`, `metadata`, `roles`, `is_active`, `created_at`,
    /// `password_hash`, `identities`.
    Gatekeeper,
    /// Keycloak's realm export, one user a row: `email`, `emailVerified`, `firstName`, `lastName`, `enabled`, `createdTimestamp`,
    /// `credentials`, `federatedIdentities`.
    Keycloak,
    /// Supabase's `auth.users`: `email`, `encrypted_password`, `email_confirmed_at`, `raw_user_meta_data`, `created_at`.
    Supabase,
    /// `WordPress`'s `wp_users`: `user_email`, `user_pass`, `display_name`, `user_registered`.
    WordPress,
}

/// The password hash parameters of a Firebase project, from its console.
#[derive(Clone, Debug)]
pub struct FirebaseProject {
    /// `base64_signer_key`.
    pub signer_key: SecretString,
    /// `base64_salt_separator`.
    pub salt_separator: String,
    /// `rounds`.
    pub rounds: u32,
    /// `mem_cost`.
    pub mem_cost: u8,
}

impl ImportSource {
    /// Reads a row. Members that are not named above are passed over.
    ///
    /// # Errors
    ///
    /// What cannot be read, by JSON pointer. What an account may be like is checked when it is imported.
    pub fn read(&self, row: &Map<String, Value>) -> Result<ImportedUser, Violations> {
        let mut row = Row {
            members: row,
            violations: Violations::none(),
        };
        let user = match self {
            Self::Auth0 => row.auth0(),
            Self::Devise => row.devise(),
            Self::Django => row.django(),
            Self::Firebase(project) => row.firebase(project),
            Self::Gatekeeper => row.gatekeeper(),
            Self::Keycloak => row.keycloak(),
            Self::Supabase => row.supabase(),
            Self::WordPress => row.wordpress(),
        };
        if row.violations.as_slice().is_empty() {
            Ok(user)
        } else {
            Err(row.violations)
        }
    }
}

struct Row<'a> {
    members: &'a Map<String, Value>,
    violations: Violations,
}

impl Row<'_> {
    fn auth0(&mut self) -> ImportedUser {
        let custom = self.member("custom_password_hash").and_then(|custom| {
            let value = custom.pointer("/hash/value")?.as_str()?;
            Some(SecretString::new(value))
        });
        let social = |identity: &Value| {
            if identity.get("isSocial")?.as_bool()? {
                pair(identity, "provider", "user_id")
            } else {
                None
            }
        };
        ImportedUser {
            email: self.required("email"),
            email_verified: self.flag("email_verified", false),
            name: self.text("name"),
            locale: None,
            metadata: self.object("user_metadata"),
            roles: Vec::new(),
            disabled: self.flag("blocked", false),
            created_at: self.time("created_at"),
            password_hash: self.secret("passwordHash").or(custom),
            identities: self.each("identities", social),
        }
    }

    fn devise(&mut self) -> ImportedUser {
        ImportedUser {
            email: self.required("email"),
            email_verified: self.time("confirmed_at").is_some(),
            created_at: self.time("created_at"),
            password_hash: self.secret("encrypted_password"),
            ..ImportedUser::default()
        }
    }

    fn django(&mut self) -> ImportedUser {
        // What begins with `!` is Django's mark of a password that cannot be used.
        let usable = |hash: &SecretString| !hash.expose().starts_with('!');
        ImportedUser {
            email: self.required("email"),
            name: self.full_name("first_name", "last_name"),
            disabled: !self.flag("is_active", true),
            created_at: self.time("date_joined"),
            password_hash: self.secret("password").filter(usable),
            ..ImportedUser::default()
        }
    }

    fn firebase(&mut self, project: &FirebaseProject) -> ImportedUser {
        let hash = self.text("passwordHash").map(|tag| {
            let salt = self.text("salt").unwrap_or_default();
            let FirebaseProject {
                signer_key,
                salt_separator,
                rounds,
                mem_cost,
            } = project;
            SecretString::new(format!(
                "$firescrypt$ln={mem_cost},r={rounds},p=1${}${}${}${}",
                plain_base64(&salt),
                plain_base64(&tag),
                plain_base64(salt_separator),
                plain_base64(signer_key.expose()),
            ))
        });
        let outside = |info: &Value| {
            let (provider, subject) = pair(info, "providerId", "rawId")?;
            (provider != "password" && provider != "phone").then_some((provider, subject))
        };
        ImportedUser {
            email: self.required("email"),
            email_verified: self.flag("emailVerified", false),
            name: self.text("displayName"),
            disabled: self.flag("disabled", false),
            created_at: self.time("createdAt"),
            password_hash: hash,
            identities: self.each("providerUserInfo", outside),
            ..ImportedUser::default()
        }
    }

    fn gatekeeper(&mut self) -> ImportedUser {
        ImportedUser {
            email: self.required("email"),
            email_verified: self.flag("email_verified", false),
            name: self.text("name"),
            locale: self.text("locale"),
            metadata: self.object("metadata"),
            roles: self.words("roles"),
            disabled: !self.flag("is_active", true),
            created_at: self.time("created_at"),
            password_hash: self.secret("password_hash"),
            identities: self.each("identities", |identity| {
                pair(identity, "provider", "subject")
            }),
        }
    }

    fn keycloak(&mut self) -> ImportedUser {
        let hashes = self.each("credentials", |credential| {
            (credential.get("type")?.as_str()? == "password").then(|| keycloak_hash(credential))
        });
        let mut password_hash = None;
        for hash in hashes {
            if hash.is_none() {
                let detail = "is of an algorithm that is not known here";
                self.violations
                    .push("/credentials", "password_hash.unknown", detail);
            }
            password_hash = hash;
        }
        ImportedUser {
            email: self.required("email"),
            email_verified: self.flag("emailVerified", false),
            name: self.full_name("firstName", "lastName"),
            disabled: !self.flag("enabled", true),
            created_at: self.time("createdTimestamp"),
            password_hash,
            identities: self.each("federatedIdentities", |identity| {
                pair(identity, "identityProvider", "userId")
            }),
            ..ImportedUser::default()
        }
    }

    fn supabase(&mut self) -> ImportedUser {
        let metadata = self.object("raw_user_meta_data");
        let name = ["name", "full_name"]
            .iter()
            .find_map(|name| metadata.get(*name)?.as_str())
            .map(str::to_owned);
        ImportedUser {
            email: self.required("email"),
            email_verified: self.time("email_confirmed_at").is_some(),
            name,
            metadata,
            disabled: self.time("deleted_at").is_some(),
            created_at: self.time("created_at"),
            password_hash: self.secret("encrypted_password"),
            ..ImportedUser::default()
        }
    }

    fn wordpress(&mut self) -> ImportedUser {
        ImportedUser {
            email: self.required("user_email"),
            name: self.text("display_name"),
            created_at: self.time("user_registered"),
            password_hash: self.secret("user_pass"),
            ..ImportedUser::default()
        }
    }

    /// A member that is there: neither null nor an empty text.
    fn member(&self, name: &str) -> Option<&Value> {
        self.members
            .get(name)
            .filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn wrong(&mut self, name: &str, detail: &str) {
        self.violations
            .push(format!("/{name}"), "field.type", detail);
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.member(name)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(name, "must be a text");
        }
        text
    }

    fn required(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.violations
                .push(format!("/{name}"), "field.required", "is missing");
            String::new()
        })
    }

    fn secret(&mut self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::new)
    }

    fn full_name(&mut self, first: &str, last: &str) -> Option<String> {
        let names = [self.text(first), self.text(last)];
        let names: Vec<String> = names.into_iter().flatten().collect();
        (!names.is_empty()).then(|| names.join(" "))
    }

    /// `true`, `"true"`, `"t"`, `1`, `"1"`, and what is the opposite of them.
    fn flag(&mut self, name: &str, default: bool) -> bool {
        let read = match self.member(name) {
            None => return default,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::Number(number)) if number.as_u64() == Some(0) => Some(false),
            Some(Value::Number(number)) if number.as_u64() == Some(1) => Some(true),
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" | "yes" => Some(true),
                "false" | "f" | "0" | "no" => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            self.wrong(name, "must be true or false");
            default
        })
    }

    /// An object, or the text of one.
    fn object(&mut self, name: &str) -> Map<String, Value> {
        let read = match self.member(name) {
            None => return Map::new(),
            Some(Value::Object(members)) => Some(members.clone()),
            Some(Value::String(text)) => serde_json::from_str(text).ok(),
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            self.wrong(name, "must be an object");
            Map::new()
        })
    }

    /// A list, or the text of one.
    fn list(&mut self, name: &str) -> Vec<Value> {
        let read = match self.member(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => Some(items.clone()),
            Some(Value::String(text)) => serde_json::from_str(text).ok(),
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            self.wrong(name, "must be a list");
            Vec::new()
        })
    }

    /// What a list's items are, but for those that are passed over.
    fn each<T>(&mut self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        self.list(name).iter().filter_map(read).collect()
    }

    /// A list of texts, or one text with spaces or commas between them.
    fn words(&mut self, name: &str) -> Vec<String> {
        if let Some(Value::String(text)) = self.member(name)
            && !text.starts_with('[')
        {
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            return words.map(str::to_owned).collect();
        }
        self.each(name, |item| item.as_str().map(str::to_owned))
    }

    /// RFC 3339, also with a space for the `T` and without a zone (UTC then), or milliseconds since 1970.
    fn time(&mut self, name: &str) -> Option<Timestamp> {
        let read = match self.member(name)? {
            Value::Number(number) => number.as_i64().and_then(from_millis),
            Value::String(text) => read_time(text),
            _ => None,
        };
        if read.is_none() {
            self.wrong(
                name,
                "must be a time of RFC 3339, or milliseconds since 1970",
            );
        }
        read
    }
}

fn pair(value: &Value, one: &str, other: &str) -> Option<(String, String)> {
    let text = |name| Some(value.get(name)?.as_str()?.to_owned());
    Some((text(one)?, text(other)?))
}

/// Standard base64 with its padding, of what may be base64url or without it.
fn plain_base64(text: &str) -> String {
    let plain = text.replace('-', "+").replace('_', "/");
    let bytes = STANDARD_NO_PAD.decode(plain.trim_end_matches('='));
    // What is no base64 is told by whoever reads the hash.
    bytes.map_or(plain, |bytes| STANDARD.encode(bytes))
}

/// The PHC string of a password of Keycloak's, whose parameters and secret are texts of JSON.
fn keycloak_hash(credential: &Value) -> Option<SecretString> {
    let data: Value = serde_json::from_str(credential.get("credentialData")?.as_str()?).ok()?;
    let secret: Value = serde_json::from_str(credential.get("secretData")?.as_str()?).ok()?;
    let unpadded = |name| Some(secret.get(name)?.as_str()?.trim_end_matches('=').to_owned());
    let (salt, tag) = (unpadded("salt")?, unpadded("value")?);
    let iterations = data.get("hashIterations")?.as_u64()?;
    let extra = |name: &str| -> Option<String> {
        let values = data.get("additionalParameters")?.get(name)?;
        Some(values.get(0)?.as_str()?.to_owned())
    };
    let text = match data.get("algorithm")?.as_str()? {
        algorithm @ ("pbkdf2-sha256" | "pbkdf2-sha512") => {
            format!("${algorithm}${iterations}${salt}${tag}")
        }
        "pbkdf2" => format!("$pbkdf2-sha1${iterations}${salt}${tag}"),
        "argon2" => {
            let version = match extra("version")?.as_str() {
                "1.3" => 19,
                "1.0" => 16,
                _ => return None,
            };
            let (kind, memory) = (extra("type")?, extra("memory")?);
            let lanes = extra("parallelism")?;
            format!("$argon2{kind}$v={version}$m={memory},t={iterations},p={lanes}${salt}${tag}")
        }
        _ => return None,
    };
    Some(SecretString::new(text))
}

fn from_millis(millis: i64) -> Option<Timestamp> {
    let micros = millis.checked_mul(1000)?;
    in_range(micros)
}

/// Between 1970 and the end of 9999.
fn in_range(micros: i64) -> Option<Timestamp> {
    (0..=253_402_300_799_000_000)
        .contains(&micros)
        .then(|| Timestamp::from_unix_micros(micros))
}

fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim().trim_end_matches(" UTC");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return from_millis(text.parse().ok()?);
    }
    let mut strict = text.replacen(' ', "T", 1);
    // PostgreSQL writes `+00`.
    if let Some((_, zone)) = strict.rsplit_once(['+', '-'])
        && zone.len() == 2
        && strict.len() > 19
    {
        strict.push_str(":00");
    }
    let at = OffsetDateTime::parse(&strict, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{strict}Z"), &Rfc3339))
        .ok()?;
    let utc = PrimitiveDateTime::new(at.to_utc().date(), at.to_utc().time()).assume_utc();
    in_range(i64::try_from(utc.unix_timestamp_nanos() / 1000).ok()?)
}

#[cfg(test)]
mod tests;
