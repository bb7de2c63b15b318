//! Durable appends per second, beside what the disk itself gives.
//!
//! `cargo run --release -p trunkline-wal --example throughput [DIR] [SECONDS]`
//!
//! So many publishers append a record of 256 bytes each, and append the next one when it is
//! durable. The same number of bytes per batch is then written and flushed without any log: at the
//! end of a growing file, and over a file that was written before. Log and raw loops take turns in
//! short rounds, since disks have moods.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use trunkline_wal::{Disk, Options, Record, Wal};

const RECORD: [u8; 256] = [b'x'; 256];
const ROUNDS: u32 = 3;
/// Bytes after which the raw loops begin again, as large as a segment.
const RAW_FILE: u64 = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let dir = tempfile::Builder::new().prefix("throughput-").tempdir_in(parent)?;
    let round = Duration::from_secs_f64(seconds);
    let filled = File::create(dir.path().join("filled"))?;
    for chunk in 0..RAW_FILE >> 20 {
        filled.write_all_at(&[0; 1 << 20], chunk << 20)?;
    }
    filled.sync_all()?;
    println!(
        "publishers  appends/s  p50 ms  p99 ms  records/batch  raw growing/s  raw filled/s  ratio to growing  to filled"
    );
    for publishers in [1, 16, 128, 1024] {
        let mut log = Measured::default();
        let (mut growing, mut over) = (Rate::default(), Rate::default());
        for _ in 0..ROUNDS {
            let part = run_log(&dir.path().join("log"), publishers, round)?;
            let batch = (part.records / part.batches.max(1)).max(1);
            log.add(part);
            let path = dir.path().join("growing");
            growing.add(&run_raw(&File::create(path)?, batch, round / 2, true)?);
            over.add(&run_raw(&filled, batch, round / 2, false)?);
        }
        log.latencies.sort_unstable();
        let rate = log.records as f64 / log.took.as_secs_f64();
        println!(
            "{publishers:>10}  {rate:>9.0}  {:>6.2}  {:>6.2}  {:>13.1}  {:>13.0}  {:>12.0}  {:>16.2}  {:>9.2}",
            log.percentile(50),
            log.percentile(99),
            log.records as f64 / log.batches as f64,
            growing.per_second(),
            over.per_second(),
            rate / growing.per_second(),
            rate / over.per_second(),
        );
    }
    Ok(())
}

#[derive(Default)]
struct Measured {
    records: u64,
    batches: u64,
    took: Duration,
    latencies: Vec<Duration>,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.batches += other.batches;
        self.took += other.took;
        self.latencies.extend(other.latencies);
    }

    /// Milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let place = self.latencies.len().saturating_sub(1) * percent / 100;
        self.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

#[derive(Default)]
struct Rate {
    records: u64,
    took: Duration,
}

impl Rate {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.took += other.took;
    }

    fn per_second(&self) -> f64 {
        self.records as f64 / self.took.as_secs_f64()
    }
}

fn run_log(dir: &Path, publishers: usize, round: Duration) -> Result<Measured, Box<dyn Error>> {
    let (wal, _) = Wal::open(dir, Options::default(), Disk, &mut |_, _| {})?;
    let (sender, receiver) = channel();
    let append = |began: Instant| {
        let sender = sender.clone();
        let on_durable = Box::new(move |result| {
            // At the end nobody listens any more.
            let _ = sender.send((began, result));
        });
        wal.append(&[Record { kind: 0, bytes: &RECORD }], on_durable)
    };
    let began = Instant::now();
    for _ in 0..publishers {
        append(Instant::now())?;
    }
    let mut measured = Measured::default();
    let mut checkpointed = 0;
    while began.elapsed() < round {
        let (began, result) = receiver.recv()?;
        let lsn = result?;
        measured.latencies.push(began.elapsed());
        append(Instant::now())?;
        if lsn.0 > checkpointed + 400_000 {
            checkpointed = lsn.0;
            wal.checkpoint(lsn)?;
        }
    }
    measured.took = began.elapsed();
    measured.records = measured.latencies.len() as u64;
    measured.batches = wal.progress().batches;
    wal.checkpoint(wal.progress().durable)?;
    wal.close()?;
    Ok(measured)
}

/// Writes and flushes batches, at the end of the file or over what is there.
fn run_raw(file: &File, batch: u64, round: Duration, grows: bool) -> Result<Rate, Box<dyn Error>> {
    let bytes = RECORD.repeat(batch as usize);
    let mut rate = Rate::default();
    let mut at = 0;
    let began = Instant::now();
    while began.elapsed() < round {
        if at + bytes.len() as u64 > RAW_FILE {
            at = 0;
            if grows {
                file.set_len(0)?;
            }
        }
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        at += bytes.len() as u64;
        rate.records += batch;
    }
    rate.took = began.elapsed();
    Ok(rate)
}
