//! A write-ahead log with group commit.
//!
//! What an append was told is durable is on disk: in order, once, and again after any crash. The
//! log carries opaque bytes with a kind and gives each record a number, its [`Lsn`]; what they mean
//! is its owner's business. One thread writes: it takes everything that waits, writes it as one
//! batch, flushes once and then completes the appends in order. While it flushes, the next batch
//! gathers by itself; an idle log delays nothing.
//!
//! ```no_run
//! use trunkline_wal::{Disk, Options, Record, Wal};
//!
//! let replay = &mut |lsn, record: Record<'_>| println!("{lsn}: kind {}", record.kind);
//! let (wal, recovered) = Wal::open("data".as_ref(), Options::default(), Disk, replay)?;
//! println!("the next record is {}", recovered.next);
//! let done = Box::new(|result| println!("durable: {result:?}"));
//! wal.append(&[Record { kind: 1, bytes: b"hello" }], done)?;
//! wal.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//! - A record that was acknowledged, and is not below a checkpoint, is there after every restart,
//!   provided that a flush flushes and that writing a block of 512 bytes anew with the same
//!   beginning keeps that beginning.
//! - A record that was refused never appears. One whose fate was open (a crash, [`WalError::Failed`])
//!   either is there at the next opening, and from then on, or never.
//! - After an I/O error the log stops and tries nothing again. A full disk is no such error as long
//!   as it shows when room is taken or bytes are written: those appends fail with
//!   [`WalError::Full`], and later ones succeed when there is room. Shown by a flush it is one.
//! - A batch that a crash left unfinished at the end of the log is cut off and reported. Damage with
//!   a valid batch behind it refuses to open; [`repair()`] cuts there and sets the rest aside.
//!
//! # Files
//! | below the data directory | what |
//! |---|---|
//! | `lock` | held by the one process that uses the directory |
//! | `wal/checkpoint` | identity of the store, and up to where the log is no longer needed |
//! | `wal/00000000000000000042.wal` | segment 42; it gets this name when its header is on disk |
//! | `wal/spare-…` | a former segment that waits to be used again |
//! | `wal/making-…` | a file being made to become a segment |
//! | `wal/damaged-…` | what a repair set aside; never read again |
//!
//! # Format, version 1
//! Numbers are little-endian, checksums CRC-32C.
//!
//! | segment header, one block of 4,096 bytes | bytes | |
//! |---|---|---|
//! | magic, version | 8, 4 | at the same place in every version |
//! | checksum | 4 | of these 64 bytes, itself taken as zero |
//! | store | 16 | |
//! | number | 8 | as in the file's name |
//! | first record | 8 | the `Lsn` of the first record of this segment |
//! | previous end | 8 | where the frames of the segment before end: what is behind them is nothing |
//! | capacity | 8 | bytes of the file |
//! | zeros | 4,032 | |
//!
//! | frame, one per batch and flush | bytes | |
//! |---|---|---|
//! | magic | 4 | |
//! | length | 4 | bytes of the records |
//! | first record | 8 | the `Lsn` of the first record of this frame |
//! | count | 4 | records |
//! | checksum of the records | 4 | |
//! | checksum of the head | 4 | of store, segment number, offset in the segment, and the 24 bytes before |
//! | records | length | each: length 4, kind 1, bytes |
//! | end mark | 4 | the checksum of the head, inverted |
//!
//! Behind the last frame stand 28 zero bytes, overwritten by the next one. Since the checksum covers
//! the place, bytes of an earlier use of the file, or a record that looks like a frame, are none.
//!
//! | checkpoint slot, at 0 and at 4,096 | bytes | |
//! |---|---|---|
//! | magic, version, checksum | 8, 4, 4 | as above |
//! | store | 16 | |
//! | generation | 8 | the higher one of two valid slots holds |
//! | checkpoint | 8 | records up to this `Lsn` are no longer needed |
//!
//! | module | what |
//! |---|---|
//! | [`files`], `disk` | what the log needs of a file system, and the real one |
//! | `names`, `segment`, `frame`, `marker` | names and formats |
//! | `scan`, `survey` | reading one segment, and the whole directory |
//! | `open`, [`mod@repair`] | putting the log in order: after a crash, and after damage |
//! | `queue`, `writer`, `shelf` | what waits, the thread that writes, the segments around it |
//! | `teller` | telling appends what has become of them |
//! | `wal` | the handle |
//! | [`testing`] | a disk that fails in every way, from a seed |

mod disk;
mod error;
pub mod files;
mod frame;
mod marker;
mod names;
mod open;
mod options;
mod queue;
mod record;
pub mod repair;
mod scan;
mod segment;
mod shelf;
mod survey;
mod teller;
pub mod testing;
mod wal;
mod writer;

pub use disk::Disk;
pub use error::{OpenError, WalError};
pub use open::{Lock, Recovered, Torn};
pub use options::{OnFailure, Options};
pub use queue::OnDurable;
pub use record::{Lsn, Record, StoreId};
pub use repair::repair;
pub use wal::{Progress, Wal};
