//! Numbers that go up, and numbers that go up and down.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::label::Label;

/// A number that only grows. One thread adds, any thread may read: adding is a plain load and
/// store, without the locked instruction that several writers would need.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. For the owning thread only; others would lose counts.
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
        }
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that grows and shrinks. One thread adds, any thread may read.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `n`, which may be negative. For the owning thread only.
    pub fn add(&self, n: i64) {
        if n != 0 {
            self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
        }
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A number that only grows and that any thread may add to.
#[derive(Debug, Default)]
pub struct SharedCounter(AtomicU64);

impl SharedCounter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that grows and shrinks and that any thread may add to.
#[derive(Debug, Default)]
pub struct SharedGauge(AtomicI64);

impl SharedGauge {
    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A [`Counter`] for each value of a label.
#[derive(Debug)]
pub struct ByLabel<L> {
    counters: Box<[Counter]>,
    label: PhantomData<fn(L)>,
}

impl<L: Label> ByLabel<L> {
    /// Adds `n` for one value. For the owning thread only.
    pub fn add(&self, value: L, n: u64) {
        self.counters[value.index()].add(n);
    }

    /// The sum so far for one value.
    #[must_use]
    pub fn get(&self, value: L) -> u64 {
        self.counters[value.index()].get()
    }

    pub(crate) fn all(&self) -> &[Counter] {
        &self.counters
    }
}

impl<L: Label> Default for ByLabel<L> {
    fn default() -> Self {
        Self {
            counters: L::VALUES.iter().map(|_| Counter::default()).collect(),
            label: PhantomData,
        }
    }
}
