use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    AccessError, Error, Identity, RequestContext,
    crypto::AuditKeys,
    env::Random,
    flows::{administration::Acting, privacy::Erasure},
    gatekeeper::Inner,
    mail::{AccountMail, Caller, Queued, TextMessage},
    model::{
        AuditEvent, Event, EventId, MailId, OutboxEntry, OutboxKind, OutboxState, Outcome,
        Revocation, RevocationTarget, SecretString, Session, SessionEnd, SessionId, Tenant,
        TenantId, TenantSlug, Timestamp, User, UserId,
    },
    store::Transaction,
};

/// A revocation outlives the tokens it concerns by this much: a request that was under way when it was made may still
/// have been given a token.
const REVOCATION_MARGIN: Duration = Duration::from_mins(1);

/// From the moment a change of what somebody may do is made, its commit takes less than this.
const COMMIT_MARGIN: Duration = Duration::from_secs(2);

/// One change with all that belongs to it: what is written, the audit events, the mails it causes, and the access tokens
/// it kills. Dropped without [`commit`](Self::commit), nothing of it happened.
pub(crate) struct Unit<'a> {
    inner: &'a Inner,
    cx: &'a RequestContext,
    now: Timestamp,
    tx: Box<dyn Transaction>,
    records: Vec<AuditEvent>,
    revocations: Vec<Revocation>,
    tenants: Vec<(TenantId, TenantSlug)>,
    mails: bool,
}

/// What an audit event says beyond who is asking and when.
#[derive(Debug)]
#[must_use]
pub(crate) struct Record {
    event: Event,
    outcome: Outcome,
    reason: Option<&'static str>,
    actor: Option<UserId>,
    target: Option<UserId>,
    impersonator: Option<UserId>,
    details: Map<String, Value>,
}

impl Record {
    pub(crate) fn success(event: Event) -> Self {
        Self {
            event,
            outcome: Outcome::Success,
            reason: None,
            actor: None,
            target: None,
            impersonator: None,
            details: Map::new(),
        }
    }

    pub(crate) fn failure(event: Event, reason: &'static str) -> Self {
        Self {
            outcome: Outcome::Failure,
            reason: Some(reason),
            ..Self::success(event)
        }
    }

    /// Done by whoever administers, to somebody or something else.
    pub(crate) fn by_administrator(mut self, acting: &Acting) -> Self {
        self.actor = acting.user_id();
        self
    }

    /// Done by this user, or by an operator, to something that is no user.
    pub(crate) fn caused_by(mut self, user: Option<UserId>) -> Self {
        self.actor = user;
        self
    }

    /// Done by this user, to nobody.
    pub(crate) fn actor(mut self, user: UserId) -> Self {
        self.actor = Some(user);
        self
    }

    /// Done by this user, to themselves unless [`target`](Self::target) says otherwise.
    pub(crate) fn by(mut self, user: UserId) -> Self {
        self.actor = Some(user);
        self.target.get_or_insert(user);
        self
    }

    /// Done by this user, whomever it concerns.
    pub(crate) fn done_by(mut self, user: UserId) -> Self {
        self.actor = Some(user);
        self
    }

    /// Done by somebody who acts as the actor, where that is known otherwise than from who is asking.
    pub(crate) fn acted_by(mut self, impersonator: Option<UserId>) -> Self {
        self.impersonator = impersonator;
        self
    }

    pub(crate) fn target(mut self, user: UserId) -> Self {
        self.target = Some(user);
        self
    }

    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl<'a> Unit<'a> {
    pub(crate) async fn begin(
        inner: &'a Inner,
        cx: &'a RequestContext,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let tx = inner.repository.begin().await?;
        Ok(Self {
            inner,
            cx,
            now,
            tx,
            records: Vec::new(),
            revocations: Vec::new(),
            tenants: Vec::new(),
            mails: false,
        })
    }

    /// What every flow works with.
    pub(crate) const fn inner(&self) -> &'a Inner {
        self.inner
    }

