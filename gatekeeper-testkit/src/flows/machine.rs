//! State machines: random interleavings of clients, operations and steps of the clock, against a model of what the design
//! says. After each step the store, the answers and every access token ever handed out must be as the model has them.

use std::time::Duration;

use gatekeeper_core::{
    Identity, SignedIn,
    env::Clock,
    model::{SecretString, SessionId, Timestamp},
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config as RunnerConfig, TestCaseError, TestRunner},
};

use super::{
    invitation_machine::{self, InvitationMachine},
    role_machine::{RoleMachine, role_steps},
    world::{World, token_of},
};
use crate::store::StoreFixture;

const EMAIL: &str = "ada@example.org";
/// Short enough for a walk to outlive.
const IDLE: Duration = Duration::from_secs(30_001);
const ABSOLUTE: Duration = Duration::from_secs(70_001);

/// Runs the machines, `cases` times each, every time on a fresh store.
///
/// # Panics
///
/// Where the service and the model part; the shortest sequence of steps that shows it is told.
#[doc(hidden)]
pub fn run(cases: u32, fixture: impl AsyncFn() -> StoreFixture) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = RunnerConfig {
        cases,
        failure_persistence: None,
        ..RunnerConfig::default()
    };
    let tried = TestRunner::new(config.clone()).run(&vec(session_step(), 1..40), |steps| {
        runtime.block_on(async {
            SessionMachine::start(fixture().await)
                .await
                .walk(&steps)
                .await
        })
    });
    assert!(tried.is_ok(), "sessions: {}", tried.unwrap_err());
    let tried = TestRunner::new(config.clone()).run(&invitation_machine::steps(), |steps| {
        runtime.block_on(async {
            InvitationMachine::start(fixture().await)
                .await
                .walk(&steps)
                .await
        })
    });
    assert!(tried.is_ok(), "invitations: {}", tried.unwrap_err());
    let tried = TestRunner::new(config.clone()).run(&vec(token_step(), 1..30), |steps| {
        runtime.block_on(async {
            TokenMachine::start(fixture().await)
                .await
                .walk(&steps)
                .await
        })
    });
    assert!(tried.is_ok(), "one-time tokens: {}", tried.unwrap_err());
    let tried = TestRunner::new(config).run(&role_steps(), |steps| {
        runtime.block_on(async { RoleMachine::start(fixture().await).await.walk(&steps).await })
    });
    assert!(tried.is_ok(), "roles and groups: {}", tried.unwrap_err());
}

/// Makes a test that runs the state machines. The arguments are how many sequences to try, and an async expression that
/// gives a fresh [`StoreFixture`](crate::store::StoreFixture). Use it at most once in a module.
#[macro_export]
macro_rules! state_machines {
    ($cases:expr, $fixture:expr) => {
        #[test]
        fn sessions_tokens_and_roles_do_as_their_model() {
            $crate::__private::run_machines($cases, async || $fixture);
        }
    };
}

#[derive(Clone, Debug)]
enum SessionStep {
    SignIn,
    /// Which of the tokens handed out so far.
    Refresh(prop::sample::Index),
    SignOut(prop::sample::Index),
    EndOthers(prop::sample::Index),
    ChangePassword(prop::sample::Index),
    Reset,
    Disable,
    Enable,
    Wait(u64),
}

fn session_step() -> impl Strategy<Value = SessionStep> {
    use SessionStep::{
        ChangePassword, Disable, Enable, EndOthers, Refresh, Reset, SignIn, SignOut, Wait,
    };
    let any = any::<prop::sample::Index>;
    prop_oneof![
        3 => Just(SignIn),
        8 => any().prop_map(Refresh),
        1 => any().prop_map(SignOut),
        1 => any().prop_map(EndOthers),
        1 => any().prop_map(ChangePassword),
        1 => Just(Reset),
        1 => Just(Disable),
        2 => Just(Enable),
        // Around the edges of the grace, the life of an access token, and of a session.
        4 => prop::sample::select(vec![1, 9, 10, 11, 600, 900, 3_600, 40_000]).prop_map(Wait),
    ]
}

/// What the model knows of a session.
#[derive(Clone, Debug)]
struct Modelled {
    id: SessionId,
    generation: i64,
    rotated_at: Timestamp,
    idle_until: Timestamp,
    absolute_until: Timestamp,
    ended: bool,
}

impl Modelled {
    fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.idle_until && now < self.absolute_until
    }
}

/// A token pair that was handed out.
struct Handed {
    session: usize,
    generation: i64,
    tokens: SignedIn,
    who: std::sync::Arc<Identity>,
}

