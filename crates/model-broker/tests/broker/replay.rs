//! The same seed and the same steps are the same run.

use std::sync::{Arc, Mutex};

use trunkline_core::backend::Backend;
use trunkline_core::time::WallTime;
use trunkline_model_broker::{Broker, Mode};

use crate::fixture::{Node, channel, draft, settle};

/// Numbers that follow from a seed (xorshift64; Marsaglia, 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// Does at random whatever can be done; gives all that was told, in order.
fn run(seed: u64) -> Vec<String> {
    let broker = Broker::new(Mode::Driven, seed);
    let mut numbers = Numbers(seed | 1);
    let nodes = ["a", "b", "c"].map(|id| Node::new(&broker, id));
    let told = Arc::new(Mutex::new(Vec::new()));
    for step in 0..2_000_u64 {
        let links = broker.links();
        let link = links[numbers.below(links.len())].clone();
        let node = &nodes[numbers.below(nodes.len())];
        let name = ["x", "y"][numbers.below(2)];
        let note = Arc::clone(&told);
        match numbers.below(30) {
            0..4 => node.at.publish(
                draft(name, &step.to_string()),
                Box::new(move |outcome| note.lock().unwrap().push(format!("{outcome:?}"))),
            ),
            4 => node.at.listen(
                &channel(name),
                Box::new(move |outcome| note.lock().unwrap().push(format!("{outcome:?}"))),
            ),
            5 => node.at.unlisten(&channel(name)),
            6 => broker.cut(&link),
            7 | 8 => broker.heal(&link),
            9 => broker.fail_requests(node.at.id()),
            10 => drop(broker.roll_back(numbers.below(4))),
            11 => broker.set_time(WallTime(step * 100)),
            12 if numbers.below(20) == 0 => broker.forget(),
            _ => {
                let moving = broker.describe(&link);
                let moved = broker.step(&link);
                told.lock().unwrap().push(format!("{moving:?} {moved}"));
            }
        }
    }
    broker.links().iter().for_each(|link| broker.heal(link));
    settle(&broker);
    let mut told = told.lock().unwrap().clone();
    told.extend(nodes.iter().flat_map(Node::heard));
    told
}

#[test]
fn the_same_seed_and_the_same_steps_are_the_same_run() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}
