//! Every flow with a fault at every call of its store: what is found afterwards is wholly before or wholly after, never
//! between, the caller is told to come again, and coming again works.

use std::{collections::BTreeMap, sync::Arc};

use gatekeeper_core::{
    Error, ErrorClass, Evidence, FinishMfa, Identity, KeyRotation, NewUser, ProfileChanges,
    SignedIn,
    env::Clock,
    model::{MfaRequirement, PageRequest, SecretString, TenantSettings, UserId},
    store::{AuditFilter, Repository},
};
use tokio::sync::Mutex;

use super::world::{PASSWORD, World, sign_up, token_of};
use crate::{
    faults::{Fault, every_call},
    store::StoreFixture,
};

const NEW_PASSWORD: &str = "birch-falcon-37-harbour";

/// What a flow may need, made before it.
struct Ready {
    world: World,
    before: Snapshot,
    user_id: UserId,
    signed_in: SignedIn,
    who: Arc<Identity>,
    token: SecretString,
    code: SecretString,
}

/// All that a flow can change, without what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    user: Option<(String, bool, bool, Option<String>)>,
    password_changed_at: Option<i64>,
    live_sessions: usize,
    generations: i64,
    devices: usize,
    roles: Vec<String>,
    keys: usize,
    events: BTreeMap<&'static str, usize>,
    outbox: usize,
}

impl Snapshot {
    async fn of(repository: &dyn Repository, world: &World, user: UserId) -> Self {
        let now = world.clock.now();
        let tenant = world.cx.tenant_id;
        let page = PageRequest::first(100);
        let mut tx = repository.begin().await.unwrap();
        let found = tx.users().find(tenant, user).await.unwrap();
        let password = tx.credentials().find_password(tenant, user).await.unwrap();
        let sessions = tx
            .sessions()
            .list_for_user(tenant, user, now, page)
            .await
            .unwrap()
            .items;
        let trail = tx
            .audit()
            .list(tenant, &AuditFilter::default(), page)
            .await
            .unwrap();
        let mut events = BTreeMap::new();
        for row in trail.items {
            *events.entry(row.event.code()).or_default() += 1;
        }
        let devices = tx.devices().list(tenant, user, now).await.unwrap();
        let keys = tx.signing_keys().list().await.unwrap().len();
        let roles = tx
            .roles()
            .authority(tenant, user, None)
            .await
            .unwrap()
            .roles;
        // Last, since it changes what it looks at; the transaction is dropped.
        let outbox = tx.outbox().claim(now, now, 100).await.unwrap().len();
        drop(tx);
        Self {
            user: found.map(|user| {
                (
                    user.email.as_str().to_owned(),
                    user.email_verified(),
                    user.is_active(),
                    user.name,
                )
            }),
            password_changed_at: password.map(|password| password.changed_at.as_unix_micros()),
            live_sessions: sessions.len(),
            generations: sessions.iter().map(|session| session.generation).sum(),
            devices: devices.len(),
            roles,
            keys,
            events,
            outbox,
        }
    }
}

macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A flow with what it needs.
        #[derive(Clone, Copy, Debug)]
        #[expect(non_camel_case_types, reason = "each is the name of its test")]
        pub enum Scenario {
            $($(#[$doc])* $name,)*
        }

        impl Scenario {
            /// Every scenario.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        /// Makes one test for each flow, which is run with a fault at every call of its store.
        ///
        /// The argument is an async expression that gives a fresh [`StoreFixture`](crate::store::StoreFixture); it is
        /// evaluated for every run. Use it at most once in a module.
        #[macro_export]
        macro_rules! fault_conformance {
            ($fixture:expr) => {
                $(
                    #[test]
                    fn $name() {
                        $crate::__private::run_faults($crate::flows::Scenario::$name, async || $fixture);
                    }
                )*
            };
        }
    };
}

scenarios! {
    /// `Accounts::register`.
    registering,
    /// `Accounts::verify_email` with a change of address.
    confirming_an_address,
    /// `Accounts::request_verification`.
    asking_for_verification,
    /// `Accounts::request_email_change`.
    asking_for_another_address,
    /// `Accounts::update_profile`.
    updating_a_profile,
    /// `Accounts::delete`.
    deleting_oneself,
    /// `Passwords::request_reset`.
    asking_for_a_reset,
    /// `Passwords::reset`.
    resetting_a_password,
    /// `Passwords::change`.
    changing_a_password,
    /// `Sessions::sign_in`.
    signing_in,
    /// `Sessions::sign_in` with a wrong password.
    failing_to_sign_in,
    /// `Sessions::finish_mfa`.
    finishing_a_sign_in,
    /// `Sessions::finish_mfa` with a wrong code.
    failing_to_finish_a_sign_in,
    /// `Sessions::step_up`.
    stepping_up,
    /// `Sessions::revoke_device`.
    revoking_a_device,
    /// `Sessions::refresh`.
    refreshing,
    /// `Sessions::refresh` with a token that was used long ago.
    reusing_a_refresh_token,
    /// `Sessions::sign_out`.
    signing_out,
    /// `Sessions::end_others`.
    ending_other_sessions,
    /// `Administration::create_user`.
    making_an_account,
    /// `Administration::disable`.
    disabling_an_account,
    /// `Administration::unlock`.
    unlocking_an_account,
    /// `Administration::set_tenant_settings`.
    setting_up_a_tenant,
    /// `Administration::grant_role`.
    granting_a_role,
    /// `Administration::rotate_keys`.
    rotating_keys,
}

/// Tries a scenario on a runtime of its own.
///
/// # Panics
///
/// Where something is left between before and after, or the answer is not that the service is unavailable.
#[doc(hidden)]
pub fn run(scenario: Scenario, fixture: impl AsyncFn() -> StoreFixture) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(trial(scenario, fixture));
}

