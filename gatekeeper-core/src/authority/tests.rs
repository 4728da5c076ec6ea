//! Two nodes on one store, whose news are passed on by hand.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{AuthorityKey, Origin};
use crate::{
    Config, Evidence, Gatekeeper, Identity, NewUser, RequestContext, SignIn,
    blacklist::StoreBlacklist,
    config::OutdatedTokens,
    crypto::{SecretKey, password::danger::danger_weak_hashing},
    env::Clock,
    flows::Unit,
    model::{
        Account, Event, Membership, Organization, OrganizationId, PageRequest, RevocationTarget,
        Role, RoleName, SecretString, TenantId, TenantSlug, Timestamp, UserId,
    },
    store::{AuditFilter, Repository, memory::MemoryRepository},
    testing::{ManualClock, SeededRandom},
};

const TENANT: TenantId = TenantId::DEFAULT;
const PASSWORD: &str = "a corridor of 12 elms";

/// A token that is issued this long after a change knows of it for certain.
const PAST: Duration = Duration::from_mins(1);

struct World {
    repository: Arc<dyn Repository>,
    clock: ManualClock,
    /// The node that changes things.
    here: Node,
    /// Another one.
    there: Node,
}

struct Node {
    gatekeeper: Gatekeeper,
    blacklist: Arc<StoreBlacklist>,
}

impl Node {
    async fn new(repository: &Arc<dyn Repository>, clock: &ManualClock, config: &Config) -> Self {
        let kept = Arc::new(OnceLock::new());
        let place = Arc::clone(&kept);
        let built = Gatekeeper::builder()
            .shared_repository(Arc::clone(repository))
            .secret(SecretKey::generate(&SeededRandom::new(1)))
            .public_url("https://auth.example.org")
            .config(config.clone())
            .clock(clock.clone())
            .without_workers()
            .blacklist(move |store| {
                place.set(Arc::clone(&store)).unwrap();
                store
            })
            .build();
        Self {
            gatekeeper: built.await.unwrap(),
            blacklist: Arc::clone(kept.get().unwrap()),
        }
    }

    /// As a request with this token would see it, the second time without I/O.
    async fn who(&self, token: &str) -> Arc<Identity> {
        let first = self.gatekeeper.authenticate(token).await.unwrap();
        let again = self.gatekeeper.authenticate_cached(token).unwrap().unwrap();
        assert_eq!(first.permissions, again.permissions);
        again
    }

    async fn may(&self, token: &str, permission: &str) -> bool {
        self.who(token).await.has_permission(permission)
    }

    async fn refuses(&self, token: &str) {
        let error = self.gatekeeper.authenticate(token).await.unwrap_err();
        assert_eq!(error.code(), "access.invalid_token");
    }

    async fn hear(&self, now: Timestamp) {
        self.blacklist.sync(now).await.unwrap();
    }
}

