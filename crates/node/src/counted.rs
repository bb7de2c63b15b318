//! How many connections there are of each user, or from each address, and what else is counted so.

use std::hash::Hash;

use crate::stripes::Striped;

/// How many there are of each key. What has none is not remembered.
pub(crate) struct Counted<K>(Striped<K, usize>);

impl<K: Hash + Eq> Default for Counted<K> {
    fn default() -> Self {
        Self(Striped::default())
    }
}

impl<K: Hash + Eq + Clone> Counted<K> {
    /// One more; says how many there are by now.
    pub(crate) fn add(&self, key: &K) -> usize {
        let mut stripe = self.0.of(key);
        let count = stripe.entry(key.clone()).or_insert(0);
        *count += 1;
        *count
    }

    /// One more, if there are fewer than `most`; 0 is no bound.
    pub(crate) fn add_below(&self, key: &K, most: usize) -> bool {
        self.add_below_if(key, most, || true)
    }

    /// The same, if `also` holds too, which is asked last. Until it has answered nobody else counts
    /// this key: what is given up again is seen by nobody.
    pub(crate) fn add_below_if(&self, key: &K, most: usize, also: impl FnOnce() -> bool) -> bool {
        let mut stripe = self.0.of(key);
        let count = stripe.get(key).copied().unwrap_or(0);
        if (most > 0 && count >= most) || !also() {
            return false;
        }
        stripe.insert(key.clone(), count + 1);
        true
    }

    /// One less.
    pub(crate) fn remove(&self, key: &K) {
        let mut stripe = self.0.of(key);
        if let Some(count) = stripe.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                stripe.remove(key);
            }
        }
    }

    /// Different keys.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::rate::Account;

    use super::*;

    #[test]
    fn an_address_has_room_again_when_one_leaves() {
        let addresses = Counted::default();
        let home = Account::of_address([10, 0, 0, 1].into());
        let other = Account::of_address([10, 0, 0, 2].into());
        assert!(addresses.add_below(&home, 2) && addresses.add_below(&home, 2));
        assert!(!addresses.add_below(&home, 2) && addresses.add_below(&other, 2));
        addresses.remove(&home);
        assert!(addresses.add_below(&home, 2));
        for address in [&home, &home, &other] {
            addresses.remove(address);
        }
        assert_eq!(addresses.len(), 0);
    }
}
