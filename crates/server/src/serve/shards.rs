//! The threads of the shards.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use trunkline_shard::{Settings, Shard, ShardHandle};

use crate::cli::Failure;

use super::doors::Doors;

/// Running shards.
pub(super) struct Shards {
    /// Says when one ends that was not told to: nothing, or why.
    pub(super) ended: mpsc::UnboundedReceiver<Option<String>>,
    threads: Vec<JoinHandle<()>>,
}

impl Shards {
    /// Waits until all have ended.
    pub(super) fn join(self) {
        for thread in self.threads {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Makes the ways into `n` shards.
pub(super) fn handles(n: usize) -> Result<Vec<ShardHandle>, Failure> {
    let handles: io::Result<Vec<ShardHandle>> = (0..n).map(|_| ShardHandle::new()).collect();
    handles.map_err(|error| Failure::trouble(format_args!("cannot make an event loop: {error}")))
}

/// Starts a thread for each shard.
pub(super) fn start(
    handles: Vec<ShardHandle>,
    doors: &mut Doors,
    settings: &Settings,
) -> Result<Shards, Failure> {
    let intakes: Vec<_> = handles.iter().map(|handle| handle.intake.clone()).collect();
    // Bounded by its senders: each shard ends once.
    let (tell, ended) = mpsc::unbounded_channel();
    let mut threads = Vec::new();
    let listening = std::mem::take(&mut doors.listening);
    for (index, (handle, listening)) in handles.into_iter().zip(listening).enumerate() {
        let (settings, intakes, tell) = (settings.clone(), intakes.clone(), tell.clone());
        let body = move || {
            let run = || Shard::new(index, settings, handle, intakes, listening).run();
            let why = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("it panicked".to_owned()),
            };
            // Nobody listens any more once the node is going down.
            let _ = tell.send(why);
        };
        let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(body);
        let thread = thread.map_err(|error| {
            Failure::trouble(format_args!("cannot start the thread of a shard: {error}"))
        })?;
        threads.push(thread);
    }
    Ok(Shards { ended, threads })
}