    /// Goes on in the name of another caller, and answers who it was before: what concerns two tenants is one unit, each part of it
    /// written in its own.
    pub(crate) const fn go_on_as(&mut self, cx: &'a RequestContext) -> &'a RequestContext {
        std::mem::replace(&mut self.cx, cx)
    }

    /// The tenant in which this unit happens.
    pub(crate) const fn tenant(&self) -> TenantId {
        self.cx.tenant_id
    }

    /// When this unit happens.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// The stores, within this unit.
    pub(crate) fn tx(&mut self) -> &mut dyn Transaction {
        self.tx.as_mut()
    }

    /// Writes an audit event.
    pub(crate) async fn record(&mut self, record: Record) -> Result<(), Error> {
        let (random, keys) = (self.inner.random.as_ref(), &self.inner.audit_keys);
        let event = audit_event(random, keys, self.cx, self.now, record);
        self.tx.audit().append(&event).await?;
        self.records.push(event);
        Ok(())
    }

    /// Leaves a mail to the worker.
    pub(crate) async fn mail(&mut self, mail: &AccountMail) -> Result<(), Error> {
        let mail = Queued {
            mail,
            caller: Caller::of(self.cx),
        };
        self.enqueue(OutboxKind::AccountMail, &mail).await
    }

    /// Leaves a text message to the worker.
    pub(crate) async fn sms(&mut self, to: String, text: &SecretString) -> Result<(), Error> {
        let message = TextMessage {
            to,
            text: text.expose().to_owned(),
        };
        self.enqueue(OutboxKind::Sms, &message).await
    }

    /// Leaves the erasure of what is kept of a person to the worker.
    pub(crate) async fn erase_later(&mut self, erasure: &Erasure) -> Result<(), Error> {
        self.enqueue(OutboxKind::Erasure, erasure).await
    }

    async fn enqueue(&mut self, kind: OutboxKind, what: &impl Serialize) -> Result<(), Error> {
        let id = MailId::new(self.now, self.inner.random.as_ref());
        let entry = OutboxEntry {
            id,
            tenant_id: self.cx.tenant_id,
            kind,
            payload: self.inner.seal_mail(self.cx.tenant_id, id, kind, what)?,
            state: OutboxState::Pending,
            attempts: 0,
            due_at: self.now,
            created_at: self.now,
            finished_at: None,
            last_error: None,
        };
        self.tx.outbox().enqueue(&entry).await?;
        self.mails = true;
        Ok(())
    }

    /// Holds the user and the session of an access token, in this order like everybody who holds both, and refuses where
    /// either is over: within the moment that a revocation needs to reach every node, a dead token still changes nothing
    /// (CVE-2025-46336).
    ///
    /// It is for what users do with what is their own: whoever acts as somebody else, and API keys, are refused.
    pub(crate) async fn require_live(&mut self, who: &Identity) -> Result<User, Error> {
        who.require_oneself()?;
        let tenant = self.cx.tenant_id;
        let user = self.tx.users().find_for_update(tenant, who.user_id).await?;
        let session = self
            .tx
            .sessions()
            .find_for_update(tenant, who.session_id)
            .await?;
        let live = session.is_some_and(|s| s.user_id == who.user_id && s.is_live(self.now));
        user.filter(|user| live && user.is_active())
            .ok_or(AccessError::Invalid.into())
    }

    /// Ends one session and its access tokens; answers whether it was not ended before. Whoever ends a session acts as nobody else any
    /// more; where the session itself was one of acting as its user, that is recorded.
    pub(crate) async fn end_session(
        &mut self,
        session: SessionId,
        reason: SessionEnd,
    ) -> Result<bool, Error> {
        let ended = self
            .tx
            .sessions()
            .end(self.cx.tenant_id, session, reason, self.now)
            .await?;
        if ended {
            self.revoke(RevocationTarget::Session(session)).await?;
            let row = self
                .tx
                .sessions()
                .find_for_update(self.cx.tenant_id, session)
                .await?;
            match row {
                Some(row) if row.impersonation.is_some() => {
                    self.record_impersonation_end(&row, reason).await?;
                }
                Some(row) => self.end_impersonations_by(row.user_id).await?,
                None => {}
            }
        }
        Ok(ended)
    }

    /// Ends a user's sessions but for one, and their access tokens; answers how many. Where they end because of a change of
    /// password or factors, no device is spared the second factor any more.
    pub(crate) async fn end_sessions(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        reason: SessionEnd,
    ) -> Result<usize, Error> {
        let tenant = self.cx.tenant_id;
        let ended = self
            .tx
            .sessions()
            .end_all_for_user(tenant, user, except, reason, self.now)
            .await?;
        for session in &ended {
            self.revoke(RevocationTarget::Session(*session)).await?;
        }
        if !ended.is_empty() {
            self.end_impersonations_by(user).await?;
        }
        match reason {
            SessionEnd::MfaChanged | SessionEnd::PasswordChanged => {
                self.tx.devices().distrust_all(tenant, user).await?;
            }
            SessionEnd::AccountClosed
            | SessionEnd::ImpersonationEnded
            | SessionEnd::LimitReached
            | SessionEnd::OrganizationSwitched
            | SessionEnd::Reuse
            | SessionEnd::RevokedByUser
            | SessionEnd::RevokedByAdmin
            | SessionEnd::SignedOut
            | SessionEnd::SteppedUp
            | SessionEnd::TenantSuspended => {}
        }
        Ok(ended.len())
    }

    /// Says that what a user's access tokens hold of roles and permissions is out of date, and ends the sessions in which the user acts
    /// as others: whoever changes what a user may do calls it.
    pub(crate) async fn authority_changed(&mut self, user: UserId) -> Result<(), Error> {
        self.end_impersonations_by(user).await?;
        let until = self.authority_changes_until();
        self.revoke(RevocationTarget::Authority(user, until)).await
    }

    /// The same for everybody in the tenant: a role's definition changed, or a group's roles did.
    pub(crate) async fn tenant_authority_changed(&mut self) -> Result<(), Error> {
        let until = self.authority_changes_until();
        self.revoke(RevocationTarget::TenantAuthority(until)).await
    }

    /// Up to when tokens may be issued that do not know of a change made now: until it is committed, everybody reads what was before,
    /// and writes a time into the token that is of another clock. Those that do know are read anew once more, which is cheap.
    fn authority_changes_until(&self) -> Timestamp {
        let now = self.inner.clock.now().max(self.now);
        let until = now.after(self.inner.config.access_tokens.leeway + COMMIT_MARGIN);
        self.inner.authority_changes.distinct(until)
    }

    /// Ends the sessions in which a user acts as others, and their access tokens.
    pub(crate) async fn end_impersonations_by(&mut self, user: UserId) -> Result<(), Error> {
        let ended = self
            .tx
            .sessions()
            .end_all_by_impersonator(
                self.cx.tenant_id,
                user,
                SessionEnd::ImpersonationEnded,
                self.now,
            )
            .await?;
        for session in ended {
            self.revoke(RevocationTarget::Session(session)).await?;
            let row = self
                .tx
                .sessions()
                .find_for_update(self.cx.tenant_id, session)
                .await?;
            if let Some(row) = row {
                self.record_impersonation_end(&row, SessionEnd::ImpersonationEnded)
                    .await?;
            }
        }
        Ok(())
    }

    async fn record_impersonation_end(
        &mut self,
        session: &Session,
        reason: SessionEnd,
    ) -> Result<(), Error> {
        let Some(impersonation) = &session.impersonation else {
            return Ok(());
        };
        let record = Record::success(Event::ImpersonationEnded)
            .target(session.user_id)
            .because(reason.as_str())
            .detail("session_id", session.id.to_string())
            .detail("impersonator", impersonation.by.to_string());
        let record = match (reason, self.cx.identity.as_deref()) {
            // Whoever acts left, by whichever of its tokens.
            (SessionEnd::SignedOut, _) => record
                .done_by(session.user_id)
                .acted_by(Some(impersonation.by)),
            (_, Some(who)) => record.done_by(who.user_id),
            (_, None) => record,
        };
        self.record(record).await
    }

    /// Refuses access tokens from now on.
    pub(crate) async fn revoke(&mut self, target: RevocationTarget) -> Result<(), Error> {
        let tokens = &self.inner.config.access_tokens;
        let revocation = Revocation {
            tenant_id: self.cx.tenant_id,
            target,
            revoked_at: self.now,
            expires_at: self
                .now
                .after(tokens.lifetime + tokens.leeway + REVOCATION_MARGIN),
        };
        self.tx.revocations().insert(&revocation).await?;
        self.revocations.push(revocation);
        Ok(())
    }

    /// Has this process forget what it remembers of a tenant, as soon as the change is durable.
    pub(crate) fn tenant_changed(&mut self, tenant: &Tenant) {
        self.tenants.push((tenant.id, tenant.slug.clone()));
    }

    /// Makes it all durable, then tells whom it concerns: what is remembered of tenants, the blacklist, the worker, the log.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Self {
            inner,
            tx,
            records,
            revocations,
            tenants,
            mails,
            ..
        } = self;
        let committed = tx.commit().await;
        // After an error too: nobody knows then whether it was committed.
        for (tenant, slug) in &tenants {
            inner.tenants.forget(*tenant, slug);
        }
        committed?;
        if !revocations.is_empty() {
            inner
                .authenticator
                .blacklist()
                .publish(&revocations)
                .await?;
        }
        if mails {
            inner.outbox_wake.notify_one();
        }
        log(&records);
        Ok(())
    }

    /// Writes one audit event as a unit of its own.
    pub(crate) async fn record_alone(
        inner: &'a Inner,
        cx: &'a RequestContext,
        now: Timestamp,
        record: Record,
    ) -> Result<(), Error> {
        let mut unit = Self::begin(inner, cx, now).await?;
        unit.record(record).await?;
        unit.commit().await
    }
}

