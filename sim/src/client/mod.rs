//! A client as a value: who it is, what it wants to hear, and how far it has come.
//!
//! Some speak as those of `/ws` do: they ask by URL, come back with tags, and can be told of gaps.
//! Others speak as the Centrifuge SDKs do: they ask by commands, come back with epoch and offset, and
//! take differences.

mod hearing;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use trunkline_core::channel::ChannelName;
use trunkline_core::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use trunkline_core::identity::ClientId;
use trunkline_core::position::Position;
use trunkline_core::session::Abilities;

use crate::pipe::Shared;
use crate::plan::Plan;
use crate::schedule::Seat;

pub use self::hearing::Hearing;

/// Something on its way from a client to its shard.
#[derive(Debug)]
pub enum Up {
    /// What its URL asks for.
    Opened(Request<'static>),
    /// A command.
    Command(Command<'static>),
    /// The answer to a ping.
    Pong,
    /// It is gone.
    Gone,
}

/// How a client stands to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not subscribed.
    Off,
    /// It has asked for it.
    Asked,
    /// It receives it.
    On,
}

/// A channel that a client wants to hear.
#[derive(Debug)]
pub struct Channel {
    /// Its name.
    pub name: ChannelName,
    /// How it stands to it.
    pub standing: Standing,
    /// How far it has come in its stream.
    pub seen: Option<Position>,
    /// The place it asked to come back to last.
    asked: Option<Position>,
    /// The payload of the last publication, for differences.
    last: Bytes,
    /// When the last publication of a channel without positions was made, among all of the channel.
    order: Option<u64>,
}

/// A connection as its client has it.
#[derive(Debug)]
pub struct Line {
    /// The node.
    pub seat: Seat,
    /// The shard.
    pub shard: usize,
    /// Its id.
    pub client: ClientId,
    /// Which of the client's connections it is.
    pub number: u64,
    /// What comes.
    pub pipe: Shared,
    /// The millisecond at which what was sent last arrives.
    pub arrives_at: u64,
}

/// What a command was about.
#[derive(Debug)]
enum Asked {
    Connect,
    Subscribe(usize),
    Unsubscribe,
    Publish { channel: ChannelName, id: String },
}

/// One client.
#[derive(Debug)]
pub struct Client {
    /// Its number.
    pub number: usize,
    /// Whether it is one of those who can be told of gaps, and come back with tags.
    pub tells_gaps: bool,
    /// Whether it wants differences.
    delta: bool,
    user: String,
    /// What it wants to hear.
    pub channels: Vec<Channel>,
    /// Its connection, if it has one.
    pub line: Option<Line>,
    /// How many connections it has had.
    pub lines: u64,
    /// Until when it reads nothing.
    pub stuck_until: u64,
    /// Frames it reads at a time, and the milliseconds in between.
    pub appetite: (usize, u64),
    commands: u32,
    published: u32,
    asked: BTreeMap<u32, Asked>,
}

impl Client {
    /// A client that has never been connected.
    #[must_use]
    pub fn new(number: usize, tells_gaps: bool, user: String, channels: Vec<ChannelName>) -> Self {
        let channel = |name| Channel {
            name,
            standing: Standing::Off,
            seen: None,
            asked: None,
            last: Bytes::new(),
            order: None,
        };
        Self {
            number,
            tells_gaps,
            delta: !tells_gaps,
            user,
            channels: channels.into_iter().map(channel).collect(),
            line: None,
            lines: 0,
            stuck_until: 0,
            appetite: (usize::MAX, 1),
            commands: 0,
            published: 0,
            asked: BTreeMap::new(),
        }
    }

    /// What its connection can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        Abilities {
            binary: false,
            pong: true,
            gaps: self.tells_gaps,
            delta: self.delta,
            unread: false,
        }
    }

    /// It comes: what it asks for by its URL, and what it sends first.
    pub fn come(&mut self, line: Line, plan: &Plan) -> (Vec<Request<'static>>, Vec<Up>) {
        self.line = Some(line);
        let user = Some(Cow::Owned(self.user.clone()));
        let connect =
            Request::Connect(ConnectRequest { claimed_user: user, ..ConnectRequest::default() });
        if !self.tells_gaps {
            let command = self.command(connect, Asked::Connect);
            return (Vec::new(), vec![command]);
        }
        let subscriptions: Vec<_> =
            (0..self.channels.len()).map(|at| self.request(at, plan)).collect();
        (std::iter::once(connect).chain(subscriptions).collect(), Vec::new())
    }

    /// It is no longer connected: the messages nobody will tell it the fate of.
    pub fn lose(&mut self) -> Vec<(ChannelName, String)> {
        self.line = None;
        for channel in &mut self.channels {
            channel.standing = Standing::Off;
        }
        let asked = std::mem::take(&mut self.asked).into_values();
        let published = asked.filter_map(|asked| match asked {
            Asked::Publish { channel, id } => Some((channel, id)),
            _ => None,
        });
        published.collect()
    }

    /// What to send to come back to a channel; nothing if it is there or has asked.
    pub fn again(&mut self, at: usize, plan: &Plan) -> Option<Up> {
        let wants = self.line.is_some() && self.channels[at].standing == Standing::Off;
        wants.then(|| {
            let request = self.request(at, plan);
            self.command(request, Asked::Subscribe(at))
        })
    }

    /// What to send to leave a channel, which it forgets at once.
    pub fn unsubscribe(&mut self, at: usize) -> Up {
        let channel = &mut self.channels[at];
        channel.standing = Standing::Off;
        let channel = Cow::Owned(channel.name.to_string());
        self.command(Request::Unsubscribe { channel }, Asked::Unsubscribe)
    }

    /// What to send to publish into one of its channels.
    pub fn publish(&mut self, at: usize, padding: usize) -> Up {
        self.published += 1;
        let id = format!("c{}-{}", self.number, self.published);
        let name = self.channels[at].name.clone();
        let data = Payload { bytes: Cow::Owned(payload(&id, padding)), json: true };
        let request = Request::Publish { channel: Cow::Owned(name.to_string()), data };
        self.command(request, Asked::Publish { channel: name, id })
    }

    fn request(&mut self, at: usize, plan: &Plan) -> Request<'static> {
        let (tells_gaps, delta) = (self.tells_gaps, self.delta);
        let channel = &mut self.channels[at];
        channel.standing = Standing::Asked;
        channel.asked = channel.seen.clone().filter(|_| plan.recovers(&channel.name));
        let recover = channel.asked.clone().map(|position| match tells_gaps {
            true => position,
            false => Position { tag: None, ..position },
        });
        Request::Subscribe(SubscribeRequest {
            channel: Cow::Owned(channel.name.to_string()),
            recover,
            join_leave: true,
            delta,
            ..SubscribeRequest::default()
        })
    }

    fn command(&mut self, request: Request<'static>, asked: Asked) -> Up {
        self.commands += 1;
        self.asked.insert(self.commands, asked);
        Up::Command(Command { id: self.commands, request })
    }
}

/// A payload that names a message; similar ones have small differences.
#[must_use]
pub fn payload(id: &str, padding: usize) -> Vec<u8> {
    let mut bytes = id.as_bytes().to_vec();
    bytes.push(b' ');
    bytes.resize(bytes.len() + padding, b'x');
    bytes
}

/// The message a payload names.
#[must_use]
pub fn message_of(payload: &[u8]) -> String {
    let end = payload.iter().position(|&byte| byte == b' ').unwrap_or(payload.len());
    String::from_utf8_lossy(&payload[..end]).into_owned()
}
