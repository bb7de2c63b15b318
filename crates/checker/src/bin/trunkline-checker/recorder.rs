//! Where everybody who takes part in a run says what happened.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trunkline_checker::event::Event;
use trunkline_checker::judge::{Judge, Verdict};

use crate::failure::{Doing, Failure};

/// Writes the log and judges it as it grows.
#[derive(Debug)]
pub(crate) struct Recorder(Mutex<Book>);

#[derive(Debug)]
struct Book {
    judge: Judge,
    log: Option<BufWriter<File>>,
    /// The first error of writing, which is told at the end.
    failed: Option<std::io::Error>,
}

impl Recorder {
    /// A recorder that writes to a file, if there is one.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn new(log: Option<&Path>) -> Result<Self, Failure> {
        let create = |path: &Path| File::create(path).doing(path.display());
        let log = log.map(create).transpose()?.map(BufWriter::new);
        Ok(Self(Mutex::new(Book { judge: Judge::new(), log, failed: None })))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A thread that panicked fails the whole run when it is joined.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event.
    pub(crate) fn note(&self, event: &Event) {
        let line = serde_json::to_string(event);
        let mut book = self.book();
        book.judge.note(event);
        let Book { log: Some(log), failed, .. } = &mut *book else { return };
        let written = line.map_err(std::io::Error::from).and_then(|line| writeln!(log, "{line}"));
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
    }

    /// The verdict on all that was noted.
    ///
    /// # Errors
    /// The log could not be written.
    pub(crate) fn verdict(&self) -> Result<Verdict, Failure> {
        let mut book = self.book();
        let flushed = book.log.as_mut().map_or(Ok(()), BufWriter::flush);
        flushed.and(book.failed.take().map_or(Ok(()), Err)).doing("writing the log")?;
        Ok(book.judge.verdict())
    }
}