struct SessionMachine {
    world: World,
    password: String,
    changes: u32,
    disabled: bool,
    sessions: Vec<Modelled>,
    handed: Vec<Handed>,
}

impl SessionMachine {
    async fn start(fixture: StoreFixture) -> Self {
        let world = World::configured(fixture, |config| {
            config.sessions.idle_lifetime = IDLE;
            config.sessions.absolute_lifetime = ABSOLUTE;
        })
        .await;
        world.verified(EMAIL).await;
        let password = super::PASSWORD.to_owned();
        Self {
            world,
            password,
            changes: 0,
            disabled: false,
            sessions: Vec::new(),
            handed: Vec::new(),
        }
    }

    async fn walk(mut self, steps: &[SessionStep]) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step).await?;
            self.check().await?;
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// One of the token pairs handed out so far, where there is any.
    fn pick(&self, index: prop::sample::Index) -> Option<usize> {
        (!self.handed.is_empty()).then(|| index.index(self.handed.len()))
    }

    async fn step(&mut self, step: &SessionStep) -> Result<(), TestCaseError> {
        match step {
            SessionStep::Wait(seconds) => self.world.advance(Duration::from_secs(*seconds)),
            SessionStep::SignIn => self.sign_in().await?,
            SessionStep::Refresh(index) => {
                if let Some(at) = self.pick(*index) {
                    self.refresh(at).await?;
                }
            }
            SessionStep::SignOut(index) => {
                if let Some(at) = self.pick(*index) {
                    let who = std::sync::Arc::clone(&self.handed[at].who);
                    self.world
                        .gk
                        .sessions()
                        .sign_out(&self.world.cx, &who)
                        .await
                        .unwrap();
                    let session = self.handed[at].session;
                    self.sessions[session].ended = true;
                }
            }
            SessionStep::EndOthers(index) => {
                if let Some(at) = self.pick(*index) {
                    let live = self.may_act(at);
                    let who = &self.handed[at].who;
                    let answer = self
                        .world
                        .gk
                        .sessions()
                        .end_others(&self.world.cx, who)
                        .await;
                    prop_assert_eq!(answer.is_ok(), live);
                    if live {
                        self.end_all_but(Some(self.handed[at].session));
                    }
                }
            }
            SessionStep::ChangePassword(index) => {
                if let Some(at) = self.pick(*index) {
                    self.change_password(at).await?;
                }
            }
            SessionStep::Reset => self.reset().await?,
            SessionStep::Disable | SessionStep::Enable => {
                let user = self
                    .world
                    .gk
                    .administration()
                    .find_user_by_email(&self.world.cx, EMAIL)
                    .await
                    .unwrap();
                if matches!(step, SessionStep::Disable) {
                    self.world
                        .gk
                        .administration()
                        .disable(&self.world.cx, user.id)
                        .await
                        .unwrap();
                    self.disabled = true;
                    self.end_all_but(None);
                    // `iat` counts whole seconds: what is issued in this second falls under the revocation.
                    self.world.advance(Duration::from_secs(1));
                } else {
                    self.world
                        .gk
                        .administration()
                        .enable(&self.world.cx, user.id)
                        .await
                        .unwrap();
                    self.disabled = false;
                }
            }
        }
        Ok(())
    }

    /// Whether the session of a token pair may still change something.
    fn may_act(&self, at: usize) -> bool {
        !self.disabled && self.sessions[self.handed[at].session].is_live(self.now())
    }

    fn end_all_but(&mut self, except: Option<usize>) {
        for (index, session) in self.sessions.iter_mut().enumerate() {
            session.ended |= Some(index) != except;
        }
    }

    async fn sign_in(&mut self) -> Result<(), TestCaseError> {
        let answer = self.world.sign_in_with(EMAIL, &self.password).await;
        prop_assert_eq!(answer.is_ok(), !self.disabled);
        let Ok(tokens) = answer else { return Ok(()) };
        let now = self.now();
        let absolute_until = now.after(ABSOLUTE);
        self.sessions.push(Modelled {
            id: tokens.session.id,
            generation: 0,
            rotated_at: now,
            idle_until: now.after(IDLE).min(absolute_until),
            absolute_until,
            ended: false,
        });
        self.hand(self.sessions.len() - 1, 0, tokens).await;
        Ok(())
    }

    async fn hand(&mut self, session: usize, generation: i64, tokens: SignedIn) {
        let who = self.world.identity(&tokens).await;
        self.handed.push(Handed {
            session,
            generation,
            tokens,
            who,
        });
    }

    async fn refresh(&mut self, at: usize) -> Result<(), TestCaseError> {
        let now = self.now();
        let disabled = self.disabled;
        let Handed {
            session: index,
            generation,
            ..
        } = self.handed[at];
        let session = &mut self.sessions[index];
        let live = session.is_live(now) && !disabled;
        let current = generation == session.generation;
        let retry = generation + 1 == session.generation
            && now < session.rotated_at.after(Duration::from_secs(10));
        if live && current {
            session.generation += 1;
            session.rotated_at = now;
            session.idle_until = now.after(IDLE);
        } else if live && !retry {
            session.ended = true;
        }
        let expected = (live && (current || retry)).then_some(session.generation);
        let answer = self.world.refresh(&self.handed[at].tokens).await;
        prop_assert_eq!(
            answer.as_ref().ok().map(|tokens| tokens.session.generation),
            expected
        );
        if let Ok(tokens) = answer {
            let generation = tokens.session.generation;
            let same = self
                .handed
                .iter()
                .find(|h| h.session == index && h.generation == generation);
            if let Some(same) = same {
                prop_assert_eq!(
                    same.tokens.refresh_token.expose(),
                    tokens.refresh_token.expose()
                );
            }
            self.hand(index, generation, tokens).await;
        }
        Ok(())
    }

    fn next_password(&mut self) -> String {
        self.changes += 1;
        format!("birch-falcon-harbour-{}", self.changes)
    }

    async fn change_password(&mut self, at: usize) -> Result<(), TestCaseError> {
        let next = self.next_password();
        let (old, new) = (self.password.as_str().into(), next.as_str().into());
        let may = self.may_act(at);
        let answer = self
            .world
            .gk
            .passwords()
            .change(&self.world.cx, &self.handed[at].who, &old, &new)
            .await;
        prop_assert_eq!(answer.is_ok(), may);
        if may {
            self.password = next;
            self.end_all_but(Some(self.handed[at].session));
        }
        Ok(())
    }

    async fn reset(&mut self) -> Result<(), TestCaseError> {
        self.world.mails().await;
        self.world
            .gk
            .passwords()
            .request_reset(&self.world.cx, EMAIL)
            .await
            .unwrap();
        let mails = self.world.mails().await;
        prop_assert_eq!(mails.is_empty(), self.disabled);
        let Some(mail) = mails.first() else {
            return Ok(());
        };
        let next = self.next_password();
        self.world
            .gk
            .passwords()
            .reset(&self.world.cx, &token_of(mail), &next.as_str().into())
            .await
            .unwrap();
        self.password = next;
        self.end_all_but(None);
        Ok(())
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        let now = self.now();
        for session in &self.sessions {
            let stored = self
                .world
                .repository
                .find_session(self.world.cx.tenant_id, session.id)
                .await
                .unwrap()
                .unwrap();
            prop_assert_eq!(stored.is_live(now), session.is_live(now));
            prop_assert_eq!(stored.generation, session.generation);
            prop_assert!(
                stored.idle_expires_at.min(stored.absolute_expires_at)
                    == session.idle_until.min(session.absolute_until)
            );
        }
        for handed in &self.handed {
            let unexpired = now.as_unix_seconds() < handed.who.expires_at.as_unix_seconds();
            let believed = unexpired && !self.sessions[handed.session].ended;
            prop_assert_eq!(self.world.believes(&handed.tokens).await, believed);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum TokenStep {
    AskReset,
    AskChange(u8),
    Redeem(prop::sample::Index),
    ChangePassword,
    Wait(u64),
}

fn token_step() -> impl Strategy<Value = TokenStep> {
    prop_oneof![
        3 => Just(TokenStep::AskReset),
        3 => (0..3_u8).prop_map(TokenStep::AskChange),
        5 => any::<prop::sample::Index>().prop_map(TokenStep::Redeem),
        1 => Just(TokenStep::ChangePassword),
        2 => prop::sample::select(vec![1, 60, 1_799, 1_800, 40_000, 86_400]).prop_map(TokenStep::Wait),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Reset,
    Change(u8),
}

/// A link that was mailed.
struct Mailed {
    token: SecretString,
    purpose: Purpose,
    expires_at: Timestamp,
    dead: bool,
}

struct TokenMachine {
    world: World,
    signed_in: SignedIn,
    password: String,
    address: String,
    changes: u32,
    mailed: Vec<Mailed>,
}

impl TokenMachine {
    async fn start(fixture: StoreFixture) -> Self {
        let world = World::new(fixture).await;
        let signed_in = world.signed_in(EMAIL).await;
        let password = super::PASSWORD.to_owned();
        Self {
            world,
            signed_in,
            password,
            address: EMAIL.to_owned(),
            changes: 0,
            mailed: Vec::new(),
        }
    }

    async fn walk(mut self, steps: &[TokenStep]) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step).await?;
            self.world.advance(Duration::from_secs(1));
        }
        Ok(())
    }

    fn kill(&mut self, which: impl Fn(Purpose) -> bool) {
        for mailed in &mut self.mailed {
            mailed.dead |= which(mailed.purpose);
        }
    }

    /// Signs in anew, since the steps end sessions and outlive tokens.
    async fn identity(&mut self) -> std::sync::Arc<Identity> {
        self.signed_in = self
            .world
            .sign_in_with(&self.address, &self.password)
            .await
            .unwrap();
        self.world.identity(&self.signed_in).await
    }

    async fn step(&mut self, step: &TokenStep) -> Result<(), TestCaseError> {
        match step {
            TokenStep::Wait(seconds) => self.world.advance(Duration::from_secs(*seconds)),
            TokenStep::AskReset => {
                self.world
                    .gk
                    .passwords()
                    .request_reset(&self.world.cx, &self.address)
                    .await
                    .unwrap();
                self.kill(|purpose| purpose == Purpose::Reset);
                self.collect(Purpose::Reset, 1_800).await?;
            }
            TokenStep::AskChange(n) => {
                let address = format!("new-{n}@example.org");
                if address == self.address {
                    return Ok(());
                }
                let who = self.identity().await;
                let password = self.password.as_str().into();
                let accounts = self.world.gk.accounts();
                accounts
                    .request_email_change(&self.world.cx, &who, &address, &password)
                    .await
                    .unwrap();
                self.kill(|purpose| matches!(purpose, Purpose::Change(_)));
                self.collect(Purpose::Change(*n), 86_400).await?;
            }
            TokenStep::ChangePassword => {
                let who = self.identity().await;
                let next = self.next_password();
                let (old, new) = (self.password.as_str().into(), next.as_str().into());
                self.world
                    .gk
                    .passwords()
                    .change(&self.world.cx, &who, &old, &new)
                    .await
                    .unwrap();
                self.password = next;
                self.kill(|_| true);
            }
            TokenStep::Redeem(index) => {
                if !self.mailed.is_empty() {
                    self.redeem(index.index(self.mailed.len())).await?;
                }
            }
        }
        Ok(())
    }

    fn next_password(&mut self) -> String {
        self.changes += 1;
        format!("birch-falcon-harbour-{}", self.changes)
    }

    async fn collect(&mut self, purpose: Purpose, lifetime: u64) -> Result<(), TestCaseError> {
        let now = self.world.clock.now();
        let mails = self.world.mails().await;
        let mut links = mails.iter().filter(|mail| mail.text.contains("#token="));
        let link = links.next();
        prop_assert!(link.is_some() && links.next().is_none());
        if let Some(mail) = link {
            let expires_at = now.after(Duration::from_secs(lifetime));
            self.mailed.push(Mailed {
                token: token_of(mail),
                purpose,
                expires_at,
                dead: false,
            });
        }
        Ok(())
    }

    async fn redeem(&mut self, at: usize) -> Result<(), TestCaseError> {
        let mailed = &self.mailed[at];
        let purpose = mailed.purpose;
        let good = !mailed.dead && self.world.clock.now() < mailed.expires_at;
        let token = mailed.token.clone();
        let next = self.next_password();
        let (gk, cx) = (&self.world.gk, &self.world.cx);
        // The wrong door first: it must neither open nor use the token up.
        let wrong = match purpose {
            Purpose::Reset => gk.accounts().verify_email(cx, &token).await,
            Purpose::Change(_) => {
                gk.passwords()
                    .reset(cx, &token, &next.as_str().into())
                    .await
            }
        };
        prop_assert!(wrong.is_err());
        let answer = match purpose {
            Purpose::Reset => {
                gk.passwords()
                    .reset(cx, &token, &next.as_str().into())
                    .await
            }
            Purpose::Change(_) => gk.accounts().verify_email(cx, &token).await,
        };
        prop_assert_eq!(answer.is_ok(), good, "{:?}", purpose);
        if good {
            match purpose {
                Purpose::Reset => self.password = next,
                Purpose::Change(n) => self.address = format!("new-{n}@example.org"),
            }
            self.kill(|_| true);
        }
        Ok(())
    }
}
