//! Stories of listeners.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::codec::CodecId;
use crate::delta;
use crate::identity::{ClientId, ClientInfo, UserId};
use crate::limits::JOINING_BUFFER;
use crate::position::{Epoch, Tag};
use crate::publication::Publication;
use crate::time::WallTime;

pub(super) const JSON: Variant = Variant { codec: CodecId(0), window_bits: 0 };
pub(super) const PROTOBUF: Variant = Variant { codec: CodecId(1), window_bits: 0 };

pub(super) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

fn join() -> Message {
    Message::Join(Arc::new(ClientInfo {
        user: UserId::default(),
        client: ClientId(1),
        conn_info: None,
        chan_info: None,
    }))
}

pub(super) fn publication(epoch: &str, offset: u64) -> Message {
    let text = format!("the same long beginning of every payload, and then {offset}");
    Message::Publication(Arc::new(Publication {
        epoch: Epoch::new(epoch),
        offset,
        tag: Tag::START.after(&offset.to_be_bytes()),
        before: None,
        data: Bytes::from(text),
        info: None,
        tags: Vec::new(),
        time: WallTime(0),
    }))
}

pub(super) fn at(epoch: &str, offset: u64) -> Position {
    Position::new(Epoch::new(epoch), offset)
}

fn listen(hub: &mut Hub, connection: ConnectionKey, variant: Variant, joins: bool) -> bool {
    hub.listen(connection, &channel("a"), variant, joins, Overflow::Close)
}

/// Holds a connection in `a` and releases it at once.
fn follow(hub: &mut Hub, connection: ConnectionKey, delta: bool, after: &Position) {
    hub.hold(connection, &channel("a"), JSON, false, delta);
    assert_eq!(hub.release(connection, &channel("a"), after), Released::Listening(vec![]));
}

fn listeners(hub: &mut Hub) -> &mut Listeners {
    let index = hub.find(&channel("a")).expect("somebody listens");
    hub.listeners_mut(index)
}

/// Lets a message come, as a shard does.
fn come(hub: &mut Hub, message: &Message) -> Arrival {
    let arrival = listeners(hub).arrive(message);
    listeners(hub).hold_back(message);
    arrival
}

fn members(hub: &mut Hub) -> Vec<Vec<ConnectionKey>> {
    let Some(index) = hub.find(&channel("a")) else { return Vec::new() };
    hub.listeners_mut(index).groups_mut().iter().map(|g| g.members().to_vec()).collect()
}

fn offsets(released: &Released) -> Vec<u64> {
    let Released::Listening(messages) = released else { panic!("{released:?}") };
    messages.iter().filter_map(Message::offset).collect()
}

#[test]
fn first_and_last_listener_are_told() {
    let mut hub = Hub::default();
    assert!(listen(&mut hub, 1, JSON, false));
    assert!(!listen(&mut hub, 2, JSON, false));
    assert_eq!(hub.unlisten(1, &channel("a")), Some(false));
    assert_eq!(hub.unlisten(1, &channel("a")), None);
    assert_eq!(hub.unlisten(2, &channel("a")), Some(true));
    assert!(listen(&mut hub, 2, JSON, false));
}

#[test]
fn those_who_receive_the_same_bytes_stand_together() {
    let mut hub = Hub::default();
    for (connection, variant, joins) in
        [(1, JSON, false), (2, PROTOBUF, false), (3, JSON, false), (4, JSON, true)]
    {
        listen(&mut hub, connection, variant, joins);
    }
    hub.listen(5, &channel("a"), JSON, false, Overflow::KeepLatest);
    assert_eq!(members(&mut hub), [vec![1, 3], vec![2], vec![4], vec![5]]);
}

#[test]
fn a_held_listener_gets_what_came_meanwhile() {
    let mut hub = Hub::default();
    hub.hold(1, &channel("a"), JSON, true, false);
    hub.hold(2, &channel("a"), JSON, false, false);
    come(&mut hub, &join());
    let after = at("e", 0);
    assert_eq!(hub.release(1, &channel("a"), &after), Released::Listening(vec![join()]));
    assert_eq!(hub.release(2, &channel("a"), &after), Released::Listening(vec![]), "no joins");
    assert_eq!(hub.release(2, &channel("a"), &after), Released::Unknown);
    assert_eq!(members(&mut hub), [vec![1], vec![2]]);
}

#[test]
fn what_a_held_listener_knows_is_not_given_again() {
    let mut hub = Hub::default();
    hub.hold(1, &channel("a"), JSON, false, false);
    for offset in 4..=7 {
        assert_eq!(come(&mut hub, &publication("e", offset)), Arrival::Next);
    }
    assert_eq!(offsets(&hub.release(1, &channel("a"), &at("e", 5))), [6, 7]);
    assert_eq!(hub.position_of(1, &channel("a")).unwrap().offset, 7);
}

