//! Hearing channels, and no longer.

use std::time::Instant;

use crate::Subject;
use crate::content::{channel, draft, number, offsets, passing, texts};
use crate::recorder::Notes;
use crate::stage::{DEADLINE, Node, Stage};

/// Rounds without a delivery after which a channel counts as silent, and those it then has to stay
/// so: one alone may be overtaken on its way.
const QUIET_ROUNDS: usize = 3;
const SILENT_ROUNDS: usize = 10;

/// Publishes into channels until nothing of them is delivered any more, and sees that it stays so.
fn assert_silence(listener: &Node, publisher: &Node, names: &[String]) {
    let count = |notes: &Notes| names.iter().map(|name| notes.count(&channel(name))).sum::<usize>();
    let publish_all = || {
        names.iter().for_each(|name| drop(publisher.publish(passing(name, "into the void"))));
        count(&listener.settled(publisher))
    };
    let end = Instant::now() + DEADLINE;
    let (mut heard, mut quiet) = (publish_all(), 0);
    while quiet < QUIET_ROUNDS {
        assert!(Instant::now() < end, "within {DEADLINE:?} it is not silent");
        let now = publish_all();
        quiet = if now == heard { quiet + 1 } else { 0 };
        heard = now;
    }
    for _ in 0..SILENT_ROUNDS {
        assert_eq!(publish_all(), heard, "it was silent, and is not any more");
    }
}

/// Sees that what nobody listens to comes all the same, as it does where nothing is shared.
fn assert_heard(node: &Node, name: &str) {
    let before = node.heard.notes().count(&channel(name));
    node.publish(passing(name, "heard"));
    node.delivered(name, before + 1);
}

pub fn nothing_comes_of_what_nobody_listens_to(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    if !nodes[0].is_shared() {
        return assert_heard(&nodes[0], "c");
    }
    nodes[0].listen("c");
    nodes[1].listen("d");
    for n in 0..10 {
        nodes[n % 2].place(draft("c", number(n)));
        nodes[n % 2].publish(passing("e", number(n)));
    }
    for node in &nodes {
        for (name, _) in node.settled(&nodes[0]).messages {
            assert!(name.as_str() != "e", "nobody listens to it");
        }
    }
    assert_eq!(nodes[0].delivered("c", 10).len(), 10);
    assert_eq!(nodes[1].heard.notes().count(&channel("c")), 0, "not even what it published");
}

pub fn what_is_published_after_the_answer_arrives_once_and_in_order(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    for n in 0..5 {
        nodes[n % nodes.len()].place(draft("c", "before"));
    }
    nodes.iter().for_each(|node| node.listen("c"));
    for n in 0..100 {
        nodes[n % nodes.len()].place(draft("c", number(n)));
    }
    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    for node in &nodes {
        let ignored = if node.is_shared() { 0 } else { 5 };
        let delivered = node.delivered("c", ignored + 100);
        assert_eq!(texts(&delivered[ignored..]), expected);
        let notes = node.settled(&nodes[0]);
        assert_eq!(notes.count(&channel("c")), ignored + 100, "nothing twice");
        assert_eq!(notes.doubts, [], "and nothing to doubt");
    }
}

pub fn nothing_comes_any_more_after_unlistening(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    nodes[0].listen("c");
    nodes[0].listen("d");
    nodes[0].place(draft("c", "1"));
    nodes[0].delivered("c", 1);
    nodes[0].unlisten("c");
    if nodes[0].is_shared() {
        nodes.iter().for_each(|node| assert_silence(&nodes[0], node, &["c".into()]));
    } else {
        assert_heard(&nodes[0], "c");
    }
    nodes[0].place(draft("d", "1"));
    nodes[0].delivered("d", 1);
}

