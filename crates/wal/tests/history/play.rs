//! One history.

use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use trunkline_wal::files::Files;
use trunkline_wal::testing::{Dice, FakeDisk, Room};
use trunkline_wal::{Lsn, OpenError, Options, Record, Recovered, Wal, WalError};

use super::data;
use super::model::Model;

/// What a history was made of, to see that histories are worth their name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Happened {
    pub(crate) acknowledged: u64,
    pub(crate) refused_full: u64,
    pub(crate) overloaded: u64,
    pub(crate) failures: u64,
    pub(crate) restarts: u64,
    pub(crate) crashes_in_recovery: u64,
    pub(crate) torn: u64,
    pub(crate) checkpoints: u64,
    pub(crate) refused_damage: u64,
    pub(crate) repaired_loss: u64,
    pub(crate) cut_tail: u64,
}

impl std::ops::AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused_full += other.refused_full;
        self.overloaded += other.overloaded;
        self.failures += other.failures;
        self.restarts += other.restarts;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.torn += other.torn;
        self.checkpoints += other.checkpoints;
        self.refused_damage += other.refused_damage;
        self.repaired_loss += other.repaired_loss;
        self.cut_tail += other.cut_tail;
    }
}

type Payloads = Vec<Vec<u8>>;
type Done = (Payloads, Result<Lsn, WalError>);

/// A record as it was replayed.
pub(crate) type Replayed = Vec<(Lsn, Vec<u8>)>;

/// A history being played.
pub(crate) struct Play<W> {
    pub(crate) disk: FakeDisk,
    wrap: W,
    pub(crate) options: Options,
    pub(crate) dice: Dice,
    pub(crate) model: Model,
    pub(crate) happened: Happened,
    appended: u64,
    opened_before: bool,
    done: (Sender<Done>, Receiver<Done>),
}

impl<F: Files, W: Fn(FakeDisk) -> F> Play<W> {
    pub(crate) fn new(disk: FakeDisk, wrap: W, options: Options, dice: Dice) -> Self {
        Self {
            disk,
            wrap,
            options,
            dice,
            model: Model::default(),
            happened: Happened::default(),
            appended: 0,
            opened_before: false,
            done: channel(),
        }
    }

    pub(crate) fn run(&mut self) -> Result<(), String> {
        let mut wal = self.reopen()?;
        for _ in 0..30 + self.dice.below(50) {
            match self.dice.below(100) {
                0..45 => self.appends(&wal, 1)?,
                45..60 => self.burst(&wal)?,
                60..72 => self.checkpoint(&wal)?,
                72..77 => self.disk.power_off_in(self.dice.below(25)),
                77..80 => self.fail_flush(),
                80..84 => self.disk.set_room(Room::Reserving(self.dice.below(9000))),
                84..87 => self.disk.set_room(Room::CopyOnWrite(self.dice.below(9000))),
                87..93 => self.disk.set_room(Room::Plenty),
                _ => {
                    let closed = wal.close();
                    if closed.is_ok() && self.dice.one_in(2) {
                        self.restart();
                    }
                    wal = self.reopen()?;
                }
            }
            if wal.failure().is_some() || !self.disk.is_powered() {
                self.happened.failures += 1;
                drop(wal);
                self.restart();
                wal = self.reopen()?;
            }
        }
        self.disk.set_room(Room::Plenty);
        wal.close().map_err(|error| format!("closing: {error}"))?;
        self.disk.restart_after_power_loss();
        let wal = self.reopen()?;
        drop(wal);
        self.disk.restart_after_kill();
        Ok(())
    }

    fn fail_flush(&mut self) {
        let kind = if self.dice.one_in(2) { ErrorKind::Other } else { ErrorKind::StorageFull };
        self.disk.fail_flush_in(self.dice.below(4), kind);
    }

    fn restart(&mut self) {
        if self.dice.one_in(2) {
            self.disk.restart_after_kill();
        } else {
            self.disk.restart_after_power_loss();
        }
    }

    /// Opens the log as it is, collecting what it replays.
    pub(crate) fn open(&self) -> (Result<(Wal, Recovered), OpenError>, Replayed) {
        let mut records = Replayed::new();
        let files = (self.wrap)(self.disk.clone());
        let opened = Wal::open(data(), self.options.clone(), files, &mut |lsn, record| {
            records.push((lsn, record.bytes.to_vec()));
        });
        (opened, records)
    }

