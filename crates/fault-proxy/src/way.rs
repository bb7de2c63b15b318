//! One direction at work: reads, asks the lane, waits and writes.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::fate::{End, Progress};
use crate::faults::{Direction, LineFaults};
use crate::lane::{Lane, Next};
use crate::serve::Settings;

/// Bytes of one read: what Redis and most sockets write at once, and a small part of what a lane holds.
const READ: usize = 16 * 1024;

/// Longest uninterrupted wait. After it the lane is asked again, so it only has to be within what timers
/// can do.
const NAP: Duration = Duration::from_secs(3600);

/// A direction with the two halves of sockets it joins.
#[derive(Debug)]
pub(crate) struct Way<R, W> {
    from: Option<SocketAddr>,
    direction: Direction,
    source: R,
    destination: W,
    lane: Lane,
    born: Instant,
    buffer: Box<[u8]>,
    progress: Progress,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Way<R, W> {
    /// A direction in which nothing has passed, of the connection that the upstream sees come `from`
    /// there.
    pub(crate) fn new(
        from: Option<SocketAddr>,
        direction: Direction,
        source: R,
        destination: W,
        lane: Lane,
    ) -> Self {
        Self {
            from,
            direction,
            source,
            destination,
            lane,
            born: Instant::now(),
            buffer: vec![0; READ].into(),
            progress: Progress::default(),
        }
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// Does what there is to do, until its progress has changed. May be dropped at any time and begun
    /// again; no byte is lost by it.
    pub(crate) async fn go_on(&mut self, settings: &watch::Receiver<Settings>) {
        if self.progress.end.is_none() {
            self.carry(settings).await;
        } else if self.progress.drains() {
            self.drain().await;
        } else {
            pending::<()>().await;
        }
    }

    /// Tells the destination that its source has closed.
    pub(crate) async fn tell(&mut self) {
        self.progress.told = true;
        // A destination that is gone needs not be told.
        let _ = self.destination.shutdown().await;
    }

    async fn carry(&mut self, settings: &watch::Receiver<Settings>) {
        let (direction, from) = (self.direction, self.from);
        let line = || -> LineFaults { *settings.borrow().faults_of(from).line(direction) };
        let (lane, born) = (&mut self.lane, self.born);
        while self.progress.end.is_none() {
            let before = line();
            let next = lane.next(&before, born.elapsed());
            if let Next::End(end) = next {
                self.progress.end = Some(end);
                return;
            }
            let room = lane.room(&before).min(READ);
            let destination = &mut self.destination;
            let act = async {
                match &next {
                    Next::Write(bytes) => Some(destination.write(bytes).await),
                    Next::At(due) => {
                        sleep(due.saturating_sub(born.elapsed()).min(NAP)).await;
                        None
                    }
                    Next::Idle | Next::End(_) => pending().await,
                }
            };
            tokio::select! {
                biased;
                wrote = act => match wrote {
                    Some(Ok(0) | Err(_)) => self.progress.end = Some(End::DestinationLost),
                    Some(Ok(bytes)) => lane.wrote(bytes, born.elapsed()),
                    None => {}
                },
                read = self.source.read(&mut self.buffer[..room]), if room > 0 => match read {
                    // What was sent after the faults had changed has to meet the new ones, so they are
                    // looked at again.
                    Ok(bytes @ 1..) => lane.take(&self.buffer[..bytes], &line(), born.elapsed()),
                    Ok(0) => lane.end(End::Closed, born.elapsed()),
                    Err(_) => lane.end(End::SourceLost, born.elapsed()),
                },
            }
        }
    }

    /// Discards what the source still sends.
    async fn drain(&mut self) {
        while let Ok(1..) = self.source.read(&mut self.buffer).await {}
        self.progress.drained = true;
    }
}
