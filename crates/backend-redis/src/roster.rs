//! Who is in which channel, kept in Redis by all nodes.
//!
//! Each node is the only one that speaks of its own connections. What it says is kept in a
//! [`book`], and [written](writer) when it changes: what it costs grows with comings and goings, not
//! with how many are there. Scripts count each user once and tell of comings and goings in the same
//! step, so that the roster and what is heard of it agree.
//!
//! A node has a [`lease`], and renews it. When it runs out the node is taken for dead, and any other
//! one, as [`janitor`], takes back what it had said. One that was only asleep begins another life and
//! says all of it again. When Redis may have lost something, what it has is [compared](resync) with
//! what the node knows.
//!
//! To read it: `book`, the scripts, then any other.

mod book;
mod janitor;
mod lease;
mod resync;
mod writer;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::ClientInfo;
use trunkline_core::limits::PRESENCE_CLIENTS;
use trunkline_core::presence::PresenceStats;
use trunkline_core::roster::{Roster, Telling};
use trunkline_core::signal::NodeId;

use self::book::{Book, Key};
use crate::caller::{Answer, Call, script};
use crate::fleet::Fleet;
use crate::keys::{Keys, Partition};
use crate::limits::{CLOSE_DEADLINE, FULL_LOOK_EVERY};
use crate::resp::{Command, Reply};
use crate::scripts::{MEMBERS, STATS, Script};
use crate::wire::member;

/// How a roster keeps time.
#[derive(Clone, Copy, Debug)]
pub struct RosterOptions {
    /// How long a node lives that says nothing. It says so four times as often. All nodes should have
    /// the same; the members of one that has died are gone within twice this time.
    pub lease: Duration,
}

impl Default for RosterOptions {
    /// 20 seconds: two of them are [`DEAD_NODE_MS`](trunkline_core::limits::DEAD_NODE_MS).
    fn default() -> Self {
        Self { lease: Duration::from_secs(20) }
    }
}

/// Who is in which channel, over all nodes.
///
/// Dropping it without [closing](Self::close) it is how a node dies: the others take back what it has
/// said when its lease has run out.
pub struct RedisRoster {
    inner: Arc<Inner>,
    runtime: Handle,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    fleet: Weak<Fleet>,
    keys: Keys,
    node: NodeId,
    lease: Duration,
    book: Mutex<Book>,
    /// There is something to write, or room for it.
    stirred: Arc<Notify>,
    /// Whether the lease of the present life is known to Redis. Nothing is written before: nobody
    /// would take it back.
    leased: AtomicBool,
    /// Since when each renewal has come through.
    steady: Mutex<Option<Instant>>,
    /// Partitions that may hold what this node has taken back.
    unsure: Mutex<BTreeSet<Partition>>,
    /// A write has failed, and should not be tried again at once.
    failed: AtomicBool,
    writes: AtomicU64,
}

impl RedisRoster {
    pub(crate) fn start(
        runtime: &Handle,
        fleet: &Arc<Fleet>,
        keys: &Keys,
        node: &NodeId,
        options: RosterOptions,
    ) -> Arc<Self> {
        let inner = Arc::new(Inner {
            fleet: Arc::downgrade(fleet),
            keys: keys.clone(),
            node: node.clone(),
            lease: options.lease,
            book: Mutex::new(Book::new()),
            stirred: Arc::new(Notify::new()),
            leased: AtomicBool::new(false),
            steady: Mutex::new(None),
            unsure: Mutex::default(),
            failed: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        });
        let tasks = vec![
            runtime.spawn(writer::run(Arc::downgrade(&inner), Arc::clone(&inner.stirred))),
            runtime.spawn(lease::keep(Arc::downgrade(&inner))),
            runtime.spawn(janitor::run(Arc::downgrade(&inner))),
            runtime.spawn(resync::run(Arc::downgrade(&inner))),
        ];
        Arc::new(Self { inner, runtime: runtime.clone(), tasks: Mutex::new(tasks) })
    }

