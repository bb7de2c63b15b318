//! The floor's only state: which sockets there are and which are in which channel.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use super::batch::Batch;

/// One connection: its socket, its channel, and what this turn owes it.
#[derive(Debug)]
pub(crate) struct Member {
    socket: TcpStream,
    /// Replies to publishes that arrived in this turn.
    replies: u32,
    channel: Option<u16>,
    upgraded: bool,
}

impl Member {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, replies: 0, channel: None, upgraded: false }
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    pub(crate) fn upgrade(&mut self) {
        self.upgraded = true;
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }

    /// Sends all of it at once; `None` when the socket would not take it, as the floor has no
    /// queue.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Option<()> {
        (self.socket.write(bytes).ok()? == bytes.len()).then_some(())
    }
}

/// The members of one channel, by file descriptor, and its publications of this turn.
#[derive(Debug, Default)]
struct Channel {
    members: Vec<u32>,
    publications: u32,
}

/// All connections, by file descriptor, and all channels, by number.
#[derive(Debug, Default)]
pub(crate) struct Members {
    connections: Vec<Option<Member>>,
    channels: Vec<Channel>,
    /// Channels with publications in this turn.
    dirty: Vec<u16>,
    /// Connections that published in this turn.
    owed: Vec<u32>,
    /// Connections that did not take what they were sent.
    stuck: Vec<u32>,
}

impl Members {
    pub(crate) fn add(&mut self, member: Member) {
        let fd = member.socket.as_raw_fd() as usize;
        if self.connections.len() <= fd {
            self.connections.resize_with(fd + 1, || None);
        }
        self.connections[fd] = Some(member);
    }

    pub(crate) fn get(&mut self, fd: usize) -> Option<&mut Member> {
        self.connections.get_mut(fd)?.as_mut()
    }

    /// Forgets a connection, which closes its socket.
    pub(crate) fn remove(&mut self, fd: usize) {
        let removed = self.connections.get_mut(fd).and_then(Option::take);
        let Some(channel) = removed.and_then(|member| member.channel) else { return };
        let members = &mut self.channels[usize::from(channel)].members;
        if let Some(at) = members.iter().position(|&member| member as usize == fd) {
            members.swap_remove(at);
        }
    }

    /// Puts a connection into a channel, its first and only one.
    pub(crate) fn subscribe(&mut self, fd: usize, channel: u16) {
        let Some(member) = self.get(fd).filter(|member| member.channel.is_none()) else { return };
        member.channel = Some(channel);
        self.channel(channel).members.push(fd as u32);
    }

    /// Notes a publication and the reply it wants, for the end of the turn.
    pub(crate) fn published(&mut self, fd: usize, channel: u16) {
        let Some(member) = self.get(fd) else { return };
        member.replies += 1;
        if member.replies == 1 {
            self.owed.push(fd as u32);
        }
        let state = self.channel(channel);
        state.publications += 1;
        if state.publications == 1 {
            self.dirty.push(channel);
        }
    }

    /// Ends a turn: one send for every member of every channel that had publications, the reply to
    /// a publisher riding along when it is a member, and one for every publisher that is not.
    pub(crate) fn flush(&mut self, batch: &Batch) {
        for channel in self.dirty.drain(..) {
            let channel = &mut self.channels[usize::from(channel)];
            let publications = std::mem::take(&mut channel.publications);
            for &fd in &channel.members {
                let Some(member) = &mut self.connections[fd as usize] else { continue };
                let replies = std::mem::take(&mut member.replies);
                if batch.slices(replies, publications).any(|bytes| member.send(bytes).is_none()) {
                    self.stuck.push(fd);
                }
            }
        }
        for fd in self.owed.drain(..) {
            let Some(member) = &mut self.connections[fd as usize] else { continue };
            let replies = std::mem::take(&mut member.replies);
            if batch.slices(replies, 0).any(|bytes| member.send(bytes).is_none()) {
                self.stuck.push(fd);
            }
        }
        while let Some(fd) = self.stuck.pop() {
            self.remove(fd as usize);
        }
    }

    fn channel(&mut self, channel: u16) -> &mut Channel {
        let at = usize::from(channel);
        if self.channels.len() <= at {
            self.channels.resize_with(at + 1, Channel::default);
        }
        &mut self.channels[at]
    }
}
