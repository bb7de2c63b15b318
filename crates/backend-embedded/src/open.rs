//! Opening a data directory: the lock, the index, the log, and then the threads.

use std::hash::RandomState;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use trunkline_core::backend::{Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::IDEMPOTENCY_ENTRIES;
use trunkline_core::notebook::Notebook;
use trunkline_core::position::Position;
use trunkline_wal::files::Files;
use trunkline_wal::{Lock, Record, Recovered, StoreId, Torn, Wal, WalError};

use crate::error::{OpenError, io_at};
use crate::halt::Halt;
use crate::hot::{Hot, Sessions};
use crate::index::{INDEX, Index, IndexError, MAKING, OutcomeRow, Reading, System};
use crate::keeper::{Bell, Keeper};
use crate::notes::Book;
use crate::options::{Clock, Options};
use crate::record::{self, Head};
use crate::repair::REPAIRING;
use crate::replay::Replay;
use crate::store::{STRIPES, Store};
use crate::stripe::Stripe;
use crate::{EmbeddedBackend, Threads};

/// What was found when a data directory was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// An unfinished batch that was cut off the log, if there was one. Nothing in it was
    /// acknowledged.
    pub torn: Option<Torn>,
    /// Records that the log held beyond the index.
    pub replayed: u64,
    /// Streams there are.
    pub streams: u64,
    /// Whether the last process had closed the store, rather than being killed.
    pub closed: bool,
    /// Streams that go on under another name, since they were delivered before they were stored
    /// when that process ended, or lost something in a repair. Those not in memory yet do so when
    /// they are first asked for, and are not counted.
    pub renamed: u64,
}

