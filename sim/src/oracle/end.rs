//! What must hold when everything was mended, and when everybody has left.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_core::channel::ChannelName;
use trunkline_core::history::HistoryQuery;
use trunkline_core::identity::ClientId;
use trunkline_core::position::Position;

use crate::client::Standing;
use crate::world::World;

/// Everything was mended, and time has passed: everybody is there and at the top, and whoever is asked
/// who is there says so.
pub fn check_the_calm(world: &mut World) {
    let mut broken = Vec::new();
    let tops: BTreeMap<ChannelName, Position> =
        world.plan.channels.iter().map(|c| (c.clone(), world.witness.read(c).top)).collect();
    let mut truth: BTreeMap<ChannelName, BTreeSet<ClientId>> = BTreeMap::new();
    for client in &world.clients {
        let number = client.number;
        let Some(line) = &client.line else {
            broken.push(format!("client {number} is not connected"));
            continue;
        };
        for channel in &client.channels {
            let name = &channel.name;
            if channel.standing != Standing::On {
                broken.push(format!("client {number} is not subscribed to {name}"));
                continue;
            }
            truth.entry(name.clone()).or_default().insert(line.client);
            let top = &tops[name];
            let there = channel.seen.as_ref().is_some_and(|seen| {
                (seen.offset, seen.tag) == (top.offset, top.tag)
                    || top.offset == 0 && seen.offset == 0
            });
            if world.plan.has_positions(name) && !there {
                let seen = channel.seen.as_ref().map(|seen| seen.offset);
                let top = top.offset;
                broken
                    .push(format!("client {number} is at {seen:?} of {name}, whose top is {top}"));
            }
        }
    }
    check_presence(world, &truth, &mut broken);
    check_nodes(world, &tops, &mut broken);
    broken.into_iter().for_each(|what| world.journal.accuse(what));
}

fn check_presence(
    world: &World,
    truth: &BTreeMap<ChannelName, BTreeSet<ClientId>>,
    broken: &mut Vec<String>,
) {
    for channel in &world.plan.channels {
        let Some(options) = world.plan.namespaces.options(channel) else { continue };
        if !options.presence && !options.join_leave {
            continue;
        }
        let there: Vec<ClientId> = truth.get(channel).into_iter().flatten().copied().collect();
        let said = world.witness.members(channel);
        if said != there {
            broken.push(format!("in {channel} are {there:?}, and {said:?} are said to be"));
        }
    }
}

fn check_nodes(world: &World, tops: &BTreeMap<ChannelName, Position>, broken: &mut Vec<String>) {
    for node in world.nodes.iter().flatten() {
        let id = &node.id;
        let everything = HistoryQuery { since: None, limit: 0, reverse: false };
        for (channel, top) in tops {
            let Some(page) = node.lines.recall(channel, &everything) else { continue };
            if (page.top.offset, page.top.tag) != (top.offset, top.tag) {
                let (line, top) = (page.top.offset, top.offset);
                broken
                    .push(format!("the line of {channel} at {id} is at {line}, its top is {top}"));
            }
        }
        if node.gauge.most_at_once() > 1 {
            let most = node.gauge.most_at_once();
            broken.push(format!("{id} read a stream {most} times at once"));
        }
        let waiting: usize = node.shards.iter().map(|shard| shard.waiting()).sum();
        if waiting > 0 {
            broken.push(format!("{waiting} things wait at the shards of {id}"));
        }
        let heard: BTreeSet<ChannelName> = node
            .shards
            .iter()
            .flat_map(|shard| shard.sessions())
            .flat_map(|(_, channels)| channels)
            .collect();
        if heard.len() != node.node.channel_count() {
            let (heard, said) = (heard.len(), node.node.channel_count());
            broken.push(format!("{heard} channels are heard at {id}, which says {said}"));
        }
    }
}

/// Everybody has left, and time has passed: nothing is left of them.
pub fn check_the_end(world: &mut World) {
    let mut broken = Vec::new();
    for node in world.nodes.iter().flatten() {
        let id = &node.id;
        let left = [
            ("channels", node.node.channel_count()),
            ("users", node.node.user_count()),
            ("exits held back", node.node.exits_held()),
            ("lines", node.lines.count()),
            ("connections", node.shards.iter().map(|shard| shard.connection_count()).sum()),
            ("channels in hubs", node.shards.iter().map(|shard| shard.channel_count()).sum()),
        ];
        for (what, count) in left.into_iter().filter(|(_, count)| *count > 0) {
            broken.push(format!("{count} {what} are left at {id}"));
        }
    }
    for channel in &world.plan.channels {
        let members = world.witness.members(channel);
        if !members.is_empty() {
            broken.push(format!("{members:?} are said to be in {channel}, and nobody is"));
        }
    }
    let unsettled = world.unsettled();
    // Nodes greet each other every now and then.
    if unsettled > 10 {
        broken.push(format!("{unsettled} items are in flight"));
    }
    broken.into_iter().for_each(|what| world.journal.accuse(what));
}
