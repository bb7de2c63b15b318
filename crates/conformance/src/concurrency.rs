//! Many publishers at once.

use std::collections::HashMap;

use trunkline_core::position::Position;

use crate::Subject;
use crate::content::{assert_same, draft, offsets, texts};
use crate::stage::Stage;

const PUBLISHERS: usize = 8;
const EACH: usize = 150;
const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// What each publisher was told of each of its publications.
type Acknowledged = HashMap<String, Position>;

pub fn the_order_of_delivery_is_the_order_of_the_stream(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    let nodes = stage.nodes(1);
    crowd(&nodes);
}

pub fn all_listeners_see_the_same_order(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    crowd(&stage.nodes(3));
}

/// Lets many publish at once, over all nodes, and compares what they were told with what was
/// delivered everywhere, and with what is kept.
fn crowd(nodes: &[crate::stage::Node]) {
    nodes.iter().for_each(|node| CHANNELS.iter().for_each(|name| node.listen(name)));
    let publisher = |publisher: usize| {
        let node = &nodes[publisher % nodes.len()];
        let publish = |n: usize| {
            let text = format!("{publisher}:{n}");
            let place = node.place(draft(CHANNELS[(publisher + n) % CHANNELS.len()], text.clone()));
            (text, place)
        };
        (0..EACH).map(publish).collect::<Acknowledged>()
    };
    let acknowledged: Acknowledged = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..PUBLISHERS).map(|number| scope.spawn(move || publisher(number))).collect();
        running.into_iter().flat_map(|running| running.join().unwrap()).collect()
    });
    assert_eq!(acknowledged.len(), PUBLISHERS * EACH);
    let count = acknowledged.len() / CHANNELS.len();
    for name in CHANNELS {
        let kept = nodes[0].all(name).publications;
        assert_eq!(offsets(&kept), (1..=count as u64).collect::<Vec<_>>(), "without a hole");
        for (text, publication) in texts(&kept).iter().zip(&kept) {
            assert_eq!(acknowledged[text], publication.position(), "{text} is where it was said");
        }
        for node in nodes {
            assert_same(&node.delivered(name, count), &kept, "delivered and kept");
        }
    }
    let total = count * CHANNELS.len();
    for node in nodes {
        let fences = 1;
        assert_eq!(node.settled(&nodes[0]).messages.len(), total + fences, "nothing twice");
    }
}
