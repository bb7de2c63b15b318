//! The addresses that connections to this node come from, where that is counted.

use trunkline_core::rate::Account;

use crate::stripes::Striped;

/// Connections per address.
#[derive(Default)]
pub(crate) struct Addresses {
    connections: Striped<Account, u32>,
}

impl Addresses {
    /// One more, if there are fewer than `most`; 0 is no bound.
    pub(crate) fn enter(&self, address: &Account, most: usize) -> bool {
        let mut stripe = self.connections.of(address);
        let count = stripe.get(address).copied().unwrap_or(0);
        if most > 0 && count as usize >= most {
            return false;
        }
        stripe.insert(address.clone(), count + 1);
        true
    }

    /// One less.
    pub(crate) fn leave(&self, address: &Account) {
        let mut stripe = self.connections.of(address);
        if let Some(count) = stripe.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                stripe.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_room_again_when_one_leaves() {
        let addresses = Addresses::default();
        let home = Account::of_address([10, 0, 0, 1].into());
        let other = Account::of_address([10, 0, 0, 2].into());
        assert!(addresses.enter(&home, 2) && addresses.enter(&home, 2));
        assert!(!addresses.enter(&home, 2) && addresses.enter(&other, 2));
        addresses.leave(&home);
        assert!(addresses.enter(&home, 2));
        for address in [&home, &home, &other] {
            addresses.leave(address);
        }
        assert_eq!(addresses.connections.len(), 0);
    }
}
