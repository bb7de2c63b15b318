//! One who listens to every channel at the broker itself, and misses nothing.
//!
//! Of each stream it keeps the tree of its histories: whenever the broker loses its latest
//! publications, or everything, another one begins. So it can say of any two places whether one stands
//! in the past of the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use trunkline_core::backend::{Backend, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::ClientId;
use trunkline_core::position::{Position, Tag};
use trunkline_core::publication::{Message, Publication};
use trunkline_core::roster::Roster;
use trunkline_core::signal::{NodeId, Signal};
use trunkline_model_broker::{Attached, Broker, Lane, Link};

use crate::client::message_of;

#[derive(Default)]
struct Eye(Mutex<Vec<(ChannelName, Arc<Publication>)>>);

impl Sink for Eye {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        if let Message::Publication(publication) = message {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((channel.clone(), publication));
        }
    }

    fn doubt(&self, _: &ChannelName) {}

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

/// One history of a stream.
#[derive(Debug)]
struct History {
    epoch: String,
    name: String,
    /// The one it has come from, and up to where they are the same.
    parent: Option<(usize, u64)>,
}

#[derive(Debug, Default)]
struct Stream {
    histories: Vec<History>,
    /// In which history a place was made, by its tag.
    born: BTreeMap<[u8; 8], usize>,
    /// Where messages were placed; again, where one was lost and tried again.
    places: BTreeMap<String, Vec<Position>>,
    /// When each message was placed, among all placings; again, where it was lost and tried again.
    orders: BTreeMap<String, Vec<u64>>,
    placings: u64,
}

/// The witness of a run.
pub struct Witness {
    broker: Broker,
    at: Arc<Attached>,
    eye: Arc<Eye>,
    streams: BTreeMap<ChannelName, Stream>,
}

impl Witness {
    /// A witness of these channels.
    #[must_use]
    pub fn new(broker: &Broker, channels: &[ChannelName]) -> Self {
        let eye = Arc::new(Eye::default());
        // Its name stands behind those of nodes, and its lanes behind theirs.
        let at = broker.attach(NodeId::new("witness"), Arc::clone(&eye) as Arc<dyn Sink>);
        let mut witness = Self { broker: broker.clone(), at, eye, streams: BTreeMap::new() };
        for channel in channels {
            witness.at.listen(channel, Box::new(|_| ()));
            witness.streams.insert(channel.clone(), Stream::default());
        }
        witness.look();
        witness
    }

    /// Whether a lane is its own.
    #[must_use]
    pub fn owns(&self, link: &Link) -> bool {
        link.node == *self.at.id()
    }

    fn settle(&self) {
        let link = |lane| Link { node: self.at.id().clone(), lane };
        while Lane::ALL.map(|lane| self.broker.step(&link(lane))).contains(&true) {}
    }