/// Opens a data directory, or makes it.
pub(crate) fn open(
    files: impl Files + Clone,
    data: &Path,
    mut options: Options,
    sink: Arc<dyn Sink>,
    clock: Clock,
    halt: Arc<Halt>,
) -> Result<(EmbeddedBackend, Opened), OpenError> {
    let lock = Lock::take(data, &files)?;
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let found = find_index(&shared, data, &options)?;
    let told = Arc::clone(&halt);
    options.log.on_failure = Some(Arc::new(move |failure| told.stop(&failure.to_string())));

    let now = clock();
    let index_path = data.join(INDEX);
    let log = options.log.clone();
    let (index, system, wal, recovered, replayed) = if let Some((index, system)) = found {
        let reading = index.read().map_err(|error| error.at(&index_path))?;
        let notes = notes(&reading).map_err(|error| error.at(&index_path))?;
        let mut replay = Replay::new(&reading, &system, notes, now);
        let (wal, recovered) =
            Wal::open_locked(lock.clone(), data, log, files, &mut |lsn, record| {
                replay.record(lsn, record);
            })?;
        check(&system, &recovered, data)?;
        let replayed = Replayed::of(replay, data)?;
        (index, system, wal, recovered, replayed)
    } else {
        let mut first = None;
        let (wal, recovered) = Wal::open_locked(lock.clone(), data, log, files, &mut |lsn, _| {
            first.get_or_insert(lsn);
        })?;
        if recovered.checkpoint.0 > 0 || first.is_some() {
            return Err(OpenError::Missing { file: index_path });
        }
        let system = System::new(recovered.store);
        Index::create(&shared, data, &system)?;
        let index = Index::open(&shared, data, options.index_cache_bytes)?;
        let reading = index.read().map_err(|error| error.at(&index_path))?;
        let replay = Replay::new(&reading, &system, Notebook::default(), now);
        let replayed = Replayed::of(replay, data)?;
        (index, system, wal, recovered, replayed)
    };

    let Replayed { mut streams, outcomes, book, generation, sessions, ended, count } = replayed;
    for hot in streams.iter_mut().map(|(_, hot)| hot) {
        hot.stream.trim(now);
    }
    let renamed = rename(&wal, &mut streams, &sessions, recovered.store, data)?;
    let system = System {
        session: sessions.now,
        ended: false,
        unclean: sessions.unclean,
        generation,
        ..system
    };
    let reading = index.read().map_err(|error| error.at(&index_path))?;
    let (saved, whole) = reading.outcomes().map_err(|error| error.at(&index_path))?;
    if !whole {
        let reason = "an outcome cannot be read".into();
        return Err(OpenError::Damaged { file: index_path, reason });
    }
    let stored = reading.count().map_err(|error| error.at(&index_path))?;
    drop(reading);
    let added = streams.iter().filter(|(_, hot)| hot.saved.is_none()).count() as u64;
    let opened = Opened {
        torn: recovered.torn,
        replayed: count,
        streams: stored + added,
        closed: ended,
        renamed,
    };

    let (loads, asked) = channel();
    let applied = AtomicU64::new(wal.progress().durable.0);
    let store = Arc::new(Store {
        sink,
        clock,
        id: recovered.store,
        sessions,
        wal,
        index,
        halt,
        hasher: RandomState::new(),
        stripes: stripes(data)?,
        book: Mutex::new(book),
        generation: AtomicU64::new(generation),
        applied,
        taken_back: AtomicU64::new(0),
        waiting: AtomicUsize::new(0),
        crowded: AtomicBool::new(false),
        closing: AtomicBool::new(false),
        loads,
        options,
        _lock: lock,
    });
    for (channel, hot) in streams {
        store.lock(store.place_of(&channel)).put(channel, hot);
    }
    let logged = outcomes.into_iter().map(|(lsn, row)| (Some(lsn), row));
    let saved = saved.into_iter().map(|(_, row)| (None, row));
    for (lsn, row) in saved.chain(logged) {
        remember(&store, lsn, row);
    }
    let bell = Arc::new(Bell::default());
    let spawn = |name: &str| thread::Builder::new().name(name.into());
    let loading = Arc::clone(&store);
    let loader = spawn("loader")
        .spawn(move || loading.load(&asked))
        .map_err(io_at("start the thread that reads from", data))?;
    let (keeper, heard) = (Keeper::new(Arc::clone(&store), system), Arc::clone(&bell));
    let keeper = spawn("keeper")
        .spawn(move || keeper.run(&heard))
        .map_err(io_at("start the thread that saves to", data))?;
    let threads = Mutex::new(Some(Threads { loader, keeper }));
    Ok((EmbeddedBackend { store, bell, threads }, opened))
}

/// What a replay has brought.
struct Replayed {
    streams: Vec<(ChannelName, Hot)>,
    outcomes: Vec<(u64, OutcomeRow)>,
    book: Book,
    generation: u64,
    sessions: Sessions,
    ended: bool,
    count: u64,
}

impl Replayed {
    fn of(replay: Replay<'_>, data: &Path) -> Result<Self, OpenError> {
        let (sessions, ended) = replay.sessions();
        let Replay { streams, outcomes, notes, noted, generation, count, error, .. } = replay;
        if let Some(error) = error {
            return Err(error.at(&data.join(INDEX)));
        }
        let streams = streams.into_iter().collect();
        let book = Book::new(notes, noted, sessions.now);
        Ok(Self { streams, outcomes, book, generation, sessions, ended, count })
    }
}

/// The notes that the index holds.
fn notes(reading: &Reading) -> Result<Notebook, IndexError> {
    let (rows, whole) = reading.notes()?;
    if !whole {
        return Err(IndexError::Damaged("a note cannot be read".into()));
    }
    let mut notes = Notebook::default();
    rows.into_iter().for_each(|note| notes.put(note));
    Ok(notes)
}

