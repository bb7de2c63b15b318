//! Writes runs down shortly: one channel, `c`, whose stream is `e` unless something else is said.

use trunkline_checker::event::{Event, GapReason, Kept, Outcome, Place, Rules};
use trunkline_checker::judge::{Judge, Kind, Verdict};

/// The events of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run(pub(crate) Vec<Event>);

pub(crate) fn e(offset: u64) -> Place {
    Place::new("e", offset)
}

pub(crate) fn f(offset: u64) -> Place {
    Place::new("f", offset)
}

/// The id of the message that stands at an offset in runs where nothing is wrong.
pub(crate) fn id(offset: u64) -> String {
    format!("m{offset}")
}

fn c() -> String {
    "c".to_owned()
}

impl Run {
    /// `m1` to `m{count}` were acknowledged at their places, and the stream has them all.
    pub(crate) fn stored(count: u64) -> Self {
        (1..=count).fold(Self::default(), |run, n| run.acknowledged(&id(n), n)).held(1..=count)
    }

    pub(crate) fn with(mut self, event: Event) -> Self {
        self.0.push(event);
        self
    }

    pub(crate) fn rules(self, rules: Rules) -> Self {
        self.with(Event::Rules(rules))
    }

    fn publish(self, id: &str, outcome: Outcome) -> Self {
        self.with(Event::Publish { publisher: "p".into(), channel: c(), id: id.into(), outcome })
    }

    pub(crate) fn acknowledged(self, id: &str, offset: u64) -> Self {
        self.publish(id, Outcome::Acknowledged(Some(e(offset))))
    }

    /// As over a protocol whose answer has no place.
    pub(crate) fn acknowledged_somewhere(self, id: &str) -> Self {
        self.publish(id, Outcome::Acknowledged(None))
    }

    pub(crate) fn refused(self, id: &str) -> Self {
        self.publish(id, Outcome::Refused)
    }

    pub(crate) fn unknown(self, id: &str) -> Self {
        self.publish(id, Outcome::Unknown)
    }

    /// The stream was read and holds the messages of these offsets.
    pub(crate) fn held(self, offsets: std::ops::RangeInclusive<u64>) -> Self {
        let top = *offsets.end();
        let kept: Vec<_> = offsets.map(|n| (n, id(n))).collect();
        let kept: Vec<_> = kept.iter().map(|(n, id)| (*n, &**id)).collect();
        self.holds(e(top), &kept)
    }

    pub(crate) fn holds(self, top: Place, kept: &[(u64, &str)]) -> Self {
        let kept = kept.iter().map(|&(offset, id)| Kept { offset, id: id.into(), tag: None });
        self.with(Event::History { channel: c(), top, publications: kept.collect() })
    }

    pub(crate) fn subscribed(self, who: &str, at: u64) -> Self {
        self.subscription(who, None, false, None, e(at))
    }

    pub(crate) fn recovered(self, who: &str, since: Place, at: Place) -> Self {
        self.subscription(who, Some(since), true, None, at)
    }

    pub(crate) fn lost(self, who: &str, since: Place, reason: GapReason, at: Place) -> Self {
        self.subscription(who, Some(since), false, Some(reason), at)
    }

    pub(crate) fn subscription(
        self,
        who: &str,
        since: Option<Place>,
        recovered: bool,
        gap: Option<GapReason>,
        at: Place,
    ) -> Self {
        let (subscriber, channel) = (who.to_owned(), c());
        self.with(Event::Subscribed { subscriber, channel, since, recovered, gap, at })
    }

    /// The messages of these offsets arrived, in this order.
    pub(crate) fn got(self, who: &str, offsets: impl IntoIterator<Item = u64>) -> Self {
        offsets.into_iter().fold(self, |run, n| run.got_other(who, e(n), &id(n)))
    }

    pub(crate) fn got_other(self, who: &str, at: Place, id: &str) -> Self {
        let Place { epoch, offset, tag } = at;
        let (subscriber, channel, id) = (who.to_owned(), c(), id.to_owned());
        self.with(Event::Publication { subscriber, channel, epoch, offset, tag, id })
    }

    pub(crate) fn gap(self, who: &str, reason: GapReason, at: Place) -> Self {
        self.with(Event::Gap { subscriber: who.into(), channel: c(), reason, at })
    }

    pub(crate) fn gone(self, who: &str) -> Self {
        self.with(Event::Disconnected { subscriber: who.into() })
    }

    pub(crate) fn unsubscribed(self, who: &str) -> Self {
        self.with(Event::Unsubscribed { subscriber: who.into(), channel: c() })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let mut judge = Judge::new();
        self.0.iter().for_each(|event| judge.note(event));
        judge.verdict()
    }

    /// Nothing is wrong with it.
    #[track_caller]
    pub(crate) fn passes(&self) {
        let verdict = self.verdict();
        assert!(verdict.is_clean(), "{verdict}");
    }

    /// Exactly these things are wrong with it: what, noticed by whom, and at which offsets.
    #[track_caller]
    pub(crate) fn fails(&self, expected: &[(Kind, &str, (u64, u64))]) {
        let verdict = self.verdict();
        let mut found: Vec<_> = verdict
            .violations
            .iter()
            .map(|v| (v.kind, v.who.as_deref().unwrap_or(""), v.offsets))
            .collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "\n{verdict}");
    }
}
