//! Waiting for a non-blocking socket, with a deadline.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use trunkline_transport::{Acceptor, Socket};

/// Far more than anything on the loopback takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Repeats `attempt` after each event of `source`, until it would no longer block.
#[track_caller]
pub(crate) fn until_ready<S: mio::event::Source, T>(
    source: &mut S,
    interest: Interest,
    mut attempt: impl FnMut(&mut S) -> io::Result<T>,
) -> io::Result<T> {
    let begun = Instant::now();
    let mut poll = Poll::new()?;
    poll.registry().register(source, Token(0), interest)?;
    let outcome = loop {
        match attempt(source) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            done => break done,
        }
        assert!(begun.elapsed() < DEADLINE, "nothing happened");
        poll.poll(&mut Events::with_capacity(1), Some(DEADLINE))?;
    };
    poll.registry().deregister(source)?;
    outcome
}

#[track_caller]
pub(crate) fn accept(acceptor: &mut Acceptor) -> Socket {
    until_ready(acceptor, Interest::READABLE, |acceptor| acceptor.accept()).expect("a connection")
}

/// Reads some bytes; nothing is the end.
#[track_caller]
pub(crate) fn read(socket: &mut Socket) -> io::Result<Vec<u8>> {
    let mut buf = [0; 4096];
    let read = until_ready(socket, Interest::READABLE, |socket| socket.read(&mut buf))?;
    Ok(buf[..read].to_vec())
}
