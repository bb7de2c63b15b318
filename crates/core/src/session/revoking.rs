//! What was taken back, of a connection and its subscriptions.

use crate::error::{CloseReason, UnsubscribeReason};
use crate::identity::UserId;
use crate::revocation::{Credential, Revocation};
use crate::time::WallTime;

use super::{Effect, Session};

/// What a client without a token is allowed by: that it was this user at this time.
pub(super) fn since(user: &UserId, then: WallTime) -> Option<Credential> {
    (!user.is_anonymous()).then_some(Credential { id: None, issued_at: then })
}

impl Session {
    /// Something was taken back: the connection ends, or the subscriptions do that it concerns.
    pub(super) fn revoked(&mut self, revocation: &Revocation, effects: &mut Vec<Effect>) {
        if !self.is_connected() {
            return;
        }
        let concerned = |credential: Option<&Credential>| {
            credential.is_some_and(|credential| revocation.concerns(&self.user, credential))
        };
        if concerned(self.extra.as_ref().and_then(|extra| extra.credential.as_ref())) {
            return self.close(CloseReason::InvalidToken, effects);
        }
        let ended: Vec<_> = self
            .subscriptions
            .iter()
            .filter(|one| concerned(one.extra.as_ref().and_then(|e| e.credential.as_ref())))
            .map(|one| one.channel.clone())
            .collect();
        for channel in ended {
            self.end_subscription(&channel, UnsubscribeReason::Server, effects);
        }
    }
}
