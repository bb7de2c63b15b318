//! What nodes tell each other.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::signal::{
    ConnectionReport, Finding, NodeId, NodeReport, Question, Recipient, Signal,
};

use crate::Subject;
use crate::content::channel;
use crate::stage::{Node, Stage};

/// A signal that is told from others by its number.
fn numbered(number: u128) -> Signal {
    Signal::Command { client: ClientId(number), data: Bytes::from_static(b"{}") }
}

/// What a node has been told when everything sent before has arrived: the sender's own last word,
/// to everyone, has.
fn heard(node: &Node, last: &Signal) -> Vec<Signal> {
    let notes = node.heard.until("the last signal", |notes| notes.signals.contains(last));
    notes.signals
}

/// Where nobody else is, nobody is told.
fn assert_silent(node: &Node) {
    node.backend.signal(&Recipient::Everyone, numbered(1));
    node.backend.signal(&Recipient::Node(node.id.clone()), numbered(2));
    node.backend.signal(&Recipient::Node(NodeId::new("somebody")), numbered(3));
    assert_eq!(node.settled(node).signals, []);
}

pub fn everyone_but_oneself_hears(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(3);
    if !nodes[0].is_shared() {
        return assert_silent(&nodes[0]);
    }
    for (n, node) in (0..).zip(&nodes) {
        node.backend.signal(&Recipient::Everyone, numbered(n));
    }
    for (own, node) in (0..).zip(&nodes) {
        let notes = node.heard.until("what the two others said", |notes| notes.signals.len() >= 2);
        assert_eq!(notes.signals.len(), 2);
        for other in (0..3).filter(|&n| n != own) {
            assert!(notes.signals.contains(&numbered(other)));
        }
    }
    // What comes later shows that nothing else was under way.
    nodes[0].backend.signal(&Recipient::Everyone, numbered(99));
    nodes[1].backend.signal(&Recipient::Everyone, numbered(98));
    assert_eq!(heard(&nodes[1], &numbered(99)).len(), 3);
    assert_eq!(heard(&nodes[0], &numbered(98)).len(), 3);
}

pub fn one_node_hears_what_is_for_it(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(3);
    if !nodes[0].is_shared() {
        return assert_silent(&nodes[0]);
    }
    let to = |node: &Node| Recipient::Node(node.id.clone());
    let from = &nodes[0].backend;
    from.signal(&to(&nodes[1]), numbered(1));
    from.signal(&to(&nodes[2]), numbered(2));
    from.signal(&to(&nodes[0]), numbered(3));
    from.signal(&Recipient::Node(NodeId::new("nobody")), numbered(4));
    for number in [1, 2] {
        let node = &nodes[number];
        node.heard.until("its own", |notes| !notes.signals.is_empty());
        from.signal(&Recipient::Everyone, numbered(10 + number as u128));
        let heard = heard(node, &numbered(10 + number as u128));
        let own = heard.iter().filter(|signal| {
            matches!(signal, Signal::Command { client, .. } if client.0 < 10)
        });
        assert!(own.eq([&numbered(number as u128)]), "{heard:?}");
    }
    nodes[1].backend.signal(&to(&nodes[0]), numbered(20));
    assert_eq!(heard(&nodes[0], &numbered(20)), [numbered(20)]);
}

pub fn a_signal_arrives_as_it_was(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    if !nodes[0].is_shared() {
        return assert_silent(&nodes[0]);
    }
    for (n, signal) in (1..).zip(every_kind()) {
        nodes[0].backend.signal(&Recipient::Everyone, signal.clone());
        let notes = nodes[1].heard.until("the signal", |notes| notes.signals.len() >= n);
        assert_eq!(notes.signals.last(), Some(&signal));
    }
}

fn every_kind() -> Vec<Signal> {
    let report = NodeReport {
        node: NodeId::new("n\u{f6}de \"1\""),
        name: "".into(),
        version: "1.0.0-rc.1+x".into(),
        clients: u64::MAX,
        users: 0,
        channels: 1 << 53,
        subscriptions: 1,
        uptime_s: 2,
    };
    let user = |text| UserId::new(text);
    let control = |action| {
        let target = Target {
            user: user("ann"),
            client: Some(ClientId(u128::MAX)),
            except: vec![ClientId(0), ClientId(7)],
        };
        Signal::Control(Arc::new(Control { target, action }))
    };
    let anyone = Target { user: user(""), client: None, except: Vec::new() };
    let answer = |finding| Signal::Answer { from: NodeId::new("b"), number: u64::MAX, part: 1, last: true, finding };
    let connection = |channels| ConnectionReport {
        client: ClientId(5),
        protocol: "centrifuge_json".into(),
        channels,
    };
    let every_byte: Bytes = (0..=255).collect();
    let mut kinds = vec![
        Signal::Here(report),
        Signal::Gone(NodeId::new("a")),
        Signal::Cleared(channel("c:d")),
        control(Action::Subscribe {
            channel: channel("c"),
            info: Some(every_byte.clone()),
            data: None,
        }),
        control(Action::Subscribe { channel: channel("c"), info: None, data: Some("{}".into()) }),
        control(Action::Unsubscribe { channel: channel("$c:d#1,2") }),
        Signal::Control(Arc::new(Control {
            target: anyone,
            action: Action::Disconnect(CloseReason::Shutdown),
        })),
        Signal::Ask {
            from: NodeId::new("a"),
            number: 0,
            question: Question::Channels { pattern: "*:?".into() },
        },
        Signal::Ask {
            from: NodeId::new("a"),
            number: u64::MAX,
            question: Question::Connections { user: user("zo\u{eb}") },
        },
        answer(Finding::Channels(Vec::new())),
        answer(Finding::Channels(vec![(channel("c"), u64::MAX), (channel("d"), 0)])),
        answer(Finding::Connections(Vec::new())),
        answer(Finding::Connections(vec![
            connection(Vec::new()),
            connection(vec![channel("c"), channel("d")]),
        ])),
        Signal::Command { client: ClientId(0), data: every_byte },
        Signal::Command { client: ClientId(1), data: Bytes::new() },
    ];
    let reasons = [
        CloseReason::Normal,
        CloseReason::Shutdown,
        CloseReason::Internal,
        CloseReason::Expired,
        CloseReason::SubscriptionExpired,
        CloseReason::Slow,
        CloseReason::InsufficientState,
        CloseReason::NoPong,
        CloseReason::TooManyRequests,
        CloseReason::InvalidToken,
        CloseReason::BadRequest,
        CloseReason::Stale,
        CloseReason::ForceDisconnect,
        CloseReason::ConnectionLimit,
        CloseReason::ChannelLimit,
        CloseReason::InappropriateProtocol,
        CloseReason::PermissionDenied,
        CloseReason::Custom(4_999, "g\u{f6}ne \"now\"".into()),
        CloseReason::Custom(4_000, "".into()),
    ];
    kinds.extend(reasons.map(|reason| control(Action::Disconnect(reason))));
    kinds
}
