use std::{fmt, path::PathBuf, sync::Arc};

use tokio::sync::Notify;

use super::{
    Gatekeeper, Inner,
    api_keys::KeyDoor,
    tenants::TenantMemory,
    workers::{Workers, clean_up, deliver_mails, note_key_uses, reload_keys, seal_audit},
};
use crate::{
    Error, Hooks,
    authority::{AuthorityCache, Denials, Instants},
    blacklist::{Blacklist, StoreBlacklist, StoreBlacklistSettings, TokenAuthenticator},
    config::{Config, ConfigError, EmailVerification, PublicUrl},
    crypto::{
        AuditKeys, Cursors, DeviceTokens, Digester, RefreshTokens, Sealer, SecretFileError,
        SecretKey, SecretKeys,
        jwt::{AccessTokenSettings, AccessTokenSettingsError, AccessTokens, Keyring},
        password::{HashingSettingsError, PasswordHasher},
    },
    env::{Clock, HttpClient, Mailer, Random, SmsSender, SystemClock, SystemRandom},
    flows::{
        keys::StoredKeys,
        mfa::{MfaMethod, MfaMethods},
        passwords::{BreachPause, PasswordProvider},
    },
    hooks::NoHooks,
    lockout::{LockoutCounters, StoreLockout},
    mail::{MailTemplates, TemplateError},
    password_policy::{BreachChecker, PasswordPolicy, PasswordPolicyError, RangeChecker},
    provider::AuthProvider,
    rate_limit::{Limits, RateLimiter},
    store::{Repository, StoreError, memory::MemoryRepository},
};

/// Puts a [`Gatekeeper`] together.
///
/// Needed are a [`repository`](Self::repository), a [`secret`](Self::secret) and a [`public_url`](Self::public_url).
#[derive(Debug, Default)]
#[must_use]
pub struct GatekeeperBuilder {
    config: Config,
    public_url: Option<String>,
    repository: Option<Arc<dyn Repository>>,
    secret: Option<SecretKeys>,
    secret_file: Option<PathBuf>,
    keyring: Option<Keyring>,
    mailer: Option<Arc<dyn Mailer>>,
    templates: Option<MailTemplates>,
    hooks: Option<Arc<dyn Hooks>>,
    providers: Vec<Arc<dyn AuthProvider>>,
    mfa_methods: Vec<Arc<dyn MfaMethod>>,
    blacklist: Option<BlacklistMaker>,
    rate_limiter: Option<Arc<dyn RateLimiter>>,
    lockout: Option<Arc<dyn LockoutCounters>>,
    sms: Option<Arc<dyn SmsSender>>,
    http_client: Option<Arc<dyn HttpClient>>,
    breach_checker: Option<Arc<dyn BreachChecker>>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    without_workers: bool,
}

/// Makes the blacklist of a Gatekeeper out of the one that follows its store.
struct BlacklistMaker(Box<dyn FnOnce(Arc<StoreBlacklist>) -> Arc<dyn Blacklist> + Send>);

impl fmt::Debug for BlacklistMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlacklistMaker")
    }
}

