//! One history.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_backend_embedded::{OpenError, Options};
use trunkline_core::backend::{BackendError, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::STREAM_IDLE_MS;
use trunkline_core::namespace::Retention;
use trunkline_core::publication::{Draft, Message, Publication};
use trunkline_wal::StoreId;
use trunkline_wal::files::Files;
use trunkline_wal::testing::{Dice, FakeDisk, Room};

use super::asking::{Asking, Told, wait};
use super::model::{Channel, KEPT, May};

/// What a history was made of, to see that histories are worth their name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Happened {
    pub(crate) acknowledged: u64,
    pub(crate) early: u64,
    pub(crate) lost_early: u64,
    pub(crate) refused_full: u64,
    pub(crate) duplicates: u64,
    pub(crate) removals: u64,
    pub(crate) checkpoints: u64,
    pub(crate) failures: u64,
    pub(crate) restarts: u64,
    pub(crate) closes: u64,
    pub(crate) crashes_in_recovery: u64,
    pub(crate) torn: u64,
    pub(crate) renamed: u64,
    pub(crate) forgotten: u64,
    pub(crate) refused_damage: u64,
    pub(crate) repairs: u64,
}

impl std::ops::AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.early += other.early;
        self.lost_early += other.lost_early;
        self.refused_full += other.refused_full;
        self.duplicates += other.duplicates;
        self.removals += other.removals;
        self.checkpoints += other.checkpoints;
        self.failures += other.failures;
        self.restarts += other.restarts;
        self.closes += other.closes;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.torn += other.torn;
        self.renamed += other.renamed;
        self.forgotten += other.forgotten;
        self.refused_damage += other.refused_damage;
        self.repairs += other.repairs;
    }
}

/// Channels of a history; the last ones are delivered early.
const CHANNELS: usize = 6;
const EARLY: usize = 4;

/// A history being played.
pub(crate) struct Play<W> {
    pub(crate) disk: FakeDisk,
    pub(crate) wrap: W,
    pub(crate) options: Options,
    pub(crate) dice: Dice,
    pub(crate) names: Vec<ChannelName>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) happened: Happened,
    pub(crate) now: Arc<AtomicU64>,
    published: u64,
    opened_before: bool,
    /// No faults any more.
    calm: bool,
}

/// A publish under way.
struct Attempt {
    place: usize,
    payload: String,
    key: Option<String>,
    told: Told<Published>,
}

impl<F: Files + Clone, W: Fn(FakeDisk) -> F> Play<W> {
    pub(crate) fn new(seed: u64, wrap: W) -> Self {
        let mut dice = Dice::new(seed);
        let log = trunkline_wal::Options {
            segment_bytes: 9_000 + dice.below(12_000),
            record_bytes: 1_500,
            batch_bytes: 3_000,
            batch_records: 16,
            queue_bytes: 8_000,
            spare_segments: dice.below(3) as usize,
            store: Some(StoreId([5; 16])),
            ..trunkline_wal::Options::default()
        };
        let cache_bytes = if dice.one_in(2) { 4_000 } else { 1 << 20 };
        let never = 1 << 40;
        let options = Options {
            cache_bytes,
            checkpoint_bytes: never,
            checkpoint_ms: never,
            index_cache_bytes: 1 << 20,
            log,
        };
        let name = |n| ChannelName::parse(&format!("c:{n}")).expect("it is a name");
        Self {
            disk: FakeDisk::new(seed),
            wrap,
            options,
            dice,
            names: (0..CHANNELS).map(name).collect(),
            channels: (0..CHANNELS).map(|_| Channel::default()).collect(),
            happened: Happened::default(),
            now: Arc::new(AtomicU64::new(1_000_000)),
            published: 0,
            opened_before: false,
            calm: false,
        }
    }

    pub(crate) fn run(&mut self) -> Result<(), String> {
        let mut asking = self.reopen(false)?;
        for _ in 0..25 + self.dice.below(40) {
            match self.dice.below(100) {
                0..40 => self.publish(&asking, 1, false)?,
                40..58 => self.publish(&asking, 12, true)?,
                58..62 => {
                    let place = self.dice.below(CHANNELS as u64) as usize;
                    self.remove(&asking, place)?;
                }
                62..74 => self.checkpoint(&asking),
                74..77 => self.disk.power_off_in(self.dice.below(40)),
                77..80 => self.fail_flush(),
                80..83 => self.disk.set_room(Room::Reserving(self.dice.below(20_000))),
                83..85 => self.disk.set_room(Room::CopyOnWrite(self.dice.below(20_000))),
                85..91 => self.disk.set_room(Room::Plenty),
                91..93 => self.forget(&asking)?,
                93..96 => self.judge(&asking, May::Nothing)?,
                _ => {
                    let closed = self.end(asking)?;
                    asking = self.reopen(closed)?;
                }
            }
            self.hear(&asking)?;
            if asking.failures() > 0 || !self.disk.is_powered() {
                self.happened.failures += 1;
                self.crash(asking)?;
                asking = self.reopen(false)?;
            }
        }
        self.disk.set_room(Room::Plenty);
        self.calm = true;
        self.crash(asking)?;
        let asking = self.reopen(false)?;
        self.finish(asking)
    }

