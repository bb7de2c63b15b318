//! What comes over a line, in every order that there is.

use proptest::prelude::*;

use super::*;
use crate::position::{Epoch, Tag};

const NOW: WallTime = WallTime(1);

/// The stream at the broker, whose messages are named by numbers.
struct Broker {
    epoch: &'static str,
    placed: Vec<Arc<Publication>>,
    trimmed: usize,
}

impl Broker {
    fn new() -> Self {
        Self { epoch: "e", placed: Vec::new(), trimmed: 0 }
    }

    fn publish(&mut self, name: u32) -> Arc<Publication> {
        let before = self.placed.last().map_or(Tag::START, |last| last.tag);
        let publication = Arc::new(Publication {
            epoch: Epoch::new(self.epoch),
            offset: self.placed.len() as u64 + 1,
            tag: before.after(&name.to_be_bytes()),
            before: Some(before),
            data: name.to_string().into(),
            info: None,
            tags: Vec::new(),
            time: WallTime(1),
        });
        self.placed.push(Arc::clone(&publication));
        publication
    }

    fn page(&self, query: &HistoryQuery) -> HistoryPage {
        let since = query.since.as_ref().map_or(0, |since| since.offset);
        let tag = |offset: u64| match offset {
            0 => Some(Tag::START),
            _ => self.placed.get(offset as usize - 1).map(|publication| publication.tag),
        };
        let kept = self.placed.iter().skip(self.trimmed);
        let wanted = kept.filter(|publication| publication.offset > since);
        let top = self.placed.len() as u64;
        HistoryPage {
            top: Position { epoch: Epoch::new(self.epoch), offset: top, tag: tag(top) },
            publications: wanted.take(query.limit).cloned().collect(),
            anchor: tag(since),
            ancestors: Arc::default(),
        }
    }
}

fn line() -> Line {
    Line::new(Some(Retention { size: 100, ttl_ms: 1_000, bytes: 1 << 20 }))
}

fn shown(outcome: &Outcome) -> String {
    let message = |message: &Message| match message {
        Message::Publication(publication) => publication.offset.to_string(),
        other => format!("{other:?}"),
    };
    let mut words: Vec<String> = outcome.deliver.iter().map(message).collect();
    if outcome.doubt {
        words.insert(0, "doubt".into());
    }
    if outcome.wants_reading {
        words.push("read".into());
    }
    words.join(" ")
}

fn arrive(line: &mut Line, publication: &Arc<Publication>) -> String {
    shown(&line.arrive(Message::Publication(Arc::clone(publication)), NOW))
}

fn read(line: &mut Line, broker: &Broker) -> String {
    let query = line.begin_reading().expect("something to read");
    shown(&line.read(broker.page(&query), NOW))
}

#[test]
fn what_comes_in_order_is_handed_on_at_once() {
    let (mut broker, mut line) = (Broker::new(), line());
    for name in 0..3 {
        let publication = broker.publish(name);
        assert_eq!(arrive(&mut line, &publication), publication.offset.to_string());
        assert_eq!(arrive(&mut line, &publication), "", "it came twice");
    }
}

#[test]
fn a_hole_is_filled_before_what_came_behind_it() {
    let (mut broker, mut line) = (Broker::new(), line());
    let all: Vec<_> = (0..6).map(|name| broker.publish(name)).collect();
    arrive(&mut line, &all[0]);
    assert_eq!(arrive(&mut line, &all[3]), "read");
    assert_eq!(arrive(&mut line, &all[4]), "", "it is held back");
    assert_eq!(read(&mut line, &broker), "2 3 4 5 6");
    assert_eq!(arrive(&mut line, &all[5]), "", "it was read");
}

