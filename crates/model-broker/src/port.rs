//! One node as the broker knows it, with its lanes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use trunkline_core::backend::{BackendError, Sink};
use trunkline_core::channel::ChannelName;

use crate::Lane;
use crate::parcel::{Act, Answer, Parcel, Request, Wish};

/// Items in flight in one lane. More requests, with their answers, are refused as overload, and a connection with more
/// publications breaks, as a broker breaks those whose other end does not read.
pub(crate) const IN_FLIGHT: usize = 65_536;

/// A channel that a node wants to hear.
struct Wanted {
    /// Tells this time from earlier ones.
    number: u64,
    /// Whether the node knows that the broker sends it.
    heard: bool,
}

/// A node and what is in flight from and to it.
pub(crate) struct Port {
    /// Tells it from earlier nodes of the same id.
    pub(crate) number: u64,
    pub(crate) sink: Arc<dyn Sink>,
    /// What the node wants to hear: changes with its word.
    wanted: BTreeMap<ChannelName, Wanted>,
    /// How many channels it has begun to want.
    wishes_made: u64,
    /// What is to be read of channels that are wanted and not known to be heard yet.
    unheard: Vec<(ChannelName, Request)>,
    /// What the broker sends it: changes when that word arrives.
    pub(crate) heard: BTreeSet<ChannelName>,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) wishes: VecDeque<Wish>,
    pub(crate) parcels: VecDeque<Parcel>,
    requests_cut: bool,
    answers_cut: bool,
    /// The connection of subscriptions and publications.
    broken: bool,
}

impl Port {
    pub(crate) fn new(number: u64, sink: Arc<dyn Sink>) -> Self {
        Self {
            number,
            sink,
            wanted: BTreeMap::new(),
            wishes_made: 0,
            unheard: Vec::new(),
            heard: BTreeSet::new(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            wishes: VecDeque::new(),
            parcels: VecDeque::new(),
            requests_cut: false,
            answers_cut: false,
            broken: false,
        }
    }

    pub(crate) fn pending(&self, lane: Lane) -> usize {
        match lane {
            Lane::Requests => self.requests.len(),
            Lane::Answers => self.answers.len(),
            Lane::Subscriptions => self.wishes.len(),
            Lane::Publications => self.parcels.len(),
        }
    }

    /// Requests that are under way in either direction.
    pub(crate) fn unanswered(&self) -> usize {
        self.unheard.len() + self.requests.len() + self.answers.len()
    }

    /// The node wants to hear a channel, if it did not before. The number of this wish.
    pub(crate) fn want(&mut self, channel: &ChannelName) -> u64 {
        if let Some(wanted) = self.wanted.get(channel) {
            return wanted.number;
        }
        self.wishes_made += 1;
        let number = self.wishes_made;
        self.wanted.insert(channel.clone(), Wanted { number, heard: false });
        number
    }

    /// The node does not want to hear a channel any more.
    pub(crate) fn want_no_more(&mut self, channel: &ChannelName) {
        self.wanted.remove(channel);
        self.ask_what_waits(channel);
    }

    /// The node learns that it hears a channel, since it has wanted it for the time of this number.
    pub(crate) fn hears(&mut self, channel: &ChannelName, number: u64) {
        if let Some(wanted) = self.wanted.get_mut(channel).filter(|w| w.number == number) {
            wanted.heard = true;
            self.ask_what_waits(channel);
        }
    }

    /// Puts a request in flight; one that reads a channel which is wanted waits until it is heard, so
    /// that whatever is placed behind the answer's top reaches the node. Gives whom to tell, if it
    /// cannot be.
    pub(crate) fn request(&mut self, request: Request) -> Option<Act> {
        let unheard = match &request {
            Request::History(channel, ..) => {
                self.wanted.get(channel).filter(|wanted| !wanted.heard).map(|_| channel.clone())
            }
            _ => None,
        };
        match unheard {
            Some(_) if self.broken => return request.fail(BackendError::Unavailable),
            Some(channel) => self.unheard.push((channel, request)),
            None => self.requests.push_back(request),
        }
        None
    }

    fn ask_what_waits(&mut self, channel: &ChannelName) {
        let waits = |(about, _): &mut (ChannelName, Request)| about == channel;
        self.requests.extend(self.unheard.extract_if(.., waits).map(|(_, request)| request));
    }

    /// Gives up what is to be read of channels that are not heard; gives whom to tell.
    pub(crate) fn give_up_waiting(&mut self) -> Vec<Act> {
        let waiting = self.unheard.drain(..);
        waiting.filter_map(|(_, request)| request.fail(BackendError::Unavailable)).collect()
    }

    pub(crate) fn describe(&self, lane: Lane) -> Option<String> {
        match lane {
            Lane::Requests => self.requests.front().map(Request::describe),
            Lane::Answers => self.answers.front().map(|answer| answer.about.clone()),
            Lane::Subscriptions => self.wishes.front().map(Wish::describe),
            Lane::Publications => self.parcels.front().map(Parcel::describe),
        }
    }

    pub(crate) fn is_cut(&self, lane: Lane) -> bool {
        match lane {
            Lane::Requests => self.requests_cut,
            Lane::Answers => self.answers_cut,
            Lane::Subscriptions | Lane::Publications => self.broken,
        }
    }

    /// Whether the next item of a lane can move.
    pub(crate) fn is_ready(&self, lane: Lane) -> bool {
        !self.is_cut(lane) && self.pending(lane) > 0
    }

    /// Interrupts a lane; gives whom to tell.
    pub(crate) fn cut(&mut self, lane: Lane) -> Vec<Act> {
        match lane {
            Lane::Requests => self.requests_cut = true,
            Lane::Answers => self.answers_cut = true,
            Lane::Subscriptions | Lane::Publications => {
                self.broken = true;
                self.heard.clear();
                self.wanted.values_mut().for_each(|wanted| wanted.heard = false);
                let waiting = self.give_up_waiting();
                let wishes = self.wishes.drain(..).map(|wish| wish.fail(BackendError::Unavailable));
                let parcels =
                    self.parcels.drain(..).map(|parcel| parcel.fail(BackendError::Unavailable));
                return parcels.chain(wishes).flatten().chain(waiting).collect();
            }
        }
        Vec::new()
    }

    pub(crate) fn heal(&mut self, lane: Lane) {
        match lane {
            Lane::Requests => self.requests_cut = false,
            Lane::Answers => self.answers_cut = false,
            Lane::Subscriptions | Lane::Publications => {
                if std::mem::take(&mut self.broken) {
                    let again = |(channel, wanted): (&ChannelName, &Wanted)| {
                        Wish::ListenAgain(channel.clone(), wanted.number)
                    };
                    self.wishes.extend(self.wanted.iter().map(again));
                }
            }
        }
    }

    /// Puts something on its way to the node. Whom to tell, if the connection breaks of it.
    pub(crate) fn send(&mut self, parcel: Parcel) -> Vec<Act> {
        if self.broken {
            return parcel.fail(BackendError::Unavailable).into_iter().collect();
        }
        self.parcels.push_back(parcel);
        if self.parcels.len() <= IN_FLIGHT {
            return Vec::new();
        }
        let told = self.cut(Lane::Publications);
        self.heal(Lane::Publications);
        told
    }
}