async fn trial(scenario: Scenario, fixture: impl AsyncFn() -> StoreFixture) {
    // Holds what the store of the run at hand lives in; the one before goes when the next comes.
    let kept = Mutex::new(None);
    let after = Mutex::new(None);
    let fresh = async || {
        let fixture = fixture().await;
        let repository = Arc::clone(&fixture.repository);
        drop(kept.lock().await.replace(fixture));
        repository
    };
    every_call(
        Fault::FAILURES,
        fresh,
        async |repository| prepare(scenario, repository).await,
        async |ready| flow(scenario, ready).await,
        async |trial| {
            let found = Snapshot::of(
                trial.store.as_ref(),
                &trial.world.world,
                trial.world.user_id,
            )
            .await;
            let before = &trial.world.before;
            let Some(fault) = trial.fault else {
                assert_eq!(
                    trial.outcome.is_ok(),
                    succeeds(scenario),
                    "{:?}",
                    trial.outcome
                );
                assert_ne!(found, *before, "the flow changes nothing");
                *after.lock().await = Some(found);
                return;
            };
            let wholly_after = after.lock().await.as_ref() == Some(&found);
            assert!(
                wholly_after || found == *before,
                "{fault:?}: {before:#?} became {found:#?}"
            );
            match &trial.outcome {
                Err(error) => assert_eq!(
                    error.class(),
                    ErrorClass::Unavailable,
                    "{fault:?}: {error:?}"
                ),
                Ok(()) => assert!(
                    wholly_after,
                    "{fault:?}: told that it was done, and it was not"
                ),
            }
            if !wholly_after || matches!(scenario, Scenario::refreshing) {
                let again = flow(scenario, &trial.world).await;
                assert_eq!(
                    again.is_ok(),
                    succeeds(scenario),
                    "{fault:?}, then again: {again:?}"
                );
            }
        },
    )
    .await;
}

const fn succeeds(scenario: Scenario) -> bool {
    !matches!(
        scenario,
        Scenario::failing_to_sign_in
            | Scenario::failing_to_finish_a_sign_in
            | Scenario::reusing_a_refresh_token
    )
}

async fn prepare(scenario: Scenario, repository: Arc<dyn Repository>) -> Ready {
    let world = World::on(Arc::clone(&repository), |_| {}, |builder| builder)
        .await
        .unwrap();
    let user_id = world.verified("ada@example.org").await;
    let mut signed_in = world.sign_in("ada@example.org").await;
    let other = world.sign_in("ada@example.org").await;
    let mut token = SecretString::from("");
    let mut app = None;
    match scenario {
        Scenario::confirming_an_address => {
            let who = world.identity(&signed_in).await;
            let accounts = world.gk.accounts();
            accounts
                .request_email_change(&world.cx, &who, "neu@example.org", &PASSWORD.into())
                .await
                .unwrap();
            let mails = world.mails().await;
            token = token_of(
                mails
                    .iter()
                    .find(|mail| mail.to.as_str() == "neu@example.org")
                    .unwrap(),
            );
        }
        Scenario::resetting_a_password => {
            world
                .gk
                .passwords()
                .request_reset(&world.cx, "ada@example.org")
                .await
                .unwrap();
            token = world.mailed_token().await;
        }
        Scenario::reusing_a_refresh_token => {
            world.refresh(&other).await.unwrap();
            signed_in = other;
            world.advance(std::time::Duration::from_mins(1));
        }
        Scenario::stepping_up => {
            app = Some(world.enroll(&signed_in).await);
        }
        Scenario::finishing_a_sign_in | Scenario::failing_to_finish_a_sign_in => {
            app = Some(world.enroll(&signed_in).await);
            token = world.first_step(&world.cx, "ada@example.org").await.token;
        }
        Scenario::unlocking_an_account => {
            for _ in 0..5 {
                let wrong = world.attempt(&world.cx, "ada@example.org", "wrong").await;
                assert!(wrong.is_err());
            }
        }
        _ => {}
    }
    world.advance(std::time::Duration::from_secs(1));
    let code = match (scenario, &app) {
        (Scenario::failing_to_finish_a_sign_in, _) | (_, None) => "000000".into(),
        (_, Some(app)) => app.next_code(&world),
    };
    let who = world.identity(&signed_in).await;
    let before = Snapshot::of(repository.as_ref(), &world, user_id).await;
    Ready {
        world,
        before,
        user_id,
        signed_in,
        who,
        token,
        code,
    }
}