    /// How often something was said to Redis: entries, exits and renewals of the lease.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.inner.writes.load(Ordering::Relaxed)
    }

    /// The node leaves: all its connections exit, and its lease ends. Blocks until that is written,
    /// ten seconds at most; what is not is taken back by the other nodes. Nobody enters afterwards.
    ///
    /// Not to be called on a thread that others wait for.
    pub fn close(&self) {
        self.inner.book().close();
        self.inner.stirred.notify_one();
        let (closed, told) = mpsc::channel();
        let inner = Arc::clone(&self.inner);
        let mut tasks = self.tasks();
        // The writer goes on. A lease that is renewed once more would begin another life.
        tasks.iter().skip(1).for_each(JoinHandle::abort);
        self.runtime.spawn(async move {
            let until = Instant::now() + CLOSE_DEADLINE;
            while !inner.book().is_calm() && Instant::now() < until {
                tokio::time::sleep(FULL_LOOK_EVERY).await;
            }
            // If it does not come through the lease runs out.
            let _ = inner.bury(&inner.life()).await;
            let _ = closed.send(()); // Whoever waited has given up.
        });
        let _ = told.recv_timeout(2 * CLOSE_DEADLINE); // The runtime may have ended.
        tasks.drain(..).for_each(|task| task.abort());
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RedisRoster {
    fn drop(&mut self) {
        self.tasks().drain(..).for_each(|task| task.abort());
    }
}

impl Inner {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the node's present life.
    fn life(&self) -> String {
        self.life_of(self.book().life())
    }

    fn life_of(&self, number: u64) -> String {
        format!("{}~{number}", self.node)
    }

    fn call(&self, call: Call) {
        match self.fleet.upgrade() {
            Some(fleet) => fleet.call(call),
            None => call.fail(BackendError::Stopped),
        }
    }

    /// Runs a script that may run twice, and waits for its answer.
    async fn ask(
        &self,
        partition: Partition,
        script: &'static Script,
        command: Command,
    ) -> Result<Reply, BackendError> {
        self.ask_plain(partition, command, Some(script)).await
    }

    async fn ask_plain(
        &self,
        partition: Partition,
        command: Command,
        script: Option<&'static Script>,
    ) -> Result<Reply, BackendError> {
        let (done, told) = oneshot::channel();
        let done = move |answer: Result<Answer, BackendError>| {
            let _ = done.send(answer.map(|answer| answer.reply)); // Nobody waits any more.
        };
        let mut call = Call::new(partition, command, Box::new(done)).repeatable();
        call.script = script;
        self.call(call);
        told.await.unwrap_or(Err(BackendError::Stopped))
    }

    /// The number of the connection to the server that keeps a partition, if there is one.
    fn connection(&self, partition: Partition) -> Option<u64> {
        self.fleet.upgrade()?.server(partition).health.connection()
    }
}

impl Roster for RedisRoster {
    fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling) {
        let key = Key { channel: channel.clone(), client: info.client };
        self.inner.book().enter(key, Arc::clone(info), telling);
        self.inner.stirred.notify_one();
    }

    fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>, _telling: Telling) {
        // It is told of as when it entered, which Redis remembers.
        self.inner.book().exit(Key { channel: channel.clone(), client: info.client });
        self.inner.stirred.notify_one();
    }

    fn members(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    ) {
        let partition = Partition::of(channel);
        let command = script(&MEMBERS, 1)
            .arg(self.inner.keys.members(partition, channel))
            .number(PRESENCE_CLIENTS as u64);
        let read = |reply: &Reply| {
            let member = |value: &Reply| member::decode(value.bytes()?);
            reply.list()?.iter().map(member).collect::<Option<Vec<_>>>()
        };
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|a| read(&a.reply).ok_or(BackendError::Unavailable)));
        };
        let call = Call::new(partition, command, Box::new(told));
        self.inner.call(call.of_script(&MEMBERS).repeatable());
    }

    fn stats(&self, channel: &ChannelName, done: Completion<Result<PresenceStats, BackendError>>) {
        let partition = Partition::of(channel);
        let keys = &self.inner.keys;
        let command = script(&STATS, 2)
            .arg(keys.members(partition, channel))
            .arg(keys.users(partition, channel));
        let read = |reply: &Reply| {
            let [clients, users] = reply.list()? else { return None };
            let number = |reply: &Reply| usize::try_from(reply.number()?).ok();
            Some(PresenceStats { clients: number(clients)?, users: number(users)? })
        };
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|a| read(&a.reply).ok_or(BackendError::Unavailable)));
        };
        let call = Call::new(partition, command, Box::new(told));
        self.inner.call(call.of_script(&STATS).repeatable());
    }
}