/// Opens the index if there is one.
fn find_index(
    files: &Arc<dyn Files>,
    data: &Path,
    options: &Options,
) -> Result<Option<(Index, System)>, OpenError> {
    let names = files.list(data).map_err(io_at("list", data))?;
    let there = |wanted: &str| names.iter().any(|name| name == wanted);
    if there(REPAIRING) {
        return Err(OpenError::Repairing { data: data.to_owned() });
    }
    if there(MAKING) {
        let path = data.join(MAKING);
        files.remove(&path).map_err(io_at("remove", &path))?;
    }
    if !there(INDEX) {
        return Ok(None);
    }
    // Its name may have been read from memory.
    files.sync_dir(data).map_err(io_at("flush", data))?;
    let mut index = Index::open(files, data, options.index_cache_bytes)?;
    index.verify().map_err(|error| error.at(&index.path()))?;
    let system = index.read().and_then(|reading| reading.system());
    let system = system.map_err(|error| error.at(&index.path()))?;
    Ok(Some((index, system)))
}

/// Whether the index and the log belong together, and neither is older than the other one needs.
fn check(system: &System, recovered: &Recovered, data: &Path) -> Result<(), OpenError> {
    let file = data.join(INDEX);
    if system.store != recovered.store {
        return Err(OpenError::Foreign { file });
    }
    if recovered.checkpoint.0 > system.lsn {
        let reason = format!(
            "it ends at record {}, and the log begins behind {}",
            system.lsn, recovered.checkpoint
        );
        return Err(OpenError::Damaged { file, reason });
    }
    if recovered.next.before().0 < system.high {
        let file = data.join("wal");
        let reason = format!(
            "it ends at record {}, and the index has seen {}",
            recovered.next.before(),
            system.high
        );
        return Err(OpenError::Damaged { file, reason });
    }
    Ok(())
}

/// Gives those streams new names of which clients may have seen more than there is, and lets the log
/// note it.
fn rename(
    wal: &Wal,
    streams: &mut [(ChannelName, Hot)],
    sessions: &Sessions,
    store: StoreId,
    data: &Path,
) -> Result<u64, OpenError> {
    let (tell, told) = channel();
    let mut renamed = 0;
    for (channel, hot) in streams {
        if !hot.settle_name(sessions, store) {
            continue;
        }
        renamed += 1;
        hot.dirty = true;
        let mut bytes = Vec::new();
        let head =
            Head { session: sessions.now, channel: channel.as_str(), name: hot.name, ahead: false };
        record::put_change(&mut bytes, &head, hot.stream.top().offset);
        let tell = tell.clone();
        let done = Box::new(move |result| {
            let _ = tell.send(result); // Who waits does so until it is told.
        });
        let record = Record { kind: record::RENAME, bytes: &bytes };
        let result = wal.append(&[record], done).and_then(|()| {
            // One after the other: there is room for it in any queue, and few streams run ahead.
            told.recv().unwrap_or(Err(WalError::Closed))
        });
        match result {
            Ok(lsn) => hot.lsn = lsn.0,
            // The name counts all the same; if it is not known to the next start, clients are told
            // that the stream is another.
            Err(WalError::Full) => {}
            Err(error) => {
                let source = std::io::Error::other(error.to_string());
                return Err(io_at("write the log in", data)(source));
            }
        }
    }
    Ok(renamed)
}

fn stripes(data: &Path) -> Result<Vec<Mutex<Stripe>>, OpenError> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| {
        io_at("draw random names for messages in", data)(std::io::Error::other(error.to_string()))
    })?;
    let seed = u64::from_ne_bytes(seed);
    let stripe = |n: u64| {
        let next_message = u128::from(seed.wrapping_add(n)) << 64;
        Mutex::new(Stripe::new(IDEMPOTENCY_ENTRIES / STRIPES, next_message))
    };
    Ok((0..STRIPES as u64).map(stripe).collect())
}

/// Takes over an outcome from before the start. Those that only the log holds have its number.
fn remember(store: &Store, lsn: Option<u64>, row: OutcomeRow) {
    let Ok(channel) = ChannelName::parse(&row.channel) else { return };
    let position = Position { epoch: row.epoch, offset: row.offset, tag: Some(row.tag) };
    let published = Published { position: Some(position), duplicate: false };
    let mut stripe = store.lock(store.place_of(&channel));
    stripe.outcomes.remember((channel, row.key.into()), &published, lsn, row.time);
}