#[expect(clippy::too_many_lines, reason = "one call of each flow")]
async fn flow(scenario: Scenario, ready: &Ready) -> Result<(), Error> {
    let Ready {
        world,
        user_id,
        signed_in,
        who,
        token,
        code,
        ..
    } = ready;
    let World { gk, cx, .. } = world;
    let password = SecretString::from(PASSWORD);
    let new_password = SecretString::from(NEW_PASSWORD);
    let sign_in = async |password: &str| {
        let identifier = "ada@example.org".to_owned();
        let evidence = Evidence::Password {
            identifier,
            password: password.into(),
        };
        gk.sessions().sign_in(cx, evidence).await.map(drop)
    };
    match scenario {
        Scenario::registering => gk
            .accounts()
            .register(cx, sign_up("new@example.org"))
            .await
            .map(drop),
        Scenario::confirming_an_address => gk.accounts().verify_email(cx, token).await,
        Scenario::asking_for_verification => {
            gk.accounts()
                .request_verification(cx, "ada@example.org")
                .await
        }
        Scenario::asking_for_another_address => {
            gk.accounts()
                .request_email_change(cx, who, "neu@example.org", &password)
                .await
        }
        Scenario::updating_a_profile => {
            let changes = ProfileChanges {
                name: Some(Some("Countess".to_owned())),
                ..ProfileChanges::default()
            };
            gk.accounts()
                .update_profile(cx, who, changes)
                .await
                .map(drop)
        }
        Scenario::deleting_oneself => gk.accounts().delete(cx, who, &password).await,
        Scenario::asking_for_a_reset => gk.passwords().request_reset(cx, "ada@example.org").await,
        Scenario::resetting_a_password => gk.passwords().reset(cx, token, &new_password).await,
        Scenario::changing_a_password => {
            gk.passwords()
                .change(cx, who, &password, &new_password)
                .await
        }
        Scenario::signing_in => sign_in(PASSWORD).await,
        Scenario::failing_to_sign_in => sign_in("wrong").await,
        Scenario::finishing_a_sign_in | Scenario::failing_to_finish_a_sign_in => {
            let input = FinishMfa {
                token: token.clone(),
                method: "totp".to_owned(),
                code: code.clone(),
                trust_device: true,
            };
            gk.sessions().finish_mfa(cx, input).await.map(drop)
        }
        Scenario::stepping_up => gk.sessions().step_up(cx, who, "totp", code).await.map(drop),
        Scenario::revoking_a_device => {
            let device = signed_in.session.device_id.unwrap();
            gk.sessions().revoke_device(cx, who, device).await
        }
        Scenario::unlocking_an_account => gk.administration().unlock(cx, *user_id).await,
        Scenario::setting_up_a_tenant => {
            let settings = TenantSettings {
                mfa: Some(MfaRequirement::Required),
                ..TenantSettings::default()
            };
            gk.administration().set_tenant_settings(cx, settings).await
        }
        Scenario::refreshing | Scenario::reusing_a_refresh_token => gk
            .sessions()
            .refresh(cx, &signed_in.refresh_token)
            .await
            .map(drop),
        Scenario::signing_out => gk.sessions().sign_out(cx, who).await,
        Scenario::ending_other_sessions => gk.sessions().end_others(cx, who).await,
        Scenario::making_an_account => {
            let email = "made@example.org".to_owned();
            let new = NewUser {
                email,
                name: None,
                roles: vec!["admin".to_owned()],
                password: None,
            };
            gk.administration().create_user(cx, new).await.map(drop)
        }
        Scenario::disabling_an_account => gk.administration().disable(cx, *user_id).await,
        Scenario::granting_a_role => gk.administration().grant_role(cx, *user_id, "admin").await,
        Scenario::rotating_keys => gk
            .administration()
            .rotate_keys(cx, KeyRotation::Planned)
            .await
            .map(drop),
    }
}
