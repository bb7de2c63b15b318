//! What was acknowledged is lost.

use trunkline_core::gap::GapReason;
use trunkline_core::position::{Position, Step};
use trunkline_core::publication::Draft;

use crate::fixture::{Node, channel, draft, driven, settle};

#[test]
fn who_saw_what_was_rolled_back_can_tell_by_the_tag() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    a.listen("c");
    settle(&broker);
    let shared = a.placed(&broker, draft("c", "1"));
    a.placed(&broker, draft("other", "1"));
    let seen: Vec<Position> = ["2", "3"].map(|data| a.placed(&broker, draft("c", data))).to_vec();
    let lost = broker.roll_back(2);
    assert_eq!(lost, [(channel("c"), seen[1].clone()), (channel("c"), seen[0].clone())]);
    assert_eq!(a.since(&broker, "c", &seen[1]).recovers(&seen[1]), Err(GapReason::Forked));
    let again: Vec<Position> =
        ["2'", "3'", "4'"].map(|data| a.placed(&broker, draft("c", data))).to_vec();
    assert_eq!((again[0].offset, &again[0].epoch), (2, &seen[0].epoch), "as if nothing had been");
    assert_ne!(again[0].tag, seen[0].tag);
    for seen in &seen {
        assert_eq!(a.since(&broker, "c", seen).recovers(seen), Err(GapReason::Forked));
    }
    assert_eq!(a.since(&broker, "c", &shared).recovers(&shared), Ok(()));
    let live = a.notes.publications.lock().unwrap();
    let (second, fourth) = (&live[3], &live[5]);
    assert_eq!(seen[1].step(second), Step::Known, "an old offset, whatever its content");
    assert_eq!(seen[1].step(fourth), Step::Elsewhere, "the next offset behind another past");
    assert_eq!(seen[0].step(second), Step::Elsewhere, "the same offset, another message");
}

#[test]
fn the_latest_is_lost_whichever_channel_it_is_in() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let first = a.placed(&broker, draft("c", "1"));
    let keyed = || Draft { idempotency_key: Some("k".into()), ..draft("d", "1") };
    let second = a.placed(&broker, keyed());
    assert_eq!(broker.roll_back(1), [(channel("d"), second.clone())]);
    assert_eq!(a.since(&broker, "c", &first).recovers(&first), Ok(()));
    let again = a.placed(&broker, keyed());
    assert_eq!((again.offset, &again.epoch), (1, &second.epoch));
    assert_ne!(again.tag, second.tag, "its outcome was lost with it");
    assert_eq!(broker.roll_back(10).len(), 2);
    assert_eq!(a.placed(&broker, draft("c", "1")).offset, 1);
}

#[test]
fn a_rolled_back_stream_is_whole_whatever_retention_had_dropped() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let tops: Vec<_> = (0..15).map(|n| a.placed(&broker, draft("c", &n.to_string()))).collect();
    broker.roll_back(3);
    // Ten were kept, of which three are lost: 6 to 12.
    let page = a.since(&broker, "c", &tops[4]);
    assert_eq!(page.recovers(&tops[4]), Ok(()));
    assert_eq!(page.publications.len(), 7);
    broker.roll_back(9);
    assert_eq!(a.since(&broker, "c", &tops[2]).recovers(&tops[2]), Ok(()));
    let next = a.placed(&broker, draft("c", "again"));
    assert_eq!(next.offset, 4);
    assert_eq!(a.since(&broker, "c", &tops[2]).recovers(&tops[2]), Ok(()));
    assert_eq!(a.since(&broker, "c", &tops[3]).recovers(&tops[3]), Err(GapReason::Forked));
}

#[test]
fn a_forgotten_stream_comes_back_as_another() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let seen = a.placed(&broker, draft("c", "1"));
    broker.forget();
    assert_eq!(a.since(&broker, "c", &seen).recovers(&seen), Err(GapReason::EpochChanged));
    assert_eq!(a.placed(&broker, draft("c", "1")).offset, 1);
    assert_eq!(a.since(&broker, "c", &seen).recovers(&seen), Err(GapReason::EpochChanged));
}

#[test]
fn a_trimmed_stream_says_so() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let tops: Vec<_> = (0..5).map(|n| a.placed(&broker, draft("c", &n.to_string()))).collect();
    broker.trim(&channel("c"), 2);
    assert_eq!(a.since(&broker, "c", &tops[1]).recovers(&tops[1]), Err(GapReason::Trimmed));
    assert_eq!(a.since(&broker, "c", &tops[2]).recovers(&tops[2]), Ok(()));
    broker.trim(&channel("c"), 0);
    assert_eq!(a.since(&broker, "c", &tops[4]).recovers(&tops[4]), Ok(()));
    assert_eq!(a.placed(&broker, draft("c", "5")).offset, 6);
}

#[test]
fn a_failover_that_is_noticed_gives_streams_another_name() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let shared = a.placed(&broker, draft("c", "1"));
    let lost = a.placed(&broker, draft("c", "2"));
    assert_eq!(broker.fail_over(1).len(), 1);
    let again = a.placed(&broker, draft("c", "2'"));
    assert_ne!(again.epoch, lost.epoch);
    let bare = |position: &Position| Position { tag: None, ..position.clone() };
    let (shared, lost) = (bare(&shared), bare(&lost));
    assert_eq!(a.since(&broker, "c", &shared).recovers(&shared), Ok(()), "its past is the same");
    assert_eq!(a.since(&broker, "c", &lost).recovers(&lost), Err(GapReason::Forked));
    broker.roll_back(2);
    let page = a.since(&broker, "c", &lost);
    assert_eq!((page.top.epoch, page.top.offset), (shared.epoch, 0), "nor was it given the name");
}
