//! What happens on one node, and how it gets to receivers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trunkline_webhooks::Kind;

use crate::broker::Broker;
use crate::node::{KINDS, Node, PLACES, SECRET, receiver};
use crate::receiver::Receiver;

#[tokio::test]
async fn the_life_of_a_client_is_told_in_order_and_signed() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let node = Node::start("n", broker.link(false), vec![receiver("crm", &crm.url(), KINDS)]);
    node.connect(1, "ann");
    node.enter("chat", 1, "ann");
    node.leave("chat", 1, "ann");
    node.disconnect(1, "ann");
    crm.until("the end", |crm| crm.words().contains(&"disconnected ann".into())).await;
    node.close().await;
    let words = crm.words();
    let of_it = |word: &&String| !word.starts_with("channel") && !word.starts_with("member");
    let connection: Vec<_> = words.iter().filter(of_it).collect();
    assert_eq!(
        connection,
        ["connected ann", "subscribed chat ann", "unsubscribed chat ann", "disconnected ann"]
    );
    for delivery in crm.taken() {
        assert_eq!(delivery.attempt, 1);
        let (id, body) = (&delivery.id, &delivery.body);
        assert!(id.starts_with("crm-"), "{id}");
        let signature = delivery.signature.strip_prefix("v1,").unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        // Of which second is not written down here: it was one of the last ones.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let signed = (now - 30..=now).any(|at| {
            let signed = format!("{id}.{at}.{body}");
            ring::hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap())
                .is_ok()
        });
        assert!(signed, "{delivery:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_has_everything_in_order_and_once() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let node = Node::start("n", broker.link(false), vec![receiver("crm", &crm.url(), KINDS)]);
    crm.answer(Some(503));
    for client in 0..700 {
        node.connect(client, "ann");
        node.disconnect(client, "ann");
    }
    crm.until("an attempt that fails", |crm| crm.refused().len() > 1).await;
    let refused = crm.refused();
    assert_eq!((refused[0].attempt, refused[1].attempt), (1, 2));
    assert_eq!((&refused[0].id, &refused[0].body), (&refused[1].id, &refused[1].body));
    crm.answer(None);
    crm.until("all", |crm| crm.events().len() >= 1_400).await;
    let events = crm.events();
    let ids: HashSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((events.len(), ids.len()), (1_400, 1_400));
    for (client, pair) in events.chunks(2).enumerate() {
        let id = uuid(client);
        assert_eq!(
            (&pair[0]["client"], &pair[0]["event"]),
            (&id.clone().into(), &"connected".into())
        );
        assert_eq!((&pair[1]["client"], &pair[1]["event"]), (&id.into(), &"disconnected".into()));
    }
    assert!(crm.taken()[0].attempt > 2 && crm.taken()[1].attempt == 1);
    assert!(crm.taken().iter().all(|delivery| delivery.events.len() <= 500));
    node.close().await;
}

fn uuid(client: usize) -> String {
    trunkline_core::identity::ClientId(client as u128).to_string()
}

#[tokio::test]
async fn a_receiver_may_want_to_know_of_some_channels_only() {
    let (some, other, broker) = (Receiver::new().await, Receiver::new().await, Broker::new());
    let of = |name: &str, url: &str, kinds: &[Kind], channels: &[&str]| {
        let mut receiver = receiver(name, url, kinds);
        receiver.wish.channels = channels.iter().map(|channel| (*channel).to_owned()).collect();
        receiver
    };
    let receivers = vec![
        of("some", &some.url(), KINDS, &["chat:*", "news"]),
        of("other", &other.url(), &[Kind::ChannelOccupied], &["*"]),
    ];
    let node = Node::start("n", broker.link(false), receivers);
    node.connect(1, "ann");
    for channel in ["chatter", "newsletter", "chat:lobby", "news"] {
        node.enter(channel, 1, "ann");
    }
    some.until("it is told", |some| some.words().len() >= 7).await;
    other.until("so is the other", |other| other.words().len() == 4).await;
    let told: HashSet<String> = some.words().into_iter().collect();
    let wanted = ["chat:lobby", "news"].iter().flat_map(|channel| {
        ["channel_occupied", "member_added", "subscribed"].map(|kind| match kind {
            "channel_occupied" => format!("{kind} {channel}"),
            _ => format!("{kind} {channel} ann"),
        })
    });
    assert_eq!(told, wanted.chain(["connected ann".to_owned()]).collect());
    // What nobody wants is not written down either: the members of the two others.
    assert_eq!(node.metrics.node.webhook_events.get(), 7 + 2);
    node.close().await;
}

