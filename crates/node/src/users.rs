//! The users that are connected to this node.

use trunkline_core::identity::UserId;

use crate::stripes::Striped;

/// Connections per user; those without a user are not counted.
#[derive(Default)]
pub struct Users {
    connections: Striped<UserId, u32>,
}

impl Users {
    /// A connection of this user was made.
    pub fn arrive(&self, user: &UserId) {
        if !user.is_anonymous() {
            *self.connections.of(user).entry(user.clone()).or_insert(0) += 1;
        }
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