#[test]
fn doubt_is_settled_by_one_reading() {
    let (mut broker, mut line) = (Broker::new(), line());
    let first = broker.publish(0);
    arrive(&mut line, &first);
    assert_eq!(shown(&line.doubt()), "read");
    assert_eq!(shown(&line.doubt()), "", "once is enough");
    assert_eq!(read(&mut line, &broker), "");
    broker.publish(1);
    line.doubt();
    let query = line.begin_reading().unwrap();
    let page = broker.page(&query);
    broker.publish(2);
    line.doubt();
    assert_eq!(shown(&line.read(page, NOW)), "2 read", "there was reason to doubt meanwhile");
    assert_eq!(read(&mut line, &broker), "3");
}

#[test]
fn where_nothing_is_known_everybody_looks_for_himself() {
    assert_eq!(shown(&line().doubt()), "doubt");
    let (mut broker, mut line) = (Broker::new(), line());
    broker.publish(0);
    line.learn(&broker.page(&HistoryQuery::default()).top);
    broker.publish(1);
    assert_eq!(shown(&line.doubt()), "read", "somebody has read, and knows a place");
    assert_eq!(read(&mut line, &broker), "2");
}

#[test]
fn what_somebody_has_read_may_still_be_on_its_way_to_others() {
    let (mut broker, mut line) = (Broker::new(), line());
    let all: Vec<_> = (0..3).map(|name| broker.publish(name)).collect();
    line.learn(&broker.page(&HistoryQuery::default()).top);
    for publication in &all {
        assert_eq!(arrive(&mut line, publication), publication.offset.to_string());
    }
    let (mut broker, mut line) = (Broker::new(), self::line());
    line.learn(&broker.page(&HistoryQuery::default()).top);
    broker.publish(0);
    let second = broker.publish(1);
    assert_eq!(arrive(&mut line, &second), "read", "the first was lost");
    assert_eq!(read(&mut line, &broker), "1 2");
}

#[test]
fn what_the_stream_has_lost_everybody_is_told() {
    let (mut broker, mut line) = (Broker::new(), line());
    let all: Vec<_> = (0..5).map(|name| broker.publish(name)).collect();
    arrive(&mut line, &all[0]);
    assert_eq!(arrive(&mut line, &all[4]), "read");
    broker.trimmed = 3;
    assert_eq!(read(&mut line, &broker), "doubt 4 5");
    let next = broker.publish(5);
    assert_eq!(arrive(&mut line, &next), "6");
}

#[test]
fn another_history_is_noticed_wherever_it_is_met() {
    let forked = |upto: usize, names: std::ops::Range<u32>| {
        let (mut broker, mut line) = (Broker::new(), line());
        for name in 0..4 {
            let publication = broker.publish(name);
            arrive(&mut line, &publication);
        }
        broker.placed.truncate(upto);
        let published: Vec<_> = names.map(|name| broker.publish(name)).collect();
        let last = published.last().unwrap();
        assert_eq!(arrive(&mut line, last), "read", "{upto}");
        read(&mut line, &broker)
    };
    assert_eq!(forked(2, 10..11), "doubt", "an offset that is known, and another message");
    assert_eq!(forked(2, 10..13), "doubt 5", "the next offset, behind another past");
    assert_eq!(forked(2, 10..15), "doubt 5 6 7");
}

#[test]
fn who_knew_more_than_came_is_told_when_that_is_lost() {
    let (mut broker, mut line) = (Broker::new(), line());
    arrive(&mut line, &broker.publish(1));
    broker.publish(2);
    let top = broker.page(&HistoryQuery::default()).top;
    line.learn(&top);
    line.doubt();
    assert_eq!(read(&mut line, &broker), "2", "it is there, and reaches all");
    broker.publish(3);
    let top = broker.page(&HistoryQuery::default()).top;
    line.learn(&top);
    broker.placed.pop();
    line.doubt();
    assert_eq!(read(&mut line, &broker), "doubt", "nothing is to come that would tell him");
    line.doubt();
    assert_eq!(read(&mut line, &broker), "", "he has been told");
}

