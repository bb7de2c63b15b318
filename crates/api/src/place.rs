//! The channel a request speaks of.

use trunkline_core::channel::ChannelName;
use trunkline_core::error::ClientError;
use trunkline_core::identity::UserId;
use trunkline_core::namespace::ChannelOptions;
use trunkline_node::Node;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;

/// A channel whose namespace exists.
pub(crate) struct Place<'n> {
    /// Its name.
    pub(crate) channel: ChannelName,
    /// The options of its namespace.
    pub(crate) options: &'n ChannelOptions,
}

impl<'n> Place<'n> {
    /// The channel in the field `channel`.
    pub(crate) fn read(node: &'n Node, fields: &Fields<'_>) -> Result<Self, ApiError> {
        Self::find(node, &fields.text("channel")?)
    }

    /// The channel in the field `channel`, or the inbox of the user in `user`, and that user.
    pub(crate) fn addressed(
        node: &'n Node,
        fields: &Fields<'_>,
    ) -> Result<(Self, Option<UserId>), ApiError> {
        match (fields.raw("channel"), fields.raw("user")) {
            (Some(_), Some(_)) => {
                Err(ApiError::bad_request("either `channel` or `user` says where it goes"))
            }
            (None, Some(_)) => {
                let user = inbox::user(fields, "user")?;
                Ok((Self::inbox(node, &user)?, Some(user)))
            }
            (_, None) => Ok((Self::read(node, fields)?, None)),
        }
    }

    /// The inbox of a user.
    pub(crate) fn inbox(node: &'n Node, user: &UserId) -> Result<Self, ApiError> {
        Self::of(node, inbox::channel(node, user)?)
    }

    /// The channel of that name.
    pub(crate) fn find(node: &'n Node, name: &str) -> Result<Self, ApiError> {
        let channel =
            ChannelName::parse(name).map_err(|error| ApiError::bad_request(error.to_string()))?;
        Self::of(node, channel)
    }

    fn of(node: &'n Node, channel: ChannelName) -> Result<Self, ApiError> {
        let options = node.namespaces.options(&channel).ok_or(ClientError::UnknownChannel)?;
        Ok(Self { channel, options })
    }
}
