//! Moving what is in flight, breaking and mending connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::backend::{BackendError, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::signal::NodeId;

use crate::parcel::{Act, Done, Parcel, Request, Wish};
use crate::port::{IN_FLIGHT, Port};
use crate::presence::Presence;
use crate::streams::Streams;
use crate::{Lane, Link, Mode};

/// Which lane moves first where all move by themselves: what is published has been delivered when
/// its publisher hears of it, and all that follows from one request has, before the next is served.
const BY_ITSELF: [Lane; 4] =
    [Lane::Subscriptions, Lane::Publications, Lane::Answers, Lane::Requests];

/// Everything there is, but for the lock.
pub(crate) struct State {
    pub(crate) streams: Streams,
    pub(crate) presence: Presence,
    pub(crate) nodes: BTreeMap<NodeId, Port>,
    next_number: u64,
    /// Whether a thread moves what is in flight. While none does, nothing that can move waits where
    /// all moves by itself.
    moving: bool,
}

/// The state behind its lock. Sinks and completions are called without it: they may ask for more.
pub(crate) struct Network {
    mode: Mode,
    state: Mutex<State>,
}

impl Network {
    pub(crate) fn new(mode: Mode, seed: u64) -> Self {
        let state = State {
            streams: Streams::new(seed),
            presence: Presence::default(),
            nodes: BTreeMap::new(),
            next_number: 0,
            moving: false,
        };
        Self { mode, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock())
    }

    /// Moves the next item of a lane; whether there was one that could.
    pub(crate) fn step(&self, link: &Link) -> bool {
        let moved = self.with(|state| state.arrive(link));
        let Some(acts) = moved else { return false };
        acts.into_iter().for_each(|act| act());
        true
    }

    /// Moves any item; whether there was one that could.
    pub(crate) fn step_any(&self) -> bool {
        let moved = self.with(|state| state.ready().and_then(|link| state.arrive(&link)));
        let Some(acts) = moved else { return false };
        acts.into_iter().for_each(|act| act());
        true
    }

    /// Where all moves by itself, moves it. One thread does at a time, also what others bring
    /// meanwhile, so that the order of delivery is the order of the lanes.
    pub(crate) fn run(&self) {
        if self.mode == Mode::Driven {
            return;
        }
        if self.with(|state| std::mem::replace(&mut state.moving, true)) {
            return;
        }
        let _mover = Mover(self);
        loop {
            let moved = self.with(|state| {
                let moved = state.ready().and_then(|link| state.arrive(&link));
                state.moving = moved.is_some();
                moved
            });
            let Some(acts) = moved else { return };
            acts.into_iter().for_each(|act| act());
        }
    }

    /// Puts a request in flight.
    pub(crate) fn ask(&self, node: &NodeId, number: u64, request: Request) {
        let refused = self.with(|state| match state.port(node, number) {
            None => request.fail(BackendError::Stopped),
            // Who comes and goes is bounded by connections, and must not be forgotten.
            Some(port) if port.unanswered() >= IN_FLIGHT && !request.is_repeated() => {
                request.fail(BackendError::Overloaded)
            }
            Some(port) => port.request(request),
        });
        if let Some(refused) = refused {
            refused();
        }
        self.run();
    }

    /// A node wants to hear a channel. Delivers nothing before it returns.
    pub(crate) fn listen(&self, node: &NodeId, number: u64, channel: ChannelName, done: Done<()>) {
        let wanted = self.with(|state| state.port(node, number).map(|port| port.want(&channel)));
        self.wish(node, number, Wish::Listen(channel, wanted.unwrap_or_default(), done));
    }

    /// A node does not want to hear a channel any more.
    pub(crate) fn unlisten(&self, node: &NodeId, number: u64, channel: ChannelName) {
        self.with(|state| state.port(node, number).map(|port| port.want_no_more(&channel)));
        self.wish(node, number, Wish::Unlisten(channel));
    }

