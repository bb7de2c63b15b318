//! The messages of the protocol, with the field numbers of its published `client.proto` (MIT),
//! as far as this node reads or writes them. Fields that are not named here are skipped.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Command {
    #[prost(uint32, tag = "1")]
    pub(super) id: u32,
    #[prost(message, optional, tag = "4")]
    pub(super) connect: Option<ConnectRequest>,
    #[prost(message, optional, tag = "5")]
    pub(super) subscribe: Option<SubscribeRequest>,
    #[prost(message, optional, tag = "6")]
    pub(super) unsubscribe: Option<ChannelRequest>,
    #[prost(message, optional, tag = "7")]
    pub(super) publish: Option<PublishRequest>,
    #[prost(message, optional, tag = "8")]
    pub(super) presence: Option<ChannelRequest>,
    #[prost(message, optional, tag = "9")]
    pub(super) presence_stats: Option<ChannelRequest>,
    #[prost(message, optional, tag = "10")]
    pub(super) history: Option<HistoryRequest>,
    #[prost(message, optional, tag = "12")]
    pub(super) send: Option<SendRequest>,
    #[prost(message, optional, tag = "13")]
    pub(super) rpc: Option<RpcRequest>,
    #[prost(message, optional, tag = "14")]
    pub(super) refresh: Option<RefreshRequest>,
    #[prost(message, optional, tag = "15")]
    pub(super) sub_refresh: Option<SubRefreshRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConnectRequest {
    #[prost(string, tag = "1")]
    pub(super) token: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) data: Bytes,
    #[prost(btree_map = "string, message", tag = "3")]
    pub(super) subs: BTreeMap<String, SubscribeRequest>,
    #[prost(string, tag = "4")]
    pub(super) name: String,
    #[prost(string, tag = "5")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscribeRequest {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
    #[prost(string, tag = "2")]
    pub(super) token: String,
    #[prost(bool, tag = "3")]
    pub(super) recover: bool,
    #[prost(string, tag = "6")]
    pub(super) epoch: String,
    #[prost(uint64, tag = "7")]
    pub(super) offset: u64,
    #[prost(bool, tag = "11")]
    pub(super) join_leave: bool,
    #[prost(string, tag = "12")]
    pub(super) delta: String,
    #[prost(message, optional, tag = "13")]
    pub(super) tf: Option<Anything>,
    #[prost(int64, tag = "14")]
    pub(super) flag: i64,
    #[prost(int32, tag = "15")]
    pub(super) r#type: i32,
}

/// A message of which only the presence matters.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Anything {}

/// A request that names a channel and nothing else.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChannelRequest {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PublishRequest {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) data: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HistoryRequest {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
    #[prost(int32, tag = "7")]
    pub(super) limit: i32,
    #[prost(message, optional, tag = "8")]
    pub(super) since: Option<StreamPosition>,
    #[prost(bool, tag = "9")]
    pub(super) reverse: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamPosition {
    #[prost(uint64, tag = "1")]
    pub(super) offset: u64,
    #[prost(string, tag = "2")]
    pub(super) epoch: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SendRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) method: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RefreshRequest {
    #[prost(string, tag = "1")]
    pub(super) token: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubRefreshRequest {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
    #[prost(string, tag = "2")]
    pub(super) token: String,
    #[prost(int32, tag = "3")]
    pub(super) r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Reply {
    #[prost(uint32, tag = "1")]
    pub(super) id: u32,
    #[prost(oneof = "Body", tags = "2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15")]
    pub(super) body: Option<Body>,
}

/// What a reply carries: on the wire separate fields, of which one is set.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "2")]
    Error(Error),
    #[prost(message, tag = "4")]
    Push(Push),
    #[prost(message, tag = "5")]
    Connect(ConnectResult),
    #[prost(message, tag = "6")]
    Subscribe(SubscribeResult),
    #[prost(message, tag = "7")]
    Unsubscribe(Anything),
    #[prost(message, tag = "8")]
    Publish(Anything),
    #[prost(message, tag = "9")]
    Presence(PresenceResult),
    #[prost(message, tag = "10")]
    PresenceStats(PresenceStatsResult),
    #[prost(message, tag = "11")]
    History(HistoryResult),
    #[prost(message, tag = "13")]
    Rpc(RpcResult),
    #[prost(message, tag = "14")]
    Refresh(RefreshResult),
    #[prost(message, tag = "15")]
    SubRefresh(SubRefreshResult),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Error {
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(bool, tag = "3")]
    pub(super) temporary: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Push {
    #[prost(string, tag = "2")]
    pub(super) channel: String,
    #[prost(oneof = "Event", tags = "4, 5, 6, 7, 9, 10")]
    pub(super) event: Option<Event>,
}

/// What a push carries: on the wire separate fields, of which one is set.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Event {
    #[prost(message, tag = "4")]
    Pub(Publication),
    #[prost(message, tag = "5")]
    Join(Passage),
    #[prost(message, tag = "6")]
    Leave(Passage),
    #[prost(message, tag = "7")]
    Unsubscribe(Unsubscribe),
    #[prost(message, tag = "9")]
    Subscribe(Subscribe),
    #[prost(message, tag = "10")]
    Connect(ConnectResult),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClientInfo {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(string, tag = "2")]
    pub(super) client: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) conn_info: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) chan_info: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Publication {
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: Bytes,
    #[prost(message, optional, tag = "5")]
    pub(super) info: Option<ClientInfo>,
    #[prost(uint64, tag = "6")]
    pub(super) offset: u64,
    #[prost(btree_map = "string, string", tag = "7")]
    pub(super) tags: BTreeMap<String, String>,
    #[prost(bool, tag = "8")]
    pub(super) delta: bool,
}