#[test]
fn a_place_beyond_the_top_is_another_history_too() {
    let (mut broker, mut line) = (Broker::new(), line());
    for name in 0..4 {
        let publication = broker.publish(name);
        arrive(&mut line, &publication);
    }
    broker.placed.truncate(2);
    line.doubt();
    assert_eq!(read(&mut line, &broker), "doubt");
    assert_eq!(line.position().unwrap().offset, 2);
}

#[test]
fn a_long_absence_is_made_up_for_page_by_page() {
    let (mut broker, mut line) = (Broker::new(), line());
    let first = broker.publish(0);
    arrive(&mut line, &first);
    (1..=2 * RECOVERY_LIMIT as u32 + 1).for_each(|name| drop(broker.publish(name)));
    line.doubt();
    let mut pages = 0;
    while line.wants_reading() {
        let outcome = read(&mut line, &broker);
        assert!(!outcome.contains("doubt"));
        pages += 1;
    }
    assert_eq!((pages, line.position().unwrap().offset), (3, broker.placed.len() as u64));
}

#[test]
fn those_who_come_back_are_served_from_memory() {
    let (mut broker, mut line) = (Broker::new(), line());
    for name in 0..100 {
        let publication = broker.publish(name);
        arrive(&mut line, &publication);
    }
    let at = |offset: u64, tag: Option<Tag>| {
        let since = Position { epoch: Epoch::new("e"), offset, tag };
        HistoryQuery { since: Some(since), limit: 10, reverse: false }
    };
    let page = line.recall(&at(95, None), NOW).unwrap();
    assert_eq!(page, broker.page(&at(95, None)));
    assert!(line.recall(&at(100, Some(broker.placed[99].tag)), NOW).is_some());
    assert_eq!(line.recall(&at(10, None), NOW), None, "too long ago");
    assert_eq!(line.recall(&at(101, None), NOW), None, "ahead of this node");
    assert_eq!(line.recall(&at(95, Some(Tag::START)), NOW), None, "another history");
    line.doubt();
    assert_eq!(line.recall(&at(95, None), NOW), None, "not sure");
}

proptest! {
    /// Publications are lost and come twice, the stream is trimmed and rolled back; every reading
    /// is answered in the end. Whoever is given what is delivered has each publication once and in
    /// order, or is told to look.
    #[test]
    fn nothing_is_skipped_in_silence(steps in proptest::collection::vec(0u8..16, 1..200)) {
        let (mut broker, mut line) = (Broker::new(), line());
        let mut last: Option<Arc<Publication>> = None;
        let mut name = 0;
        let mut check = |outcome: Outcome| {
            if outcome.doubt {
                last = None;
            }
            for message in outcome.deliver {
                let Message::Publication(publication) = message else { unreachable!() };
                if let Some(last) = &last {
                    assert_eq!(publication.offset, last.offset + 1);
                    assert_eq!(publication.before, Some(last.tag));
                }
                last = Some(publication);
            }
        };
        for step in &steps {
            match step {
                0..=7 => {
                    let publication = broker.publish(name);
                    name += 1;
                    check(line.arrive(Message::Publication(publication), NOW));
                }
                8 | 9 => {
                    broker.publish(name);
                    name += 1;
                }
                10 => {
                    if let Some(again) = broker.placed.last().cloned() {
                        check(line.arrive(Message::Publication(again), NOW));
                    }
                }
                11 => check(line.doubt()),
                12 => broker.trimmed = broker.placed.len().saturating_sub(2),
                13 => {
                    broker.placed.truncate(broker.placed.len().saturating_sub(2));
                    broker.trimmed = broker.trimmed.min(broker.placed.len());
                    check(line.doubt());
                }
                _ => {
                    if let Some(query) = line.begin_reading() {
                        check(line.read(broker.page(&query), NOW));
                    }
                }
            }
        }
        // In the end the line is where the stream is.
        check(line.doubt());
        for _ in 0..10 {
            if let Some(query) = line.begin_reading() {
                check(line.read(broker.page(&query), NOW));
            }
        }
        if let Some(at) = line.position() {
            prop_assert_eq!(at, broker.page(&HistoryQuery::default()).top);
        }
    }
}