#[tokio::test]
async fn each_receiver_is_told_what_it_wants_and_waits_for_no_other() {
    let (book, some, broker) = (Receiver::new().await, Receiver::new().await, Broker::new());
    let receivers = vec![
        receiver("all", &book.url(), KINDS),
        receiver("some", &some.url(), &[Kind::Disconnected]),
    ];
    let node = Node::start("n", broker.link(false), receivers);
    book.answer(Some(500));
    node.connect(1, "ann");
    node.disconnect(1, "ann");
    some.until("its event", |some| some.words() == ["disconnected ann"]).await;
    let end = Instant::now() + Duration::from_secs(10);
    let states = loop {
        let states = node.webhooks.states().await.unwrap();
        if states[0].last_error.is_some() {
            break states;
        }
        assert!(Instant::now() < end, "{states:?}");
        tokio::task::yield_now().await;
    };
    let [all, some] = &states[..] else { panic!("{states:?}") };
    assert_eq!((&*all.name, &*some.name), ("all", "some"));
    assert!(all.waiting > 0 && all.attempt > 0);
    assert_eq!(all.last_error.as_deref(), Some("status 500"));
    assert_eq!((all.node.as_deref(), &some.last_error), (Some("n"), &None));
    book.answer(None);
    node.close().await;
}

#[tokio::test]
async fn what_the_broker_has_done_without_saying_so_is_not_done_twice() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let (link, url) = (broker.link(true), crm.url());
    link.lose(seed, 3);
    let node = Node::start("n", link, vec![receiver("crm", &url, KINDS)]);
    for client in 0..40 {
        node.connect(client, "ann");
        node.enter(&format!("c{client}"), client, "ann");
        node.leave(&format!("c{client}"), client, "ann");
        node.disconnect(client, "ann");
        tokio::task::yield_now().await;
    }
    node.enter("last", 99, "bob");
    let count = |crm: &Receiver, kind: &str| {
        crm.events().iter().filter(|event| event["event"] == kind).count()
    };
    crm.until("all", |crm| {
        count(crm, "disconnected") == 40
            && count(crm, "member_added") == 41
            && count(crm, "channel_vacated") == 40
    })
    .await;
    assert_eq!((count(&crm, "channel_occupied"), count(&crm, "member_removed")), (41, 40));
    let events = crm.events();
    let ids: HashSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "seed {seed}");
    let of_connections: Vec<_> =
        events.iter().filter(|event| event["client"].is_string()).collect();
    assert_eq!(of_connections.len(), 161, "seed {seed}");
    for (client, four) in of_connections.chunks(4).take(40).enumerate() {
        let kinds: Vec<_> = four.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["connected", "subscribed", "unsubscribed", "disconnected"]);
        assert!(four.iter().all(|event| event["client"] == uuid(client)));
    }
}

#[tokio::test]
async fn what_was_done_last_is_told_though_the_node_ends() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let node = Node::start("n", broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let other = Node::start("o", broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    node.connect(1, "ann");
    node.enter("chat", 1, "ann");
    crm.until("it begins", |crm| crm.words().contains(&"member_added chat ann".into())).await;
    node.leave("chat", 1, "ann");
    node.disconnect(1, "ann");
    node.close().await;
    crm.until("it ends", |crm| {
        ["disconnected ann", "channel_vacated chat", "member_removed chat ann"]
            .iter()
            .all(|words| crm.words().iter().any(|word| word == words))
    })
    .await;
    other.close().await;
    assert!(!crm.words().contains(&"node_lost".into()));
}

#[tokio::test]
async fn what_is_in_an_outbox_that_ends_with_the_node_is_delivered_before() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let node = Node::start("n", broker.link(false), vec![receiver("crm", &crm.url(), KINDS)]);
    crm.answer(Some(503));
    node.connect(1, "ann");
    crm.until("an attempt", |crm| !crm.refused().is_empty()).await;
    crm.answer(None);
    (0..1_000).for_each(|client| node.connect(client, "bob"));
    node.close().await;
    assert_eq!(crm.words().len(), 1_001);
}

#[tokio::test]
async fn the_first_and_the_last_over_all_nodes_are_told_once() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), PLACES)]);
    let nodes = [start("a"), start("b"), start("c")];
    for (client, node) in nodes.iter().enumerate() {
        node.enter("chat", client as u128, "ann");
        node.enter("chat", client as u128 + 10, "");
    }
    crm.until("both", |crm| crm.words().len() == 2).await;
    assert_eq!(crm.words(), ["channel_occupied chat", "member_added chat ann"]);
    for (client, node) in nodes.iter().enumerate() {
        node.leave("chat", client as u128, "ann");
    }
    crm.until("the user's end", |crm| crm.words().len() == 3).await;
    assert_eq!(crm.words()[2], "member_removed chat ann");
    for (client, node) in nodes.iter().enumerate() {
        node.leave("chat", client as u128 + 10, "");
    }
    crm.until("the channel's end", |crm| crm.words().len() == 4).await;
    assert_eq!(crm.words()[3], "channel_vacated chat");
    for node in nodes {
        node.close().await;
    }
}
