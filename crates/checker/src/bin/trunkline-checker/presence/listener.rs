//! Somebody who hears all comings and goings at one node, and concludes who is where.

use std::collections::HashMap;
use std::net::SocketAddr;

use mio::{Registry, Token};

use super::link::Link;
use super::site::{channel, number};
use super::token::token;
use super::truth::Members;
use super::wire::{self, Word};
use crate::failure::{Doing, Failure};
use crate::socket::Gone;

/// A listener. It is in all channels itself.
pub(super) struct Listener {
    link: Link,
    user: String,
    client: Option<String>,
    /// Channels it is in so far.
    here: usize,
    channels: usize,
    /// What was heard last of each connection in each channel: its user if it came, `None` if it left.
    last: Vec<HashMap<String, Option<String>>>,
}

impl Listener {
    /// Connects to the node of this number.
    pub(super) fn open(
        node: usize,
        address: SocketAddr,
        channels: usize,
        registry: &Registry,
        at: Token,
    ) -> Result<Self, Gone> {
        let user = format!("listener{node}");
        let names: Vec<_> = (0..channels).map(channel).collect();
        let (names, token) = (names.join(","), token(&user));
        let path = format!("/ws?join_leave=true&channels={names}&token={token}");
        let link = Link::open(address, &path, registry, at)?;
        let last = vec![HashMap::new(); channels];
        Ok(Self { link, user, client: None, here: 0, channels, last })
    }

    /// Whether it hears all channels.
    pub(super) fn is_ready(&self) -> bool {
        self.client.is_some() && self.here == self.channels
    }

    /// Takes in what has come.
    ///
    /// # Errors
    /// It is put out of a channel, or does not understand.
    pub(super) fn hear(&mut self) -> Result<Result<(), Gone>, Failure> {
        let mut texts = Vec::new();
        let alive = self.link.hear(&mut texts);
        for text in texts {
            let word = wire::read(&text).doing(format_args!("reading {text}"))?;
            match word {
                Word::Connected(client) => self.client = Some(client),
                Word::Subscribed(_) => self.here += 1,
                Word::Joined(channel, who) => self.note(&channel, who.client, Some(who.user)),
                Word::Left(channel, who) => self.note(&channel, who.client, None),
                Word::PutOut(channel) => {
                    return Err(Failure::new(format_args!("a listener was put out of {channel}")));
                }
                Word::Refused(_, why) => {
                    return Err(Failure::new(format_args!("a listener was refused: {why}")));
                }
                Word::Done(_) | Word::Other => {}
            }
        }
        Ok(alive)
    }

    fn note(&mut self, channel: &str, client: String, user: Option<String>) {
        let last = number(channel).and_then(|number| self.last.get_mut(number));
        if let Some(last) = last {
            last.insert(client, user);
        }
    }

    /// Takes in who was there when it came, as was answered since it is ready. What it has heard is
    /// newer.
    pub(super) fn learn(&mut self, members: Members) {
        for (last, members) in self.last.iter_mut().zip(members.0) {
            for (client, user) in members {
                last.entry(client).or_insert(Some(user));
            }
        }
    }

    /// Adds itself.
    pub(super) fn add_to(&self, truth: &mut Members) {
        let Some(client) = self.client.as_ref().filter(|_| self.is_ready()) else { return };
        (0..self.channels).for_each(|channel| truth.add(channel, client, &self.user));
    }

    /// Who is where, as it has heard.
    pub(super) fn conclusion(&self) -> Members {
        let here =
            |(client, user): (&String, &Option<String>)| Some((client.clone(), user.clone()?));
        Members(self.last.iter().map(|last| last.iter().filter_map(here).collect()).collect())
    }
}
