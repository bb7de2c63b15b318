//! What is done to connections, wherever they are.

use bytes::Bytes;
use trunkline_core::backend::BackendError;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::signal::NodeId;

use crate::fixture::Cluster;

#[test]
fn a_control_reaches_every_node_once() {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    let target = Target { user: UserId::new("ann"), client: None, except: Vec::new() };
    let control = Control { target, action: Action::Disconnect(CloseReason::ForceDisconnect) };
    cluster.nodes[1].node.control(control.clone());
    cluster.settle();
    for member in &cluster.nodes {
        assert_eq!(member.controls, std::slice::from_ref(&control));
    }
}

#[test]
fn a_command_goes_to_the_node_that_holds_the_connection_and_to_no_other() {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    let hand = |cluster: &Cluster, to: &str, text: &'static str| {
        let data = Bytes::from_static(text.as_bytes());
        cluster.nodes[0].node.hand_over(&NodeId::new(to), ClientId(7), data)
    };
    assert_eq!(hand(&cluster, "c", "far"), Ok(()));
    assert_eq!(hand(&cluster, "a", "near"), Ok(()));
    assert_eq!(hand(&cluster, "nowhere", "lost"), Err(BackendError::Unavailable));
    cluster.settle();
    let commands = |at: usize| cluster.nodes[at].commands.clone();
    assert_eq!(commands(0), [(ClientId(7), "near".to_owned())]);
    assert_eq!(commands(1), []);
    assert_eq!(commands(2), [(ClientId(7), "far".to_owned())]);
    cluster.nodes[0].flood();
    assert_eq!(hand(&cluster, "a", "too much"), Err(BackendError::Overloaded));
}
