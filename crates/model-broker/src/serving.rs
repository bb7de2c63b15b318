//! What the broker does with a request that has arrived.

use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Message;
use trunkline_core::signal::{NodeId, Recipient, Signal};

use crate::network::State;
use crate::parcel::{Act, Answer, Parcel, Request};

impl State {
    /// Does it; gives what is to be done once the lock is free.
    pub(crate) fn serve(&mut self, node: &NodeId, request: Request) -> Vec<Act> {
        let about = format!("answer: {}", request.describe());
        let (answer, told) = match request {
            Request::Publish(draft, done) => {
                let channel = draft.channel.clone();
                let (outcome, told) = match self.streams.place(draft) {
                    Err(error) => (Err(error), Vec::new()),
                    Ok((published, None)) => (Ok(published), Vec::new()),
                    Ok((published, Some(publication))) => {
                        (Ok(published), self.tell(&channel, &Message::Publication(publication)))
                    }
                };
                (Some(Answer::new(about, done, outcome)), told)
            }
            Request::Announce(channel, message) => (None, self.tell(&channel, &message)),
            Request::History(channel, query, done) => {
                let page = self.streams.read(&channel, &query);
                (Some(Answer::new(about, done, page)), Vec::new())
            }
            Request::RemoveHistory(channel, done) => {
                self.streams.clear(&channel);
                (Some(Answer::new(about, done, Ok(()))), Vec::new())
            }
            Request::Signal(to, signal) => (None, self.signal(node, &to, &signal)),
            Request::Enter(channel, info, telling) => {
                let message = self.presence.enter(node, &channel, info, telling);
                (None, self.tell_any(&channel, message))
            }
            Request::Exit(channel, info) => {
                let message = self.presence.exit(node, &channel, info.client);
                (None, self.tell_any(&channel, message))
            }
            Request::Members(channel, done) => {
                (Some(Answer::new(about, done, Ok(self.presence.members(&channel)))), Vec::new())
            }
            Request::Stats(channel, done) => {
                (Some(Answer::new(about, done, Ok(self.presence.stats(&channel)))), Vec::new())
            }
        };
        if let Some(port) = self.nodes.get_mut(node) {
            port.answers.extend(answer);
        }
        told
    }

    /// Takes the connections of a node out of their channels, and tells it.
    pub(crate) fn expire(&mut self, node: &NodeId) -> Vec<Act> {
        let left = self.presence.expire(node);
        left.into_iter().flat_map(|(channel, message)| self.tell(&channel, &message)).collect()
    }

    fn tell_any(&mut self, channel: &ChannelName, message: Option<Message>) -> Vec<Act> {
        message.map(|message| self.tell(channel, &message)).unwrap_or_default()
    }

    /// Puts a message in flight to every node that listens.
    fn tell(&mut self, channel: &ChannelName, message: &Message) -> Vec<Act> {
        let listeners = self.nodes.values_mut().filter(|port| port.heard.contains(channel));
        let parcel = || Parcel::Message(channel.clone(), message.clone());
        listeners.flat_map(|port| port.send(parcel())).collect()
    }

    /// Puts a signal in flight to whom it is for, but never to the node itself.
    fn signal(&mut self, from: &NodeId, to: &Recipient, signal: &Signal) -> Vec<Act> {
        let is_meant = |id: &NodeId| match to {
            Recipient::Everyone => id != from,
            Recipient::Node(node) => id == node && id != from,
        };
        let meant = self.nodes.iter_mut().filter(|(id, _)| is_meant(id));
        meant.flat_map(|(_, port)| port.send(Parcel::Signal(signal.clone()))).collect()
    }
}
