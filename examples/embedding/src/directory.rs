use std::{collections::HashMap, fmt, time::Duration};

use async_trait::async_trait;
use gatekeeper_axum::{
    AuthProvider, Error, Evidence, Provisioning, RequestContext, Subject, Verification,
    VerifiedIdentity,
    core::model::{AuthMethod, EmailAddress, SecretString},
};
use subtle::ConstantTimeEq;

/// What a directory knows of an employee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employee {
    /// What names the employee for good: not the address, which the next one may get.
    pub number: String,
    /// What the employee is called.
    pub name: String,
}

/// The directory does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away;

/// A directory of employees: LDAP, say.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// The employee with this address and this password.
    ///
    /// # Errors
    ///
    /// Where it cannot be found out.
    async fn find(&self, email: &str, password: &SecretString) -> Result<Option<Employee>, Away>;
}

/// Signs in whoever the directory knows. It decides alone about the addresses of its domain; all others are for the
/// built-in passwords.
#[derive(Debug)]
pub struct CorporateDirectory {
    domain: String,
    directory: Box<dyn Directory>,
}

impl CorporateDirectory {
    /// A provider for the addresses of this domain.
    pub fn new(domain: impl Into<String>, directory: impl Directory + 'static) -> Self {
        Self {
            domain: domain.into(),
            directory: Box::new(directory),
        }
    }

    /// The address, if it is one of ours.
    fn claimed(&self, identifier: &str) -> Option<EmailAddress> {
        EmailAddress::parse(identifier)
            .ok()
            .filter(|email| email.normalized().domain() == self.domain)
    }
}

#[async_trait]
impl AuthProvider for CorporateDirectory {
    fn id(&self) -> &'static str {
        "corporate"
    }

    fn accepts(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Password { identifier, .. } => self.claimed(identifier).is_some(),
            // What comes with later versions is not for us.
            _ => false,
        }
    }

    /// An employee has an account from the first sign-in on.
    fn provisioning(&self) -> Provisioning {
        Provisioning::Create
    }

    async fn finish(
        &self,
        _cx: &RequestContext,
        evidence: &Evidence,
    ) -> Result<Verification, Error> {
        let refused = |reason| {
            Ok(Verification::Refused {
                reason,
                account: None,
            })
        };
        let Evidence::Password {
            identifier,
            password,
        } = evidence
        else {
            return refused("not_for_the_directory");
        };
        let Some(email) = self.claimed(identifier) else {
            return refused("not_for_the_directory");
        };
        // LDAP takes a bind without a password for one of nobody, and answers that it went well (RFC 4513 section 5.1.2).
        if password.expose().is_empty() {
            return refused("no_password");
        }
        let found = self.directory.find(email.normalized().as_str(), password);
        match found.await {
            Ok(Some(employee)) => Ok(Verification::Verified(VerifiedIdentity {
                subject: Subject::External {
                    subject: employee.number,
                    verified_email: Some(email),
                    name: Some(employee.name),
                },
                methods: vec![AuthMethod::Password, AuthMethod::Federated],
            })),
            Ok(None) => refused("unknown_to_the_directory"),
            // Neither a yes nor a no: 503, and nobody is signed in.
            Err(Away) => Err(Error::Overloaded {
                retry_after: Duration::from_secs(5),
            }),
        }
    }
}

/// A directory on a sheet of paper, for this example.
#[derive(Clone, Debug, Default)]
pub struct PaperDirectory {
    employees: HashMap<String, (SecretString, Employee)>,
    away: bool,
}

impl PaperDirectory {
    /// With one more employee.
    #[must_use]
    pub fn with(mut self, email: &str, password: &str, number: &str, name: &str) -> Self {
        let employee = Employee {
            number: number.to_owned(),
            name: name.to_owned(),
        };
        let entry = (SecretString::new(password), employee);
        self.employees.insert(email.to_owned(), entry);
        self
    }

    /// Lost: it does not answer.
    #[must_use]
    pub fn lost(mut self) -> Self {
        self.away = true;
        self
    }
}

#[async_trait]
impl Directory for PaperDirectory {
    async fn find(&self, email: &str, password: &SecretString) -> Result<Option<Employee>, Away> {
        if self.away {
            return Err(Away);
        }
        let entry = self.employees.get(email);
        // Compared for somebody unknown as well, so that the time does not tell.
        let expected = entry.map_or("nobody's password", |(expected, _)| expected.expose());
        let same: bool = expected
            .as_bytes()
            .ct_eq(password.expose().as_bytes())
            .into();
        Ok(entry.filter(|_| same).map(|(_, employee)| employee.clone()))
    }
}
