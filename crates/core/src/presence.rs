//! Who is in a channel.

use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::{ClientId, ClientInfo, UserId};

/// The connections in one channel, and how many users they are.
#[derive(Debug, Default)]
pub struct Members {
    clients: HashMap<ClientId, Arc<ClientInfo>>,
    /// Connections per user, so that a person with three tabs counts once.
    users: HashMap<UserId, u32>,
}

/// Sizes of a channel's audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceStats {
    /// Connections.
    pub clients: usize,
    /// Different users among them; all anonymous ones count as one.
    pub users: usize,
}

impl Members {
    /// Adds a connection, or replaces what is known about it.
    pub fn join(&mut self, info: Arc<ClientInfo>) {
        let user = info.user.clone();
        if let Some(before) = self.clients.insert(info.client, info) {
            self.forget_user(&before.user);
        }
        *self.users.entry(user).or_insert(0) += 1;
    }

    /// Removes a connection; says whether it was there.
    pub fn leave(&mut self, client: ClientId) -> bool {
        let Some(info) = self.clients.remove(&client) else { return false };
        self.forget_user(&info.user);
        true
    }

    fn forget_user(&mut self, user: &UserId) {
        if let Some(count) = self.users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(user);
            }
        }
    }

    /// Whether a user has a connection here.
    #[must_use]
    pub fn has(&self, user: &UserId) -> bool {
        self.users.contains_key(user)
    }

    /// Whether nobody is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// At most `limit` of the connections, in no particular order.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<Arc<ClientInfo>> {
        self.clients.values().take(limit).cloned().collect()
    }

    /// How many.
    #[must_use]
    pub fn stats(&self) -> PresenceStats {
        PresenceStats { clients: self.clients.len(), users: self.users.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(client: u128, user: &str) -> Arc<ClientInfo> {
        Arc::new(ClientInfo {
            user: UserId::new(user),
            client: ClientId(client),
            conn_info: None,
            chan_info: None,
        })
    }

    #[test]
    fn a_user_counts_once_however_many_connections() {
        let mut members = Members::default();
        members.join(member(1, "ann"));
        members.join(member(2, "ann"));
        members.join(member(3, "bob"));
        assert_eq!(members.stats(), PresenceStats { clients: 3, users: 2 });
        assert!(members.leave(ClientId(1)));
        assert!(!members.leave(ClientId(1)));
        assert_eq!(members.stats(), PresenceStats { clients: 2, users: 2 });
        members.leave(ClientId(2));
        assert_eq!(members.stats(), PresenceStats { clients: 1, users: 1 });
    }

    #[test]
    fn joining_again_replaces() {
        let mut members = Members::default();
        members.join(member(1, "ann"));
        members.join(member(1, "bob"));
        assert_eq!(members.stats(), PresenceStats { clients: 1, users: 1 });
        assert_eq!(members.list(10)[0].user.as_str(), "bob");
    }
}
