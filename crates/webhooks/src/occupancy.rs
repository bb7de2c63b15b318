//! Who of this node is where, and what of that others have not been told.
//!
//! What counts is how things are: a channel that is left and entered again before anybody was told is as
//! it was. But whoever was there was there, however shortly. Of one channel it is told first that it is occupied, then
//! who is there; and first that all have gone, then that it is vacated.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use trunkline_core::time::Tick;

/// Places that wait to be told of though they are left again, at most: the broker may be away for long.
/// At about 300 bytes each this is 30 MB. Of what is left beyond that nobody hears that it was occupied.
const VISITED: usize = 100_000;

/// Something that is occupied or not: a channel, or a user's place in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The channel.
    pub(crate) channel: String,
    /// The user, of a place of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
}

/// What is to be told of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) place: Place,
    /// Whether it is occupied, by connections of this node.
    pub(crate) occupied: bool,
}

/// The places that connections of this node occupy.
#[derive(Debug, Default)]
pub(crate) struct Occupancy {
    places: HashMap<Place, Here>,
    /// When which place is to be told of. The number keeps those of one time apart.
    agenda: BTreeMap<(Tick, u64), Place>,
    numbers: u64,
    /// Places that wait until something else of their channel has been told.
    waiting: HashMap<String, Vec<Place>>,
    /// How many users' places of a channel others believe to be occupied, or soon will.
    members: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Here {
    connections: u32,
    /// From when on it holds that nobody is there.
    empty_from: Tick,
    /// Somebody was there, which is to be told though they have gone.
    visited: bool,
    /// Others believe that it is occupied from here.
    told: bool,
    /// It is one of the channel's members.
    counted: bool,
    /// Somebody is telling them of it.
    busy: bool,
    /// Its place in the agenda.
    planned: Option<(Tick, u64)>,
    /// What others were told has to be told again.
    stale: bool,
}

impl Here {
    /// Whether it is, or is to be told to have been.
    fn is_occupied(&self) -> bool {
        self.connections > 0 || self.visited
    }
}

impl Occupancy {
    /// A connection is there.
    pub(crate) fn enter(&mut self, place: &Place, now: Tick) {
        let here = self.places.entry(place.clone()).or_default();
        here.connections += 1;
        if here.connections == 1 {
            here.visited = !here.told && self.agenda.len() < VISITED;
            self.plan(place, now);
            self.wake(&place.channel);
        }
    }

    /// A connection has gone; if it was the last one, that holds from a later time on.
    pub(crate) fn leave(&mut self, place: &Place, from: Tick) {
        let Some(here) = self.places.get_mut(place) else { return };
        here.connections = here.connections.saturating_sub(1);
        if here.connections == 0 {
            here.empty_from = from;
            let at = if here.visited { Tick(0) } else { from };
            self.plan(place, at);
            self.wake(&place.channel);
        }
    }

    fn plan(&mut self, place: &Place, at: Tick) {
        let Some(here) = self.places.get_mut(place) else { return };
        if let Some(planned) = here.planned.take() {
            self.agenda.remove(&planned);
        }
        let news = here.stale || here.is_occupied() != here.told;
        if news && !here.busy {
            let at = if here.is_occupied() { at } else { at.max(here.empty_from) };
            self.numbers += 1;
            here.planned = Some((at, self.numbers));
            self.agenda.insert((at, self.numbers), place.clone());
        } else if !here.is_occupied() && !here.told && !here.busy {
            self.places.remove(place);
        }
    }

    /// What is to be told now, of one place. [`Occupancy::done`] is due afterwards.
    pub(crate) fn next(&mut self, now: Tick) -> Option<News> {
        loop {
            let first = self.agenda.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            let place = first.remove();
            if self.has_to_wait(&place) {
                if let Some(here) = self.places.get_mut(&place) {
                    here.planned = None;
                }
                self.waiting.entry(place.channel.clone()).or_default().push(place);
                continue;
            }
            let here = self.places.get_mut(&place)?;
            (here.planned, here.busy, here.stale) = (None, true, false);
            let occupied = here.is_occupied();
            here.visited = false;
            if occupied && place.user.is_some() && !std::mem::replace(&mut here.counted, true) {
                *self.members.entry(place.channel.clone()).or_default() += 1;
            }
            return Some(News { place, occupied });
        }
    }

    /// Whether something else of the channel has to be told before.
    fn has_to_wait(&self, place: &Place) -> bool {
        let Some(here) = self.places.get(place) else { return false };
        let occupied = here.is_occupied();
        if place.user.is_none() {
            return !occupied && self.members.contains_key(&place.channel);
        }
        let channel = self.places.get(&Place { user: None, ..place.clone() });
        occupied && channel.is_some_and(|channel| !channel.told || channel.stale || channel.busy)
    }

