//! The users that are connected to this node.

use trunkline_core::identity::UserId;

use crate::stripes::Striped;

/// Connections per user; those without a user are not counted.
#[derive(Default)]
pub struct Users {
    connections: Striped<UserId, u32>,
}

impl Users {
    /// A connection of this user was made; says how many they have by now. Anonymous ones are not
    /// counted.
    pub fn arrive(&self, user: &UserId) -> u32 {
        if user.is_anonymous() {
            return 0;
        }
        let mut stripe = self.connections.of(user);
        let count = stripe.entry(user.clone()).or_insert(0);
        *count += 1;
        *count
    }

    /// A connection of this user has ended.
    pub fn depart(&self, user: &UserId) {
        let mut stripe = self.connections.of(user);
        if let Some(count) = stripe.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                stripe.remove(user);
            }
        }
    }

    /// Different users.
    #[must_use]
    pub fn count(&self) -> usize {
        self.connections.len()
    }
}
