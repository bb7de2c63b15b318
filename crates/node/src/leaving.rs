//! Exits that are held back, in case the user comes back.
//!
//! Whoever reloads a page leaves every channel and enters it again a moment later. Where a namespace
//! asks for it, an exit waits here for a while. If the user enters the channel meanwhile, the exit
//! is carried out behind that, and as the user is there nobody is told of either.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientInfo, UserId};
use trunkline_core::time::Tick;

/// An exit that has not been carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// From where.
    pub channel: ChannelName,
    /// Who.
    pub info: Arc<ClientInfo>,
}

/// When an exit is due, and which of those due at once.
type Place = (Tick, u64);

/// The exits that are held back, by the time they are due.
#[derive(Debug)]
pub struct Leaving {
    exits: BTreeMap<Place, Exit>,
    /// Where those of a user from a channel stand.
    of_user: HashMap<(ChannelName, UserId), Vec<Place>>,
    last: u64,
    most: usize,
}

impl Leaving {
    /// Holds back at most so many exits.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { exits: BTreeMap::new(), of_user: HashMap::new(), last: 0, most }
    }

    /// Holds an exit back until then. Returns the one that has to be carried out early, as there is
    /// no room for more.
    #[must_use]
    pub fn hold(&mut self, exit: Exit, until: Tick) -> Option<Exit> {
        self.last += 1;
        let place = (until, self.last);
        let key = (exit.channel.clone(), exit.info.user.clone());
        self.of_user.entry(key).or_default().push(place);
        self.exits.insert(place, exit);
        if self.exits.len() > self.most { self.first() } else { None }
    }

    /// Gives back all exits of a user from a channel, which has come back to it.
    pub fn return_to(&mut self, channel: &ChannelName, user: &UserId) -> Vec<Exit> {
        let places = self.of_user.remove(&(channel.clone(), user.clone())).unwrap_or_default();
        places.iter().filter_map(|place| self.exits.remove(place)).collect()
    }

    /// Gives back an exit whose time has come.
    pub fn due(&mut self, now: Tick) -> Option<Exit> {
        let (until, _) = *self.exits.keys().next()?;
        if until <= now { self.first() } else { None }
    }

    /// Gives back the exit that is due first, whenever that is.
    pub fn first(&mut self) -> Option<Exit> {
        let (place, exit) = self.exits.pop_first()?;
        let key = (exit.channel.clone(), exit.info.user.clone());
        if let Some(places) = self.of_user.get_mut(&key) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.of_user.remove(&key);
            }
        }
        Some(exit)
    }

    /// How many are held back.
    #[must_use]
    pub fn count(&self) -> usize {
        self.exits.len()
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::identity::ClientId;

    use super::*;

    fn exit(channel: &str, user: &str, client: u128) -> Exit {
        let (user, client) = (UserId::new(user), ClientId(client));
        Exit {
            channel: ChannelName::parse(channel).unwrap(),
            info: Arc::new(ClientInfo { user, client, conn_info: None, chan_info: None }),
        }
    }

    fn clients(exits: &[Exit]) -> Vec<u128> {
        exits.iter().map(|exit| exit.info.client.0).collect()
    }

    fn all_due(leaving: &mut Leaving, now: u64) -> Vec<u128> {
        let due: Vec<Exit> = std::iter::from_fn(|| leaving.due(Tick(now))).collect();
        clients(&due)
    }

    #[test]
    fn exits_are_due_in_the_order_of_their_time() {
        let mut leaving = Leaving::new(9);
        for (client, until) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            assert_eq!(leaving.hold(exit("a", "ann", client), Tick(until)), None);
        }
        assert_eq!(all_due(&mut leaving, 9), [0; 0]);
        assert_eq!(all_due(&mut leaving, 20), [2, 4, 3]);
        assert_eq!(leaving.count(), 1);
        assert_eq!(all_due(&mut leaving, 99), [1]);
        assert!(leaving.of_user.is_empty(), "nothing is left behind");
    }

    #[test]
    fn whoever_comes_back_takes_the_exits_of_that_channel_along() {
        let mut leaving = Leaving::new(9);
        for exit in [exit("a", "ann", 1), exit("b", "ann", 2), exit("a", "bob", 3)] {
            assert_eq!(leaving.hold(exit, Tick(10)), None);
        }
        assert_eq!(leaving.hold(exit("a", "ann", 4), Tick(5)), None);
        let (channel, ann) = (ChannelName::parse("a").unwrap(), UserId::new("ann"));
        assert_eq!(clients(&leaving.return_to(&channel, &ann)), [1, 4]);
        assert!(leaving.return_to(&channel, &ann).is_empty());
        assert_eq!(all_due(&mut leaving, 10), [2, 3]);
    }

    #[test]
    fn without_room_the_first_goes_early() {
        let mut leaving = Leaving::new(2);
        assert_eq!(leaving.hold(exit("a", "ann", 1), Tick(30)), None);
        assert_eq!(leaving.hold(exit("a", "bob", 2), Tick(10)), None);
        assert_eq!(leaving.hold(exit("a", "cid", 3), Tick(20)), Some(exit("a", "bob", 2)));
        assert_eq!(leaving.count(), 2);
        assert_eq!(leaving.first(), Some(exit("a", "cid", 3)));
        assert_eq!(leaving.first(), Some(exit("a", "ann", 1)));
        assert_eq!(leaving.first(), None);
    }
}
