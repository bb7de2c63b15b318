//! A small log on a fake disk, and waiting for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use trunkline_wal::files::Files;
use trunkline_wal::{Lsn, OpenError, Options, Record, Recovered, StoreId, Wal, WalError};

pub(crate) fn data() -> &'static Path {
    Path::new("data")
}

pub(crate) fn segment(number: u64) -> PathBuf {
    data().join(format!("wal/{number:020}.wal"))
}

/// Where the first frame of a segment begins.
pub(crate) const FIRST_FRAME: u64 = 4096;

/// Three appends of 1,000 bytes fill a segment.
pub(crate) fn options() -> Options {
    Options {
        segment_bytes: FIRST_FRAME + 3200,
        record_bytes: 1000,
        batch_bytes: 3000,
        batch_records: 100,
        queue_bytes: 10_000,
        store: Some(StoreId([5; 16])),
        ..Options::default()
    }
}

/// A record as it was replayed.
pub(crate) type Replayed = (Lsn, u8, Vec<u8>);

pub(crate) fn open_at(
    data: &Path,
    options: Options,
    files: impl Files,
) -> Result<(Wal, Recovered, Vec<Replayed>), OpenError> {
    let mut records = Vec::new();
    let (wal, recovered) = Wal::open(data, options, files, &mut |lsn, record: Record<'_>| {
        records.push((lsn, record.kind, record.bytes.to_vec()));
    })?;
    Ok((wal, recovered, records))
}

pub(crate) fn open(files: impl Files) -> Result<(Wal, Recovered, Vec<Replayed>), OpenError> {
    open_at(data(), options(), files)
}

/// Waits until everyone whom a full disk concerned has been told.
pub(crate) fn all_told(wal: &Wal) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while wal.progress().refusing {
        assert!(Instant::now() < deadline, "everyone must be told");
        std::thread::yield_now();
    }
}

/// Begins an append of one record.
pub(crate) fn begin(wal: &Wal, bytes: &[u8]) -> Result<Receiver<Result<Lsn, WalError>>, WalError> {
    let (sender, receiver) = channel();
    let on_durable = Box::new(move |result| sender.send(result).expect("the test waits"));
    wal.append(&[Record { kind: 1, bytes }], on_durable)?;
    Ok(receiver)
}

/// Waits for the end of an append.
pub(crate) fn end(receiver: &Receiver<Result<Lsn, WalError>>) -> Result<Lsn, WalError> {
    receiver.recv_timeout(Duration::from_secs(20)).expect("an append must be completed")
}

/// Appends one record and waits.
pub(crate) fn append(wal: &Wal, bytes: &[u8]) -> Result<Lsn, WalError> {
    all_told(wal);
    end(&begin(wal, bytes)?)
}

/// Appends so many records of 1,000 bytes, each in a batch of its own.
pub(crate) fn fill(wal: &Wal, records: u8) {
    for number in 0..records {
        append(wal, &[number; 1000]).expect("there is room");
    }
}