    /// Sees what was placed since it looked last.
    pub fn look(&mut self) {
        self.settle();
        let seen = std::mem::take(&mut *self.eye.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (channel, publication) in seen {
            let stream = self.streams.entry(channel).or_default();
            let id = message_of(&publication.data);
            stream.placings += 1;
            stream.orders.entry(id.clone()).or_default().push(stream.placings);
            if publication.offset == 0 {
                continue;
            }
            let epoch = publication.epoch.as_str();
            let history = stream.current(epoch);
            stream.born.insert(publication.tag.0, history);
            stream.places.entry(id).or_default().push(publication.position());
        }
    }

    /// The broker has lost these places: their streams go on from an earlier one.
    pub fn lost(&mut self, lost: &[(ChannelName, Position)]) {
        let channels: BTreeSet<&ChannelName> = lost.iter().map(|(channel, _)| channel).collect();
        channels.into_iter().for_each(|channel| self.parts(channel, true));
    }

    /// The broker goes on under other names.
    pub fn renamed(&mut self) {
        let channels: Vec<ChannelName> = self.streams.keys().cloned().collect();
        channels.iter().for_each(|channel| self.parts(channel, false));
    }

    /// Another history begins at the top of a stream, if it has another name or something was lost.
    fn parts(&mut self, channel: &ChannelName, lost: bool) {
        let page = self.read(channel);
        let top = page.top;
        let mut born = self.name_of(channel, &top);
        let stream = self.streams.entry(channel.clone()).or_default();
        if let Some(ancestor) = page.ancestors.last().filter(|_| top.offset == 0) {
            let before = stream.current(ancestor.epoch.as_str());
            born.clone_from(&stream.histories[before].name);
        }
        let epoch = top.epoch.as_str().to_owned();
        let known = stream.histories.iter().any(|history| history.epoch == epoch);
        if known && !lost {
            return;
        }
        let name = match known {
            true => format!("{epoch}~{}", stream.histories.len()),
            false => epoch.clone(),
        };
        let parent = stream.histories.iter().position(|history| history.name == born);
        let parent = parent.map(|parent| (parent, top.offset));
        stream.histories.push(History { epoch, name, parent });
    }

    /// When a message was placed, among all placings of its channel: the first time behind another
    /// one, if it was.
    #[must_use]
    pub fn order(&self, channel: &ChannelName, id: &str, behind: u64) -> Option<u64> {
        let orders = self.streams.get(channel)?.orders.get(id)?;
        orders.iter().copied().find(|order| *order > behind)
    }

    /// Where a message was placed, each time.
    #[must_use]
    pub fn places_of(&self, channel: &ChannelName, id: &str) -> &[Position] {
        self.streams.get(channel).and_then(|stream| stream.places.get(id)).map_or(&[], |p| p)
    }

    /// The name of the history a place was made in.
    #[must_use]
    pub fn name_of(&self, channel: &ChannelName, position: &Position) -> String {
        let stream = self.streams.get(channel);
        let born = stream.and_then(|stream| {
            let born = *stream.born.get(&position.tag.filter(|tag| *tag != Tag::START)?.0)?;
            stream.histories.get(born)
        });
        born.map_or_else(|| position.epoch.as_str().to_owned(), |history| history.name.clone())
    }

    /// Whether a place stands in a history.
    #[must_use]
    pub fn holds(&self, channel: &ChannelName, name: &str, position: &Position) -> bool {
        let Some(stream) = self.streams.get(channel) else { return false };
        let born = self.name_of(channel, position);
        if position.offset == 0 {
            // Before its first publication, all histories of one stream are the same.
            return stream.root(name).is_some_and(|root| Some(root) == stream.root(&born));
        }
        let mut at = stream.histories.iter().position(|history| history.name == name);
        if at.is_none() {
            return name == born;
        }
        while let Some(history) = at.and_then(|at| stream.histories.get(at)) {
            if history.name == born {
                return true;
            }
            at = history.parent.filter(|(_, shared)| *shared >= position.offset).map(|(at, _)| at);
        }
        false
    }

    /// The latest history that holds one place and not the other.
    #[must_use]
    pub fn parting(
        &self,
        channel: &ChannelName,
        with: &Position,
        without: &Position,
    ) -> Option<String> {
        let names = self.streams.get(channel)?.histories.iter().map(|history| &history.name);
        let parts =
            |name: &&String| self.holds(channel, name, with) && !self.holds(channel, name, without);
        names.rev().find(parts).cloned()
    }

    /// The name of the history that goes on from a top.
    #[must_use]
    pub fn current_name(&self, channel: &ChannelName, top: &Position) -> String {
        let histories = self.streams.get(channel).into_iter().flat_map(|s| s.histories.iter());
        let last = histories.rev().find(|history| history.epoch == top.epoch.as_str());
        last.map_or_else(|| top.epoch.as_str().to_owned(), |history| history.name.clone())
    }

    /// All that a stream keeps.
    #[must_use]
    pub fn read(&self, channel: &ChannelName) -> HistoryPage {
        let page = Arc::new(Mutex::new(HistoryPage::default()));
        let told = Arc::clone(&page);
        let query = HistoryQuery { since: None, limit: usize::MAX, reverse: false };
        let done = move |answer: Result<HistoryPage, _>| {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = answer.unwrap_or_default();
        };
        self.at.history(channel, query, Box::new(done));
        self.settle();
        page.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who is in a channel, as the broker knows it.
    #[must_use]
    pub fn members(&self, channel: &ChannelName) -> Vec<ClientId> {
        let members = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&members);
        let done = move |answer: Result<Vec<Arc<trunkline_core::identity::ClientInfo>>, _>| {
            let list = answer.unwrap_or_default();
            *told.lock().unwrap_or_else(PoisonError::into_inner) =
                list.iter().map(|info| info.client).collect();
        };
        self.at.members(channel, Box::new(done));
        self.settle();
        let mut members = members.lock().unwrap_or_else(PoisonError::into_inner).clone();
        members.sort_unstable();
        members
    }
}

impl Stream {
    fn root(&self, name: &str) -> Option<usize> {
        let mut at = self.histories.iter().position(|history| history.name == name)?;
        while let Some((parent, _)) = self.histories[at].parent {
            at = parent;
        }
        Some(at)
    }

    /// The history that an epoch names now.
    fn current(&mut self, epoch: &str) -> usize {
        let known = self.histories.iter().rposition(|history| history.epoch == epoch);
        known.unwrap_or_else(|| {
            let (epoch, name) = (epoch.to_owned(), epoch.to_owned());
            self.histories.push(History { epoch, name, parent: None });
            self.histories.len() - 1
        })
    }
}
