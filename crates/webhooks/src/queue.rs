//! Events that wait in memory until the outbox has them.

use std::collections::VecDeque;

use crate::event::{Event, What};

/// Events that may wait, for as long as the broker is away: at about 300 bytes each this is 30 MB.
/// What comes beyond that is counted, and receivers are told how many they miss.
pub(crate) const WAITING: usize = 100_000;

/// Events one publication of the outbox carries at most: with names as long as they may be they fit into a note,
/// should they become a dead letter.
pub(crate) const TOGETHER: usize = 100;

/// Events in order.
#[derive(Debug)]
pub(crate) struct Queue {
    node: String,
    waiting: VecDeque<Event>,
    /// Events, or lost ones, so far.
    count: u64,
    /// Lost since the last one that found room.
    lost: u64,
}

impl Queue {
    /// An empty queue of a node.
    pub(crate) fn new(node: &str) -> Self {
        Self { node: node.to_owned(), waiting: VecDeque::new(), count: 0, lost: 0 }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Makes an event of what has happened.
    pub(crate) fn event(&mut self, what: What, time: u64) -> Event {
        self.count += 1;
        let id = format!("{}-{}", self.node, self.count);
        Event { id, time, node: self.node.clone(), what }
    }

    /// Something has happened; says whether there was room for it.
    pub(crate) fn push(&mut self, what: What, time: u64) -> bool {
        if self.waiting.len() >= WAITING {
            self.lost += 1;
            return false;
        }
        self.tell_of_lost(time);
        let event = self.event(what, time);
        self.waiting.push_back(event);
        true
    }

    /// So many more are lost, for another reason.
    pub(crate) fn lose(&mut self, count: u64) {
        self.lost += count;
    }

    /// What waits, in order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &What> {
        self.waiting.iter().map(|event| &event.what)
    }

    /// Puts something before all that waits, as it was so before, however much that is: there are no more
    /// of these than of clients and their channels.
    pub(crate) fn put_first(&mut self, whats: Vec<What>, time: u64) {
        for what in whats.into_iter().rev() {
            let event = self.event(what, time);
            self.waiting.push_front(event);
        }
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&mut self, events: Vec<Event>) {
        events.into_iter().rev().for_each(|event| self.waiting.push_front(event));
    }

    fn tell_of_lost(&mut self, time: u64) {
        let count = std::mem::take(&mut self.lost);
        if count > 0 {
            let what = What::EventsLost { count, reason: "queue_full".into() };
            let event = self.event(what, time);
            self.waiting.push_back(event);
        }
    }

    /// The next events to be stored together.
    pub(crate) fn take(&mut self, time: u64) -> Vec<Event> {
        if self.waiting.is_empty() {
            self.tell_of_lost(time);
        }
        let together = self.waiting.len().min(TOGETHER);
        self.waiting.drain(..together).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(events: &[Event]) -> Vec<u64> {
        let count = |event: &Event| match event.what {
            What::EventsLost { count, .. } => Some(count),
            _ => None,
        };
        events.iter().filter_map(count).collect()
    }

    #[test]
    fn what_found_no_room_is_told_of_in_its_place() {
        let mut queue = Queue::new("n");
        let full = (0..WAITING + 3).filter(|_| queue.push(What::NodeLost, 0)).count();
        assert_eq!(full, WAITING);
        let first = queue.take(0);
        assert_eq!((first.len(), lost(&first)), (TOGETHER, vec![]));
        assert!(queue.push(What::NodeLost, 0));
        let mut rest = Vec::new();
        while queue.len() > 0 {
            rest.extend(queue.take(0));
        }
        assert_eq!(lost(&rest), [3]);
        assert_eq!(rest.len(), WAITING - TOGETHER + 2);
        assert_eq!(
            rest[rest.len() - 2].what,
            What::EventsLost { count: 3, reason: "queue_full".into() }
        );
        let mut ids: Vec<_> = rest.iter().chain(&first).map(|event| &event.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), WAITING + 2, "each has an id of its own");
    }

    #[test]
    fn losses_are_told_of_though_nothing_comes_after_them() {
        let mut queue = Queue::new("n");
        (0..=WAITING).for_each(|_| _ = queue.push(What::NodeLost, 0));
        while queue.len() > 0 {
            queue.take(0);
        }
        assert_eq!(lost(&queue.take(0)), [1]);
        assert!(queue.take(0).is_empty());
    }
}
