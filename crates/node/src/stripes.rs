//! A map spread over locks, so that threads seldom meet.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a map is spread over: more than there are threads to meet on one.
pub(crate) const STRIPES: usize = 64;

/// One stripe of a [`Striped`] map.
pub(crate) type Stripe<K, V> = HashMap<K, V>;

/// A map in [`STRIPES`] parts, each behind its lock.
pub(crate) struct Striped<K, V> {
    hasher: RandomState,
    stripes: Vec<Mutex<Stripe<K, V>>>,
}

impl<K: Hash + Eq, V> Default for Striped<K, V> {
    fn default() -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), stripes }
    }
}

impl<K: Hash + Eq, V> Striped<K, V> {
    /// The part that `key` belongs to.
    pub(crate) fn of(&self, key: &K) -> MutexGuard<'_, Stripe<K, V>> {
        let at = self.hasher.hash_one(key) % STRIPES as u64;
        self.stripes[usize::try_from(at).unwrap_or(0)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at every entry, part by part.
    pub(crate) fn each(&self, mut look: impl FnMut(&K, &mut V)) {
        for stripe in &self.stripes {
            let mut stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe.iter_mut().for_each(|(key, value)| look(key, value));
        }
    }

    /// Keeps the entries that `keep` says, part by part.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for stripe in &self.stripes {
            let mut stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe.retain(|key, value| keep(key, value));
        }
    }

    /// Entries in all parts, at no single moment.
    pub(crate) fn len(&self) -> usize {
        let len = |stripe: &Mutex<Stripe<K, V>>| {
            stripe.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.stripes.iter().map(len).sum()
    }
}
