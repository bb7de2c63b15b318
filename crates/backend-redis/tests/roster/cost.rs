//! What is written: for each coming and going, and nothing for those who stay.

use std::thread;
use std::time::Duration;

use trunkline_core::roster::Telling;

use super::node::Node;
use super::{becomes, redis};

#[test]
fn those_who_stay_cost_nothing() {
    let redis = redis();
    // Nobody may be taken for dead and enter everybody again because the machine is busy.
    let lease = Duration::from_secs(4);
    let a = Node::with_lease(&redis, "a", lease);
    for client in 0..5_000 {
        a.enter(&format!("room{}", client % 7), ("", client), Telling::Users);
    }
    let all = || (0..7).map(|room| a.stats(&format!("room{room}")).0).sum::<usize>();
    becomes(&5_000, all);
    let written = a.roster.writes();
    assert!((5_000..5_100).contains(&written), "{written}");
    // Several leases, which is what is to be counted.
    thread::sleep(2 * lease);
    let renewals = a.roster.writes() - written;
    assert!((4..=40).contains(&renewals), "{renewals}");
    for client in 0..10 {
        a.enter("hall", ("", client), Telling::Users);
    }
    becomes(&(10, 1), || a.stats("hall"));
    let written = a.roster.writes() - written - renewals;
    assert!((10..20).contains(&written), "{written}");
}
