//! The floor: what the kernel alone costs.
//!
//! One thread, one epoll. It shakes hands, remembers which sockets are in which channel, and for
//! every publication writes scripted bytes to all members: one `recv` per incoming message, one
//! `send` per member and turn of its loop, whatever the number of messages that arrived in that
//! turn. It parses no JSON, builds no frame, allocates nothing per message, has no queue, checks
//! nothing. A server that does the same work for real cannot be faster; how near it comes is its
//! quality.

mod batch;
mod member;

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use crate::error::{BenchError, Doing};
use crate::instrument::command::{self, Command};
use crate::instrument::frame::{self, Header};
use crate::instrument::script::Script;
use crate::instrument::upgrade;
use batch::Batch;
use member::{Member, Members};

/// Events taken from the kernel per turn.
const EVENTS: usize = 1024;
/// Bytes of one `recv`. A client of the floor never has more in flight, so that no frame is ever
/// cut: the floor keeps no half frames.
pub(crate) const RECEIVE: usize = 64 * 1024;

/// Listens, prints the ready line on stdout, and serves until it is killed.
///
/// # Errors
/// The address cannot be listened on, the script is unusable, or epoll fails.
pub(crate) fn run(address: SocketAddr, script: &Script) -> Result<(), BenchError> {
    let listener = TcpListener::bind(address).doing(&format!("listening on {address}"))?;
    let address = listener.local_addr().doing("reading the listener's address")?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ready listen={address}").and_then(|()| stdout.flush()).doing("printing")?;
    drop(stdout);
    serve(listener, script)
}

/// Serves the connections of `listener` until something fails.
pub(crate) fn serve(listener: TcpListener, script: &Script) -> Result<(), BenchError> {
    Floor::new(listener, script)?.turns()
}

struct Floor {
    epoll: OwnedFd,
    listener: TcpListener,
    members: Members,
    batch: Batch,
    upgrade: Vec<u8>,
    accept_at: usize,
    connect_reply: Vec<u8>,
    subscribe_reply: Vec<u8>,
}

impl Floor {
    fn new(listener: TcpListener, script: &Script) -> Result<Self, BenchError> {
        listener.set_nonblocking(true).doing("making the listener non-blocking")?;
        // Accepted sockets inherit it, which saves a system call for each.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true).doing("setting no delay")?;
        let epoll = epoll::create(CreateFlags::CLOEXEC).doing("creating an epoll")?;
        epoll::add(&epoll, &listener, token(&listener), EventFlags::IN).doing("watching")?;
        let (before, _) = script.upgrade_around_accept()?;
        Ok(Self {
            accept_at: before.len(),
            upgrade: script.upgrade.clone().into_bytes(),
            epoll,
            listener,
            members: Members::default(),
            batch: Batch::new(
                &frame::unmasked(&script.publish_reply),
                &frame::unmasked(&script.publication),
            ),
            connect_reply: frame::unmasked(&script.connect_reply),
            subscribe_reply: frame::unmasked(&script.subscribe_reply),
        })
    }

    fn turns(&mut self) -> Result<(), BenchError> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut buffer = vec![0; RECEIVE];
        let listener = self.listener.as_raw_fd() as u64;
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).doing("waiting for events"),
            }
            for event in &events {
                let data = event.data;
                if data.u64() == listener {
                    self.accept()?;
                } else if self.receive(data.u64() as usize, &mut buffer).is_none() {
                    self.members.remove(data.u64() as usize);
                }
            }
            self.members.flush(&self.batch);
        }
    }

    fn accept(&mut self) -> Result<(), BenchError> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => {
                    let watched = EventFlags::IN | EventFlags::ET;
                    epoll::add(&self.epoll, &socket, token(&socket), watched).doing("watching")?;
                    self.members.add(Member::new(socket.into()));
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error).doing("accepting"),
            }
        }
    }

    /// Reads once and obeys. `None` means the connection is over, by its own will or for what it
    /// sent.
    fn receive(&mut self, fd: usize, buffer: &mut [u8]) -> Option<()> {
        loop {
            let count = match self.members.get(fd)?.receive(buffer) {
                Ok(0) => return None,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(()),
                Err(_) => return None,
            };
            let mut bytes = &buffer[..count];
            if !self.members.get(fd)?.is_upgraded() {
                self.shake_hands(fd, bytes)?;
                bytes = &[];
            }
            while !bytes.is_empty() {
                bytes = self.obey(fd, bytes)?;
            }
            // A read that was not filled has emptied the socket; the next event comes with the next
            // bytes.
            if count < buffer.len() {
                return Some(());
            }
        }
    }

    fn shake_hands(&mut self, fd: usize, request: &[u8]) -> Option<()> {
        let accept = upgrade::accept(upgrade::key(request)?);
        self.upgrade[self.accept_at..self.accept_at + accept.len()].copy_from_slice(&accept);
        let member = self.members.get(fd)?;
        member.upgrade();
        member.send(&self.upgrade)
    }

    /// Obeys the frame at the start of `bytes` and returns what follows it.
    fn obey<'a>(&mut self, fd: usize, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let header = Header::read(bytes).ok()??;
        let end = header.size + header.payload;
        if !header.masked || bytes.len() < end {
            return None;
        }
        let mut head = [0; command::HEAD];
        match Command::read(frame::unmask_head(header, bytes, &mut head))? {
            Command::Connect => self.members.get(fd)?.send(&self.connect_reply)?,
            Command::Subscribe(channel) => {
                self.members.subscribe(fd, channel);
                self.members.get(fd)?.send(&self.subscribe_reply)?;
            }
            Command::Publish(channel) => self.members.published(fd, channel),
            Command::Pong => {}
        }
        Some(&bytes[end..])
    }
}

fn token(socket: &impl AsFd) -> EventData {
    EventData::new_u64(socket.as_fd().as_raw_fd() as u64)
}
