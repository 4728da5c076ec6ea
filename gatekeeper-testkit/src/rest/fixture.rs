use gatekeeper_core::{
    Config, Gatekeeper, async_trait,
    crypto::{SecretKey, password::danger::danger_weak_hashing},
    model::SecretString,
    password_policy::{Breach, BreachChecker, BreachError},
    store::memory::MemoryRepository,
    testing::{ManualClock, RecordingMailer, SeededRandom},
};

/// The public URL of the fixtures.
pub const PUBLIC_URL: &str = "https://auth.example.com";

/// The one password that is known from a breach.
pub(super) const BREACHED: &str = "a swim across the bay";

#[derive(Debug)]
struct OneBreached;

#[async_trait]
impl BreachChecker for OneBreached {
    async fn check(&self, password: &SecretString) -> Result<Breach, BreachError> {
        Ok(match password.expose() {
            BREACHED => Breach::Known,
            _ => Breach::Unknown,
        })
    }
}

/// A Gatekeeper for one run of the script: memory store, a clock that stands still, mails that are kept, cheap hashes.
#[derive(Debug)]
pub struct RestFixture {
    gatekeeper: Gatekeeper,
    clock: ManualClock,
    mailer: RecordingMailer,
}

impl RestFixture {
    /// A fresh one, without limits: the clock stands still, and the script is long.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn new() -> Self {
        Self::with(|config| config.rate_limits.enabled = false).await
    }

    /// A fresh one with the default limits.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn limited() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let clock = ManualClock::default();
        let mailer = RecordingMailer::new();
        let mut config = Config::default();
        config.hashing = danger_weak_hashing();
        // The present one alone: the script goes back to where it began.
        config.password_history.remembered = 1;
        change(&mut config);
        let gatekeeper = Gatekeeper::builder()
            .repository(MemoryRepository::new())
            .secret(SecretKey::generate(&SeededRandom::new(11)))
            .public_url(PUBLIC_URL)
            .config(config)
            .mailer(mailer.clone())
            .breach_checker(OneBreached)
            .clock(clock.clone())
            .random(SeededRandom::new(12))
            .without_workers()
            .build()
            .await
            .expect("the settings are sound");
        Self {
            gatekeeper,
            clock,
            mailer,
        }
    }

    /// The Gatekeeper that the target has to serve.
    pub const fn gatekeeper(&self) -> &Gatekeeper {
        &self.gatekeeper
    }

    /// Its time.
    pub const fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Delivers what waits, and answers the token in the last mail to this address.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub async fn mailed_token(&self, address: &str) -> String {
        self.gatekeeper
            .outbox()
            .deliver_due()
            .await
            .expect("the store answers");
        let sent = self.mailer.sent();
        let text = sent
            .iter()
            .rev()
            .find(|mail| mail.to.as_str() == address && mail.text.contains("#token="))
            .map(|mail| mail.text.clone())
            .expect("a mail with a token");
        let (_, rest) = text.split_once("#token=").expect("a token");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}