    /// Opens the log however often it crashes while opening, and judges what is there.
    fn reopen(&mut self) -> Result<Wal, String> {
        self.happened.restarts += 1;
        for attempt in 0.. {
            if attempt < 3 && self.dice.one_in(3) {
                self.disk.power_off_in(self.dice.below(16));
            }
            if attempt < 3 && self.dice.one_in(12) {
                self.fail_flush();
            }
            let (opened, records) = self.open();
            let error = match opened {
                Ok((wal, recovered)) => {
                    self.opened_before = true;
                    self.happened.torn += u64::from(recovered.torn.is_some());
                    self.model.restarted(&recovered, records)?;
                    return Ok(wal);
                }
                Err(error) => error,
            };
            let OpenError::Io { source, .. } = &error else {
                return Err(format!("refused without damage: {error}"));
            };
            let text = source.to_string();
            if text.contains("power") || text.contains("disk failed") {
                self.happened.crashes_in_recovery += 1;
                self.restart();
            } else if source.kind() == ErrorKind::StorageFull && !self.may_open_full() {
                self.disk.set_room(Room::Plenty);
            } else {
                return Err(format!("refused without damage: {error}"));
            }
        }
        unreachable!("the loop ends with a log or an error")
    }

    /// A log that was there needs no new room to open, where what was reserved is kept for it.
    fn may_open_full(&self) -> bool {
        self.opened_before && matches!(self.disk.room(), Room::Reserving(_))
    }

    /// Appends and waits for what becomes of it.
    pub(crate) fn appends(&mut self, wal: &Wal, times: u64) -> Result<(), String> {
        let mut waiting = 0;
        for _ in 0..times {
            waiting += u64::from(self.append(wal));
        }
        (0..waiting).try_for_each(|_| self.settle())
    }

    /// Appends several times while the first is being written, so that the rest becomes batches.
    fn burst(&mut self, wal: &Wal) -> Result<(), String> {
        self.disk.hold();
        let mut waiting = u64::from(self.append(wal));
        if waiting == 1 {
            self.disk.wait_until_held();
            for _ in 0..self.dice.below(9) {
                waiting += u64::from(self.append(wal));
            }
        }
        self.disk.release();
        (0..waiting).try_for_each(|_| self.settle())
    }

    /// Begins an append; false if it was refused at once.
    fn append(&mut self, wal: &Wal) -> bool {
        while wal.progress().refusing {
            // Someone is being told that there is no room.
            std::thread::yield_now();
        }
        let payloads: Payloads = (0..1 + self.dice.below(3)).map(|_| self.payload()).collect();
        let records: Vec<_> = payloads.iter().map(|bytes| Record { kind: 3, bytes }).collect();
        let (sender, told) = (self.done.0.clone(), payloads.clone());
        let on_durable = Box::new(move |result| {
            // The receiver lives as long as the play.
            let _ = sender.send((told, result));
        });
        match wal.append(&records, on_durable) {
            Ok(()) => true,
            Err(error) => {
                self.happened.overloaded += u64::from(matches!(error, WalError::Overloaded { .. }));
                self.model.refused(payloads);
                false
            }
        }
    }

    /// A payload that there never was, mostly of a byte that is the same in all, so that what an
    /// earlier use of a file left behind resembles what is written there now.
    fn payload(&mut self) -> Vec<u8> {
        self.appended += 1;
        let mut payload = self.appended.to_le_bytes().to_vec();
        payload.resize(8 + self.dice.below(300) as usize, 0x55);
        payload
    }

    fn settle(&mut self) -> Result<(), String> {
        let deadline = Duration::from_secs(20);
        let (payloads, result) =
            self.done.1.recv_timeout(deadline).map_err(|_| "an append was never completed")?;
        match result {
            Ok(first) => {
                self.happened.acknowledged += payloads.len() as u64;
                self.model.acknowledged(first, payloads)
            }
            Err(WalError::Full) => {
                self.happened.refused_full += 1;
                self.model.refused(payloads);
                Ok(())
            }
            Err(WalError::Failed { .. }) => {
                self.model.undecided(payloads);
                Ok(())
            }
            Err(error) => Err(format!("an append ended with: {error}")),
        }
    }

    fn checkpoint(&mut self, wal: &Wal) -> Result<(), String> {
        let span = self.model.last().0 - self.model.checkpoint.0;
        let lsn = self.model.checkpoint.plus(self.dice.below(span + 1));
        self.model.tried = self.model.tried.max(lsn);
        match wal.checkpoint(lsn) {
            Ok(()) => {
                self.happened.checkpoints += 1;
                self.model.checkpoint = lsn;
                Ok(())
            }
            Err(WalError::Failed { .. } | WalError::Full) => Ok(()),
            Err(error) => Err(format!("checkpoint at {lsn}: {error}")),
        }
    }
}