    /// Closes in order, after which nobody has lost anything.
    pub(crate) fn finish(&mut self, asking: Asking) -> Result<(), String> {
        // Room may have come back a moment ago.
        asking.backend.close().map_err(|error| format!("closing: {error}"))?;
        self.hear(&asking)?;
        drop(asking);
        self.disk.restart_after_power_loss();
        let asking = self.reopen(true)?;
        drop(asking);
        self.disk.restart_after_kill();
        Ok(())
    }

    fn fail_flush(&mut self) {
        let kind = if self.dice.one_in(2) { ErrorKind::Other } else { ErrorKind::StorageFull };
        self.disk.fail_flush_in(self.dice.below(6), kind);
    }

    /// Ends a session one way or another; whether it was in order.
    fn end(&mut self, asking: Asking) -> Result<bool, String> {
        let closed = self.dice.one_in(2) && asking.backend.close().is_ok();
        self.happened.closes += u64::from(closed);
        self.hear(&asking)?;
        drop(asking);
        match self.dice.below(3) {
            0 => self.disk.restart_after_kill(),
            1 => self.disk.restart_after_power_loss(),
            // Dropped, and opened by the same process.
            _ => {}
        }
        Ok(closed)
    }

    fn crash(&mut self, asking: Asking) -> Result<(), String> {
        drop(self.hear(&asking));
        drop(asking);
        self.restart();
        Ok(())
    }

    fn restart(&mut self) {
        if self.dice.one_in(2) {
            self.disk.restart_after_kill();
        } else {
            self.disk.restart_after_power_loss();
        }
    }

    /// Opens the store however often it crashes meanwhile, and judges what is there.
    fn reopen(&mut self, closed: bool) -> Result<Asking, String> {
        self.happened.restarts += 1;
        self.channels.iter_mut().for_each(Channel::restarted);
        for attempt in 0.. {
            if !self.calm && attempt < 3 && self.dice.one_in(3) {
                self.disk.power_off_in(self.dice.below(40));
            }
            if !self.calm && attempt < 3 && self.dice.one_in(12) {
                self.fail_flush();
            }
            let files = (self.wrap)(self.disk.clone());
            let error = match Asking::open(files, self.options.clone(), &self.now) {
                Ok(asking) => {
                    self.opened_before = true;
                    self.happened.torn += u64::from(asking.opened.torn.is_some());
                    self.happened.renamed += asking.opened.renamed;
                    match self.judge(&asking, if closed { May::Nothing } else { May::Part }) {
                        Ok(()) if asking.failures() == 0 => return Ok(asking),
                        Ok(()) => {}
                        Err(broken) => return Err(broken),
                    }
                    self.happened.crashes_in_recovery += 1;
                    self.crash(asking)?;
                    continue;
                }
                Err(error) => error,
            };
            self.judge_refusal(&error)?;
        }
        unreachable!("the loop ends with a store or an error")
    }

    fn judge_refusal(&mut self, error: &OpenError) -> Result<(), String> {
        let source = match error {
            OpenError::Io { source, .. } => source,
            OpenError::Log(trunkline_wal::OpenError::Io { source, .. }) => source,
            _ => return Err(format!("refused without damage: {error}")),
        };
        let text = source.to_string();
        if text.contains("power") || text.contains("disk failed") || text.contains("stopped") {
            self.happened.crashes_in_recovery += 1;
            self.restart();
        } else if source.kind() == ErrorKind::StorageFull && !self.may_open_full() {
            self.disk.set_room(Room::Plenty);
        } else {
            return Err(format!("refused without damage: {error}"));
        }
        Ok(())
    }

    /// A store that was there needs no new room to open, where what was reserved is kept for it.
    fn may_open_full(&self) -> bool {
        self.opened_before && matches!(self.disk.room(), Room::Reserving(_))
    }

    fn publish(&mut self, asking: &Asking, most: u64, burst: bool) -> Result<(), String> {
        if burst {
            self.disk.hold();
        }
        let times = 1 + self.dice.below(most);
        let attempts: Vec<_> = (0..times).map(|_| self.attempt(asking)).collect();
        self.disk.release();
        attempts.into_iter().try_for_each(|attempt| self.settle(attempt))
    }

    fn attempt(&mut self, asking: &Asking) -> Attempt {
        let place = self.dice.below(CHANNELS as u64) as usize;
        self.published += 1;
        let payload = format!("{}{}", self.published, "x".repeat(self.dice.below(300) as usize));
        let key = self.dice.one_in(3).then(|| format!("k{}", self.dice.below(40)));
        let retention = Retention { size: KEPT, ttl_ms: u64::MAX / 4, bytes: 1 << 30 };
        let draft = Draft {
            data: payload.clone().into(),
            retention: Some(retention),
            idempotency_key: key.clone().map(Into::into),
            early: place >= EARLY,
            ..Draft::new(self.names[place].clone())
        };
        self.channels[place].asked(&payload);
        Attempt { place, payload, key, told: asking.publish(draft) }
    }

