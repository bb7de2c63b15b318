//! Who takes part in a run, and what they share: publishers, subscribers, the recorder, and whether
//! it is time for trouble or for quiet.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use trunkline_checker::event::{Event, Place};
use trunkline_checker::judge::Verdict;

use crate::api::Api;
use crate::args::LoadArgs;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::publisher::Publisher;
use crate::recorder::Recorder;
use crate::subscriber::{Protocol, Subscriber};

/// Channels one subscriber of a protocol that allows it listens to at most.
const CHANNELS_EACH: u64 = 3;
/// A thread here holds a few buffers and no deep calls.
const STACK_BYTES: usize = 512 * 1024;
/// How often those who wait for subscribers look at them.
const LOOK: Duration = Duration::from_millis(10);

/// What subscribers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Leave, come back and stall as they like.
    Storm,
    /// Come back if they are away, and stay.
    Calm,
    /// Go home.
    End,
}

/// The places a subscriber is at, channel by channel; none where it is not subscribed.
pub(crate) type Progress = Mutex<Vec<Option<Place>>>;

/// A run.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) api: Api,
    pub(crate) channels: Vec<String>,
    pub(crate) recorder: Recorder,
    pub(crate) args: LoadArgs,
    pub(crate) chance: Chance,
    phase: AtomicU8,
    publishing: AtomicBool,
    /// By subscriber: which channels it wants, and where it is in them.
    progress: Vec<(Vec<usize>, Progress)>,
}

impl Load {
    /// A run in channels `PREFIX0`, `PREFIX1` and so on.
    pub(crate) fn new(
        api: Api,
        prefix: &str,
        args: LoadArgs,
        seed: u64,
        recorder: Recorder,
    ) -> Self {
        let chance = Chance::new(seed);
        let channels = (0..args.channels).map(|number| format!("{prefix}{number}")).collect();
        let mut draw = chance.fork(u64::MAX);
        let progress = (0..args.subscribers).map(|number| {
            let wanted = match Protocol::of(number) {
                Protocol::Plain => 1,
                Protocol::Centrifuge => 1 + draw.below(CHANNELS_EACH),
            };
            let first = draw.below(args.channels.into());
            let all = (0..wanted.min(args.channels.into()))
                .map(|next| ((first + next) % u64::from(args.channels)) as usize);
            let wanted: Vec<usize> = all.collect();
            let places = vec![None; wanted.len()];
            (wanted, Mutex::new(places))
        });
        let progress = progress.collect();
        Self {
            api,
            channels,
            recorder,
            args,
            chance,
            phase: AtomicU8::new(Phase::Storm as u8),
            publishing: AtomicBool::new(false),
            progress,
        }
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.api.address
    }

    /// What subscribers are to do now.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Storm,
            1 => Phase::Calm,
            _ => Phase::End,
        }
    }

    /// Tells subscribers what to do.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Whether publishers go on.
    pub(crate) fn is_publishing(&self) -> bool {
        self.publishing.load(Ordering::Acquire)
    }

    /// Starts all subscribers; they end in [`Phase::End`].
    pub(crate) fn start_subscribers<'s>(&'s self, scope: &'s Scope<'s, '_>) -> Result<(), Failure> {
        for (number, (wanted, progress)) in (0_u32..).zip(&self.progress) {
            let subscriber = Subscriber::new(self, number, wanted, progress);
            spawn(scope, move || subscriber.run())?;
        }
        Ok(())
    }

    /// Starts all publishers of a round; they end with [`Load::stop_publishers`].
    pub(crate) fn start_publishers<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        round: u32,
    ) -> Result<Vec<ScopedJoinHandle<'s, ()>>, Failure> {
        self.publishing.store(true, Ordering::Release);
        let publishers =
            (0..self.args.publishers).map(|number| Publisher::new(self, number, round));
        publishers.map(|publisher| spawn(scope, move || publisher.run())).collect()
    }

    /// Waits until every publisher knows, or gave up on, the fate of its last message.
    pub(crate) fn stop_publishers(
        &self,
        publishers: Vec<ScopedJoinHandle<'_, ()>>,
    ) -> Result<(), Failure> {
        self.publishing.store(false, Ordering::Release);
        for publisher in publishers {
            publisher.join().map_err(|_| Failure::new("a publisher panicked"))?;
        }
        Ok(())
    }

    /// Waits until everybody has what the streams hold, or has had the time for it; then reads the
    /// streams and judges. Nobody may be publishing.
    ///
    /// Somebody who could not even subscribe breaks no rule of the judge, and is yet not served.
    ///
    /// # Errors
    /// A stream cannot be read, or the log not be written.
    pub(crate) fn settle(&self) -> Result<Settled, Failure> {
        self.set_phase(Phase::Calm);
        let begun = Instant::now();
        let patience = Duration::from_secs(self.args.patience);
        let tops: Result<Vec<Place>, Failure> =
            self.channels.iter().map(|channel| self.api.top(channel)).collect();
        let tops = tops?;
        let mut away = self.away(&tops);
        while away > 0 && begun.elapsed() < patience {
            thread::sleep(LOOK);
            away = self.away(&tops);
        }
        let took = begun.elapsed();
        for channel in &self.channels {
            let (top, publications) = self.api.history(channel)?;
            let channel = channel.clone();
            self.recorder.note(&Event::History { channel, top, publications });
        }
        Ok(Settled { verdict: self.recorder.verdict()?, took, away })
    }

    /// How many subscribers are not at the top of all their channels.
    fn away(&self, tops: &[Place]) -> usize {
        let there = |(wanted, progress): &(Vec<usize>, Progress)| {
            let places = progress.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.iter().zip(&*places).all(|(&channel, place)| {
                let (top, place) = (&tops[channel], place.as_ref());
                let same = |p: &Place| p.epoch.is_empty() || p.epoch == top.epoch;
                place.is_some_and(|place| same(place) && place.offset == top.offset)
            })
        };
        self.progress.iter().filter(|subscriber| !there(subscriber)).count()
    }
}

/// How a run, or a round of it, came out.
#[derive(Debug)]
pub(crate) struct Settled {
    /// What the judge says.
    pub(crate) verdict: Verdict,
    /// How long it took everybody to catch up.
    pub(crate) took: Duration,
    /// How many subscribers did not.
    pub(crate) away: usize,
}

impl Settled {
    /// Whether nothing is wrong and everybody is there.
    pub(crate) fn is_clean(&self) -> bool {
        self.verdict.is_clean() && self.away == 0
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.took.as_millis(), self.away) {
            (took, 0) => write!(f, "caught up in {took} ms"),
            (took, away) => write!(f, "{away} subscribers did not catch up in {took} ms"),
        }
    }
}

/// Sends everybody home when it is dropped, so that no thread is waited for in vain.
pub(crate) struct Curfew<'l>(pub(crate) &'l Load);

impl Drop for Curfew<'_> {
    fn drop(&mut self) {
        self.0.publishing.store(false, Ordering::Release);
        self.0.set_phase(Phase::End);
    }
}

fn spawn<'s>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() + Send + 's,
) -> Result<ScopedJoinHandle<'s, ()>, Failure> {
    let builder = thread::Builder::new().stack_size(STACK_BYTES);
    builder
        .spawn_scoped(scope, work)
        .map_err(|error| Failure::new(format_args!("starting a thread: {error}")))
}
