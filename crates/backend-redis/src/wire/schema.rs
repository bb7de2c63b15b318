//! What nodes write into Redis for each other, as Protocol Buffers: fields may be added, and nodes
//! of two versions understand each other while one replaces the other.

use bytes::Bytes;

/// What others may learn about a connection.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Info {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    /// The 16 bytes of the connection's id.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) client: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) conn_info: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(super) chan_info: Option<Bytes>,
}

/// What stands beside the payload of a publication.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Meta {
    #[prost(message, optional, tag = "1")]
    pub(super) info: Option<Info>,
    /// Keys and values in turn.
    #[prost(string, repeated, tag = "2")]
    pub(super) tags: Vec<String>,
}
