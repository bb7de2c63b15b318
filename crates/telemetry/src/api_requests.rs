//! Requests of the server API, by method and outcome.

use crate::counter::SharedCounter;
use crate::label::{ApiMethod, ApiOutcome, Label};

/// A counter for each pair of method and outcome. Any thread may count.
#[derive(Debug)]
pub struct ApiRequests(Box<[SharedCounter]>);

impl ApiRequests {
    /// Counts one request.
    pub fn count(&self, method: ApiMethod, outcome: ApiOutcome) {
        self.0[place(method, outcome)].add(1);
    }

    /// Requests so far.
    #[must_use]
    pub fn get(&self, method: ApiMethod, outcome: ApiOutcome) -> u64 {
        self.0[place(method, outcome)].get()
    }

    /// The texts of every pair, with its count.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let pairs = ApiMethod::VALUES
            .iter()
            .flat_map(|method| ApiOutcome::VALUES.iter().map(move |outcome| (*method, *outcome)));
        pairs.zip(&self.0).map(|((method, outcome), counter)| (method, outcome, counter.get()))
    }
}

fn place(method: ApiMethod, outcome: ApiOutcome) -> usize {
    method.index() * ApiOutcome::VALUES.len() + outcome.index()
}

impl Default for ApiRequests {
    fn default() -> Self {
        let pairs = ApiMethod::VALUES.len() * ApiOutcome::VALUES.len();
        Self((0..pairs).map(|_| SharedCounter::default()).collect())
    }
}