    fn settle(&mut self, attempt: Attempt) -> Result<(), String> {
        let Attempt { place, payload, key, told } = attempt;
        let outcome = wait(&told)?;
        let channel = &mut self.channels[place];
        match outcome {
            Ok(Published { position: None, .. }) => Err(format!("{payload} has no place")),
            Ok(Published { position: Some(position), duplicate: true }) => {
                self.happened.duplicates += 1;
                channel.refused(&payload);
                let key = key.ok_or(format!("{payload} is no duplicate of anything"))?;
                match channel.keys.get(&key) {
                    Some(first) if *first != position => {
                        Err(format!("key {key} is at {position:?}, was at {first:?}"))
                    }
                    // The first may have been undecided.
                    _ => {
                        channel.keys.insert(key, position);
                        Ok(())
                    }
                }
            }
            Ok(Published { position: Some(position), duplicate: false }) => {
                self.happened.acknowledged += 1;
                let known = key.as_ref().and_then(|key| channel.keys.get(key));
                if let Some(first) = known {
                    return Err(format!("{key:?} was published twice, first at {first:?}"));
                }
                if let Some(key) = key {
                    channel.keys.insert(key, position.clone());
                }
                channel.seen(&placed(&payload, position), true, May::usual(place >= EARLY))
            }
            Err(BackendError::Full | BackendError::Overloaded) => {
                self.happened.refused_full += 1;
                // Those that were delivered early may come again in what was heard.
                if place < EARLY {
                    channel.refused(&payload);
                }
                Ok(())
            }
            Err(BackendError::Stopped) => Ok(()),
            Err(error @ BackendError::NotesFull) => Err(format!("{error}, of a publication")),
            Err(error @ (BackendError::Unavailable | BackendError::Unconfirmed)) => {
                Err(format!("{error}, where there is no broker"))
            }
        }
    }

    fn remove(&mut self, asking: &Asking, place: usize) -> Result<(), String> {
        match wait(&asking.clear(&self.names[place]))? {
            Ok(()) => {
                self.happened.removals += 1;
                self.channels[place].cleared(false);
            }
            Err(BackendError::Stopped) => self.channels[place].cleared(true),
            Err(_) => {}
        }
        Ok(())
    }

    fn checkpoint(&mut self, asking: &Asking) {
        self.happened.checkpoints += u64::from(asking.backend.checkpoint().is_ok());
    }

    /// Lets a day go by in which only some channels are used.
    fn forget(&mut self, asking: &Asking) -> Result<(), String> {
        for place in 0..CHANNELS {
            if self.dice.one_in(2) {
                self.remove(asking, place)?;
            }
        }
        self.hear(asking)?;
        self.now.fetch_add(STREAM_IDLE_MS, Ordering::Relaxed);
        self.channels.iter_mut().for_each(Channel::day_passed);
        self.checkpoint(asking);
        asking.backend.sweep();
        self.checkpoint(asking);
        self.judge(asking, May::Nothing)
    }

    /// Takes in what was delivered.
    fn hear(&mut self, asking: &Asking) -> Result<(), String> {
        for (name, message) in asking.hearer.take() {
            let Message::Publication(publication) = &message else { continue };
            let place = self.names.iter().position(|known| *known == name).unwrap_or(0);
            self.happened.early += u64::from(place >= EARLY);
            let may = May::usual(place >= EARLY);
            self.channels[place].seen(publication, place < EARLY, may)?;
        }
        Ok(())
    }

    /// Reads everything, and comes back from everywhere.
    pub(crate) fn judge(&mut self, asking: &Asking, may: May) -> Result<(), String> {
        self.hear(asking)?;
        for place in 0..CHANNELS {
            let may = match may {
                // What runs ahead may be taken back by a full disk at any time.
                May::Nothing if place >= EARLY => May::Part,
                May::Part if place < EARLY => May::Nothing,
                may => may,
            };
            let name = &self.names[place];
            let channel = &mut self.channels[place];
            let context = |broken: String| format!("{}: {broken}", name.as_str());
            let Ok(page) = asking.read(name, None)? else { return Ok(()) };
            let (was, before) = (channel.top(), page.top.offset);
            channel.judge(&page, may, true).map_err(context)?;
            for from in channel.places() {
                let Ok(page) = asking.read(name, Some(&from))? else { return Ok(()) };
                channel.judge_return(&from, &page, may).map_err(context)?;
                let lost = page.continues(&from).is_err();
                self.happened.lost_early += u64::from(lost && place >= EARLY);
            }
            self.happened.forgotten += u64::from(was > 0 && before == 0);
        }
        Ok(())
    }
}

fn placed(payload: &str, position: trunkline_core::position::Position) -> Publication {
    Publication {
        epoch: position.epoch,
        offset: position.offset,
        tag: position.tag.unwrap_or_default(),
        before: None,
        data: payload.to_owned().into(),
        info: None,
        tags: Vec::new(),
        time: trunkline_core::time::WallTime(0),
    }
}
