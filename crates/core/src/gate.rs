//! The port to whoever knows who may come in.

use bytes::Bytes;

use crate::application::Calls;
use crate::channel::ChannelName;
use crate::identity::{ClientId, Identity, UserId};
use crate::revocation::Credential;
use crate::time::WallTime;

/// What holds for clients without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// A client may connect without a token.
    pub anonymous: bool,
    /// Any client may do everything, whatever its namespace says, for as long as it likes: a
    /// token is verified if it is shown, but the connection does not expire. For development only.
    pub insecure: bool,
    /// What the application is asked.
    pub calls: Calls,
    /// Whoever has a user is subscribed to their personal channel.
    pub inbox: bool,
}

impl Policy {
    /// Whether a client without a user may come in.
    #[must_use]
    pub fn lets_anybody_in(&self) -> bool {
        self.anonymous || self.insecure
    }
}

/// What a subscription token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionGrant {
    /// For whom.
    pub user: UserId,
    /// For which channel.
    pub channel: Box<str>,
    /// For which connection only, if it says so.
    pub client: Option<ClientId>,
    /// Shown to other clients as `chan_info`.
    pub info: Option<Bytes>,
    /// When the subscription must have shown a newer token.
    pub expires_at: Option<WallTime>,
    /// By what the token can be taken back.
    pub credential: Credential,
}

impl SubscriptionGrant {
    /// Whether the grant is for this connection and channel.
    #[must_use]
    pub fn is_for(&self, user: &UserId, client: ClientId, channel: &ChannelName) -> bool {
        self.user == *user
            && *self.channel == *channel.as_str()
            && self.client.is_none_or(|bound| bound == client)
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("token expired")]
    Expired,
    /// It is not, and never will be.
    #[error("invalid token")]
    Invalid,
    /// The key it names is not known yet, and was asked for: the same token may be good in a moment.
    #[error("the key of the token is not known yet")]
    NotYet,
}

/// Checks tokens.
pub trait Gate: Send + Sync {
    /// Reads a connection token.
    ///
    /// # Errors
    /// Says whether a newer token would help.
    fn connection(&self, token: &str, now: WallTime) -> Result<Identity, TokenError>;

    /// Reads a subscription token.
    ///
    /// # Errors
    /// Says whether a newer token would help.
    fn subscription(&self, token: &str, now: WallTime) -> Result<SubscriptionGrant, TokenError>;
}
