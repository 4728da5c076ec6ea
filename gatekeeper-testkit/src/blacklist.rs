//! The conformance suite for blacklists.
//!
//! [`blacklist_conformance!`](crate::blacklist_conformance) makes a test of each case.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite speaks by panicking, in the test that called it"
)]

use std::{any::Any, fmt, future::Future, sync::Arc, time::Duration};

use gatekeeper_core::{
    Identity,
    blacklist::{Blacklist, BlacklistVerdict},
    model::{Revocation, RevocationTarget, SessionId, TenantId, Timestamp, TokenId, UserId},
    store::Repository,
    testing::{ManualClock, SeededRandom},
};
use tokio::{sync::watch, time::sleep};

use crate::{
    sample::{NOW, at, tenant},
    suite::{CaseFuture, block_on},
};

/// How long another node may take to hear of a revocation; far more than any should.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fresh blacklist for one case. What follows something is up to date at [`NOW`] and does not yet run.
pub struct BlacklistFixture {
    /// The blacklist.
    pub blacklist: Arc<dyn Blacklist>,
    /// The one of another node, which hears of what this one is told.
    pub other: Option<Arc<dyn Blacklist>>,
    repository: Option<Arc<dyn Repository>>,
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl BlacklistFixture {
    /// A fixture of one node.
    pub fn new(blacklist: Arc<dyn Blacklist>) -> Self {
        Self {
            blacklist,
            other: None,
            repository: None,
            guard: None,
        }
    }

    /// With another node.
    #[must_use]
    pub fn with_other_node(mut self, other: Arc<dyn Blacklist>) -> Self {
        self.other = Some(other);
        self
    }

    /// With the store that the blacklist follows: a revocation is written there before it is published.
    #[must_use]
    pub fn with_store(mut self, repository: Arc<dyn Repository>) -> Self {
        self.repository = Some(repository);
        self
    }

    /// With something that is dropped after the case.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// What a flow does: writes it, commits, publishes.
    async fn revoke(&self, revocations: &[Revocation]) {
        if let Some(repository) = &self.repository {
            let mut tx = repository.begin().await.unwrap();
            for revocation in revocations {
                tx.revocations().insert(revocation).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        self.blacklist.publish(revocations).await.unwrap();
    }

    async fn is_revoked(&self, identity: &Identity, now: Timestamp) -> bool {
        is_revoked(self.blacklist.as_ref(), identity, now).await
    }
}

impl fmt::Debug for BlacklistFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlacklistFixture")
            .field("blacklist", &self.blacklist)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

async fn is_revoked(blacklist: &dyn Blacklist, identity: &Identity, now: Timestamp) -> bool {
    match verdict(blacklist, identity, now).await {
        BlacklistVerdict::Revoked => true,
        BlacklistVerdict::Clean | BlacklistVerdict::Outdated | BlacklistVerdict::Stale => false,
    }
}

/// What a request would be answered: in process, or where that is stale, by the source.
async fn verdict(
    blacklist: &dyn Blacklist,
    identity: &Identity,
    now: Timestamp,
) -> BlacklistVerdict {
    let epoch = blacklist.epoch(now);
    match blacklist.check(identity, now) {
        BlacklistVerdict::Revoked => BlacklistVerdict::Revoked,
        known @ (BlacklistVerdict::Clean | BlacklistVerdict::Outdated) => {
            assert!(epoch.is_some(), "without an epoch all is stale");
            known
        }
        BlacklistVerdict::Stale => match blacklist.check_source(identity, now).await.unwrap() {
            BlacklistVerdict::Stale => panic!("the source does not know"),
            known => known,
        },
    }
}

fn identity(random: &SeededRandom) -> Identity {
    let issued = Timestamp::from_unix_seconds(NOW.as_unix_seconds());
    Identity::new(
        UserId::new(NOW, random),
        TenantId::DEFAULT,
        SessionId::new(NOW, random),
        TokenId::new(NOW, random),
        issued,
        issued.after(Duration::from_mins(15)),
    )
}

fn revocation(target: RevocationTarget) -> Revocation {
    Revocation {
        tenant_id: TenantId::DEFAULT,
        target,
        revoked_at: NOW,
        expires_at: at(900),
    }
}

/// What outdates an identity: a change of its user's authority, or of its tenant's.
fn changes(identity: &Identity) -> [RevocationTarget; 2] {
    [
        RevocationTarget::Authority(identity.user_id, NOW),
        RevocationTarget::TenantAuthority(NOW),
    ]
}

fn targets(identity: &Identity) -> [RevocationTarget; 3] {
    [
        RevocationTarget::Token(identity.token_id),
        RevocationTarget::Session(identity.session_id),
        RevocationTarget::User(identity.user_id, NOW),
    ]
}

async fn each_target_revokes_what_it_names_alone(fixture: &BlacklistFixture) {
    let random = SeededRandom::new(1);
    for kind in 0..3 {
        let (ada, bob) = (identity(&random), identity(&random));
        let mut elsewhere = ada.clone();
        elsewhere.tenant_id = tenant(1).id;
        assert!(!fixture.is_revoked(&ada, NOW).await);
        let target = targets(&ada).into_iter().nth(kind).unwrap();
        fixture.revoke(&[revocation(target)]).await;
        assert!(fixture.is_revoked(&ada, NOW).await, "{target:?}");
        assert!(!fixture.is_revoked(&bob, NOW).await, "{target:?}");
        assert!(!fixture.is_revoked(&elsewhere, NOW).await, "{target:?}");
    }
}

async fn a_tenant_is_revoked_to_the_end_of_the_second(fixture: &BlacklistFixture) {
    let random = SeededRandom::new(1);
    let mut ada = identity(&random);
    let mut elsewhere = ada.clone();
    elsewhere.tenant_id = tenant(1).id;
    fixture
        .revoke(&[revocation(RevocationTarget::Tenant(NOW))])
        .await;
    assert!(fixture.is_revoked(&ada, NOW).await);
    assert!(fixture.is_revoked(&identity(&random), NOW).await);
    assert!(!fixture.is_revoked(&elsewhere, NOW).await);
    ada.issued_at = ada.issued_at.after(Duration::from_secs(1));
    assert!(!fixture.is_revoked(&ada, NOW).await);
}

async fn a_change_of_authority_outdates_and_revokes_nothing(fixture: &BlacklistFixture) {
    let random = SeededRandom::new(1);
    let blacklist = fixture.blacklist.as_ref();
    for kind in 0..2 {
        let (mut ada, bob) = (identity(&random), identity(&random));
        let mut elsewhere = ada.clone();
        elsewhere.tenant_id = tenant(1).id;
        assert_eq!(verdict(blacklist, &ada, NOW).await, BlacklistVerdict::Clean);
        fixture.revoke(&[revocation(changes(&ada)[kind])]).await;
        assert_eq!(
            verdict(blacklist, &ada, NOW).await,
            BlacklistVerdict::Outdated
        );
        let others = if kind == 0 {
            BlacklistVerdict::Clean
        } else {
            BlacklistVerdict::Outdated
        };
        assert_eq!(verdict(blacklist, &bob, NOW).await, others);
        assert_eq!(
            verdict(blacklist, &elsewhere, NOW).await,
            BlacklistVerdict::Clean
        );
        ada.issued_at = ada.issued_at.after(Duration::from_secs(1));
        assert_eq!(verdict(blacklist, &ada, NOW).await, BlacklistVerdict::Clean);
        // Revoked goes before outdated.
        let session = RevocationTarget::Session(ada.session_id);
        fixture.revoke(&[revocation(session)]).await;
        ada.issued_at = bob.issued_at;
        assert!(fixture.is_revoked(&ada, NOW).await);
    }
}

async fn each_change_of_authority_is_news_once(fixture: &BlacklistFixture) {
    let ada = identity(&SeededRandom::new(1));
    let blacklist = fixture.blacklist.as_ref();
    let since = |epoch| blacklist.authority_since(ada.tenant_id, ada.user_id, epoch, NOW);
    let Some(mut epoch) = blacklist.epoch(NOW) else {
        // One that is never sure of itself says so.
        assert_eq!(since(0), BlacklistVerdict::Stale);
        return;
    };
    let change = |at| revocation(RevocationTarget::Authority(ada.user_id, at));
    let role = |at| revocation(RevocationTarget::TenantAuthority(at));
    // A later one with an earlier time is news as well: what was read before it does not know of it.
    for news in [change(NOW), change(at(-60)), role(NOW), role(at(-60))] {
        assert_eq!(since(epoch), BlacklistVerdict::Clean);
        fixture.revoke(&[news]).await;
        assert_eq!(since(epoch), BlacklistVerdict::Outdated, "{news:?}");
        epoch = blacklist.epoch(NOW).unwrap();
        fixture.revoke(&[news]).await;
        assert_eq!(blacklist.epoch(NOW), Some(epoch), "{news:?}");
    }
    let bob = identity(&SeededRandom::new(2)).user_id;
    fixture
        .revoke(&[revocation(RevocationTarget::Authority(bob, NOW))])
        .await;
    assert_eq!(since(epoch), BlacklistVerdict::Clean);
}

async fn an_id_of_one_kind_is_none_of_another(fixture: &BlacklistFixture) {
    let ada = identity(&SeededRandom::new(1));
    let crossed = [
        RevocationTarget::Token(TokenId::from_uuid(ada.session_id.as_uuid())),
        RevocationTarget::Session(SessionId::from_uuid(ada.user_id.as_uuid())),
        RevocationTarget::User(UserId::from_uuid(ada.token_id.as_uuid()), NOW),
        RevocationTarget::Authority(UserId::from_uuid(ada.session_id.as_uuid()), NOW),
        RevocationTarget::Authority(UserId::from_uuid(ada.tenant_id.as_uuid()), NOW),
    ];
    fixture.revoke(&crossed.map(revocation)).await;
    let known = verdict(fixture.blacklist.as_ref(), &ada, NOW).await;
    assert_eq!(known, BlacklistVerdict::Clean);
}

async fn a_user_is_revoked_to_the_end_of_the_second(fixture: &BlacklistFixture) {
    let mut ada = identity(&SeededRandom::new(1));
    let user = |until| revocation(RevocationTarget::User(ada.user_id, until));
    fixture.revoke(&[user(NOW)]).await;
    // An earlier time that is told later takes nothing back.
    fixture.revoke(&[user(at(-60))]).await;
    let second = Timestamp::from_unix_seconds(NOW.as_unix_seconds());
    for (issued_at, revoked) in [
        (second.before(Duration::from_secs(1)), true),
        (second, true),
        (second.after(Duration::from_secs(1)), false),
    ] {
        ada.issued_at = issued_at;
        assert_eq!(fixture.is_revoked(&ada, NOW).await, revoked, "{issued_at}");
    }
}

async fn the_later_of_two_expiries_is_the_exact_end(fixture: &BlacklistFixture) {
    let random = SeededRandom::new(1);
    for kind in 0..3 {
        for long_first in [true, false] {
            let ada = identity(&random);
            let target = targets(&ada).into_iter().nth(kind).unwrap();
            let (mut first, mut second) = (revocation(target), revocation(target));
            let later = at(20);
            let earlier = at(10);
            (first.expires_at, second.expires_at) = if long_first {
                (later, earlier)
            } else {
                (earlier, later)
            };
            fixture.revoke(&[first]).await;
            fixture.revoke(&[second]).await;
            let micro = Duration::from_micros(1);
            assert!(fixture.is_revoked(&ada, later.before(micro)).await);
            assert!(!fixture.is_revoked(&ada, later).await);
        }
    }
}

async fn the_epoch_grows_with_news_alone(fixture: &BlacklistFixture) {
    let ada = identity(&SeededRandom::new(1));
    let Some(first) = fixture.blacklist.epoch(NOW) else {
        // One that is never sure of itself has no epoch at all.
        assert_eq!(fixture.blacklist.check(&ada, NOW), BlacklistVerdict::Stale);
        return;
    };
    assert!(first > 0);
    let session = revocation(RevocationTarget::Session(ada.session_id));
    fixture.revoke(&[session]).await;
    let second = fixture.blacklist.epoch(NOW).unwrap();
    assert!(second > first);
    fixture.revoke(&[session]).await;
    fixture.revoke(&[]).await;
    assert_eq!(fixture.blacklist.epoch(NOW), Some(second));
    let user = revocation(RevocationTarget::User(ada.user_id, NOW));
    fixture.revoke(&[user]).await;
    assert!(fixture.blacklist.epoch(NOW).unwrap() > second);
}

async fn what_is_published_holds_at_once(fixture: &BlacklistFixture) {
    let random = SeededRandom::new(1);
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let ada = identity(&random);
            let blacklist = Arc::clone(&fixture.blacklist);
            tokio::spawn(async move {
                let target = targets(&ada).into_iter().nth(n % 3).unwrap();
                blacklist.publish(&[revocation(target)]).await.unwrap();
                assert_eq!(blacklist.check(&ada, NOW), BlacklistVerdict::Revoked);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn other_nodes_hear_of_it(fixture: &BlacklistFixture) {
    let Some(other) = &fixture.other else {
        return;
    };
    let random = SeededRandom::new(1);
    // Told before the other node listens, and while it does.
    let early = identity(&random);
    fixture.revoke(&targets(&early).map(revocation)[1..2]).await;
    let clock: Arc<ManualClock> = Arc::new(ManualClock::at(NOW));
    let (stop, stopped) = watch::channel(false);
    let here = Arc::clone(&fixture.blacklist).run(clock.clone(), stopped.clone());
    let there = Arc::clone(other).run(clock, stopped);
    let tasks = [tokio::spawn(here), tokio::spawn(there)];
    let hears = async |ada: &Identity| {
        let heard = tokio::time::timeout(PATIENCE, async {
            while !is_revoked(other.as_ref(), ada, NOW).await {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(heard.await.is_ok(), "another node never hears of it");
    };
    hears(&early).await;
    for kind in 0..3 {
        let ada = identity(&random);
        let target = targets(&ada).into_iter().nth(kind).unwrap();
        fixture.revoke(&[revocation(target)]).await;
        hears(&ada).await;
        assert!(!is_revoked(other.as_ref(), &identity(&random), NOW).await);
    }
    for kind in 0..2 {
        let ada = identity(&random);
        fixture.revoke(&[revocation(changes(&ada)[kind])]).await;
        let told = tokio::time::timeout(PATIENCE, async {
            while verdict(other.as_ref(), &ada, NOW).await != BlacklistVerdict::Outdated {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(told.await.is_ok(), "another node never hears of a change");
    }
    stop.send_replace(true);
    for task in tasks {
        task.await.unwrap();
    }
}

async fn following_ends_when_told(fixture: &BlacklistFixture) {
    let clock = Arc::new(ManualClock::at(NOW));
    for drop_it in [false, true] {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&fixture.blacklist).run(clock.clone(), stopped));
        sleep(Duration::from_millis(20)).await;
        if drop_it {
            drop(stop);
        } else {
            stop.send_replace(true);
        }
        let ended = tokio::time::timeout(PATIENCE, task).await;
        ended.unwrap().unwrap();
    }
    let (_stop, stopped) = watch::channel(true);
    Arc::clone(&fixture.blacklist).run(clock, stopped).await;
}

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where something promised does not hold, the case hangs, or no case has the name.
#[doc(hidden)]
pub fn run(name: &str, fixture: impl Future<Output = BlacklistFixture>) {
    let (_, case) = CASES.iter().find(|case| case.0 == name).unwrap();
    block_on(async { case(fixture.await).await });
}

/// Makes one test for each case of the conformance suite for blacklists.
///
/// The argument is an async expression that gives a fresh [`BlacklistFixture`](crate::blacklist::BlacklistFixture); it is
/// evaluated for each test, inside a runtime of several threads. Use it at most once in a module.
#[macro_export]
macro_rules! blacklist_conformance {
    ($fixture:expr) => {
        $crate::__blacklist_cases! { [$crate::__blacklist_tests] $fixture }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __blacklist_tests {
    ($fixture:expr; $($case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                $crate::__private::run_blacklist(stringify!($case), async { $fixture });
            }
        )*
    };
}

macro_rules! const_cases {
    (; $($case:ident,)*) => {
        const CASES: &[(&str, fn(BlacklistFixture) -> CaseFuture)] = &[$((
            stringify!($case),
            |fixture| Box::pin(async move { $case(&fixture).await }),
        ),)*];
    };
}

/// The one table: the list and the tests both come from it, and a case that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! __blacklist_cases {
    ([$($then:tt)*] $($fixture:expr)?) => {
        $($then)* ! { $($fixture)?;
            each_target_revokes_what_it_names_alone,
            a_tenant_is_revoked_to_the_end_of_the_second,
            a_change_of_authority_outdates_and_revokes_nothing,
            each_change_of_authority_is_news_once,
            an_id_of_one_kind_is_none_of_another,
            a_user_is_revoked_to_the_end_of_the_second,
            the_later_of_two_expiries_is_the_exact_end,
            the_epoch_grows_with_news_alone,
            what_is_published_holds_at_once,
            other_nodes_hear_of_it,
            following_ends_when_told,
        }
    };
}

__blacklist_cases! { [const_cases] }
