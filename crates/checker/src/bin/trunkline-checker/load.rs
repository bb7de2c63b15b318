//! Who takes part in a run, and what they share: publishers, subscribers, the recorder, and whether
//! it is time for trouble or for quiet.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use trunkline_checker::event::{Event, Kept, Place};
use trunkline_checker::judge::Verdict;

use crate::api::Api;
use crate::args::LoadArgs;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::line::Protocol;
use crate::publisher::Publisher;
use crate::recorder::Recorder;
use crate::socket;
use crate::subscriber::Subscriber;

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

/// How publishers and subscribers go about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Every so many subscribers leave of themselves in a storm; the others only when they must. All
    /// do with 1, none with 0.
    pub(crate) restless: u32,
    /// How long one look for a message takes, after which plans are looked at again.
    pub(crate) look: Duration,
    /// How long a restless subscriber is away at most.
    pub(crate) away: Duration,
    /// Whether a stream that cannot be read is tried again, elsewhere, until it can.
    pub(crate) patient: bool,
}

impl Default for Manner {
    fn default() -> Self {
        let away = Duration::from_millis(600);
        Self { restless: 1, look: socket::LOOK, away, patient: false }
    }
}

/// The places a subscriber is at, channel by channel; none where it is not subscribed.
pub(crate) type Progress = Mutex<Vec<Option<Place>>>;

/// A run.
#[derive(Debug)]
pub(crate) struct Load {
    /// The servers that take part, one or several.
    pub(crate) apis: Vec<Api>,
    pub(crate) manner: Manner,
    pub(crate) channels: Vec<String>,
    pub(crate) recorder: Recorder,
    pub(crate) args: LoadArgs,
    pub(crate) chance: Chance,
    phase: AtomicU8,
    publishing: AtomicBool,
    /// Whether the second half of the channels has fallen silent.
    hushed: AtomicBool,
    /// By subscriber: which channels it wants, and where it is in them.
    progress: Vec<(Vec<usize>, Progress)>,
    /// How long those whose connection ended against their will were away.
    returns: Mutex<Vec<Duration>>,
}

impl Load {
    /// A run in channels `PREFIX0`, `PREFIX1` and so on.
    pub(crate) fn new(
        apis: Vec<Api>,
        prefix: &str,
        args: LoadArgs,
        manner: Manner,
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
            apis,
            manner,
            channels,
            recorder,
            args,
            chance,
            phase: AtomicU8::new(Phase::Storm as u8),
            publishing: AtomicBool::new(false),
            hushed: AtomicBool::new(false),
            progress,
            returns: Mutex::default(),
        }
    }

    /// The server of somebody who has changed it so many times.
    pub(crate) fn api(&self, home: usize) -> &Api {
        &self.apis[home % self.apis.len()]
    }

    /// Somebody whose connection ended against its will is subscribed again.
    pub(crate) fn returned(&self, away: Duration) {
        self.returns.lock().unwrap_or_else(PoisonError::into_inner).push(away);
    }

    /// How long those who lost their connection were away, from the shortest to the longest.
    pub(crate) fn returns(&self) -> Vec<Duration> {
        let mut returns = self.returns.lock().unwrap_or_else(PoisonError::into_inner).clone();
        returns.sort_unstable();
        returns
    }

    /// Waits until everybody is subscribed to everything it wants.
    ///
    /// # Errors
    /// Not everybody is when the patience is over.
    pub(crate) fn wait_until_all_are_here(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let missing = self.progress.iter().filter(|(_, progress)| {
                let places = progress.lock().unwrap_or_else(PoisonError::into_inner);
                places.iter().any(Option::is_none)
            });
            match missing.count() {
                0 => return Ok(()),
                missing if begun.elapsed() > self.patience() => {
                    let why = format!("{missing} subscribers could not subscribe");
                    return Err(Failure::new(why));
                }
                _ => thread::sleep(LOOK),
            }
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.args.patience)
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

    /// Lets half of the channels fall silent until publishers are started anew: what somebody has missed
    /// there no later publication brings to light.
    pub(crate) fn hush(&self) {
        self.hushed.store(true, Ordering::Release);
    }

    /// How many channels there are to publish into, the first ones.
    pub(crate) fn loud(&self) -> u64 {
        let all = self.channels.len() as u64;
        if self.hushed.load(Ordering::Acquire) { all.div_ceil(2) } else { all }
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
        self.hushed.store(false, Ordering::Release);
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
        let (mut away, mut took);
        let histories = loop {
            let tops = self.tops(begun)?;
            away = self.away(&tops);
            while away > 0 && begun.elapsed() < self.patience() {
                thread::sleep(LOOK);
                away = self.away(&tops);
            }
            took = begun.elapsed();
            let histories = self.histories(begun)?;
            // What nobody knew the fate of may have been published meanwhile.
            let same = histories.iter().zip(&tops).all(|((top, _), before)| top == before);
            if same || begun.elapsed() > self.patience() {
                break histories;
            }
        };
        for (channel, (top, publications)) in self.channels.iter().zip(histories) {
            let channel = channel.clone();
            self.recorder.note(&Event::History { channel, top, publications });
        }
        Ok(Settled { verdict: self.recorder.verdict()?, took, away })
    }

    fn tops(&self, begun: Instant) -> Result<Vec<Place>, Failure> {
        self.channels.iter().map(|channel| self.read(begun, |api| api.top(channel))).collect()
    }

    fn histories(&self, begun: Instant) -> Result<Vec<(Place, Vec<Kept>)>, Failure> {
        self.channels.iter().map(|channel| self.read(begun, |api| api.history(channel))).collect()
    }

    /// Reads from whichever server answers.
    fn read<T>(
        &self,
        begun: Instant,
        read: impl Fn(&Api) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut server = 0;
        loop {
            match read(self.api(server)) {
                Err(_) if self.manner.patient && begun.elapsed() < self.patience() => {
                    server += 1;
                    thread::sleep(LOOK);
                }
                outcome => return outcome,
            }
        }
    }

    /// How many subscribers are not at the top of all their channels.
    fn away(&self, tops: &[Place]) -> usize {
        let there = |(wanted, progress): &(Vec<usize>, Progress)| {
            let places = progress.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.iter().zip(&*places).all(|(&channel, place)| {
                let (top, place) = (&tops[channel], place.as_ref());
                // Equal tags prove one history, whatever it was called when it was told.
                let proved = |p: &Place| p.tag.is_some() && p.tag == top.tag;
                let same = |p: &Place| p.epoch.is_empty() || p.epoch == top.epoch || proved(p);
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
