//! Commands to one server, from any thread, in the order they were given.
//!
//! Whoever asks leaves a [`Call`] in a queue. One task writes what is there at once, and reads the
//! answers, which come in the same order. While there is no connection, calls wait until their time
//! is over.

mod entering;
mod queue;
mod serving;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use trunkline_core::backend::{BackendError, Completion};

use self::queue::Queue;
use crate::health::{Health, Part};
use crate::keys::Partition;
use crate::limits::CALL_DEADLINE;
use crate::link::{Pause, looking};
use crate::resp::{Command, Reply, command};
use crate::scripts::Script;
use crate::seat::Seat;

/// What came of a call.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// How many copies have it, where it was asked for copies.
    pub(crate) copies: u32,
}

/// Something asked of a server. Whoever asks is told what came of it, whatever becomes of the call.
pub(crate) struct Call {
    /// Which partition it is about.
    pub(crate) partition: Partition,
    pub(crate) bytes: Vec<u8>,
    /// The script it runs, to be given to a server that does not know it.
    pub(crate) script: Option<&'static Script>,
    /// Whether it may be done twice: it is asked again when its connection is lost.
    pub(crate) repeatable: bool,
    /// How many copies are to have it before it is answered.
    pub(crate) copies: u8,
    pub(crate) until: Instant,
    done: Option<Done>,
}

/// Told what came of a call.
pub(crate) type Done = Completion<Result<Answer, BackendError>>;

impl Call {
    pub(crate) fn new(partition: Partition, command: Command, done: Done) -> Self {
        Self {
            partition,
            bytes: command.finish(),
            script: None,
            repeatable: false,
            copies: 0,
            until: Instant::now() + CALL_DEADLINE,
            done: Some(done),
        }
    }

    /// Nobody waits for what comes of it.
    pub(crate) fn unheard(partition: Partition, command: Command) -> Self {
        let mut call = Self::new(partition, command, Box::new(|_| ()));
        call.done = None;
        call
    }

    pub(crate) fn of_script(mut self, script: &'static Script) -> Self {
        self.script = Some(script);
        self
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn succeed(mut self, answer: Answer) {
        if let Some(done) = self.done.take() {
            done(Ok(answer));
        }
    }

    pub(crate) fn fail(mut self, error: BackendError) {
        if let Some(done) = self.done.take() {
            done(Err(error));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(BackendError::Unavailable));
        }
    }
}

/// Begins a call of a script. Its keys follow, then its other arguments.
pub(crate) fn script(script: &'static Script, keys: usize) -> Command {
    command("EVALSHA").arg(script.sha()).number(keys as u64)
}

/// The same, of a command that will take about so many bytes.
pub(crate) fn sized_script(script: &'static Script, keys: usize, room: usize) -> Command {
    Command::sized("EVALSHA", room).arg(script.sha()).number(keys as u64)
}

/// A call that its server could not take, and where it may go instead.
pub(crate) enum Elsewhere {
    /// To this server, for good.
    Moved(String),
    /// To this server, this time.
    Ask(String),
    /// Wherever it is after a while.
    Later,
}

/// Takes back calls that a server could not take.
pub(crate) type TakeBack = Arc<dyn Fn(Call, Elsewhere) + Send + Sync>;

/// The way to one server.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
    /// Asks for copies behind each batch.
    copies: bool,
    take_back: TakeBack,
}

impl Caller {
    pub(crate) fn new(copies: bool, take_back: TakeBack) -> Self {
        let queue = Mutex::default();
        Self(Arc::new(Shared { queue, filled: Notify::new(), copies, take_back }))
    }

    /// Asks. Calls are done in the order in which they are given.
    pub(crate) fn call(&self, call: Call) {
        match self.queue().push(call) {
            Ok(()) => self.0.filled.notify_one(),
            Err(call) => call.fail(BackendError::Overloaded),
        }
    }

    /// Asks several things, with nothing in between.
    pub(crate) fn call_together(&self, calls: [Call; 2]) {
        let refused: Vec<Call> = {
            let mut queue = self.queue();
            calls.into_iter().filter_map(|call| queue.push(call).err()).collect()
        };
        self.0.filled.notify_one();
        refused.into_iter().for_each(|call| call.fail(BackendError::Overloaded));
    }

    /// Takes out all calls that were not sent.
    pub(crate) fn take_all(&self) -> Vec<Call> {
        self.queue().take_all()
    }

    /// Lets calls fail whose time is over.
    pub(crate) fn expire(&self) {
        let expired = self.queue().expire(Instant::now());
        expired.into_iter().for_each(|call| call.fail(BackendError::Unavailable));
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        // Sound wherever a panic leaves it: each change is one insertion.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection to the server, for ever.
    pub(crate) async fn run(self, seat: Arc<Seat>, health: Arc<Health>) {
        let mut pause = Pause::new();
        loop {
            let trouble =
                match looking(entering::enter(&seat, &health, self.0.copies), || self.expire())
                    .await
                {
                    Ok(link) => {
                        pause.reset();
                        health.is_well(Part::Commands);
                        tokio::select! {
                            trouble = self.serve(link, &seat) => trouble,
                            never = entering::watch_memory(&seat, &health) => never,
                        }
                    }
                    Err(trouble) => trouble,
                };
            health.is_in_trouble(Part::Commands, &trouble);
            seat.suspect();
            looking(sleep(pause.take()), || self.expire()).await;
        }
    }
}
