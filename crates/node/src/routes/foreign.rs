//! Routes of what is said in the broker beside our channels: whoever holds the lease passes it on.

use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use trunkline_core::channel::ChannelName;
use trunkline_core::time::Tick;

use super::handing::draft;
use super::{Entry, Routes, Source};
use crate::leases::{Job, Lease};

/// For how long a node takes it, in milliseconds. For so long nothing is passed on after a node has
/// died.
const LEASE_MS: u64 = 3_000;

/// How often a node asks for a lease that another one has, in milliseconds: as often as routes are
/// looked after. For so long nothing is passed on after a node has given it back.
const ASK_EVERY_MS: u64 = 250;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turn {
    asking: bool,
    /// The node ends: it is others' turn from now on.
    left: bool,
    /// When to ask next.
    ask_at: Tick,
    lease: Option<Lease>,
}

impl Entry {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What whoever passes on what is said there has to hold.
    fn lease(&self) -> Job {
        Job { channel: self.route.channel.clone(), name: "route", lease_ms: LEASE_MS }
    }
}

impl Routes {
    /// Takes the lease, or holds on to it.
    pub(super) fn take_turn(self: &Arc<Self>, at: usize, now: Tick) {
        let entry = &self.entries[at];
        let mut turn = entry.turn();
        if turn.asking || turn.left || now < turn.ask_at {
            return;
        }
        turn.asking = true;
        let holds = turn.lease.is_some_and(|lease| lease.holds(now));
        turn.ask_at = now.after(if holds { LEASE_MS / 3 } else { ASK_EVERY_MS });
        drop(turn);
        let routes = Arc::clone(self);
        self.node.lease(
            &entry.lease(),
            Box::new(move |lease| {
                let entry = &routes.entries[at];
                let mut turn = entry.turn();
                turn.asking = false;
                if !turn.left {
                    // One that was held is held for as long as was said.
                    turn.lease = lease.ok().or(turn.lease);
                } else if matches!(lease, Ok(Lease::Held(_))) {
                    drop(turn);
                    routes.node.release(&entry.lease(), Box::new(drop));
                }
            }),
        );
    }

    /// The node ends: nothing that is said is passed on here any more. What is told are the leases
    /// that were held, to be given back at once.
    #[must_use]
    pub fn leave(&self) -> Vec<Job> {
        let foreign = self.entries.iter().filter(|entry| entry.route.source == Source::Foreign);
        let held = foreign.filter(|entry| {
            let mut turn = entry.turn();
            turn.left = true;
            matches!(turn.lease.take(), Some(Lease::Held(_)))
        });
        held.map(Entry::lease).collect()
    }

    /// Something was said in the broker, under the name of this channel. It is heard on threads that
    /// have to go by `now` themselves: were the one stuck that tells the node the time, a lease would
    /// last for as long.
    pub fn take_in(&self, channel: &ChannelName, said: &Bytes, now: Tick) {
        let here = |entry: &&Entry| {
            entry.route.source == Source::Foreign && entry.route.channel == *channel
        };
        for entry in self.entries.iter().filter(here) {
            if entry.turn().lease.is_some_and(|lease| lease.holds(now)) {
                self.pass_on(entry, said);
            }
        }
    }

    fn pass_on(&self, entry: &Entry, said: &Bytes) {
        let node = &self.node;
        let addressed = (entry.route.address)(said).filter(|(user, data)| self.fits(user, data));
        let inbox = addressed.and_then(|(user, data)| Some((ChannelName::personal(&user)?, data)));
        let (Some((inbox, data)), Some(options)) = (inbox, node.namespaces.inbox()) else {
            node.metrics.node.route_misfits.add(1);
            return;
        };
        let draft = draft(&entry.route.channel, inbox, data, options);
        let metrics = Arc::clone(&node.metrics);
        node.publish(
            draft,
            Box::new(move |outcome| match outcome {
                Ok(_) => metrics.node.routed.add(1),
                // Said once, and not kept by anybody.
                Err(_) => metrics.node.route_gone.add(1),
            }),
        );
    }
}
