//! Making the calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use trunkline_core::application::{About, Application, Call, Calls, Headers, Objection, Response};
use trunkline_core::backend::Completion;
use trunkline_outgoing::{Address, Answer, Client, Limits, Trouble};

use crate::breaker::Breaker;
use crate::cache::Cache;
use crate::shape;

/// Calls on their way to one URL at most. Beyond it clients are told to come back: an application that is
/// so far behind does not get faster by being asked more. Each has its own, so that a method that takes
/// its time does not keep anybody from being let in.
const IN_FLIGHT: usize = 256;

/// Bytes of an answer: as much as a message may have by default, and what is said around it.
const ANSWER_BYTES: usize = 128 * 1024;

/// Between two complaints in the log about one URL.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// Whom to ask what.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who a client without a token is.
    pub connect: Option<Address>,
    /// Whether a client may go on.
    pub refresh: Option<Address>,
    /// Whether it may subscribe.
    pub subscribe: Option<Address>,
    /// Whether it may publish, and what.
    pub publish: Option<Address>,
    /// Whether a subscription may go on.
    pub sub_refresh: Option<Address>,
    /// Methods.
    pub rpc: Option<Address>,
    /// How long the application may take.
    pub timeout: Duration,
    /// For how long the answer to who somebody is holds for another one that comes with the same
    /// header fields; zero asks each time.
    pub connect_cache: Duration,
}

impl Options {
    /// Everybody who is asked something.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        [&self.connect, &self.refresh, &self.subscribe, &self.publish, &self.sub_refresh, &self.rpc]
            .into_iter()
            .flatten()
    }
}

/// Asks the application. Cloning shares what is known of it.
#[derive(Clone)]
pub struct Callbacks(Arc<Inner>);

struct Inner {
    client: Client,
    runtime: Handle,
    timeout: Duration,
    connect_cache: Duration,
    targets: [Option<Target>; 6],
    cache: Mutex<Cache>,
}

struct Target {
    address: Address,
    in_flight: Semaphore,
    breaker: Mutex<Breaker>,
    /// When its answers were last complained of.
    complained: Mutex<Option<Instant>>,
}

impl Target {
    /// Writes into the log that it answers, but nothing that could be used: now and then, as clients
    /// may have a part in it.
    fn complain(&self, why: &str, now: Instant) {
        let mut last = lock(&self.complained);
        if last.is_none_or(|last| now.duration_since(last) >= COMPLAINTS) {
            *last = Some(now);
            tracing::warn!(url = %self.address, %why, "the application's answer cannot be used");
        }
    }
}

impl Callbacks {
    /// Calls that are made on a runtime.
    #[must_use]
    pub fn new(options: Options, client: Client, runtime: Handle) -> Self {
        let Options { connect, refresh, subscribe, publish, sub_refresh, rpc, .. } = options;
        let target = |address: Option<Address>| {
            address.map(|address| Target {
                address,
                in_flight: Semaphore::new(IN_FLIGHT),
                breaker: Mutex::default(),
                complained: Mutex::default(),
            })
        };
        Self(Arc::new(Inner {
            client,
            runtime,
            timeout: options.timeout,
            connect_cache: options.connect_cache,
            targets: [connect, refresh, subscribe, publish, sub_refresh, rpc].map(target),
            cache: Mutex::default(),
        }))
    }
}

/// The place of a call's target.
fn place(call: &Call) -> usize {
    match call {
        Call::Connect { .. } => 0,
        Call::Refresh => 1,
        Call::Subscribe { .. } => 2,
        Call::Publish { .. } => 3,
        Call::SubRefresh { .. } => 4,
        Call::Rpc { .. } => 5,
    }
}

/// Whether asking again does nothing twice.
fn is_repeatable(call: &Call) -> bool {
    !matches!(call, Call::Publish { .. } | Call::Rpc { .. })
}

/// Whether a status is about what was asked, rather than about who answers. A client that asks for
/// nonsense must not be able to make the application be left alone.
fn is_objection(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}

impl Application for Callbacks {
    fn calls(&self) -> Calls {
        let [connect, refresh, subscribe, publish, sub_refresh, rpc] =
            std::array::from_fn(|at| self.0.targets[at].is_some());
        Calls { connect, refresh, subscribe, publish, sub_refresh, rpc }
    }

