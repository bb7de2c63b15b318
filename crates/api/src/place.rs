//! The channel a request speaks of.

use trunkline_core::channel::ChannelName;
use trunkline_core::error::ClientError;
use trunkline_core::namespace::ChannelOptions;
use trunkline_node::Node;

use crate::error::ApiError;
use crate::fields::Fields;

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

    /// The channel of that name.
    pub(crate) fn find(node: &'n Node, name: &str) -> Result<Self, ApiError> {
        let channel =
            ChannelName::parse(name).map_err(|error| ApiError::bad_request(error.to_string()))?;
        let options = node.namespaces.options(&channel).ok_or(ClientError::UnknownChannel)?;
        Ok(Self { channel, options })
    }
}
