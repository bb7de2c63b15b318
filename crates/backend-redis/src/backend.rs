//! The port, on top of the servers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::{HISTORY_PAGE_BYTES, STREAM_IDLE_MS};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::WallTime;

use crate::caller::{Answer, Call, script};
use crate::direct;
use crate::ear::{Subject, Surroundings};
use crate::fleet::{Doors, Fleet};
use crate::io_thread::IoThread;
use crate::keys::{Keys, Partition};
use crate::link::tls::client_config;
use crate::resp::command;
use crate::roster::{RedisRoster, RosterOptions};
use crate::scripts::{CLEAR, HISTORY, PUBLISH};
use crate::url::RedisUrl;
use crate::wire::{line, record, top};

/// The largest offset: scripts count in floating point, which is exact so far.
const OFFSETS: u64 = 1 << 53;

/// How Redis is found and used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The servers: one cluster, or any number of others, which share the channels.
    pub servers: Vec<RedisUrl>,
    /// What all names in Redis begin with.
    pub prefix: Box<str>,
    /// Authorities that are trusted instead of the system's, as PEM.
    pub tls_ca: Option<Vec<u8>>,
    /// What sentinels want to hear; not shown.
    pub sentinel_password: Option<Box<str>>,
    /// Whether a server may be used that throws streams away when its memory is full.
    pub allow_eviction: bool,
}

/// Why the backend cannot start. A Redis that does not answer is no reason.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No server is named, or a cluster beside others.
    #[error("name one Redis Cluster, or any number of other servers")]
    Servers,
    /// The authorities cannot be read.
    #[error("the TLS authorities cannot be used: {0}")]
    Tls(String),
    /// The operating system has no randomness to give, which names need.
    #[error("the operating system gives no randomness")]
    Randomness,
    /// There is no thread for it.
    #[error("cannot start the thread for Redis: {0}")]
    Thread(io::Error),
}

/// Streams in Redis.
pub struct RedisBackend {
    pub(crate) fleet: Arc<Fleet>,
    /// How many there are; a cluster counts as one.
    pub(crate) servers: u8,
    keys: Keys,
    node: NodeId,
    sink: Arc<dyn Sink>,
    /// Half of the names of messages and streams: random for each process.
    seed: u64,
    /// The other half.
    next: AtomicU64,
    /// Whether it was said that there are notes that nobody can read.
    pub(crate) unreadable_told: Arc<AtomicBool>,
    /// Ends with the backend.
    pub(crate) thread: IoThread,
}

impl RedisBackend {
    /// Starts the backend of `node`, which delivers to `sink`. It need not reach Redis at once.
    ///
    /// # Errors
    /// The options make no sense, or the system has no threads.
    pub fn start(options: &Options, node: NodeId, sink: Arc<dyn Sink>) -> Result<Self, StartError> {
        let clusters = options.servers.iter().filter(|url| url.is_cluster()).count();
        if options.servers.is_empty() || (clusters > 0 && options.servers.len() > 1) {
            return Err(StartError::Servers);
        }
        let doors = Doors {
            servers: options.servers.clone(),
            tls: client_config(options.tls_ca.as_deref()).map_err(StartError::Tls)?,
            sentinel_password: options.sentinel_password.clone(),
            allow_eviction: options.allow_eviction,
            keys: Keys::new(&options.prefix),
        };
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| StartError::Randomness)?;
        let thread = IoThread::start().map_err(StartError::Thread)?;
        let fleet = Fleet::start(&thread.handle, &doors, |lines_moved| Surroundings {
            sink: Arc::clone(&sink),
            node: node.clone(),
            lines_moved,
        });
        let backend = Self {
            fleet,
            // More than there are partitions would have nothing to keep.
            servers: u8::try_from(doors.servers.len()).unwrap_or(u8::MAX),
            keys: doors.keys,
            node,
            sink,
            seed: u64::from_ne_bytes(seed),
            next: AtomicU64::new(0),
            unreadable_told: Arc::default(),
            thread,
        };
        backend.hear_nodes();
        Ok(backend)
    }

    /// Who is in which channel, as all nodes that share these servers say. One of it speaks for this
    /// node; a second one would contradict it.
    #[must_use]
    pub fn roster(&self, options: RosterOptions) -> Arc<RedisRoster> {
        RedisRoster::start(&self.thread.handle, &self.fleet, &self.keys, &self.node, options)
    }

    /// What is wrong with Redis at the moment; `None` if all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.fleet.trouble()
    }

    fn hear_nodes(&self) {
        let server = self.fleet.server(Partition::OF_NODES);
        for line in [self.keys.everyone(), self.keys.node(&self.node)] {
            server.ear.listen(line, Subject::Signals, Box::new(|_| ()));
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn call(&self, call: Call) {
        self.fleet.call(call);
    }

    pub(crate) fn is_overloaded(&self) -> bool {
        self.sink.overloaded()
    }

    /// A text that no process has named anything by.
    pub(crate) fn fresh_name(&self) -> String {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{next:x}", self.seed)
    }

    fn place(&self, draft: &Draft, done: Completion<Result<Published, BackendError>>) -> Call {
        let partition = Partition::of(&draft.channel);
        let command = direct::publishing(&self.keys, partition, draft, &self.fresh_name());
        let wanted = draft.replicas;
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|answer| {
                let published = answer.reply.text().and_then(top::published);
                let published = published.ok_or(BackendError::Unavailable)?;
                let enough = answer.copies >= u32::from(wanted);
                if enough { Ok(published) } else { Err(BackendError::Unconfirmed) }
            }));
        };
        let mut call = Call::new(partition, command, Box::new(told)).of_script(&PUBLISH);
        call.copies = wanted;
        call
    }

    /// Publishes what takes no place: nothing has to be decided, so no script is needed.
    fn pass_on(&self, draft: &Draft, done: Completion<Result<Published, BackendError>>) -> Call {
        let partition = Partition::of(&draft.channel);
        let meta = record::meta(draft.info.as_ref(), &draft.tags);
        let told = line::passing(&draft.data, &meta, now());
        let command = command("SPUBLISH").arg(self.keys.line(partition, &draft.channel)).arg(told);
        let done = move |answer: Result<Answer, BackendError>| {
            done(answer.map(|_| Published { position: None, duplicate: false }));
        };
        Call::new(partition, command, Box::new(done))
    }
}

