//! Who somebody is.

use bytes::Bytes;
use prost::Message as _;

use trunkline_core::identity::{ClientId, ClientInfo, UserId};

use super::schema;

pub(crate) fn encode(info: &ClientInfo) -> Vec<u8> {
    to_schema(info).encode_to_vec()
}

pub(crate) fn decode(bytes: &[u8]) -> Option<ClientInfo> {
    from_schema(schema::Info::decode(bytes).ok()?)
}

pub(super) fn to_schema(info: &ClientInfo) -> schema::Info {
    schema::Info {
        user: info.user.as_str().to_owned(),
        client: Bytes::copy_from_slice(&info.client.0.to_be_bytes()),
        conn_info: info.conn_info.clone(),
        chan_info: info.chan_info.clone(),
    }
}

pub(super) fn from_schema(info: schema::Info) -> Option<ClientInfo> {
    Some(ClientInfo {
        user: UserId::new(&info.user),
        client: client(&info.client)?,
        conn_info: info.conn_info,
        chan_info: info.chan_info,
    })
}

pub(super) fn client(bytes: &[u8]) -> Option<ClientId> {
    Some(ClientId(u128::from_be_bytes(bytes.try_into().ok()?)))
}
