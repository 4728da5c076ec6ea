use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatekeeper_axum::{
    Hooks, Refusal, Registration, RequestContext,
    core::model::{Session, User},
};
use serde_json::{Map, Value};

/// The rules of the house. Clones share the journal.
#[derive(Clone, Debug)]
pub struct House {
    employees: String,
    barred: Vec<String>,
    journal: Arc<Mutex<Vec<String>>>,
}

impl House {
    /// A house whose employees have addresses of this domain, and which these addresses may not enter.
    pub fn new(employees: impl Into<String>, barred: &[&str]) -> Self {
        Self {
            employees: employees.into(),
            barred: barred.iter().map(|&email| email.to_owned()).collect(),
            journal: Arc::default(),
        }
    }

    /// What has happened so far.
    pub fn journal(&self) -> Vec<String> {
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, what: &str, user: &User) {
        let entry = format!("{what} {}", user.email.as_str());
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.push(entry);
    }
}

#[async_trait]
impl Hooks for House {
    /// Employees are in the directory. Were they let register as well, a stranger could take the address of one who has not
    /// signed in yet.
    async fn before_register(
        &self,
        _cx: &RequestContext,
        registration: &Registration,
    ) -> Result<(), Refusal> {
        if registration.email.normalized().domain() == self.employees {
            let detail = "employees have an account already: sign in with the corporate password";
            return Err(Refusal::new("employee", detail));
        }
        Ok(())
    }

    async fn after_register(&self, _cx: &RequestContext, user: &User) {
        self.note("welcomed", user);
    }

    async fn before_sign_in(&self, _cx: &RequestContext, user: &User) -> Result<(), Refusal> {
        let email = user.email.normalized();
        if self.barred.iter().any(|barred| barred == email.as_str()) {
            return Err(Refusal::new("barred", "please ask at the counter"));
        }
        Ok(())
    }

    async fn after_sign_in(&self, _cx: &RequestContext, user: &User, _session: &Session) {
        self.note("seated", user);
    }

    async fn claims(
        &self,
        _cx: &RequestContext,
        user: &User,
        _session: &Session,
    ) -> Result<Map<String, Value>, Refusal> {
        let employee = user.email.normalized().domain() == self.employees;
        let table = if employee { "staff" } else { "window" };
        Ok(Map::from_iter([("table".to_owned(), table.into())]))
    }
}
