//! Random runs of a small server that does everything right pass; each with one thing put wrong
//! does not.

use proptest::prelude::*;
use proptest::sample::Index;
use trunkline_checker::event::{Event, GapReason, Kept, Outcome, Place};

use crate::run::Run;

const SUBSCRIBERS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish {
        answer: u8,
    },
    Leave(usize),
    Return(usize),
    /// The next publications are not handed over, until the subscriber is told.
    Stall(usize),
    Tell(usize),
    Trim,
    NewLineage,
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..4_u8).prop_map(|answer| Step::Publish { answer }),
        2 => (0..SUBSCRIBERS).prop_map(Step::Leave),
        3 => (0..SUBSCRIBERS).prop_map(Step::Return),
        1 => (0..SUBSCRIBERS).prop_map(Step::Stall),
        1 => (0..SUBSCRIBERS).prop_map(Step::Tell),
        1 => Just(Step::Trim),
        1 => Just(Step::NewLineage),
        1 => Just(Step::Read),
    ]
}

#[derive(Default)]
struct Subscriber {
    here: bool,
    stalled: bool,
    seen: Option<Place>,
}

/// A server of one channel, and the log of what it does.
#[derive(Default)]
struct Server {
    run: Run,
    lineage: u32,
    ids: Vec<String>,
    trimmed: u64,
    calls: u32,
    subscribers: [Subscriber; SUBSCRIBERS],
}

fn name(who: usize) -> String {
    format!("s{who}")
}

impl Server {
    fn top(&self) -> Place {
        Place::new(&format!("e{}", self.lineage), self.ids.len() as u64)
    }

    fn log(&mut self, event: Event) {
        self.run.0.push(event);
    }

    fn publish(&mut self, answer: u8) {
        self.calls += 1;
        let id = format!("m{}", self.calls);
        let stored = answer != 3;
        if stored {
            self.ids.push(id.clone());
        }
        let outcome = match answer {
            0 => Outcome::Acknowledged(None),
            1 => Outcome::Acknowledged(Some(self.top())),
            _ => Outcome::Unknown,
        };
        let (publisher, channel) = ("p".to_owned(), "c".to_owned());
        for who in 0..SUBSCRIBERS {
            if stored && self.subscribers[who].here && !self.subscribers[who].stalled {
                self.hand_over(who, self.ids.len() as u64);
            }
        }
        self.log(Event::Publish { publisher, channel, id, outcome });
    }

    fn hand_over(&mut self, who: usize, offset: u64) {
        let at = Place { offset, ..self.top() };
        let id = self.ids[offset as usize - 1].clone();
        self.run = std::mem::take(&mut self.run).got_other(&name(who), at.clone(), &id);
        self.subscribers[who].seen = Some(at);
    }

    fn leave(&mut self, who: usize) {
        if std::mem::take(&mut self.subscribers[who].here) {
            self.subscribers[who].stalled = false;
            self.log(Event::Disconnected { subscriber: name(who) });
        }
    }

    fn come(&mut self, who: usize) {
        if self.subscribers[who].here {
            return;
        }
        self.subscribers[who].here = true;
        let (run, top) = (std::mem::take(&mut self.run), self.top());
        let Some(since) = self.subscribers[who].seen.clone() else {
            self.run = run.subscription(&name(who), None, false, None, top.clone());
            self.subscribers[who].seen = Some(top);
            return;
        };
        if since.offset < self.trimmed {
            self.run = run.lost(&name(who), since, GapReason::Trimmed, top.clone());
            self.subscribers[who].seen = Some(top);
            return;
        }
        let at = Place { offset: since.offset, ..top.clone() };
        self.run = run.recovered(&name(who), since.clone(), at.clone());
        self.subscribers[who].seen = Some(at);
        for offset in since.offset + 1..=top.offset {
            self.hand_over(who, offset);
        }
    }

    fn tell(&mut self, who: usize) {
        let top = self.top();
        let subscriber = &mut self.subscribers[who];
        if std::mem::take(&mut subscriber.stalled) && subscriber.seen.as_ref() != Some(&top) {
            subscriber.seen = Some(top.clone());
            self.run = std::mem::take(&mut self.run).gap(&name(who), GapReason::Overflow, top);
        }
    }

