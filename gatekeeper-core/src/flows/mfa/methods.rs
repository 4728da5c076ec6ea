use std::{fmt, sync::Arc};

use super::{
    MfaMethod,
    backup_codes::BackupCodeMethod,
    sent::{EmailMethod, SmsMethod},
    totp::TotpMethod,
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
            let taken = all
                .iter()
                .skip(index + 1)
                .any(|other| other.name() == name);
            if !sound || taken {
                return Err(BadMethodName(name));
            }
        }
        Ok(Self(all))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&dyn MfaMethod> {
        self.iter().find(|method| method.name() == name)
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
