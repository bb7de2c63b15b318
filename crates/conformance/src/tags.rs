//! Proofs that two places have the same past.

use std::collections::HashSet;

use trunkline_core::gap::GapReason;
use trunkline_core::history::HistoryQuery;
use trunkline_core::namespace::Retention;
use trunkline_core::position::{Position, Step, Tag};
use trunkline_core::publication::Draft;

use crate::Subject;
use crate::content::{PLENTY, draft, many_names, number};
use crate::stage::{Stage, listener};

pub fn every_publication_has_a_tag_of_its_own(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let mut tags = HashSet::from([Tag::START]);
    for n in 1..=50_u64 {
        for name in ["c", "d"] {
            // The same content, which is not the same message.
            let place = node.place(draft(name, "same"));
            assert!(tags.insert(place.tag.unwrap()), "{name} {n}");
        }
    }
    for name in many_names() {
        assert!(tags.insert(node.place(draft(&name, "same")).tag.unwrap()), "{name}");
    }
    let delivered = node.delivered("c", 50);
    let kept = node.all("c").publications;
    let tags = |list: &[std::sync::Arc<trunkline_core::publication::Publication>]| {
        list.iter().map(|publication| publication.tag).collect::<Vec<_>>()
    };
    assert_eq!(tags(&delivered), tags(&kept), "live and kept");
    assert_eq!(node.top("c").tag, Some(kept[49].tag));
}

pub fn the_tag_of_a_place_is_told(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    let ten = Some(Retention { size: 10, ..PLENTY });
    let mut tags = vec![Tag::START];
    for n in 1..=25_u64 {
        tags.push(node.place(Draft { retention: ten, ..draft("c", number(n)) }).tag.unwrap());
    }
    let epoch = node.top("c").epoch;
    for (offset, tag) in (0..).zip(&tags) {
        for (limit, reverse) in [(0, false), (3, false), (3, true)] {
            let since = Some(Position::new(epoch.clone(), offset));
            let page = node.read("c", HistoryQuery { since, limit, reverse });
            if offset > 15 {
                assert_eq!(page.anchor, Some(*tag), "{offset} is kept");
            } else {
                let right = page.anchor.is_none_or(|anchor| anchor == *tag);
                assert!(right, "if {offset} is not known any more, nothing is said");
            }
            assert_eq!(page.top.tag, tags.last().copied());
        }
    }
    assert_eq!(node.all("c").anchor, None, "nothing was asked for");
    node.remove("c");
    let page = node.since("c", &Position::new(epoch, 25));
    assert_eq!(page.anchor, tags.last().copied(), "the top's is always known");
}

pub fn live_publications_name_the_one_before(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    nodes.iter().for_each(|node| node.listen("c"));
    for n in 0..20_usize {
        nodes[n % nodes.len()].place(draft("c", number(n)));
        if n == 10 {
            nodes[0].remove("c");
        }
    }
    for node in &nodes {
        let mut seen = Position { tag: Some(Tag::START), ..Position::default() };
        for publication in node.delivered("c", 20) {
            // Where its backend says so.
            if let Some(before) = publication.before {
                assert_eq!(Some(before), seen.tag, "before {}", publication.offset);
            }
            assert_eq!(seen.step(&publication), Step::Next);
            seen = publication.position();
        }
        assert_eq!(seen, node.top("c"));
    }
}

pub fn a_tag_that_differs_is_seen(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    let places: Vec<_> = (0..3).map(|n| node.place(draft("c", number(n)))).collect();
    for place in &places {
        assert_eq!(node.since("c", place).recovers(place), Ok(()));
        let other = Position { tag: Some(Tag([9; 8])), ..place.clone() };
        assert_eq!(node.since("c", &other).recovers(&other), Err(GapReason::Forked));
    }
}