    /// Others know of it.
    pub(crate) fn done(&mut self, news: &News, now: Tick) {
        let Some(here) = self.places.get_mut(&news.place) else { return };
        (here.busy, here.told) = (false, news.occupied);
        here.visited &= !news.occupied;
        if !news.occupied && std::mem::take(&mut here.counted) {
            self.forget_member(&news.place.channel);
        }
        self.plan(&news.place, now);
        self.wake(&news.place.channel);
    }

    /// Something of a channel is another way: what waits for that may go on.
    fn wake(&mut self, channel: &str) {
        for place in self.waiting.remove(channel).unwrap_or_default() {
            self.plan(&place, Tick(0));
        }
    }

    fn forget_member(&mut self, channel: &str) {
        if let Some(members) = self.members.get_mut(channel) {
            *members -= 1;
            if *members == 0 {
                self.members.remove(channel);
            }
        }
    }

    /// Others have forgotten everything they were told.
    pub(crate) fn tell_again(&mut self, now: Tick) {
        let places: Vec<Place> = self.places.keys().cloned().collect();
        for place in places {
            if let Some(here) = self.places.get_mut(&place) {
                here.stale = true;
                self.plan(&place, now);
            }
        }
    }

    /// Nothing is held back any more.
    pub(crate) fn hurry(&mut self, now: Tick) {
        self.places.values_mut().for_each(|here| here.empty_from = now);
        let places: Vec<Place> = self.agenda.values().cloned().collect();
        places.iter().for_each(|place| self.plan(place, now));
    }

    /// When something is to be told next, if anything is.
    pub(crate) fn next_at(&self) -> Option<Tick> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// Whether there is nothing left to tell.
    pub(crate) fn is_told(&self) -> bool {
        self.agenda.is_empty()
            && self.places.values().all(|here| !here.busy)
            && self.waiting.is_empty()
    }

    /// What is remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len() + self.members.len() + self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        Place { channel: "chat".into(), user: None }
    }

    fn news(occupancy: &mut Occupancy, now: u64) -> Option<bool> {
        let news = occupancy.next(Tick(now))?;
        occupancy.done(&news, Tick(now));
        Some(news.occupied)
    }

    #[test]
    fn the_first_and_the_last_are_told_of() {
        let mut occupancy = Occupancy::default();
        occupancy.enter(&place(), Tick(0));
        occupancy.enter(&place(), Tick(0));
        assert_eq!((news(&mut occupancy, 0), news(&mut occupancy, 0)), (Some(true), None));
        occupancy.leave(&place(), Tick(1));
        assert_eq!(news(&mut occupancy, 1), None);
        occupancy.leave(&place(), Tick(1));
        assert_eq!((news(&mut occupancy, 1), occupancy.len()), (Some(false), 0));
    }

    #[test]
    fn what_is_as_it_was_is_not_told_of() {
        let mut occupancy = Occupancy::default();
        occupancy.enter(&place(), Tick(0));
        assert_eq!(news(&mut occupancy, 0), Some(true));
        // Held back, and back in time.
        occupancy.leave(&place(), Tick(10));
        assert_eq!((news(&mut occupancy, 9), occupancy.next_at()), (None, Some(Tick(10))));
        occupancy.enter(&place(), Tick(9));
        assert_eq!((news(&mut occupancy, 10), occupancy.is_told()), (None, true));
        occupancy.leave(&place(), Tick(20));
        occupancy.hurry(Tick(10));
        assert_eq!(news(&mut occupancy, 10), Some(false));
    }

    #[test]
    fn who_was_there_for_a_moment_was_there() {
        let mut occupancy = Occupancy::default();
        occupancy.enter(&place(), Tick(0));
        occupancy.leave(&place(), Tick(7));
        assert_eq!((news(&mut occupancy, 0), news(&mut occupancy, 6)), (Some(true), None));
        assert_eq!((news(&mut occupancy, 7), occupancy.len()), (Some(false), 0));
    }

    #[test]
    fn what_changes_while_it_is_told_is_told_next() {
        let mut occupancy = Occupancy::default();
        occupancy.enter(&place(), Tick(0));
        let first = occupancy.next(Tick(0)).unwrap();
        occupancy.leave(&place(), Tick(0));
        assert_eq!(occupancy.next(Tick(0)), None, "one at a time");
        assert!(!occupancy.is_told());
        occupancy.done(&first, Tick(0));
        assert_eq!((news(&mut occupancy, 0), occupancy.len()), (Some(false), 0));
    }