impl World {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            hashing: danger_weak_hashing(),
            ..Config::default()
        };
        change(&mut config);
        let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
        let clock = ManualClock::default();
        let world = Self {
            here: Node::new(&repository, &clock, &config).await,
            there: Node::new(&repository, &clock, &config).await,
            repository,
            clock,
        };
        world.define("editor", &["reports:*"]).await;
        world.define("reader", &["reports:read"]).await;
        world
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass, with both nodes hearing of what there is.
    async fn later(&self, duration: Duration) {
        self.clock.advance(duration);
        self.here.hear(self.now()).await;
        self.there.hear(self.now()).await;
    }

    /// Changes something, as a flow of this node does.
    async fn change<T>(&self, change: impl AsyncFnOnce(&mut Unit<'_>) -> T) -> T {
        let cx = cx();
        let inner = self.here.gatekeeper.inner();
        let mut unit = Unit::begin(inner, &cx, self.now()).await.unwrap();
        let changed = change(&mut unit).await;
        unit.commit().await.unwrap();
        changed
    }

    async fn define(&self, name: &str, permissions: &[&str]) {
        let now = self.now();
        let role = Role {
            tenant_id: TENANT,
            name: RoleName::parse(name).unwrap(),
            description: String::new(),
            system: false,
            permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
            inherits: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        self.change(async |unit| {
            if !unit.tx().roles().update(&role).await.unwrap() {
                unit.tx().roles().insert(&role).await.unwrap();
            }
            unit.tenant_authority_changed().await.unwrap();
        })
        .await;
    }

    async fn grant(&self, user: UserId, role: &str) {
        let (role, now) = (RoleName::parse(role).unwrap(), self.now());
        self.change(async |unit| {
            let granted = unit.tx().roles().grant(TENANT, user, &role, now).await;
            assert!(granted.unwrap());
            unit.authority_changed(user).await.unwrap();
        })
        .await;
    }

    async fn take(&self, user: UserId, role: &str) {
        let role = RoleName::parse(role).unwrap();
        self.change(async |unit| {
            assert!(unit.tx().roles().revoke(TENANT, user, &role).await.unwrap());
            unit.authority_changed(user).await.unwrap();
        })
        .await;
    }

    /// A user with this role, and an access token.
    async fn user(&self, role: &str) -> (UserId, String) {
        let user = NewUser {
            email: format!("{role}@example.org"),
            name: None,
            roles: vec![role.to_owned()],
            password: Some(SecretString::new(PASSWORD)),
        };
        let gatekeeper = &self.here.gatekeeper;
        let made = gatekeeper.administration().create_user(&cx(), user).await;
        let id = made.unwrap().user.id;
        self.later(PAST).await;
        (id, self.sign_in(role).await)
    }

    async fn sign_in(&self, role: &str) -> String {
        let evidence = Evidence::Password {
            identifier: format!("{role}@example.org"),
            password: SecretString::new(PASSWORD),
        };
        let gatekeeper = &self.here.gatekeeper;
        match gatekeeper.sessions().sign_in(&cx(), evidence).await {
            Ok(SignIn::SignedIn(signed_in)) => signed_in.access_token.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// A token with what the store says now, from a clock that is ahead as far as may be.
    async fn token_of_another_node(&self, user: UserId) -> String {
        let account = self.repository.find_account(TENANT, user).await.unwrap();
        let gatekeeper = &self.there.gatekeeper;
        let who = self.here.who(&self.sign_in("editor").await).await;
        let session = self.repository.find_session(TENANT, who.session_id).await;
        let ahead = gatekeeper.config().access_tokens.leeway;
        let tokens = gatekeeper.sessions().tokens_for(
            session.unwrap().unwrap(),
            account.unwrap(),
            serde_json::Map::new(),
            self.now().after(ahead),
        );
        tokens.unwrap().access_token.expose().to_owned()
    }

    /// The rows `access.denied`: reason, what was missing, how many were dropped.
    async fn denials(&self) -> Vec<(String, serde_json::Value)> {
        self.here.gatekeeper.inner().denials.settle().await;
        let filter = AuditFilter {
            event: Some(Event::AccessDenied),
            ..AuditFilter::default()
        };
        let mut tx = self.repository.begin().await.unwrap();
        let page = PageRequest::first(100);
        let rows = tx.audit().list(TENANT, &filter, page).await.unwrap().items;
        rows.into_iter()
            .map(|row| (row.reason.unwrap(), row.details.into()))
            .collect()
    }
}

fn cx() -> RequestContext {
    RequestContext::internal(TENANT, "test")
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_demotion_holds_for_the_next_request_here_and_there_when_it_is_heard_of() {
    let world = World::new().await;
    let (ada, token) = world.user("editor").await;
    for node in [&world.here, &world.there] {
        assert!(node.may(&token, "reports:write").await);
        assert_eq!(node.who(&token).await.origin, Origin::Token);
    }
    world.take(ada, "editor").await;
    assert!(!world.here.may(&token, "reports:write").await);
    assert!(!world.here.who(&token).await.has_role("editor"));
    assert!(world.here.who(&token).await.has_role("user"));
    // The other node has not heard of it yet, and as soon as it has.
    assert!(world.there.may(&token, "reports:write").await);
    world.there.hear(world.now()).await;
    assert!(!world.there.may(&token, "reports:write").await);

    // What was read is not believed beyond the next change either, in the same instant or not.
    world.grant(ada, "reader").await;
    assert!(world.here.may(&token, "reports:read").await);
    assert!(!world.there.may(&token, "reports:read").await);
    world.there.hear(world.now()).await;
    assert!(world.there.may(&token, "reports:read").await);
    world.later(SECOND).await;
    world.define("reader", &["papers:read"]).await;
    world.there.hear(world.now()).await;
    for node in [&world.here, &world.there] {
        assert!(!node.may(&token, "reports:read").await);
        assert!(node.may(&token, "papers:read").await);
    }
}

#[tokio::test]
async fn what_was_read_anew_is_found_without_io_until_there_are_news() {
    let world = World::new().await;
    let (ada, token) = world.user("editor").await;
    let (bob, _) = world.user("reader").await;
    world.grant(ada, "reader").await;
    let read = world.here.who(&token).await;
    assert!(matches!(read.origin, Origin::Store(_)));
    let blacklist = world.here.gatekeeper.inner().authenticator.blacklist();
    let epoch = blacklist.epoch(world.now());
    // The token's place in memory holds what was read: nothing is made anew.
    for _ in 0..3 {
        assert!(Arc::ptr_eq(&read, &world.here.who(&token).await));
    }
    // News of others change the number of the state, and nothing else.
    world.take(bob, "reader").await;
    assert_ne!(blacklist.epoch(world.now()), epoch);
    assert!(Arc::ptr_eq(&read, &world.here.who(&token).await));
    // After five minutes it is read again, though nothing was heard.
    world
        .later(
            Duration::from_mins(5)
                .checked_sub(Duration::from_micros(1))
                .unwrap(),
        )
        .await;
    assert!(Arc::ptr_eq(&read, &world.here.who(&token).await));
    world.later(Duration::from_micros(1)).await;
    assert!(!Arc::ptr_eq(&read, &world.here.who(&token).await));
}

#[tokio::test]
async fn what_changes_while_it_is_read_is_not_believed_for_longer_than_that() {
    let world = World::new().await;
    let (ada, token) = world.user("editor").await;
    let node = &world.here;
    let key = AuthorityKey {
        tenant: TENANT,
        user: ada,
        organization: None,
    };
    // What a slow reading does: it has its mark, reads, is overtaken by a change, and only then remembers.
    let inner = node.gatekeeper.inner();
    let mark = inner.authenticator.read_mark(world.now()).unwrap();
    let read = world.repository.find_authority(TENANT, ada, None).await;
    let read = Arc::new(read.unwrap().unwrap().complete());
    world.take(ada, "editor").await;
    inner.authorities.insert(key, &read, mark);
    assert!(!node.may(&token, "reports:write").await);
    let known = node.gatekeeper.permissions_of(TENANT, ada).await.unwrap();
    assert!(known.permissions.is_empty(), "{known:?}");
    // A reading that was overtaken does not push a newer one out.
    inner.authorities.insert(key, &read, mark);
    let (_, kept) = inner.authorities.find(&key).unwrap();
    assert!(kept.epoch() > mark.epoch());
}

#[tokio::test]
async fn outdated_tokens_are_refused_where_that_is_set() {
    let world = World::with(|config| {
        config.authority.outdated_tokens = OutdatedTokens::Refuse;
    })
    .await;
    let (ada, token) = world.user("editor").await;
    // A token that is hardly older than the change is read anew: a refresh would bring no other.
    world.take(ada, "editor").await;
    assert!(!world.here.may(&token, "reports:write").await);
    world.grant(ada, "editor").await;
    world.later(PAST).await;
    world.take(ada, "editor").await;
    world.here.refuses(&token).await;
    let cached = world.here.gatekeeper.authenticate_cached(&token);
    assert_eq!(cached.unwrap().unwrap_err().code(), "access.invalid_token");
    world.there.hear(world.now()).await;
    world.there.refuses(&token).await;
    // The one that a refresh brings is good.
    let token = world.sign_in("editor").await;
    assert!(!world.here.may(&token, "reports:write").await);
}

#[tokio::test]
async fn a_token_too_small_for_all_roles_is_completed_and_stays_so() {
    let world = World::with(|config| config.authority.max_token_bytes = 0).await;
    let (ada, token) = world.user("editor").await;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&crate::crypto::BASE64URL, payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["roles"], serde_json::json!([]));
    assert_eq!(claims["permissions"], serde_json::json!([]));
    assert_eq!(claims["authority_omitted"], serde_json::json!(true));
    for node in [&world.here, &world.there] {
        // Without the store nobody can say what it may do.
        assert!(node.gatekeeper.authenticate_cached(&token).is_none());
        assert!(node.may(&token, "reports:write").await);
        assert!(node.who(&token).await.has_role("user"));
    }
    world.take(ada, "editor").await;
    assert!(!world.here.may(&token, "reports:write").await);
    // Nobody but its issuer's process can complete it.
    let authenticator = &world.here.gatekeeper.inner().authenticator;
    let fresh = world.sign_in("editor").await;
    let alone = authenticator.authenticate_fully(&fresh, world.now()).await;
    assert_eq!(alone.unwrap_err().code(), "access.invalid_token");
}

#[tokio::test]
async fn a_claim_of_the_application_that_leaves_no_room_for_roles_keeps_nobody_out() {
    let world = World::with(|config| config.authority.max_token_bytes = 16_384).await;
    let many: Vec<String> = (0..400).map(|n| format!("resource-{n}:read")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.define("editor", &many).await;
    let (_, token) = world.user("editor").await;
    assert!(world.here.may(&token, "resource-399:read").await);
}

#[tokio::test]
async fn the_rights_of_an_organisation_end_with_the_membership() {
    let world = World::new().await;
    let (ada, _) = world.user("reader").await;
    let now = world.now();
    let organization = Organization {
        id: OrganizationId::new(now, &SeededRandom::new(7)),
        tenant_id: TENANT,
        slug: TenantSlug::parse("acme").unwrap(),
        name: "Acme".to_owned(),
        metadata: serde_json::Map::new(),
        created_at: now,
        updated_at: now,
    };
    let membership = Membership {
        tenant_id: TENANT,
        organization_id: organization.id,
        user_id: ada,
        roles: vec![RoleName::parse("editor").unwrap()],
        created_at: now,
    };
    world
        .change(async |unit| {
            let tx = unit.tx();
            tx.organizations().insert(&organization).await.unwrap();
            tx.organizations().put_member(&membership).await.unwrap();
            unit.authority_changed(ada).await.unwrap();
        })
        .await;
    world.later(PAST).await;
    let authority = world
        .repository
        .find_authority(TENANT, ada, Some(organization.id));
    let authority = authority.await.unwrap().unwrap().complete();
    let gatekeeper = &world.here.gatekeeper;
    let account = world.repository.find_account(TENANT, ada).await.unwrap();
    let account = Account {
        authority,
        ..account.unwrap()
    };
    let session = {
        let identity = world.here.who(&world.sign_in("reader").await).await;
        let found = world.repository.find_session(TENANT, identity.session_id);
        found.await.unwrap().unwrap()
    };
    let tokens =
        gatekeeper
            .sessions()
            .tokens_for(session, account, serde_json::Map::new(), world.now());
    let token = tokens.unwrap().access_token.expose().to_owned();
    for node in [&world.here, &world.there] {
        let who = node.who(&token).await;
        assert_eq!(who.origin, Origin::Token);
        assert!(who.has_organization_permission("reports:write"));
        assert!(!who.has_permission("reports:write"));
    }
    let plain = gatekeeper.permissions_of(TENANT, ada).await.unwrap();
    assert_eq!(plain.organization, None);
    let within = gatekeeper.permissions_in(TENANT, ada, organization.id);
    assert!(within.await.unwrap().organization.is_some());

    world
        .change(async |unit| {
            let organizations = unit.tx().organizations();
            let removed = organizations.remove_member(TENANT, organization.id, ada);
            assert!(removed.await.unwrap());
            unit.authority_changed(ada).await.unwrap();
        })
        .await;
    world.there.hear(world.now()).await;
    for node in [&world.here, &world.there] {
        let who = node.who(&token).await;
        assert_eq!(who.organization, None);
        assert!(!who.has_organization_permission("reports:write"));
        assert!(!who.has_organization_role("editor"));
        assert!(who.has_permission("reports:read"));
    }
    let within = gatekeeper.permissions_in(TENANT, ada, organization.id);
    assert_eq!(within.await.unwrap().organization, None);
}

#[tokio::test]
async fn row_56_what_counts_in_one_place_is_not_found_for_another() {
    let world = World::new().await;
    let (ada, _) = world.user("editor").await;
    let gatekeeper = &world.here.gatekeeper;
    let known = gatekeeper.permissions_of(TENANT, ada).await.unwrap();
    assert_eq!(known.permissions, ["reports:*"]);
    assert_eq!(known.roles, ["editor", "user"]);
    let random = SeededRandom::new(3);
    // The same user id in another tenant is nobody.
    let elsewhere = TenantId::new(world.now(), &random);
    let error = gatekeeper.permissions_of(elsewhere, ada).await.unwrap_err();
    assert_eq!(error.code(), "account.not_found");
    let other = RequestContext::internal(elsewhere, "test");
    let refused = gatekeeper.require_permission(&other, ada, "reports:read");
    assert_eq!(refused.await.unwrap_err().code(), "access.forbidden");
    let authorities = &gatekeeper.inner().authorities;
    let key = |tenant, organization| AuthorityKey {
        tenant,
        user: ada,
        organization,
    };
    assert!(authorities.find(&key(TENANT, None)).is_some());
    assert!(authorities.find(&key(elsewhere, None)).is_none());
    let organization = OrganizationId::new(world.now(), &random);
    assert!(authorities.find(&key(TENANT, Some(organization))).is_none());
}

#[tokio::test]
async fn a_node_that_hears_nothing_asks_the_store() {
    let world = World::new().await;
    let (ada, token) = world.user("editor").await;
    let old = world.there.gatekeeper.permissions_of(TENANT, ada).await;
    assert_eq!(old.unwrap().permissions, ["reports:*"]);
    assert!(world.there.may(&token, "reports:write").await);
    world.take(ada, "editor").await;
    world.clock.advance(Duration::from_secs(6));
    let there = &world.there.gatekeeper;
    assert!(there.authenticate_cached(&token).is_none());
    // Neither the token's own claims nor what is remembered is believed.
    for _ in 0..2 {
        let who = there.authenticate(&token).await.unwrap();
        assert!(!who.has_permission("reports:write"));
        let known = there.permissions_of(TENANT, ada).await.unwrap();
        assert!(known.permissions.is_empty());
    }
    // A token of after the change is good as it is.
    world.clock.advance(PAST);
    world.here.hear(world.now()).await;
    let token = world.sign_in("editor").await;
    assert!(there.authenticate_cached(&token).is_none());
    let who = there.authenticate(&token).await.unwrap();
    assert_eq!(who.origin, Origin::Token);
}

#[tokio::test]
async fn who_is_disabled_or_gone_may_nothing() {
    let world = World::new().await;
    let (ada, token) = world.user("editor").await;
    let gatekeeper = &world.here.gatekeeper;
    assert!(gatekeeper.permissions_of(TENANT, ada).await.is_ok());
    let now = world.now();
    world
        .change(async |unit| {
            let mut user = unit.tx().users().find_for_update(TENANT, ada).await;
            let user = user.as_mut().unwrap().as_mut().unwrap();
            user.disabled_at = Some(now);
            assert!(unit.tx().users().update(user).await.unwrap());
            unit.authority_changed(ada).await.unwrap();
        })
        .await;
    world.here.refuses(&token).await;
    let error = gatekeeper.permissions_of(TENANT, ada).await.unwrap_err();
    assert_eq!(error.code(), "account.not_found");
    let cx = cx();
    let refused = gatekeeper.require_permission(&cx, ada, "reports:read");
    assert_eq!(refused.await.unwrap_err().code(), "access.forbidden");
}

#[tokio::test]
async fn a_suspended_tenant_has_no_tokens() {
    let world = World::new().await;
    let (_, token) = world.user("editor").await;
    let now = world.now();
    world
        .change(async |unit| unit.revoke(RevocationTarget::Tenant(now)).await.unwrap())
        .await;
    world.here.refuses(&token).await;
    assert!(world.there.may(&token, "reports:read").await);
    world.there.hear(now).await;
    world.there.refuses(&token).await;
    world.later(SECOND).await;
    let token = world.sign_in("editor").await;
    assert!(world.here.may(&token, "reports:read").await);
    // A node that hears nothing finds it in the store.
    let (_, token) = world.user("reader").await;
    let now = world.now();
    world
        .change(async |unit| unit.revoke(RevocationTarget::Tenant(now)).await.unwrap())
        .await;
    world.clock.advance(Duration::from_secs(6));
    world.there.refuses(&token).await;
}

#[tokio::test]
async fn a_permission_that_is_missing_outside_of_http_is_an_audit_event() {
    let world = World::new().await;
    let (ada, _) = world.user("reader").await;
    let gatekeeper = &world.here.gatekeeper;
    let asked =
        async |permission: &str| gatekeeper.require_permission(&cx(), ada, permission).await;
    asked("reports:read").await.unwrap();
    assert!(world.denials().await.is_empty());
    for _ in 0..3 {
        let refused = asked("reports:generate").await.unwrap_err();
        assert_eq!(refused.code(), "access.forbidden");
    }
    world.clock.advance(SECOND);
    assert!(asked("reports:generate").await.is_err());
    let row = |details| ("access.forbidden".to_owned(), details);
    let missing = "permission reports:generate";
    assert_eq!(
        world.denials().await,
        [
            row(serde_json::json!({"requirement": missing, "dropped": 2})),
            row(serde_json::json!({"requirement": missing})),
        ]
    );
}

#[tokio::test]
async fn a_change_of_which_nobody_hears_before_its_commit_makes_tokens_of_meanwhile_outdated() {
    let world = World::new().await;
    let (ada, _) = world.user("editor").await;
    // Up to the commit others read, and put into tokens, what was before; here, with a time of a later second.
    let token = world.token_of_another_node(ada).await;
    world.take(ada, "editor").await;
    assert!(!world.here.may(&token, "reports:write").await);
}
