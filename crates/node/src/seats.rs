//! Subscriptions of channels and namespaces that may have only so many on this node.

use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::session::Seat;

use crate::counted::Counted;

/// The seats that are taken. What has no bound is not counted here.
#[derive(Default)]
pub(crate) struct Seats {
    channels: Counted<ChannelName>,
    /// By name; that of channels without a namespace is empty.
    namespaces: Counted<Box<str>>,
}

impl Seats {
    /// A seat in a channel with these options, unless it or its namespace is full.
    pub(crate) fn take(
        self: &Arc<Self>,
        channel: &ChannelName,
        options: &ChannelOptions,
    ) -> Option<Seat> {
        let of_channel = (options.subscribers_per_channel > 0).then(|| channel.clone());
        let of_namespace = (options.subscriptions > 0)
            .then(|| Box::<str>::from(channel.namespace().unwrap_or_default()));
        let in_namespace = || {
            let counts = |name| self.namespaces.add_below(name, options.subscriptions);
            of_namespace.as_ref().is_none_or(counts)
        };
        let taken = match &of_channel {
            // Locks are always taken in this order.
            Some(channel) => {
                self.channels.add_below_if(channel, options.subscribers_per_channel, in_namespace)
            }
            None => in_namespace(),
        };
        let seats = Arc::clone(self);
        taken.then(|| {
            Seat::new(move || {
                of_channel.iter().for_each(|channel| seats.channels.remove(channel));
                of_namespace.iter().for_each(|name| seats.namespaces.remove(name));
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn options(subscribers_per_channel: usize, subscriptions: usize) -> ChannelOptions {
        ChannelOptions { subscribers_per_channel, subscriptions, ..ChannelOptions::default() }
    }

    fn channel(name: &str) -> ChannelName {
        ChannelName::parse(name).expect("a good name")
    }

    #[test]
    fn a_channel_is_full_until_somebody_leaves() {
        let seats = Arc::<Seats>::default();
        let (a, b, few) = (channel("chat:a"), channel("chat:b"), options(2, 0));
        let first = seats.take(&a, &few).expect("a seat");
        let _second = seats.take(&a, &few).expect("a seat");
        assert!(seats.take(&a, &few).is_none());
        assert!(seats.take(&b, &few).is_some(), "another channel is not full");
        drop(first);
        assert!(seats.take(&a, &few).is_some());
    }

    #[test]
    fn a_namespace_is_full_whichever_of_its_channels_are_meant() {
        let seats = Arc::<Seats>::default();
        let few = options(0, 2);
        let taken = ["chat:a", "$chat:b"].map(|name| seats.take(&channel(name), &few));
        assert!(taken.iter().all(Option::is_some));
        assert!(seats.take(&channel("chat:c"), &few).is_none());
        let elsewhere = ["a", "sys:a"].map(|name| seats.take(&channel(name), &few));
        assert!(elsewhere.iter().all(Option::is_some), "other namespaces are not full");
        drop(taken);
        assert!(seats.take(&channel("chat:c"), &few).is_some());
    }

    #[test]
    fn who_is_refused_takes_nothing() {
        let seats = Arc::<Seats>::default();
        let few = options(1, 1);
        let (a, b) = (channel("chat:a"), channel("chat:b"));
        let first = seats.take(&a, &few).expect("a seat");
        // Of the channel there would have been one, of the namespace there was none, and reverse.
        assert!(seats.take(&b, &few).is_none() && seats.take(&a, &options(1, 2)).is_none());
        drop(first);
        assert!(seats.take(&b, &few).is_some());
        assert_eq!((seats.channels.len(), seats.namespaces.len()), (0, 0), "nothing is left");
    }

    #[test]
    fn what_has_no_bound_is_not_counted() {
        let seats = Arc::<Seats>::default();
        let _of_channel = seats.take(&channel("chat:a"), &options(1, 0)).expect("a seat");
        assert_eq!((seats.channels.len(), seats.namespaces.len()), (1, 0));
        let _of_namespace = seats.take(&channel("sys:a"), &options(0, 1)).expect("a seat");
        assert_eq!((seats.channels.len(), seats.namespaces.len()), (1, 1));
    }

    #[test]
    fn threads_that_come_and_go_never_have_more_than_there_are() {
        const PER_CHANNEL: usize = 3;
        const TOGETHER: usize = 5;
        let seats = Arc::<Seats>::default();
        let few = options(PER_CHANNEL, TOGETHER);
        let channels = ["chat:a", "chat:b"].map(channel);
        // In each channel, and in both.
        let sitting = [(); 3].map(|()| AtomicUsize::new(0));
        let sits_down = |which: usize, most: usize| {
            assert!(sitting[which].fetch_add(1, Ordering::SeqCst) < most, "too many: {which}");
        };
        let come_and_go = |odd: usize| {
            let mut held = Vec::new();
            for round in 0..20_000 {
                let which = (odd + round / 3) % 2;
                if let Some(seat) = seats.take(&channels[which], &few) {
                    sits_down(which, PER_CHANNEL);
                    sits_down(2, TOGETHER);
                    held.push((which, seat));
                }
                if held.len() > 1 || round % 5 == 4 {
                    for (which, seat) in held.drain(..) {
                        sitting[which].fetch_sub(1, Ordering::SeqCst);
                        sitting[2].fetch_sub(1, Ordering::SeqCst);
                        drop(seat);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for odd in 0..4 {
                let come_and_go = &come_and_go;
                scope.spawn(move || come_and_go(odd));
            }
        });
        assert_eq!((seats.channels.len(), seats.namespaces.len()), (0, 0), "nothing is left");
    }
}
