//! Whatever comes, in whatever order.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::limits::CATCH_UP_RETRY_MS;

/// What a client may send; each gets its own id where it wants one.
const REQUESTS: &[&str] = &[
    "subscribe open:a",
    "subscribe open:a joins",
    "subscribe loud:a joins",
    "subscribe log:a",
    "subscribe log:a from=e@2",
    "subscribe log:b from=x@2 reject",
    "subscribe log:b required",
    "subscribe few:a",
    "subscribe few:b",
    "subscribe few_log:a",
    "subscribe few_log:a from=e@2",
    "subscribe few_log:b token=sub/few_log:b/ann/exp=9",
    "subscribe closed:a",
    "subscribe closed:a token=sub/closed:a/ann/exp=9",
    "subscribe log:a token=sub/log:a/ann/exp=9",
    "unsubscribe open:a",
    "unsubscribe few:a",
    "unsubscribe few_log:a",
    "unsubscribe log:a",
    "unsubscribe log:b",
    "publish open:a 1",
    "publish users:a 1",
    "say 1",
    "presence open:a",
    "presence_stats open:a",
    "history kept:a since=e@2",
    "rpc m",
    "refresh user/ann/exp=30",
    "sub_refresh closed:a sub/closed:a/ann/exp=60",
    "sub_refresh log:a expired",
];

/// What is not in the ordinary course of things, and often the end.
const OTHERS: &[&str] = &[
    "0 say 1",
    "0 send 1",
    "0 pong",
    "0 subscribe open:a",
    "1 unsupported",
    "1 connect token=user/ann",
    "1 refresh user/bob",
    "url subscribe log:a",
    "url subscribe closed:a required",
    "control disconnect",
    "gone",
];

/// What goes wrong with streams.
const FAULTS: &[&str] = &[
    "missed log:a e@2",
    "missed log:b e@3",
    "missed log:s e@2",
    "missed few_log:a e@2",
    "crowded log:a=e@2 log:s=e@1",
    "crowded",
];

const CONTROLS: &[&str] = &[
    "control subscribe log:a",
    "control subscribe open:s data=1",
    "control subscribe log:s",
    "control subscribe few:s",
    "control subscribe few_log:s",
    "control refresh exp=100000 info=z",
    "control unsubscribe log:a",
    "control unsubscribe log:s",
    "control unsubscribe few_log:s",
    "control unsubscribe open:s",
];

const INTRODUCTIONS: &[&str] = &[
    "1 connect token=user/ann",
    "1 connect token=user/ann/exp=9/channels=log:s,open:s,log:a",
    "url connect token=user/ann/channels=log:a,log:s",
    "1 connect token=user/ann/channels=few:s,few_log:s",
    "1 connect token=expired",
];

#[derive(Clone, Debug)]
enum Step {
    Request(&'static str),
    Line(&'static str),
    /// Everything has been sent, if that is waited for.
    Drain,
    /// Answers one of the questions that wait, in any order.
    Answer {
        which: usize,
        how: usize,
    },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => select(REQUESTS).prop_map(Step::Request),
        8 => (any::<usize>(), 0usize..4).prop_map(|(which, how)| Step::Answer { which, how }),
        3 => select(CONTROLS).prop_map(Step::Line),
        3 => select(FAULTS).prop_map(Step::Line),
        3 => Just(Step::Drain),
        1 => select(OTHERS).prop_map(Step::Line),
        2 => (0u64..12_000).prop_map(Step::Wait),
    ]
}

fn answer(scene: &mut Scene, which: usize, how: usize) {
    if scene.asked.is_empty() {
        return;
    }
    let Asked { ticket, about } = scene.asked.remove(which % scene.asked.len());
    let text = match about {
        Subject::Publish => ["", "", "", "overloaded"][how],
        Subject::History => ["e@4 3 4", "f@9", "e@2", "overloaded"][how],
        Subject::Inbox => ["e@4 3 4", "f@9", "e@2", "overloaded"][how],
        Subject::Hear => ["", "", "", "overloaded"][how],
        Subject::Presence => "ann bob",
        Subject::PresenceStats => "2 2",
        Subject::Call => ["rpc {}", "error 400", "disconnect 4001", "silent"][how],
    };
    scene.tell(Input::Answer(ticket, script::answer(about, text)));
}

fn drain(scene: &mut Scene) {
    if scene.witness.drains {
        scene.feed("drained");
    }
}

proptest! {
    /// The witness of each scene fails on any disorder (see [`witness`]).
    #[test]
    fn whatever_happens_the_order_is_kept(
        introduction in select(INTRODUCTIONS),
        gaps in any::<bool>(),
        over_a_broker in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let abilities = Abilities { binary: true, pong: true, gaps, delta: true, unread: false };
        let scene = Scene { over_a_broker, ..Scene::with(Limits::default(), abilities) };
        let mut scene = scene.after(&[introduction]);
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Request(request) => drop(scene.feed(&format!("{} {request}", at + 2))),
                Step::Line(line) => drop(scene.feed(line)),
                Step::Drain => drain(&mut scene),
                Step::Answer { which, how } => answer(&mut scene, which, how),
                Step::Wait(millis) => {
                    scene.feed(&format!("wait {millis}"));
                    let next = scene.session.wake_at();
                    prop_assert!(scene.session.is_closed() || next > scene.now, "never at rest");
                    if scene.session.awaits_pong() {
                        scene.feed("0 pong");
                    }
                }
            }
            let limit = scene.limits.channels_per_connection;
            prop_assert!(scene.session.subscription_count() <= limit);
        }
        // Once everything is answered and read, whoever is left is given all there is.
        for _ in 0..100 {
            while !scene.asked.is_empty() {
                answer(&mut scene, 0, 0);
            }
            drain(&mut scene);
            scene.pass(CATCH_UP_RETRY_MS / 10);
            scene.tell(Input::Timer);
            if scene.session.awaits_pong() {
                scene.feed("0 pong");
            }
        }
        prop_assert!(scene.witness.is_live(), "a subscription stands aside for ever");
        prop_assert!(scene.witness.is_satisfied(), "a command was not answered");
        scene.feed("gone");
        prop_assert!(scene.session.is_closed());
    }
}