    fn wish(&self, node: &NodeId, number: u64, wish: Wish) {
        let acts = self.with(|state| {
            let by_itself = self.mode == Mode::AtOnce && !state.moving;
            let Some(port) = state.port(node, number) else {
                return wish.fail(BackendError::Stopped).into_iter().collect();
            };
            if port.is_cut(Lane::Subscriptions) {
                // What the node wants is known, and is asked for again when the connection is back.
                return wish.fail(BackendError::Unavailable).into_iter().collect();
            }
            if port.wishes.len() >= IN_FLIGHT {
                let mut told = port.cut(Lane::Subscriptions);
                port.heal(Lane::Subscriptions);
                told.extend(wish.fail(BackendError::Unavailable));
                return told;
            }
            port.wishes.push_back(wish);
            if !by_itself {
                return Vec::new();
            }
            // Nothing else was in flight: these two steps are the wish and its answer.
            let link = |lane| Link { node: node.clone(), lane };
            let wished = state.arrive(&link(Lane::Subscriptions));
            let heard = state.arrive(&link(Lane::Publications));
            wished.into_iter().chain(heard).flatten().collect()
        });
        acts.into_iter().for_each(|act: Act| act());
    }
}

/// The thread that moves things. Should a sink or a completion panic, others go on.
struct Mover<'n>(&'n Network);

impl Drop for Mover<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.with(|state| state.moving = false);
        }
    }
}

impl State {
    /// Connects a node; gives the number that tells it from earlier ones of that id, and the last of
    /// them if it was connected still.
    pub(crate) fn attach(&mut self, id: NodeId, sink: Arc<dyn Sink>) -> (u64, Option<Port>) {
        self.next_number += 1;
        let before = self.nodes.insert(id, Port::new(self.next_number, sink));
        (self.next_number, before)
    }

    pub(crate) fn port(&mut self, node: &NodeId, number: u64) -> Option<&mut Port> {
        self.nodes.get_mut(node).filter(|port| port.number == number)
    }

    /// The first lane whose next item can move.
    fn ready(&self) -> Option<Link> {
        BY_ITSELF.into_iter().find_map(|lane| {
            let (node, _) = self.nodes.iter().find(|(_, port)| port.is_ready(lane))?;
            Some(Link { node: node.clone(), lane })
        })
    }

    /// The next item of a lane arrives; gives what is to be done once the lock is free.
    fn arrive(&mut self, link: &Link) -> Option<Vec<Act>> {
        let port = self.nodes.get_mut(&link.node)?;
        if port.is_cut(link.lane) {
            return None;
        }
        match link.lane {
            Lane::Requests => {
                let request = port.requests.pop_front()?;
                Some(self.serve(&link.node, request))
            }
            Lane::Answers => Some(vec![port.answers.pop_front()?.tell(Ok(()))]),
            Lane::Subscriptions => Some(match port.wishes.pop_front()? {
                Wish::Listen(channel, number, done) => {
                    port.heard.insert(channel.clone());
                    port.send(Parcel::Heard(channel, number, done))
                }
                Wish::ListenAgain(channel, number) => {
                    port.heard.insert(channel.clone());
                    port.send(Parcel::Doubt(channel, number))
                }
                Wish::Unlisten(channel) => {
                    port.heard.remove(&channel);
                    Vec::new()
                }
            }),
            Lane::Publications => {
                let sink = Arc::clone(&port.sink);
                let act: Act = match port.parcels.pop_front()? {
                    Parcel::Message(channel, message) => {
                        Box::new(move || sink.deliver(&channel, message))
                    }
                    Parcel::Doubt(channel, number) => {
                        port.hears(&channel, number);
                        Box::new(move || sink.doubt(&channel))
                    }
                    Parcel::Signal(signal) => Box::new(move || sink.receive(signal)),
                    Parcel::Heard(channel, number, done) => {
                        port.hears(&channel, number);
                        Box::new(move || done(Ok(())))
                    }
                };
                Some(vec![act])
            }
        }
    }

    pub(crate) fn cut(&mut self, link: &Link) -> Vec<Act> {
        self.nodes.get_mut(&link.node).map(|port| port.cut(link.lane)).unwrap_or_default()
    }

    pub(crate) fn heal(&mut self, link: &Link) {
        if let Some(port) = self.nodes.get_mut(&link.node) {
            port.heal(link.lane);
        }
    }

    pub(crate) fn fail_requests(&mut self, node: &NodeId) -> Vec<Act> {
        let Some(port) = self.nodes.get_mut(node) else { return Vec::new() };
        let answers = port.answers.drain(..);
        let mut told: Vec<Act> =
            answers.map(|answer| answer.tell(Err(BackendError::Unavailable))).collect();
        told.extend(port.give_up_waiting());
        for request in std::mem::take(&mut port.requests) {
            if request.is_repeated() {
                port.requests.push_back(request);
            } else {
                told.extend(request.fail(BackendError::Unavailable));
            }
        }
        told
    }
}
