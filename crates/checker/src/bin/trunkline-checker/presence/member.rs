//! One connection of a user, and which channels it is in.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mio::{Registry, Token};

use super::link::Link;
use super::site::{channel, number};
use super::token::token;
use super::truth::Members;
use super::wire::{self, Word};
use crate::failure::{Doing, Failure};
use crate::socket::Gone;

/// How it stands with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has asked for it. A number if that was a command.
    Entering(Option<u32>),
    /// It was told that it is in it.
    Here,
    /// It has asked to leave, by the command of this number.
    Leaving(u32),
}

/// A connection.
pub(super) struct Member {
    link: Link,
    user: String,
    /// The number of the node it is at.
    pub(super) node: usize,
    client: Option<String>,
    channels: BTreeMap<usize, Standing>,
    commands: u32,
}

/// How often somebody came into a channel or left one, as nodes have confirmed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changes {
    pub(super) entered: u64,
    pub(super) left: u64,
}

impl Member {
    /// Connects a user to a node, and asks for these channels.
    pub(super) fn open(
        user: u64,
        (node, address): (usize, SocketAddr),
        wanted: &[usize],
        registry: &Registry,
        at: Token,
    ) -> Result<Self, Gone> {
        let user = format!("u{user}");
        let names: Vec<_> = wanted.iter().map(|&number| channel(number)).collect();
        let path = format!("/ws?channels={}&token={}", names.join(","), token(&user));
        let link = Link::open(address, &path, registry, at)?;
        let channels = wanted.iter().map(|&number| (number, Standing::Entering(None))).collect();
        Ok(Self { link, user, node, client: None, channels, commands: 0 })
    }

    /// Whether everything it has asked for is answered.
    pub(super) fn is_settled(&self) -> bool {
        self.client.is_some() && self.channels.values().all(|&standing| standing == Standing::Here)
    }

    /// Takes in what has come.
    ///
    /// # Errors
    /// It was refused something, put out of a channel, or does not understand: all of it is unexpected.
    pub(super) fn hear(&mut self, changes: &mut Changes) -> Result<Result<(), Gone>, Failure> {
        let mut texts = Vec::new();
        let alive = self.link.hear(&mut texts);
        for text in texts {
            match wire::read(&text).doing(format_args!("reading {text}"))? {
                Word::Connected(client) => self.client = Some(client),
                Word::Subscribed(channel) => {
                    let standing = number(&channel).and_then(|at| self.channels.get_mut(&at));
                    if let Some(standing @ Standing::Entering(None)) = standing {
                        *standing = Standing::Here;
                        changes.entered += 1;
                    }
                }
                Word::Done(command) => self.done(command, changes),
                Word::PutOut(channel) => {
                    return Err(Failure::new(format_args!("somebody was put out of {channel}")));
                }
                Word::Refused(_, why) => {
                    return Err(Failure::new(format_args!("somebody was refused: {why}")));
                }
                Word::Joined(..) | Word::Left(..) | Word::Other => {}
            }
        }
        Ok(alive)
    }

    fn done(&mut self, command: u32, changes: &mut Changes) {
        let of = |standing: Standing| match standing {
            Standing::Entering(number) => number,
            Standing::Leaving(number) => Some(number),
            Standing::Here => None,
        };
        let found = self.channels.iter().find(|(_, standing)| of(**standing) == Some(command));
        let Some((&channel, &standing)) = found else { return };
        match standing {
            Standing::Leaving(_) => {
                self.channels.remove(&channel);
                changes.left += 1;
            }
            _ => {
                self.channels.insert(channel, Standing::Here);
                changes.entered += 1;
            }
        }
    }

    /// How many channels it is in, or on its way into or out of.
    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Leaves a channel that it is in, or enters one that it is not.
    pub(super) fn toggle(&mut self, number: usize) -> Result<(), Gone> {
        self.commands += 1;
        let (command, channel) = (self.commands, channel(number));
        let (method, standing) = match self.channels.get(&number) {
            Some(Standing::Here) => ("unsubscribe", Standing::Leaving(command)),
            Some(_) => return Ok(()),
            None => ("subscribe", Standing::Entering(Some(command))),
        };
        self.channels.insert(number, standing);
        self.link.say(&format!(r#"{{"id":{command},"{method}":{{"channel":"{channel}"}}}}"#))
    }

    /// The channel of this number among those that it is in.
    pub(super) fn nth_channel(&self, nth: usize) -> Option<usize> {
        self.channels.keys().nth(nth).copied()
    }

    /// Ends it, politely or without a word.
    pub(super) fn end(self, politely: bool, changes: &mut Changes) {
        changes.left += self.here().count() as u64;
        if politely {
            self.link.close();
        }
    }

    fn here(&self) -> impl Iterator<Item = usize> {
        let here = |(&channel, &standing): (&usize, &Standing)| {
            (standing == Standing::Here).then_some(channel)
        };
        self.channels.iter().filter_map(here)
    }

    /// Adds itself.
    pub(super) fn add_to(&self, truth: &mut Members) {
        let Some(client) = &self.client else { return };
        self.here().for_each(|channel| truth.add(channel, client, &self.user));
    }
}
