//! What whoever wants to know is told of clients.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::UserId;
use trunkline_core::limits::Limits;
use trunkline_core::observer::{Happening, Membership, Observer};

use crate::support::{Setup, TestNode, eventually};

#[derive(Default)]
struct Book(Mutex<Vec<String>>);

impl Observer for Book {
    fn observe(&self, happening: Happening) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(words(&happening));
    }
}

fn words(happening: &Happening) -> String {
    let member = |membership: &Membership| match membership {
        Membership::None => String::new(),
        Membership::Lingering(ms) => format!(" as a member for {ms} ms"),
    };
    match happening {
        Happening::Connected { user, .. } => format!("{} connected", user.as_str()),
        Happening::Identified { user, .. } => format!("{} identified", user.as_str()),
        Happening::Disconnected { user, reason, .. } => {
            format!("{} disconnected: {} {:?}", user.as_str(), reason.reason, reason.custom)
        }
        Happening::Subscribed { channel, info, membership } => {
            format!("{} in {channel}{}", info.user.as_str(), member(membership))
        }
        Happening::Unsubscribed { channel, info, membership } => {
            format!("{} out of {channel}{}", info.user.as_str(), member(membership))
        }
    }
}

fn observed(limits: Limits) -> (TestNode, Arc<Book>) {
    let book = Arc::new(Book::default());
    let observer = Some(Arc::clone(&book) as Arc<dyn Observer>);
    (Setup { limits, observer, ..Setup::with_shards(1) }.start(), book)
}

impl Book {
    fn take(&self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        eventually("it is told", || {
            told.clone_from(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
            told.len() >= count
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        told
    }
}

#[test]
fn a_client_is_told_of_from_its_first_moment_to_its_last() {
    let (node, book) = observed(Limits::default());
    let mut ann = node.client("ann");
    ann.subscribe("met:1");
    ann.subscribe("plain");
    ann.ask(&json!({"unsubscribe": {"channel": "plain"}}));
    let told = book.take(4);
    assert_eq!(
        told,
        ["ann connected", "ann in met:1 as a member for 0 ms", "ann in plain", "ann out of plain"]
    );
    drop(ann);
    let told = book.take(2);
    assert_eq!(told, ["ann out of met:1 as a member for 0 ms", "ann disconnected: normal None"]);
    node.expect_empty();
    assert!(book.take(0).is_empty(), "once");
}

#[test]
fn it_is_told_why_a_connection_was_ended() {
    let (node, book) = observed(Limits::default());
    for (reason, said) in [
        (CloseReason::ForceDisconnect, "force_disconnect None"),
        (CloseReason::Custom(4_600, "enough".into()), "custom Some((4600, \"enough\"))"),
    ] {
        let mut ann = node.client("ann");
        ann.subscribe("plain");
        book.take(2);
        let target = Target { user: UserId::new("ann"), client: None, except: Vec::new() };
        node.node.control(Control { target, action: Action::Disconnect(reason) });
        assert_eq!(book.take(2), ["ann out of plain", &format!("ann disconnected: {said}")]);
    }
    let mut eve = node.client("eve");
    eve.send_text("no command");
    assert_eq!(book.take(2), ["eve connected", "eve disconnected: bad_request None"]);
}

#[test]
fn of_those_who_are_not_let_in_nothing_is_told() {
    let (node, book) = observed(Limits::default());
    drop(node.dial());
    drop(node.open());
    let mut bad = node.open();
    bad.command(&json!({"connect": {"token": "bad"}}));
    bad.expect_close(3500);
    drop(bad);
    node.expect_empty();
    // Somebody comes after them all.
    node.client("ann");
    assert_eq!(book.take(1)[0], "ann connected");
}
