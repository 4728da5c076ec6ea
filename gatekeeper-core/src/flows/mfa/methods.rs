use std::{fmt, sync::Arc};

use super::{
    MfaMethod, MfaStanding,
    backup_codes::{BACKUP_CODE, BackupCodeMethod},
    sent::{EMAIL, EmailMethod, SMS, SmsMethod},
    totp::{TOTP, TotpMethod},
};
use crate::{crypto::password::PasswordHasher, store::Repository};

/// Every method that there is, in the order in which they are offered.
#[derive(Debug)]
pub(crate) struct MfaMethods(Vec<Arc<dyn MfaMethod>>);

/// A method's name is malformed or taken.
#[derive(Debug)]
pub(crate) struct BadMethodName(pub(crate) &'static str);

impl MfaMethods {
    /// The built-in ones and the application's.
    pub(crate) fn new(
        repository: &Arc<dyn Repository>,
        hasher: &PasswordHasher,
        others: Vec<Arc<dyn MfaMethod>>,
        email_codes: bool,
    ) -> Result<Self, BadMethodName> {
        let mut all: Vec<Arc<dyn MfaMethod>> = vec![Arc::new(TotpMethod)];
        all.extend(others);
        all.push(Arc::new(SmsMethod));
        all.push(Arc::new(EmailMethod {
            offered: email_codes,
        }));
        all.push(Arc::new(BackupCodeMethod {
            repository: Arc::clone(repository),
            hasher: hasher.clone(),
        }));
        for (index, method) in all.iter().enumerate() {
            let name = method.name();
            let sound = (1..=32).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            let taken = all.iter().skip(index + 1).any(|other| other.name() == name);
            if !sound || taken {
                return Err(BadMethodName(name));
            }
        }
        Ok(Self(all))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&dyn MfaMethod> {
        self.iter().find(|method| method.name() == name)
    }

    /// Whether it is a factor of its own, that others may stand in for.
    pub(super) fn is_factor(&self, name: &str) -> bool {
        self.find(name)
            .is_none_or(|method| method.standing() == MfaStanding::Factor)
    }

    /// Whether the application added it.
    pub(super) fn is_of_application(&self, name: &str) -> bool {
        ![TOTP, SMS, EMAIL, BACKUP_CODE].contains(&name) && self.find(name).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn MfaMethod> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Display for BadMethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