    fn call(
        &self,
        about: About,
        headers: Headers,
        call: Call,
        done: Completion<Result<Response, Objection>>,
    ) {
        let inner = Arc::clone(&self.0);
        self.0.runtime.spawn(async move { done(inner.answer(&about, &headers, &call).await) });
    }
}

impl Inner {
    async fn answer(
        &self,
        about: &About,
        headers: &Headers,
        call: &Call,
    ) -> Result<Response, Objection> {
        let target = self.targets[place(call)].as_ref();
        let target =
            target.ok_or(Objection::Failed(trunkline_core::error::ClientError::NotAvailable))?;
        let (asked, asked_at) = (self.cached_by(headers, call), Instant::now());
        if let Some(asked) = &asked {
            if matches!(call, Call::Connect { anew: true, .. }) {
                lock(&self.cache).forget(asked);
            } else if let Some((identity, age)) = lock(&self.cache).find(asked, asked_at) {
                let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                return Ok(Response::Connect { identity, age_ms });
            }
        }
        let answer =
            self.ask(target, headers, shape::write(about, call), is_repeatable(call)).await?;
        let read = shape::read(call, &answer);
        if read == Err(Objection::Unavailable) {
            target.complain("it makes no sense", Instant::now());
        }
        // Who is nobody may be somebody in a moment.
        if let (Some(asked), Ok(Response::Connect { identity, .. })) = (asked, &read)
            && !identity.user.is_anonymous()
        {
            let (asked, answer) = ((&*asked, asked_at), (&**identity, answer.len()));
            lock(&self.cache).remember(asked, answer, self.connect_cache, Instant::now());
        }
        read
    }

    /// What an answer is remembered under, if it is: everything the application sees of a client but
    /// the id of its connection and how it talks.
    fn cached_by(&self, headers: &Headers, call: &Call) -> Option<Vec<u8>> {
        let Call::Connect { name, version, data, .. } = call else { return None };
        if self.connect_cache.is_zero() || headers.is_empty() {
            return None;
        }
        let mut asked = Vec::new();
        let headers = headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let own = [name.as_bytes(), version.as_bytes(), data.as_deref().unwrap_or_default()];
        for part in headers.chain(own) {
            asked.extend_from_slice(&(part.len() as u64).to_le_bytes());
            asked.extend_from_slice(part);
        }
        Some(asked)
    }

    async fn ask(
        &self,
        target: &Target,
        headers: &Headers,
        body: Bytes,
        repeatable: bool,
    ) -> Result<Bytes, Objection> {
        let Ok(_permit) = target.in_flight.try_acquire() else {
            return Err(Objection::Unavailable);
        };
        let Some(asked) = lock(&target.breaker).lets_through(Instant::now()) else {
            return Err(Objection::Unavailable);
        };
        let limits = Limits { time: self.timeout, bytes: ANSWER_BYTES };
        let post = || {
            let headers = headers.iter().map(|(name, value)| (&**name, &**value));
            self.client.post(&target.address, headers, body.clone(), limits)
        };
        let mut outcome = post().await;
        // A connection that was kept for too long is the usual reason.
        if repeatable && matches!(outcome, Err(Trouble::Connect | Trouble::Broken)) {
            outcome = post().await;
        }
        match outcome {
            Ok(Answer { status, body }) if status == 200 || is_objection(status) => {
                if lock(&target.breaker).works() {
                    tracing::info!(url = %target.address, "the application answers again");
                }
                if status == 200 {
                    return Ok(body);
                }
                target.complain(&format!("status {status}"), Instant::now());
                Err(Objection::Unavailable)
            }
            outcome => {
                if lock(&target.breaker).fails(asked, Instant::now()) {
                    let why = match outcome {
                        Ok(answer) => format!("status {}", answer.status),
                        Err(trouble) => trouble.to_string(),
                    };
                    tracing::warn!(url = %target.address, %why, "the application is left alone");
                }
                Err(Objection::Unavailable)
            }
        }
    }
}

/// Sound wherever a panic leaves it: each change is one assignment or insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
