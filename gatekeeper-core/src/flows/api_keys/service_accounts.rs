use serde_json::Map;

use crate::{
    Administration, Error, RequestContext, Violations,
    flows::{Record, Unit, validate},
    model::{Cursor, EmailAddress, Event, Page, PageRequest, SearchCursor, User, UserId, UserKind},
    store::{UserFilter, UserSearch},
};

/// An account for a program, to be made.
#[derive(Clone, Debug)]
pub struct NewServiceAccount {
    /// What it is called: 1 to 200 characters.
    pub name: String,
}

impl Administration<'_> {
    /// Makes a service account: a user that never signs in and is never mailed, and acts by its API keys alone. It has no rights
    /// until roles are granted to it. Permission `service_accounts:write`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn create_service_account(
        &self,
        cx: &RequestContext,
        input: NewServiceAccount,
    ) -> Result<User, Error> {
        let inner = self.0.inner();
        let mut violations = Violations::none();
        validate::name(&mut violations, "/name", Some(&input.name));
        violations.check()?;
        let now = inner.clock.now();
        let id = UserId::new(now, inner.random.as_ref());
        let address = format!("{id}@{}", User::SERVICE_ACCOUNT_DOMAIN);
        let user = User {
            id,
            tenant_id: cx.tenant_id,
            kind: UserKind::ServiceAccount,
            email: EmailAddress::parse(&address).map_err(Error::internal)?,
            // Taken for good: no sign-up makes an account of it.
            email_verified_at: Some(now),
            name: Some(input.name),
            locale: None,
            avatar_url: None,
            metadata: Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        };
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, "service_accounts:write").await?;
        unit.tx().users().insert(&user).await?;
        let record = Record::success(Event::AccountCreated)
            .by_administrator(&acting)
            .target(user.id)
            .detail("kind", user.kind.as_str());
        unit.record(record).await?;
        unit.commit().await?;
        Ok(user)
    }

    /// Service accounts, oldest first. A page may hold fewer than asked for and still not be the last. Permission
    /// `service_accounts:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn list_service_accounts(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        self.require_held("service_accounts:read")?;
        // All of them are found by the domain of their addresses, and by their ids in the order in which they were made.
        let domain = format!("@{}", User::SERVICE_ACCOUNT_DOMAIN);
        let search = UserSearch {
            prefix: domain.clone(),
            filter: UserFilter::default(),
            after: page.after.map(|after| SearchCursor {
                term: domain.clone(),
                id: after.id,
            }),
            limit: page.limit,
        };
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.users().search(cx.tenant_id, &search).await?;
        // Behind the last address of this domain there may be others that begin like it.
        let next = found.next.filter(|next| next.term == domain);
        Ok(Page {
            items: (found.items.into_iter())
                .filter(|user| user.kind == UserKind::ServiceAccount)
                .collect(),
            next: next.map(|next| Cursor {
                at: crate::model::Timestamp::default(),
                id: next.id,
            }),
        })
    }
}
