//! A node that has no descriptors left.
//!
//! Alone in its process, because the limit is the process's.

#[expect(dead_code, unused_imports, reason = "this story needs little of what the others need")]
mod support;

use std::fs::File;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use trunkline_telemetry::Refused;

use support::{Client, Peer, Setup, Upgrade, eventually};

/// Descriptors the process may have.
const FEW: u64 = 128;

#[test]
fn whoever_comes_while_there_are_no_descriptors_is_let_in_when_there_are() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(FEW), maximum: limit.maximum }).unwrap();
    for spread in [false, true] {
        let node = Setup { spread, ..Setup::with_shards(2) }.start();
        let mut early = node.client("early");
        early.subscribe("plain");

        // The client's ends are there already; then all others are taken.
        let waiting = [(); 3].map(|()| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        for socket in &waiting {
            socket.connect(&node.address.into()).unwrap();
        }
        let refused = || node.count(|c| c.refused.get(Refused::Accept));
        eventually("the node finds no descriptor, again and again", || refused() > 3);
        assert!(refused() < 1_000, "but it does not spin");
        node.publish("plain", "1");
        assert_eq!(early.publication("plain"), 1, "those who are there do not suffer");

        // Nobody else arrives who could remind it of those who wait.
        drop(taken);
        for socket in waiting {
            let mut client = Client::upgrade(Peer::over(socket.into(), None), &Upgrade::default());
            client.connect("late");
        }
        early.expect_quiet();
    }
}