pub fn listening_twice_is_one_subscription(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let node = &nodes[0];
    let both = [node.begin_listening("c"), node.begin_listening("c")];
    both.into_iter().for_each(crate::stage::Pending::done);
    node.listen("c");
    (1..=10).for_each(|n| drop(node.place(draft("c", number(n)))));
    node.delivered("c", 10);
    let notes = node.settled(node);
    assert_eq!(offsets(&notes.publications(&channel("c"))), (1..=10).collect::<Vec<_>>());
    if node.is_shared() {
        node.unlisten("c");
        assert_silence(node, &nodes[1], &["c".into()]);
        node.unlisten("c"); // Nobody listens; nothing happens.
        node.unlisten("never");
        node.listen("c");
        let before = node.heard.notes().count(&channel("c"));
        node.publish(passing("c", "again"));
        assert_eq!(texts(&node.delivered("c", before + 1)).last().unwrap(), "again");
    }
}

pub fn listening_again_hears_again(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let node = &nodes[0];
    let mut before = 0;
    for round in 1..=20 {
        node.listen("c");
        node.unlisten("c");
        node.listen("c");
        let text = format!("round {round}");
        let publisher = &nodes[round % nodes.len()];
        publisher.place(draft("c", text.clone()));
        before += 1;
        let delivered = node.delivered("c", before);
        assert_eq!((delivered.len(), texts(&delivered).pop().unwrap()), (before, text));
        if round % 2 == 0 {
            node.unlisten("c");
        }
    }
}

pub fn no_hole_between_a_page_and_what_follows(subject: &dyn Subject) {
    const PUBLICATIONS: u64 = 150;
    let nodes = Stage::new(subject).nodes(2);
    let (node, publisher) = (&nodes[0], &nodes[nodes.len() - 1]);
    for round in 0..5 {
        let name = format!("c{round}");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..PUBLICATIONS).for_each(|n| drop(publisher.place(draft(&name, number(n)))));
            });
            // Each round comes in at another moment.
            let end = Instant::now() + DEADLINE;
            while node.top(&name).offset < 10 * round {
                assert!(Instant::now() < end, "the publisher is getting on");
            }
            node.listen(&name);
            let page = node.all(&name);
            assert_eq!(offsets(&page.publications), (1..=page.top.offset).collect::<Vec<_>>());
            let last = |notes: &Notes| {
                let publications = notes.publications(&channel(&name));
                publications.last().is_some_and(|last| last.offset == PUBLICATIONS)
            };
            if page.top.offset < PUBLICATIONS {
                node.heard.until("the last one", last);
            }
            let live = offsets(&node.heard.notes().publications(&channel(&name)));
            let behind: Vec<_> =
                live.iter().copied().filter(|&offset| offset > page.top.offset).collect();
            let expected: Vec<_> = (page.top.offset + 1..=PUBLICATIONS).collect();
            assert_eq!(behind, expected, "behind {}", page.top.offset);
            assert!(live.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, once: {live:?}");
        });
    }
}

pub fn a_thousand_channels_are_listened_to_at_once(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let (node, publisher) = (&nodes[0], &nodes[nodes.len() - 1]);
    let names: Vec<_> = (0..1_000).map(|n| format!("many:{n}")).collect();
    let pending: Vec<_> = names.iter().map(|name| node.begin_listening(name)).collect();
    pending.into_iter().for_each(crate::stage::Pending::done);
    let pending: Vec<_> =
        names.iter().map(|name| publisher.begin(passing(name, name.clone()))).collect();
    pending.into_iter().for_each(|pending| drop(pending.done()));
    node.heard.until("one of each", |notes| notes.messages.len() >= names.len());
    let notes = node.settled(publisher);
    for name in &names {
        assert_eq!(texts(&notes.publications(&channel(name))), [name.as_str()]);
    }
    names.iter().for_each(|name| node.unlisten(name));
    if node.is_shared() {
        let some: Vec<_> = names.into_iter().step_by(50).collect();
        assert_silence(node, publisher, &some);
    } else {
        assert_heard(node, "many:0");
    }
}