/// Why there is no [`Gatekeeper`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Something that has to be given was not.
    #[error("{0} has to be given")]
    Missing(&'static str),
    /// A setting is wrong.
    #[error("the setting {0}")]
    Config(#[from] ConfigError),
    /// The file of the secret cannot be used.
    #[error("the setting secret_file")]
    SecretFile(#[from] SecretFileError),
    /// The settings of password hashing are wrong.
    #[error("the setting hashing")]
    Hashing(#[from] HashingSettingsError),
    /// The settings of the password policy are wrong.
    #[error("the setting password_policy")]
    PasswordPolicy(#[from] PasswordPolicyError),
    /// The settings of access tokens are wrong.
    #[error("the setting access_tokens")]
    AccessTokens(#[from] AccessTokenSettingsError),
    /// A mail template is wrong.
    #[error("the mail templates")]
    Templates(#[from] TemplateError),
    /// A provider's name is malformed, taken, or `password`.
    #[error("the provider name {0:?} is malformed or taken")]
    Provider(String),
    /// The name of a method of second factors is malformed or taken.
    #[error("the name {0:?} of a second factor is malformed or taken")]
    MfaMethod(String),
    /// The signing keys cannot be read: perhaps they are sealed under another secret.
    #[error("the signing keys in the store cannot be read with this secret")]
    Keys(#[source] Box<Error>),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl GatekeeperBuilder {
    /// Where everything is kept.
    pub fn repository(self, repository: impl Repository + 'static) -> Self {
        self.shared_repository(Arc::new(repository))
    }

    /// The same, for one that is shared.
    pub fn shared_repository(mut self, repository: Arc<dyn Repository>) -> Self {
        self.repository = Some(repository);
        self
    }

    /// Everything in memory, under a secret made for this process: for trying things out. All is gone with the process.
    pub fn in_memory(self) -> Self {
        let secret = SecretKey::generate(&SystemRandom);
        self.repository(MemoryRepository::new()).secret(secret)
    }

    /// The secret that everything else is derived from. Every node has the same; with another one, nobody stays signed in.
    pub fn secret(self, secret: SecretKey) -> Self {
        self.secrets(SecretKeys::new(secret))
    }

    /// The secret out of this file, which is made where there is none: see [`SecretKey::load_or_create`]. For one node; several
    /// need the same secret, and a place of their own to keep it in.
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.secret_file = Some(path.into());
        self
    }

    /// The secret, with the ones it replaced, which are still believed.
    pub fn secrets(mut self, secrets: SecretKeys) -> Self {
        self.secret = Some(secrets);
        self
    }

    /// Where people reach the service: `https://auth.example.org`.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The settings.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Whether an address must be verified before its account can be used: one setting of [`config`](Self::config), which goes
    /// before this.
    pub fn email_verification(mut self, verification: EmailVerification) -> Self {
        self.config.email.verification = verification;
        self
    }

    /// A key ring of the application's own, in place of the one in the store. The application then rotates it.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// What carries mails. Without one, a mail is noted in the log as not sent and tried again.
    pub fn mailer(mut self, mailer: impl Mailer + 'static) -> Self {
        self.mailer = Some(Arc::new(mailer));
        self
    }

    /// What mails say.
    pub fn mail_templates(mut self, templates: MailTemplates) -> Self {
        self.templates = Some(templates);
        self
    }

    /// The application's say in the flows.
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// One more way of proving who one is. Asked before the built-in one for passwords, in the order of these calls.
    pub fn provider(mut self, provider: impl AuthProvider + 'static) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// One more method of second factors. It finishes sign-ins like the built-in ones, for users to whom
    /// [`Mfa::bind`](crate::Mfa::bind) gave a factor of it.
    pub fn mfa_method(mut self, method: impl MfaMethod + 'static) -> Self {
        self.mfa_methods.push(Arc::new(method));
        self
    }

    /// Another blacklist, made from the one that follows the store: that of `gatekeeper-redis` hears of revocations sooner and
    /// leaves the store as the source that is always right.
    pub fn blacklist(
        mut self,
        make: impl FnOnce(Arc<StoreBlacklist>) -> Arc<dyn Blacklist> + Send + 'static,
    ) -> Self {
        self.blacklist = Some(BlacklistMaker(Box::new(make)));
        self
    }

    /// What counts requests across nodes. Without one, each process counts for itself.
    pub fn rate_limiter(mut self, limiter: impl RateLimiter + 'static) -> Self {
        self.rate_limiter = Some(Arc::new(limiter));
        self
    }

    /// What counts wrong guesses. Without it, the store does.
    pub fn lockout_counters(mut self, counters: impl LockoutCounters + 'static) -> Self {
        self.lockout = Some(Arc::new(counters));
        self
    }

    /// What carries text messages. With one, users may have a telephone number as a second factor.
    pub fn sms_sender(mut self, sender: impl SmsSender + 'static) -> Self {
        self.sms = Some(Arc::new(sender));
        self
    }

    /// What asks services outside, where a setting needs one: the check for breached passwords.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http_client = Some(Arc::new(client));
        self
    }

    /// What knows which passwords were breached, in place of the service that
    /// [`BreachConfig::range_url`](crate::config::BreachConfig::range_url) names.
    pub fn breach_checker(mut self, checker: impl BreachChecker + 'static) -> Self {
        self.breach_checker = Some(Arc::new(checker));
        self
    }

    /// Another source of time.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Another source of randomness.
    ///
    /// # Security
    ///
    /// Every token and key is drawn from it: see [`Random`].
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Some(Arc::new(random));
        self
    }

    /// No background tasks: whoever builds it calls [`Outbox::deliver_due`](crate::Outbox::deliver_due) and the like. For
    /// tests, and for short-lived commands beside a running service.
    pub fn without_workers(mut self) -> Self {
        self.without_workers = true;
        self
    }

    /// Checks everything, loads or makes the signing keys, and starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; nothing is left running.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[expect(clippy::too_many_lines, reason = "it is a list of parts")]
    pub async fn build(self) -> Result<Gatekeeper, BuildError> {
        let config = self.config;
        config.validate()?;
        let public_url = self.public_url.ok_or(BuildError::Missing("public_url"))?;
        let public_url = PublicUrl::parse(&public_url)?;
        let repository = self.repository.ok_or(BuildError::Missing("repository"))?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let random = self.random.unwrap_or_else(|| Arc::new(SystemRandom));
        let secret = match (self.secret, self.secret_file) {
            (Some(secret), _) => secret,
            (None, Some(path)) => {
                SecretKeys::new(SecretKey::load_or_create(path, random.as_ref())?)
            }
            (None, None) => return Err(BuildError::Missing("secret")),
        };
        let templates = self.templates.map_or_else(MailTemplates::bundled, Ok)?;
        let policy = PasswordPolicy::new(config.password_policy.clone())?;
        let breach_checker = breach_checker(
            &config,
            self.breach_checker,
            self.http_client.as_ref(),
            &clock,
        )?;
        let hasher = PasswordHasher::new(config.hashing.clone(), Arc::clone(&random))?;

        let (keyring, stored_keys) = if let Some(keyring) = self.keyring {
            (keyring, None)
        } else {
            let stored = StoredKeys::new(config.access_tokens.algorithm, Sealer::new(&secret));
            let keyring = stored
                .load_or_create(repository.as_ref(), random.as_ref(), clock.as_ref())
                .await?;
            (keyring, Some(stored))
        };
        let settings = token_settings(&config, &public_url);
        let tokens = AccessTokens::new(settings, keyring, random.as_ref())?;

        let audit_keys = Arc::new(AuditKeys::new(&secret));
        let passwords = PasswordProvider {
            audit_keys: Arc::clone(&audit_keys),
            repository: Arc::clone(&repository),
            hasher: hasher.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let mfa_methods = MfaMethods::new(
            &repository,
            &hasher,
            self.mfa_methods,
            config.mfa.email_codes,
        )
        .map_err(|name| BuildError::MfaMethod(name.0.to_owned()))?;
        let providers = with_passwords(self.providers, passwords)?;
        let blacklist = Arc::new(StoreBlacklist::new(
            Arc::clone(&repository),
            StoreBlacklistSettings::default(),
        ));
        blacklist.sync(clock.now()).await?;
        let blacklist: Arc<dyn Blacklist> = match self.blacklist {
            Some(maker) => (maker.0)(blacklist),
            None => blacklist,
        };

        let inner = Arc::new(Inner {
            public_url,
            hooks: self.hooks.unwrap_or_else(|| Arc::new(NoHooks)),
            providers,
            mfa_methods,
            mailer: self.mailer.unwrap_or_else(|| Arc::new(NoMailer)),
            templates,
            sealer: Sealer::new(&secret),
            digester: Digester::new(&secret),
            audit_keys,
            cursors: Cursors::new(&secret),
            devices: DeviceTokens::new(&secret),
            refresh_tokens: RefreshTokens::new(&secret),
            authenticator: TokenAuthenticator::new(tokens, Arc::clone(&blacklist)),
            api_keys: KeyDoor::new(&config, random.as_ref()),
            authorities: AuthorityCache::new(config.authority.cache_capacity),
            authority_changes: Instants::default(),
            denials: Denials::default(),
            stored_keys,
            limits: Limits::new(&secret, self.rate_limiter),
            lockout: self
                .lockout
                .unwrap_or_else(|| Arc::new(StoreLockout::new(Arc::clone(&repository)))),
            sms: self.sms,
            hasher,
            policy,
            breach_checker,
            breach_pause: BreachPause::default(),
            outbox_wake: Arc::new(Notify::new()),
            workers: Workers::new(),
            tenants: TenantMemory::default(),
            config,
            repository,
            clock,
            random,
        });
        if !self.without_workers {
            start(&inner, blacklist);
        }
        Ok(Gatekeeper(inner))
    }
}

/// The application's own, or one that asks the service of the settings.
fn breach_checker(
    config: &Config,
    own: Option<Arc<dyn BreachChecker>>,
    client: Option<&Arc<dyn HttpClient>>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn BreachChecker>>, BuildError> {
    let settings = &config.breach;
    match (own, &settings.range_url) {
        (Some(_), Some(_)) => {
            let reason = "there is a breach checker already";
            Err(ConfigError::new("breach.range_url", reason).into())
        }
        (Some(own), None) => Ok(Some(own)),
        (None, Some(url)) => {
            let client = client.ok_or(BuildError::Missing("http_client"))?;
            let base = PublicUrl::parse(url)?;
            let (client, clock) = (Arc::clone(client), Arc::clone(clock));
            let checker = RangeChecker::new(client, clock, &base, settings);
            Ok(Some(Arc::new(checker)))
        }
        (None, None) if settings.at_sign_in => {
            let reason = "needs breach.range_url, or a breach checker";
            Err(ConfigError::new("breach.at_sign_in", reason).into())
        }
        (None, None) => Ok(None),
    }
}

fn start(inner: &Arc<Inner>, blacklist: Arc<dyn Blacklist>) {
    let workers = &inner.workers;
    let weak = Arc::downgrade(inner);
    workers.spawn(deliver_mails(
        weak.clone(),
        Arc::clone(&inner.outbox_wake),
        workers.stopping(),
    ));
    if let Some(every) = inner.config.retention.every {
        workers.spawn(clean_up(weak.clone(), every, workers.stopping()));
    }
    workers.spawn(seal_audit(weak.clone(), workers.stopping()));
    if inner.config.api_keys.enabled {
        workers.spawn(note_key_uses(weak.clone(), workers.stopping()));
    }
    workers.spawn(reload_keys(weak, workers.stopping()));
    workers.spawn(blacklist.run(Arc::clone(&inner.clock), workers.stopping()));
}

fn token_settings(config: &Config, public_url: &PublicUrl) -> AccessTokenSettings {
    let tokens = &config.access_tokens;
    let or_url = |text: &Option<String>| {
        text.clone()
            .unwrap_or_else(|| public_url.as_str().to_owned())
    };
    let mut settings = AccessTokenSettings::new(or_url(&tokens.issuer), or_url(&tokens.audience));
    settings.client_id.clone_from(&tokens.client_id);
    settings.lifetime = tokens.lifetime;
    settings.leeway = tokens.leeway;
    settings.cache_capacity = tokens.cache_capacity;
    settings
}

/// The providers in the order in which they are asked.
fn with_passwords(
    mut providers: Vec<Arc<dyn AuthProvider>>,
    passwords: PasswordProvider,
) -> Result<Vec<Arc<dyn AuthProvider>>, BuildError> {
    providers.push(Arc::new(passwords));
    for (index, provider) in providers.iter().enumerate() {
        let id = provider.id();
        let sound = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        let taken = providers
            .iter()
            .skip(index + 1)
            .any(|other| other.id() == id);
        if !sound || taken {
            return Err(BuildError::Provider(id.to_owned()));
        }
    }
    Ok(providers)
}

/// What there is where the application gave no mailer.
#[derive(Debug)]
struct NoMailer;

#[async_trait::async_trait]
impl Mailer for NoMailer {
    async fn send(&self, _mail: &crate::env::Mail) -> Result<(), crate::env::MailError> {
        Err(crate::env::MailError::Transient(
            "no mailer was given".to_owned(),
        ))
    }
}