    fn read(&mut self) {
        let kept = self.ids.iter().zip(1..).skip(self.trimmed as usize);
        let kept = kept.map(|(id, offset)| Kept { offset, id: id.clone(), tag: None });
        let (channel, publications) = ("c".to_owned(), kept.collect());
        self.log(Event::History { channel, top: self.top(), publications });
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { answer } => self.publish(answer),
            Step::Leave(who) => self.leave(who),
            Step::Return(who) => self.come(who),
            Step::Stall(who) => self.subscribers[who].stalled = self.subscribers[who].here,
            Step::Tell(who) => self.tell(who),
            Step::Trim => self.trimmed = (self.trimmed + 2).min(self.ids.len() as u64),
            Step::NewLineage => {
                (0..SUBSCRIBERS).for_each(|who| self.leave(who));
                self.lineage += 1;
            }
            Step::Read => self.read(),
        }
    }

    /// The log of a run that ends with everybody there and content.
    fn run(steps: &[Step]) -> Run {
        let mut server = Self::default();
        // Somebody is there to whom something can happen.
        server.come(0);
        (0..3).for_each(|answer| server.publish(answer));
        steps.iter().for_each(|&step| server.step(step));
        (0..SUBSCRIBERS).for_each(|who| server.come(who));
        (0..SUBSCRIBERS).for_each(|who| server.tell(who));
        server.read();
        server.run
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Lose,
    Duplicate,
    Swap,
    OtherMessage,
    LoseFromStream,
    PretendRecovered,
}

fn fault() -> impl Strategy<Value = Fault> {
    use Fault::*;
    prop::sample::select(vec![
        Lose,
        Duplicate,
        Swap,
        OtherMessage,
        LoseFromStream,
        PretendRecovered,
    ])
}

fn subscriber(event: &Event) -> Option<&str> {
    match event {
        Event::Subscribed { subscriber, .. }
        | Event::Publication { subscriber, .. }
        | Event::Gap { subscriber, .. }
        | Event::Disconnected { subscriber } => Some(subscriber),
        _ => None,
    }
}

/// What its subscriber saw next.
fn next(run: &Run, at: usize) -> Option<usize> {
    let who = subscriber(&run.0[at]);
    (at + 1..run.0.len()).find(|&later| subscriber(&run.0[later]) == who)
}

/// Puts one thing wrong, at one of the places where this can be done.
fn put_wrong(run: &mut Run, fault: Fault, place: Index) -> bool {
    let publication = |at: usize| matches!(run.0[at], Event::Publication { .. });
    let then_a_gap = |at| next(run, at).is_some_and(|at| matches!(run.0[at], Event::Gap { .. }));
    let fits = |&at: &usize| match fault {
        // A gap that begins one earlier is still a gap.
        Fault::Lose => publication(at) && !then_a_gap(at),
        Fault::Duplicate | Fault::OtherMessage => publication(at),
        Fault::Swap => publication(at) && next(run, at).is_some_and(publication),
        // The first one looks like one that was trimmed.
        Fault::LoseFromStream => {
            matches!(&run.0[at], Event::History { publications, .. } if publications.len() > 1)
        }
        Fault::PretendRecovered => {
            matches!(run.0[at], Event::Subscribed { since: Some(_), recovered: false, .. })
        }
    };
    let places: Vec<usize> = (0..run.0.len()).filter(fits).collect();
    if places.is_empty() {
        return false;
    }
    let at = *place.get(&places);
    let later = next(run, at);
    match (fault, &mut run.0[at]) {
        (Fault::Lose, _) => drop(run.0.remove(at)),
        (Fault::Duplicate, event) => {
            let copy = event.clone();
            run.0.insert(at + 1, copy);
        }
        (Fault::Swap, _) => run.0.swap(at, later.expect("it was looked for")),
        (Fault::OtherMessage, Event::Publication { id, .. }) => id.push('x'),
        (Fault::LoseFromStream, Event::History { publications, .. }) => {
            publications.remove(1 + place.index(publications.len() - 1));
        }
        (Fault::PretendRecovered, Event::Subscribed { recovered, gap, .. }) => {
            (*recovered, *gap) = (true, None);
        }
        _ => unreachable!("the place fits the fault"),
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_correct_run_passes(steps in prop::collection::vec(step(), 0..80)) {
        let verdict = Server::run(&steps).verdict();
        prop_assert!(verdict.is_clean(), "{verdict}");
    }

    #[test]
    fn one_fault_is_found(
        steps in prop::collection::vec(step(), 0..80),
        fault in fault(),
        place: Index,
    ) {
        let mut run = Server::run(&steps);
        if put_wrong(&mut run, fault, place) {
            prop_assert!(!run.verdict().is_clean(), "{fault:?} went unnoticed");
        }
    }
}