impl Backend for RedisBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees { durable: true, shared: true, replicates: true, may_fork: true }
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        if self.sink.overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        let passes = draft.retention.is_none() && draft.idempotency_key.is_none();
        let call = if passes { self.pass_on(&draft, done) } else { self.place(&draft, done) };
        self.fleet.call(call);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        let partition = Partition::of(channel);
        let command = command("SPUBLISH")
            .arg(self.keys.line(partition, channel))
            .arg(line::announcement(&message));
        self.fleet.call(Call::unheard(partition, command));
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        let partition = Partition::of(channel);
        let keys = self.keys.channel(partition, channel);
        let HistoryQuery { since, limit, reverse } = query;
        let epoch = since.as_ref().map(|since| since.epoch.clone());
        let since = since.map(|since| since.offset.min(OFFSETS).to_string()).unwrap_or_default();
        let command = script(&HISTORY, 2)
            .arg(&keys.stream)
            .arg(&keys.top)
            .arg(since)
            .number(limit.min(i32::MAX as usize) as u64)
            .arg(if reverse { "1" } else { "0" })
            .number(HISTORY_PAGE_BYTES as u64)
            .arg(self.fresh_name())
            .number(STREAM_IDLE_MS);
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|answer| {
                top::page(&answer.reply, epoch.as_ref()).ok_or(BackendError::Unavailable)
            }));
        };
        let call = Call::new(partition, command, Box::new(told));
        let call = call.of_script(&HISTORY).repeatable();
        let fleet = Arc::clone(&self.fleet);
        let read = move |heard: Result<(), BackendError>| match heard {
            Ok(()) => fleet.call(call),
            Err(error) => call.fail(error),
        };
        // What is placed behind the answer's top must be heard.
        self.fleet.server(partition).ear.when_heard(&keys.line, Box::new(read));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        let partition = Partition::of(channel);
        let keys = self.keys.channel(partition, channel);
        let command = script(&CLEAR, 2).arg(&keys.stream).arg(&keys.top);
        let told = move |answer: Result<Answer, BackendError>| done(answer.map(|_| ()));
        let call = Call::new(partition, command, Box::new(told)).of_script(&CLEAR);
        self.fleet.call(call.repeatable());
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        let partition = Partition::of(channel);
        let line = self.keys.line(partition, channel);
        let subject = Subject::Channel(channel.clone());
        self.fleet.server(partition).ear.listen(line, subject, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        let partition = Partition::of(channel);
        self.fleet.server(partition).ear.unlisten(&self.keys.line(partition, channel));
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        let line = match to {
            Recipient::Everyone => self.keys.everyone(),
            Recipient::Node(node) => self.keys.node(node),
        };
        let command = command("SPUBLISH").arg(line).arg(line::signal(&self.node, &signal));
        self.fleet.call(Call::unheard(Partition::OF_NODES, command));
    }
}

fn now() -> WallTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