    #[test]
    fn a_channel_is_occupied_before_its_members_and_vacated_after_them() {
        let mut occupancy = Occupancy::default();
        let ann = Place { user: Some("ann".into()), ..place() };
        // In the wrong order.
        occupancy.enter(&ann, Tick(0));
        occupancy.enter(&place(), Tick(0));
        let first = occupancy.next(Tick(0)).unwrap();
        assert_eq!((&first.place, occupancy.next(Tick(0))), (&place(), None));
        occupancy.done(&first, Tick(0));
        let second = occupancy.next(Tick(0)).unwrap();
        assert_eq!(second, News { place: ann.clone(), occupied: true });
        // Both leave while that is told; the user lingers.
        occupancy.leave(&place(), Tick(1));
        occupancy.leave(&ann, Tick(5));
        assert_eq!(occupancy.next(Tick(1)), None);
        occupancy.done(&second, Tick(1));
        assert_eq!((occupancy.next(Tick(4)), occupancy.is_told()), (None, false));
        let third = occupancy.next(Tick(5)).unwrap();
        assert_eq!(third, News { place: ann, occupied: false });
        assert_eq!(occupancy.next(Tick(5)), None);
        occupancy.done(&third, Tick(5));
        let last = occupancy.next(Tick(5)).unwrap();
        assert_eq!(last, News { place: place(), occupied: false });
        occupancy.done(&last, Tick(5));
        assert_eq!((occupancy.len(), occupancy.is_told()), (0, true));
    }

    #[test]
    fn what_waits_is_forgotten_when_there_is_no_reason_any_more() {
        let mut occupancy = Occupancy::default();
        let ann = Place { user: Some("ann".into()), ..place() };
        occupancy.enter(&place(), Tick(0));
        occupancy.enter(&ann, Tick(0));
        assert_eq!((news(&mut occupancy, 0), news(&mut occupancy, 0)), (Some(true), Some(true)));
        occupancy.leave(&ann, Tick(9));
        occupancy.leave(&place(), Tick(0));
        assert_eq!((news(&mut occupancy, 0), occupancy.is_told()), (None, false));
        occupancy.enter(&place(), Tick(1));
        occupancy.enter(&ann, Tick(1));
        assert_eq!((news(&mut occupancy, 9), occupancy.is_told()), (None, true));
    }

    proptest! {
        /// Whatever happens when, what is told makes sense, and in the end all is told and nothing is
        /// remembered of what is gone.
        #[test]
        fn what_is_told_makes_sense(steps in vec((0..6_u8, 0..3_usize), 0..200)) {
            let mut occupancy = Occupancy::default();
            let mut there = [0; 3];
            let (mut telling, mut told) = (Vec::new(), HashSet::new());
            // A channel and two users in it: who is there is in the channel.
            let places: Vec<Place> = (0..3)
                .map(|n| Place { user: (n > 0).then(|| n.to_string()), ..place() })
                .collect();
            for (at, (step, which)) in (0..).zip(steps) {
                let now = Tick(at);
                match step {
                    0 | 1 => for n in [0, which].into_iter().take(1 + usize::from(which > 0)) {
                        occupancy.enter(&places[n], now);
                        there[n] += 1;
                    },
                    2 if there[which] > 0 && which > 0 => for n in [0, which] {
                        occupancy.leave(&places[n], if n > 0 { now.after(3) } else { now });
                        there[n] -= 1;
                    },
                    3 => telling.extend(occupancy.next(now)),
                    4 if !telling.is_empty() => {
                        let news = telling.swap_remove(which % telling.len());
                        tell(&mut told, &news);
                        occupancy.done(&news, now);
                    }
                    5 if which == 0 && at % 7 == 0 => occupancy.tell_again(now),
                    _ => {}
                }
            }
            let end = Tick(10_000);
            for news in telling {
                tell(&mut told, &news);
                occupancy.done(&news, end);
            }
            while let Some(news) = occupancy.next(end) {
                tell(&mut told, &news);
                occupancy.done(&news, end);
            }
            prop_assert!(occupancy.is_told(), "{occupancy:?}");
            for (place, there) in places.iter().zip(there) {
                prop_assert_eq!(told.contains(place), there > 0);
            }
            if there == [0; 3] {
                prop_assert_eq!(occupancy.len(), 0);
            }
        }
    }

    fn tell(told: &mut HashSet<Place>, news: &News) {
        let members = told.iter().any(|place| place.user.is_some());
        match (&news.place.user, news.occupied) {
            (Some(_), true) => assert!(told.contains(&place()), "in a channel that is vacant"),
            (None, false) => assert!(!members, "a channel with members is vacated"),
            _ => {}
        }
        if news.occupied {
            told.insert(news.place.clone());
        } else {
            told.remove(&news.place);
        }
    }

    #[test]
    fn all_is_told_again_where_it_was_forgotten() {
        let mut occupancy = Occupancy::default();
        occupancy.enter(&place(), Tick(0));
        assert_eq!(news(&mut occupancy, 0), Some(true));
        occupancy.enter(&Place { user: Some("ann".into()), ..place() }, Tick(0));
        let busy = occupancy.next(Tick(0)).unwrap();
        occupancy.tell_again(Tick(1));
        assert_eq!(news(&mut occupancy, 1), Some(true), "the channel");
        assert_eq!(news(&mut occupancy, 1), None, "not what is being told");
        occupancy.done(&busy, Tick(1));
        assert_eq!(news(&mut occupancy, 1), Some(true), "but then it is, once more");
        assert!(occupancy.is_told());
    }
}