/// A join or a leave.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Passage {
    #[prost(message, optional, tag = "1")]
    pub(super) info: Option<ClientInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Unsubscribe {
    #[prost(uint32, tag = "2")]
    pub(super) code: u32,
    #[prost(string, tag = "3")]
    pub(super) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Subscribe {
    #[prost(bool, tag = "1")]
    pub(super) recoverable: bool,
    #[prost(string, tag = "4")]
    pub(super) epoch: String,
    #[prost(uint64, tag = "5")]
    pub(super) offset: u64,
    #[prost(bool, tag = "6")]
    pub(super) positioned: bool,
    #[prost(bytes = "bytes", tag = "7")]
    pub(super) data: Bytes,
}

/// Also the push of the same name: their numbers agree.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ConnectResult {
    #[prost(string, tag = "1")]
    pub(super) client: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(bool, tag = "3")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "4")]
    pub(super) ttl: u32,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) data: Bytes,
    #[prost(message, repeated, tag = "6")]
    pub(super) subs: Vec<SubscriptionEntry>,
    #[prost(uint32, tag = "7")]
    pub(super) ping: u32,
    #[prost(bool, tag = "8")]
    pub(super) pong: bool,
}

/// An entry of the map `subs`, which on the wire is a list of such messages. Spelt out because an
/// empty value, of a channel without positions, must be written all the same: the JavaScript SDK
/// takes a missing one for null and fails.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscriptionEntry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<SubscribeResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscribeResult {
    #[prost(bool, tag = "1")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "2")]
    pub(super) ttl: u32,
    #[prost(bool, tag = "3")]
    pub(super) recoverable: bool,
    #[prost(string, tag = "6")]
    pub(super) epoch: String,
    #[prost(message, repeated, tag = "7")]
    pub(super) publications: Vec<Publication>,
    #[prost(bool, tag = "8")]
    pub(super) recovered: bool,
    #[prost(uint64, tag = "9")]
    pub(super) offset: u64,
    #[prost(bool, tag = "10")]
    pub(super) positioned: bool,
    #[prost(bytes = "bytes", tag = "11")]
    pub(super) data: Bytes,
    #[prost(bool, tag = "12")]
    pub(super) was_recovering: bool,
    #[prost(bool, tag = "13")]
    pub(super) delta: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PresenceResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) presence: BTreeMap<String, ClientInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PresenceStatsResult {
    #[prost(uint32, tag = "1")]
    pub(super) num_clients: u32,
    #[prost(uint32, tag = "2")]
    pub(super) num_users: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HistoryResult {
    #[prost(message, repeated, tag = "1")]
    pub(super) publications: Vec<Publication>,
    #[prost(string, tag = "2")]
    pub(super) epoch: String,
    #[prost(uint64, tag = "3")]
    pub(super) offset: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RefreshResult {
    #[prost(string, tag = "1")]
    pub(super) client: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(bool, tag = "3")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "4")]
    pub(super) ttl: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubRefreshResult {
    #[prost(bool, tag = "1")]
    pub(super) expires: bool,
    #[prost(uint32, tag = "2")]
    pub(super) ttl: u32,
}
