//! Stand-ins for the outside world, for tests: a clock that stands still, randomness that repeats, carriers of mails and text
//! messages that record, an HTTP client that answers what it is told.
//!
//! # Security
//!
//! None of these belongs into a running service; [`SeededRandom`] least of all.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    env::{
        Clock, HttpClient, HttpClientError, HttpMethod, HttpRequest, HttpResponse, Mail, MailError,
        Mailer, Random, Sms, SmsError, SmsSender,
    },
    model::Timestamp,
};

/// A clock that moves only when told to. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at this instant.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_unix_micros())))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_unix_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Stands at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_seconds(1_767_225_600))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A generator that gives the same bytes in every run with the same seed (`SplitMix64`). Clones share the stream.
#[derive(Clone, Debug)]
pub struct SeededRandom(Arc<AtomicU64>);

impl SeededRandom {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *to = from;
            }
        }
    }
}

/// A mailer that keeps what it is given, and fails as often as it is told. Clones share both.
#[derive(Clone, Default)]
pub struct RecordingMailer(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    mails: Vec<Mail>,
    failures: u32,
}

impl RecordingMailer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The mails so far, oldest first.
    pub fn sent(&self) -> Vec<Mail> {
        self.lock().mails.clone()
    }

    /// Takes the mails so far.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.lock().mails)
    }

    /// Fails the next `times` attempts with a transient error.
    pub fn fail(&self, times: u32) {
        self.lock().failures = times;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RecordingMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingMailer").finish_non_exhaustive()
    }
}

#[async_trait]
impl Mailer for RecordingMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut recorded = self.lock();
        if recorded.failures > 0 {
            recorded.failures -= 1;
            return Err(MailError::Transient("told to fail".to_owned()));
        }
        recorded.mails.push(mail.clone());
        Ok(())
    }
}

/// A sender of text messages that keeps what it is given, and fails as often as it is told. Clones share both.
#[derive(Clone, Default)]
pub struct RecordingSms(Arc<Mutex<RecordedSms>>);

#[derive(Default)]
struct RecordedSms {
    messages: Vec<Sms>,
    failures: u32,
}

impl RecordingSms {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages so far, oldest first.
    pub fn sent(&self) -> Vec<Sms> {
        self.lock().messages.clone()
    }

    /// Takes the messages so far.
    pub fn take(&self) -> Vec<Sms> {
        std::mem::take(&mut self.lock().messages)
    }

    /// Fails the next `times` attempts with a transient error.
    pub fn fail(&self, times: u32) {
        self.lock().failures = times;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RecordedSms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RecordingSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingSms").finish_non_exhaustive()
    }
}

#[async_trait]
impl SmsSender for RecordingSms {
    async fn send(&self, sms: &Sms) -> Result<(), SmsError> {
        let mut recorded = self.lock();
        if recorded.failures > 0 {
            recorded.failures -= 1;
            return Err(SmsError::Transient("told to fail".to_owned()));
        }
        recorded.messages.push(sms.clone());
        Ok(())
    }
}

/// An HTTP client that keeps the requests and gives the answers it was told, in their order; unreachable where there is none
/// left. Clones share all of it.
#[derive(Clone, Default)]
pub struct ScriptedHttpClient(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    requests: Vec<RecordedRequest>,
    answers: VecDeque<Result<HttpResponse, HttpClientError>>,
}

/// A request that a [`ScriptedHttpClient`] was given, for a test to look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The method.
    pub method: HttpMethod,
    /// The URL.
    pub url: String,
    /// The headers, credentials among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl ScriptedHttpClient {
    /// One that knows no answer yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a request so.
    pub fn answer(&self, status: u16, body: impl Into<Vec<u8>>) {
        self.lock().answers.push_back(Ok(HttpResponse {
            status,
            retry_after: None,
            body: body.into(),
        }));
    }

    /// Gives a request no answer.
    pub fn fail(&self, error: HttpClientError) {
        self.lock().answers.push_back(Err(error));
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ScriptedHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedHttpClient").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for ScriptedHttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
        let headers = request.headers.iter();
        let recorded = RecordedRequest {
            method: request.method,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.expose().to_owned()))
                .collect(),
            url: request.url,
            body: request.body,
        };
        let mut script = self.lock();
        script.requests.push(recorded);
        script.answers.pop_front().unwrap_or_else(|| {
            Err(HttpClientError::Unreachable(
                "the script has no answer".to_owned(),
            ))
        })
    }
}
