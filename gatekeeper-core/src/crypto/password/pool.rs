use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Engine, HashError, HashingSettings, HashingSettingsError, PasswordVerdict, engine::SALT_BYTES,
};
use crate::model::SecretString;

/// What a caller waits for at most before it is told to come again, whatever the estimate says.
const LONGEST_RETRY: u64 = 60;

/// The threads that hash, and the queue before them.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

/// One password and whom to tell.
pub(super) enum Job {
    Hash {
        password: SecretString,
        salt: [u8; SALT_BYTES],
        reply: oneshot::Sender<Result<SecretString, HashError>>,
    },
    HashLike {
        password: SecretString,
        other: SecretString,
        reply: oneshot::Sender<Result<SecretString, HashError>>,
    },
    Verify {
        password: SecretString,
        hash: Option<SecretString>,
        reply: oneshot::Sender<Result<PasswordVerdict, HashError>>,
    },
    /// Other work that costs as much.
    Run(Box<dyn FnOnce() + Send>),
}

impl Job {
    /// Whether the caller has gone away.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { reply, .. } | Self::HashLike { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
            Self::Run(_) => false,
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    /// Rung when there is a job, and when the pool ends.
    bell: Condvar,
    capacity: usize,
    workers: usize,
    computed: AtomicU64,
    /// A moving mean of the time a job takes, in microseconds.
    mean_micros: AtomicU64,
}

struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// What a worker finds when it looks for work.
enum Next {
    Job(Job),
    Nothing,
    Closed,
}

impl Pool {
    pub(super) fn start(settings: &HashingSettings) -> Result<Self, HashingSettingsError> {
        let pool = Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(Queue {
                    jobs: VecDeque::with_capacity(settings.queue),
                    closed: false,
                }),
                bell: Condvar::new(),
                capacity: settings.queue,
                workers: settings.workers,
                computed: AtomicU64::new(0),
                mean_micros: AtomicU64::new(0),
            }),
        };
        // Where a later thread fails to start, dropping `pool` ends the earlier ones.
        let imports = Arc::new(Mutex::new(()));
        for number in 0..settings.workers {
            let engine = Engine::new(settings, Arc::clone(&imports))?;
            let shared = Arc::clone(&pool.shared);
            let low_priority = settings.low_priority;
            thread::Builder::new()
                .name(format!("gk-password-{number}"))
                .spawn(move || {
                    if low_priority {
                        give_way();
                    }
                    shared.work(engine);
                })
                .map_err(HashingSettingsError::Thread)?;
        }
        Ok(pool)
    }

    /// Queues a job, or refuses it at once.
    pub(super) fn submit(&self, job: Job) -> Result<(), HashError> {
        let mut queue = self.shared.lock();
        if queue.jobs.len() >= self.shared.capacity {
            // Callers who hung up must not keep others out.
            queue.jobs.retain(|job| !job.is_abandoned());
        }
        if queue.jobs.len() >= self.shared.capacity {
            let waiting = queue.jobs.len();
            drop(queue);
            return Err(HashError::Overloaded {
                retry_after: self.shared.time_for(waiting),
            });
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.bell.notify_one();
        Ok(())
    }

    pub(super) fn computed(&self) -> u64 {
        self.shared.computed.load(Ordering::SeqCst)
    }

    pub(super) fn waiting(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// Whether threads are left, once the pool is gone.
    #[cfg(test)]
    pub(super) fn threads(&self) -> impl Fn() -> usize + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || shared.strong_count()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.jobs.clear();
        drop(queue);
        self.shared.bell.notify_all();
        // The threads are not waited for: the last clone may be dropped on an async runtime's thread.
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut engine: Engine) {
        loop {
            let job = match self.look() {
                Next::Job(job) => job,
                Next::Closed => return,
                Next::Nothing => {
                    // The memory of the last hash would let whoever reads it guess that password at the price of one
                    // pass. Under load the next hash overwrites it; wiping it each time would cost a tenth of the speed.
                    engine.wipe();
                    match self.wait() {
                        Some(job) => job,
                        None => return,
                    }
                }
            };
            // A job that panics is lost, and its caller told so; the thread and its memory are as good as before, for
            // every hash begins by filling the memory.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.compute(&mut engine, job)));
            if outcome.is_err() {
                tracing::error!("a password hashing thread panicked and goes on");
            }
        }
    }

    fn look(&self) -> Next {
        let mut queue = self.lock();
        if queue.closed {
            return Next::Closed;
        }
        queue.jobs.pop_front().map_or(Next::Nothing, Next::Job)
    }

    fn wait(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue = self
                .bell
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn compute(&self, engine: &mut Engine, job: Job) {
        if job.is_abandoned() {
            return;
        }
        // Monotonic, and used only to estimate how long a queue takes: no decision hangs on it.
        let began = Instant::now();
        match job {
            Job::Hash {
                password,
                salt,
                reply,
            } => {
                let answer = engine.hash(password.expose().as_bytes(), &salt);
                self.done(began);
                // Nobody left to tell is no fault.
                let _ = reply.send(answer);
            }
            Job::HashLike {
                password,
                other,
                reply,
            } => {
                let answer = engine.hash_like(password.expose().as_bytes(), other.expose());
                self.done(began);
                let _ = reply.send(answer);
            }
            Job::Verify {
                password,
                hash,
                reply,
            } => {
                let hash = hash.as_ref().map(SecretString::expose);
                let answer = engine.verify(password.expose().as_bytes(), hash);
                self.done(began);
                let _ = reply.send(answer);
            }
            Job::Run(run) => run(),
        }
    }

    fn done(&self, began: Instant) {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Two threads may overwrite each other's sample: it is an estimate.
        let mean = match self.mean_micros.load(Ordering::Relaxed) {
            0 => micros,
            mean => mean.saturating_mul(7).saturating_add(micros) / 8,
        };
        self.mean_micros.store(mean, Ordering::Relaxed);
        self.computed.fetch_add(1, Ordering::SeqCst);
    }

    /// How long the workers need for so many jobs and the ones in hand.
    fn time_for(&self, waiting: usize) -> Duration {
        let rounds = waiting.div_ceil(self.workers.max(1)).saturating_add(1);
        let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
        let micros = rounds.saturating_mul(self.mean_micros.load(Ordering::Relaxed));
        Duration::from_secs(micros.div_ceil(1_000_000).clamp(1, LONGEST_RETRY))
    }
}

/// Lowers the priority of the calling thread.
#[cfg(target_os = "linux")]
fn give_way() {
    // On Linux `setpriority` for process 0 is for the calling thread alone (setpriority(2), C library/kernel differences).
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "the priority of a password hashing thread could not be lowered");
    }
}

/// The lowest: whatever else the process has to do goes first.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

#[cfg(not(target_os = "linux"))]
fn give_way() {}
