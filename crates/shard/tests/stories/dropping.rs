//! Channels whose publications are dropped rather than a slow reader.

use trunkline_core::limits::Limits;

use crate::support::{Client, Peer, Setup, TestNode, Upgrade};

/// Far more than a socket takes, in publications of 60 KiB: 12 MiB.
const MANY: usize = 200;

fn node() -> TestNode {
    let limits = Limits { outbound_bytes: 256 * 1024, ..Limits::default() };
    Setup { limits, ..Setup::with_shards(1) }.start()
}

fn deaf(node: &TestNode) -> Client {
    let peer = Peer::dial_with_room(node.address, 16 * 1024);
    let mut client = Client::upgrade(peer, &Upgrade::default());
    client.connect("late");
    client
}

fn publish(node: &TestNode, name: &str, n: usize) {
    node.publish(name, &format!("\"{n} {}\"", "x".repeat(60 * 1024)));
}

/// Reads publications up to the last one; says their numbers.
fn read_to_last(client: &mut Client, name: &str) -> Vec<usize> {
    let mut heard = Vec::new();
    while heard.last() != Some(&(MANY - 1)) {
        let data = client.publication(name);
        let number = data.as_str().and_then(|text| text.split_once(' ')).expect("a number").0;
        heard.push(number.parse().expect("a number"));
    }
    assert!(heard.is_sorted_by(|a, b| a < b), "in order and once");
    heard
}

/// What came before the first that is missing, and what came after.
fn around_the_hole(heard: &[usize]) -> (usize, usize) {
    let before = heard.iter().enumerate().take_while(|(at, n)| at == *n).count();
    (before, heard.len() - before)
}

#[test]
fn the_oldest_that_wait_are_dropped() {
    let node = node();
    let mut client = deaf(&node);
    client.subscribe("lossy:1");
    for n in 0..MANY {
        publish(&node, "lossy:1", n);
        node.settle();
    }
    let heard = read_to_last(&mut client, "lossy:1");
    let (before, after) = around_the_hole(&heard);
    assert!(before > 0 && heard[before..].is_sorted_by(|a, b| a + 1 == *b), "{heard:?}");
    // As much waited as may: four publications of 60 KiB, of which the first may have been begun.
    assert!((3..=4).contains(&after), "{heard:?}");
    let dropped = node.count(|c| c.messages_dropped.get());
    assert_eq!(dropped, (MANY - heard.len()) as u64);
    client.expect_quiet();
    node.publish("lossy:1", "1");
    assert_eq!(client.publication("lossy:1"), 1);
    assert_eq!(node.count(|c| c.slow_closes.get()), 0);
}

#[test]
fn only_the_latest_waits() {
    let node = node();
    let mut client = deaf(&node);
    client.subscribe("latest:1");
    for n in 0..MANY {
        // Several in one turn, too.
        let paused = (n % 3 == 0).then(|| node.pause(0));
        publish(&node, "latest:1", n);
        drop(paused);
    }
    node.settle();
    let heard = read_to_last(&mut client, "latest:1");
    let (before, after) = around_the_hole(&heard);
    assert!(before > 0 && after == 1, "{heard:?}");
    assert_eq!(node.count(|c| c.messages_dropped.get()), (MANY - heard.len()) as u64);
    client.expect_quiet();
}

#[test]
fn what_may_not_be_dropped_is_not() {
    let node = node();
    let mut client = deaf(&node);
    client.subscribe("latest:1");
    client.subscribe("kept:1");
    for n in 0..MANY {
        publish(&node, "latest:1", n);
        node.publish("kept:1", &n.to_string());
        node.settle();
    }
    let (mut stream, mut latest) = (0, None);
    while stream < MANY || latest != Some(MANY - 1) {
        let push = client.push();
        let data = &push["pub"]["data"];
        if push["channel"] == "kept:1" {
            assert_eq!(*data, stream);
            stream += 1;
        } else {
            let number = data.as_str().and_then(|text| text.split_once(' ')).expect("a number").0;
            let number = Some(number.parse().expect("a number"));
            assert!(number > latest, "in order");
            latest = number;
        }
    }
    client.expect_quiet();
    assert!(node.count(|c| c.messages_dropped.get()) > 0);
    assert_eq!(node.count(|c| c.slow_closes.get()), 0);
}