#[test]
fn what_has_no_place_is_heard_in_between() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, false, &at("e", 4));
    hub.hold(2, &channel("a"), JSON, false, false);
    let placeless = publication("", 0);
    for message in [publication("e", 5), placeless.clone(), publication("e", 6), placeless] {
        assert_eq!(come(&mut hub, &message), Arrival::Next, "{message:?}");
    }
    let Released::Listening(messages) = hub.release(2, &channel("a"), &at("e", 5)) else {
        panic!()
    };
    let offsets: Vec<_> = messages.iter().map(Message::offset).collect();
    assert_eq!(offsets, [None, Some(6), None]);
}

#[test]
fn whoever_was_not_held_everything_does_not_listen() {
    let unknown = |hub: &mut Hub| hub.release(1, &channel("a"), &at("e", 2));
    for (came, why) in [
        (&[("e", 4)][..], "3 is missing at the beginning"),
        (&[("e", 3), ("e", 5)], "4 is missing in the middle"),
        (&[("f", 3)], "another history"),
        (&[("e", 1), ("e", 3), ("f", 4)], "another history later"),
    ] {
        let mut hub = Hub::default();
        hub.hold(1, &channel("a"), JSON, false, false);
        for &(epoch, offset) in came {
            let message = publication(epoch, offset);
            if come(&mut hub, &message) == Arrival::Missed {
                listeners(&mut hub).goes_on_at(&message);
            }
        }
        assert_eq!(unknown(&mut hub), Released::Missed, "{why}");
        assert_eq!(members(&mut hub).concat(), [0; 0], "{why}");
        assert_eq!(listeners(&mut hub).len(), 1, "{why}: it stays a listener");
        assert_eq!(unknown(&mut hub), Released::Unknown, "{why}: it has to be held again");
    }
    // Held too late: what is missing had come before.
    let mut hub = Hub::default();
    follow(&mut hub, 2, false, &at("e", 2));
    come(&mut hub, &publication("e", 3));
    hub.hold(1, &channel("a"), JSON, false, false);
    assert_eq!(unknown(&mut hub), Released::Missed);
}

#[test]
fn more_than_may_be_held_is_not_held() {
    let mut hub = Hub::default();
    hub.hold(1, &channel("a"), JSON, true, false);
    hub.hold(2, &channel("a"), JSON, true, false);
    for n in 0..=JOINING_BUFFER {
        if n == 1 {
            // Begins anew.
            hub.hold(2, &channel("a"), JSON, true, false);
        }
        come(&mut hub, &join());
    }
    assert_eq!(hub.release(1, &channel("a"), &at("e", 0)), Released::Missed);
    let Released::Listening(held) = hub.release(2, &channel("a"), &at("e", 0)) else { panic!() };
    assert_eq!(held.len(), JOINING_BUFFER);
    assert_eq!(hub.unlisten(1, &channel("a")), Some(false));
    assert_eq!(hub.unlisten(2, &channel("a")), Some(true));
}

#[test]
fn only_the_very_next_publication_is_delivered() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, false, &at("e", 5));
    for (epoch, offset, expected) in [
        ("e", 6, Arrival::Next),
        ("e", 6, Arrival::Known),
        ("e", 2, Arrival::Known),
        ("e", 7, Arrival::Next),
        ("e", 9, Arrival::Missed),
        ("f", 8, Arrival::Missed),
        ("e", 8, Arrival::Next),
    ] {
        assert_eq!(come(&mut hub, &publication(epoch, offset)), expected, "{epoch}@{offset}");
    }
    assert_eq!(come(&mut hub, &join()), Arrival::Next);
    let Message::Publication(other) = publication("e", 8) else { panic!() };
    let other = Publication { tag: Tag::START.after(b"other"), ..(*other).clone() };
    let other = Message::Publication(Arc::new(other));
    assert_eq!(come(&mut hub, &other), Arrival::Missed, "the same number, another message");
    listeners(&mut hub).goes_on_at(&publication("f", 3));
    assert_eq!(come(&mut hub, &publication("f", 4)), Arrival::Next);
    assert_eq!(listeners(&mut hub).following(), [1]);
}

#[test]
fn channels_without_positions_are_not_checked() {
    let mut hub = Hub::default();
    listen(&mut hub, 1, JSON, false);
    for offset in [0, 0, 7, 3, 9] {
        assert_eq!(come(&mut hub, &publication("e", offset)), Arrival::Next);
    }
    assert_eq!(listeners(&mut hub).position(), None);
    assert_eq!(hub.position_of(1, &channel("a")), None);
}