/// The row of the audit trail that says this.
pub(crate) fn audit_event(
    random: &dyn Random,
    keys: &AuditKeys,
    cx: &RequestContext,
    now: Timestamp,
    record: Record,
) -> AuditEvent {
    let who = cx.identity.as_deref();
    let salt = random.bytes();
    let mut event = AuditEvent {
        id: EventId::new(now, random),
        tenant_id: cx.tenant_id,
        at: now,
        event: record.event,
        outcome: record.outcome,
        reason: record.reason.map(str::to_owned),
        actor: record.actor,
        target: record.target,
        correlation_id: cx.correlation_id.clone(),
        ip: cx.ip,
        user_agent: cx.user_agent.clone(),
        details: record.details,
        impersonator: record
            .impersonator
            .or_else(|| who.and_then(|who| who.actor)),
        api_key: who.and_then(|who| who.api_key),
        digest: None,
        salt: Some(salt),
        erased_at: None,
        seal: None,
    };
    // From here on whoever can write to the database, but has not the secret, can neither change it nor make one up.
    event.digest = Some(keys.digest(&event, &salt));
    event
}

fn log(records: &[AuditEvent]) {
    for record in records {
        tracing::info!(
            target: "gatekeeper::audit",
            event = record.event.code(),
            outcome = record.outcome.as_str(),
            reason = record.reason.as_deref(),
            tenant = %record.tenant_id,
            user = record.target.map(tracing::field::display),
            correlation_id = %record.correlation_id,
        );
    }
}
