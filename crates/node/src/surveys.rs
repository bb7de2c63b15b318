//! The questions to all nodes that are open here, and who waits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::limits::SURVEYS;
use trunkline_core::signal::{Finding, NodeId};
use trunkline_core::survey::{Collection, Survey, Surveyed};
use trunkline_core::time::Tick;
use trunkline_telemetry::Metrics;

/// Told what came of a question; an error when too many are open.
pub type Told<T> = Completion<Result<Surveyed<T>, BackendError>>;

/// Open questions of one kind.
pub(crate) struct Surveys<T> {
    open: Mutex<Open<T>>,
    metrics: Arc<Metrics>,
}

struct Open<T> {
    last: u64,
    surveys: HashMap<u64, (Survey<T>, Told<T>)>,
}

impl<T: Collection> Surveys<T> {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { open: Mutex::new(Open { last: 0, surveys: HashMap::new() }), metrics }
    }

    /// Begins a question, and says under which number. When too many are open there is none, and
    /// whoever wanted to ask is told so.
    pub(crate) fn begin(&self, survey: Survey<T>, told: Told<T>) -> Option<u64> {
        let mut open = self.lock();
        if open.surveys.len() >= SURVEYS {
            drop(open);
            told(Err(BackendError::Overloaded));
            return None;
        }
        open.last += 1;
        let number = open.last;
        open.surveys.insert(number, (survey, told));
        Some(number)
    }

    /// Takes a part of a node's answer. One to a question that is over is passed over.
    pub(crate) fn answer(
        &self,
        number: u64,
        from: &NodeId,
        part: (u32, bool),
        finding: Finding,
        now: Tick,
    ) {
        let mut open = self.lock();
        let Some((survey, _)) = open.surveys.get_mut(&number) else { return };
        survey.answer(from, part, finding);
        if !survey.is_over(now) {
            return;
        }
        let over = open.surveys.remove(&number);
        drop(open);
        self.conclude(over);
    }

    /// A node has stopped: nobody waits for it any more.
    pub(crate) fn forget(&self, node: &NodeId, now: Tick) {
        let mut open = self.lock();
        for (survey, _) in open.surveys.values_mut() {
            survey.forget(node);
        }
        drop(open);
        self.end_those_over(now);
    }

    /// Ends the questions whose time is up.
    pub(crate) fn end_those_over(&self, now: Tick) {
        let mut open = self.lock();
        let over: Vec<_> = open.surveys.extract_if(|_, (survey, _)| survey.is_over(now)).collect();
        drop(open);
        self.conclude(over.into_iter().map(|(_, survey)| survey));
    }

    /// Tells who waits; without a lock, as he may ask again.
    fn conclude(&self, over: impl IntoIterator<Item = (Survey<T>, Told<T>)>) {
        for (survey, told) in over {
            let surveyed = survey.conclude();
            if !surveyed.silent.is_empty() {
                self.metrics.node.surveys_timed_out.add(1);
            }
            told(Ok(surveyed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
