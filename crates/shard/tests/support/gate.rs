//! Tokens that say in plain words what they allow.

use bytes::Bytes;

use trunkline_core::channel::ChannelName;
use trunkline_core::gate::{Gate, SubscriptionGrant, TokenError};
use trunkline_core::identity::{Identity, ServerSubscription, UserId};
use trunkline_core::time::WallTime;

/// Reads a token `user` or `user;channel;channel`, which names a user and the channels the server
/// subscribes it to. The token `bad` is nobody's.
pub(crate) struct PlainWords;

impl Gate for PlainWords {
    fn connection(&self, token: &str, _now: WallTime) -> Result<Identity, TokenError> {
        let mut words = token.split(';');
        let user = words.next().filter(|user| *user != "bad").ok_or(TokenError::Invalid)?;
        let channels = words
            .map(|name| ChannelName::parse(name).map(|name| (name, ServerSubscription::default())))
            .collect::<Result<_, _>>()
            .map_err(|_| TokenError::Invalid)?;
        Ok(Identity {
            user: UserId::new(user),
            info: Some(Bytes::from_static(b"{}")),
            channels,
            ..Identity::default()
        })
    }

    fn subscription(&self, _: &str, _: WallTime) -> Result<SubscriptionGrant, TokenError> {
        Err(TokenError::Invalid)
    }
}
