//! Who is in which channel, over all nodes.

use std::sync::Arc;

use trunkline_core::backend::BackendError;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::presence::PresenceStats;
use trunkline_core::roster::{Roster, Telling};
use trunkline_model_broker::{Broker, Lane};

use crate::fixture::{Node, channel, driven, settle, slot, told};

fn member(client: u128, user: &str) -> Arc<ClientInfo> {
    Arc::new(ClientInfo {
        user: UserId::new(user),
        client: ClientId(client),
        conn_info: None,
        chan_info: None,
    })
}

fn stats(broker: &Broker, node: &Node) -> PresenceStats {
    let (slot, done) = slot();
    node.at.stats(&channel("c"), done);
    settle(broker);
    told(&slot).unwrap().unwrap()
}

fn members(broker: &Broker, node: &Node) -> Vec<u128> {
    let (slot, done) = slot();
    node.at.members(&channel("c"), done);
    settle(broker);
    told(&slot).unwrap().unwrap().iter().map(|info| info.client.0).collect()
}

#[test]
fn everybody_sees_the_connections_of_all_nodes() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    a.at.enter(&channel("c"), &member(1, "ann"), Telling::Nothing);
    b.at.enter(&channel("c"), &member(2, "ann"), Telling::Nothing);
    b.at.enter(&channel("c"), &member(3, ""), Telling::Nothing);
    b.at.enter(&channel("c"), &member(4, ""), Telling::Nothing);
    settle(&broker);
    assert_eq!(members(&broker, &a), [1, 2, 3, 4]);
    assert_eq!(stats(&broker, &b), PresenceStats { clients: 4, users: 2 });
    a.at.exit(&channel("c"), &member(2, "ann"), Telling::Nothing);
    assert_eq!(members(&broker, &b).len(), 4, "a node speaks of its own connections only");
    b.at.exit(&channel("c"), &member(2, "ann"), Telling::Nothing);
    assert_eq!(members(&broker, &b), [1, 3, 4]);
}

#[test]
fn a_user_comes_with_the_first_connection_and_goes_with_the_last() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    b.listen("c");
    settle(&broker);
    let (one, two) = (member(1, "ann"), member(2, "ann"));
    a.at.enter(&channel("c"), &one, Telling::Users);
    settle(&broker);
    b.at.enter(&channel("c"), &two, Telling::Users);
    settle(&broker);
    a.at.exit(&channel("c"), &one, Telling::Users);
    settle(&broker);
    assert_eq!(b.heard(), ["c join ann"]);
    b.at.exit(&channel("c"), &two, Telling::Users);
    settle(&broker);
    for nobody in [member(3, ""), member(4, "")] {
        a.at.enter(&channel("c"), &nobody, Telling::Users);
        a.at.exit(&channel("c"), &nobody, Telling::Users);
    }
    settle(&broker);
    assert_eq!(b.heard().len(), 5, "each anonymous connection counts for itself");
    a.at.enter(&channel("c"), &one, Telling::Connections);
    a.at.enter(&channel("c"), &two, Telling::Connections);
    a.at.enter(&channel("c"), &member(5, "bob"), Telling::Nothing);
    settle(&broker);
    assert_eq!(b.heard(), ["c join ann", "c join ann"]);
}

#[test]
fn a_dead_nodes_connections_leave_when_it_expires() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    b.listen("c");
    a.at.enter(&channel("c"), &member(1, "ann"), Telling::Users);
    a.at.enter(&channel("c"), &member(2, "bob"), Telling::Users);
    a.at.enter(&channel("c"), &member(3, "eve"), Telling::Nothing);
    b.at.enter(&channel("c"), &member(4, "bob"), Telling::Users);
    settle(&broker);
    b.heard();
    broker.detach(a.at.id());
    settle(&broker);
    assert_eq!((members(&broker, &b).len(), b.heard()), (4, vec![]));
    broker.expire(a.at.id());
    assert_eq!(broker.pending(&b.link(Lane::Publications)), 1);
    settle(&broker);
    assert_eq!((members(&broker, &b), b.heard()), (vec![4], vec!["c leave ann".to_owned()]));
}

#[test]
fn comings_and_goings_outlast_requests_that_are_given_up() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    broker.cut(&a.link(Lane::Requests));
    a.at.enter(&channel("c"), &member(1, "ann"), Telling::Nothing);
    let (asked, done) = slot();
    a.at.members(&channel("c"), done);
    broker.fail_requests(a.at.id());
    assert_eq!(told(&asked), Some(Err(BackendError::Unavailable)));
    broker.heal(&a.link(Lane::Requests));
    assert_eq!(members(&broker, &a), [1]);
}