#[test]
fn whoever_knows_more_than_has_come_waits_for_it() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, false, &at("e", 3));
    hub.hold(2, &channel("a"), JSON, true, false);
    assert_eq!(hub.release(2, &channel("a"), &at("e", 5)), Released::Ahead);
    assert_eq!(hub.position_of(2, &channel("a")), Some(at("e", 5)));
    come(&mut hub, &join());
    come(&mut hub, &publication("e", 4));
    assert_eq!(listeners(&mut hub).ahead(), [(2, at("e", 5))]);
    assert_eq!(hub.release(2, &channel("a"), &at("e", 5)), Released::Ahead);
    come(&mut hub, &publication("e", 5));
    assert_eq!(hub.release(2, &channel("a"), &at("e", 5)), Released::Listening(vec![join()]));
    assert_eq!(listeners(&mut hub).ahead(), []);
    assert_eq!(come(&mut hub, &publication("e", 6)), Arrival::Next);
    assert_eq!(listeners(&mut hub).following(), [1, 2]);
}

#[test]
fn a_parked_listener_counts_and_receives_nothing() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, false, &at("e", 3));
    hub.park(1, &channel("a"));
    hub.park(1, &channel("a"));
    come(&mut hub, &publication("e", 4));
    assert_eq!(members(&mut hub).concat(), [0; 0]);
    assert_eq!(listeners(&mut hub).len(), 1);
    assert!(!hub.hold(1, &channel("a"), JSON, false, false), "not the first");
    come(&mut hub, &publication("e", 5));
    assert_eq!(offsets(&hub.release(1, &channel("a"), &at("e", 4))), [5]);
    hub.park(1, &channel("a"));
    assert_eq!(hub.unlisten(1, &channel("a")), Some(true));
    hub.park(1, &channel("a"));
    assert_eq!(hub.channel_count(), 0);
}

#[test]
fn whoever_skips_goes_on_behind_what_came() {
    let mut hub = Hub::default();
    hub.hold(1, &channel("a"), JSON, false, false);
    assert_eq!(hub.skip(1, &channel("a")), None, "nowhere to go on");
    come(&mut hub, &publication("e", 4));
    assert_eq!(hub.skip(1, &channel("a")).map(|here| here.offset), Some(4));
    assert_eq!(listeners(&mut hub).following(), [1]);
    assert_eq!(hub.skip(1, &channel("a")), None, "it is not held");
}

#[test]
fn differences_come_after_a_whole_publication() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, true, &at("e", 1));
    let (second, third) = (publication("e", 2), publication("e", 3));
    come(&mut hub, &second);
    assert_eq!(listeners(&mut hub).patch(&second), None);
    assert_eq!(listeners(&mut hub).delivered(&second), [1]);
    hub.move_on(1, &channel("a"));
    follow(&mut hub, 2, true, &at("e", 2));
    come(&mut hub, &third);
    let patch = listeners(&mut hub).patch(&third).expect("much the same");
    let (Message::Publication(old), Message::Publication(new)) = (&second, &third) else {
        panic!()
    };
    assert_eq!(delta::apply(&old.data, &patch, 1000).unwrap(), new.data);
    assert_eq!(listeners(&mut hub).delivered(&third), [2], "only who received it whole");
    assert_eq!(listeners(&mut hub).delivered(&join()), []);
    // Without those who receive differences nothing is remembered.
    hub.unlisten(1, &channel("a"));
    hub.park(2, &channel("a"));
    come(&mut hub, &publication("e", 4));
    listeners(&mut hub).delivered(&publication("e", 4));
    follow(&mut hub, 1, true, &at("e", 4));
    assert_eq!(listeners(&mut hub).patch(&publication("e", 5)), None);
}

#[test]
fn a_stream_may_go_on_behind_an_earlier_place_once_nobody_stands_at_the_later_one() {
    let mut hub = Hub::default();
    follow(&mut hub, 1, false, &at("e", 5));
    listeners(&mut hub).forget_place();
    assert_eq!(hub.position_of(1, &channel("a")), Some(at("e", 5)), "somebody stands there");
    hub.hold(1, &channel("a"), JSON, false, false);
    listeners(&mut hub).forget_place();
    let released = hub.release(1, &channel("a"), &at("e", 3));
    assert_eq!(released, Released::Listening(vec![]));
    assert_eq!(listeners(&mut hub).arrive(&publication("e", 4)), Arrival::Next);
}
