//! What nodes tell each other, as Protocol Buffers.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Signal {
    #[prost(oneof = "signal::Kind", tags = "1, 2, 3, 4, 5, 6, 7, 10, 11")]
    pub(super) kind: Option<signal::Kind>,
}

pub(super) mod signal {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(in crate::wire) enum Kind {
        #[prost(message, tag = "1")]
        Here(super::Report),
        #[prost(string, tag = "2")]
        Gone(String),
        #[prost(message, tag = "3")]
        Control(super::Control),
        #[prost(message, tag = "4")]
        Ask(super::Ask),
        #[prost(message, tag = "5")]
        Answer(super::Answer),
        #[prost(message, tag = "6")]
        Command(super::Command),
        #[prost(string, tag = "7")]
        Cleared(String),
        #[prost(message, tag = "10")]
        Spent(super::Spent),
        #[prost(message, tag = "11")]
        Revoked(super::Revoked),
    }
}

/// Of a token if there is one, else of a user, else of everybody.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Revoked {
    #[prost(string, optional, tag = "1")]
    pub(super) token: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) user: Option<String>,
    #[prost(uint64, tag = "3")]
    pub(super) issued_before_ms: u64,
    #[prost(uint64, tag = "4")]
    pub(super) expires_at_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Report {
    #[prost(string, tag = "1")]
    pub(super) node: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) version: String,
    #[prost(uint64, tag = "4")]
    pub(super) clients: u64,
    #[prost(uint64, tag = "5")]
    pub(super) users: u64,
    #[prost(uint64, tag = "6")]
    pub(super) channels: u64,
    #[prost(uint64, tag = "7")]
    pub(super) subscriptions: u64,
    #[prost(uint64, tag = "8")]
    pub(super) uptime_s: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Control {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) client: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) except: Vec<Bytes>,
    #[prost(message, optional, tag = "4")]
    pub(super) disconnect: Option<Close>,
    #[prost(string, optional, tag = "5")]
    pub(super) subscribe: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(super) unsubscribe: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub(super) refresh: Option<Refresh>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub(super) info: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub(super) data: Option<Bytes>,
    #[prost(string, optional, tag = "10")]
    pub(super) send: Option<String>,
    /// Of what is sent; names and values in turn.
    #[prost(string, repeated, tag = "11")]
    pub(super) tags: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Close {
    /// A number of ours, or with words the application's code.
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(string, optional, tag = "2")]
    pub(super) words: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Refresh {
    #[prost(bool, tag = "1")]
    pub(super) expired: bool,
    #[prost(uint64, optional, tag = "2")]
    pub(super) expires_at_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Ask {
    #[prost(string, tag = "1")]
    pub(super) from: String,
    #[prost(uint64, tag = "2")]
    pub(super) number: u64,
    /// A pattern of names.
    #[prost(string, optional, tag = "3")]
    pub(super) channels: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) connections_of: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Answer {
    #[prost(string, tag = "1")]
    pub(super) from: String,
    #[prost(uint64, tag = "2")]
    pub(super) number: u64,
    #[prost(uint32, tag = "3")]
    pub(super) part: u32,
    #[prost(bool, tag = "4")]
    pub(super) last: bool,
    #[prost(string, repeated, tag = "5")]
    pub(super) names: Vec<String>,
    #[prost(uint64, repeated, tag = "6")]
    pub(super) listeners: Vec<u64>,
    #[prost(bool, tag = "7")]
    pub(super) about_connections: bool,
    #[prost(message, repeated, tag = "8")]
    pub(super) connections: Vec<Connection>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Connection {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) client: Bytes,
    #[prost(string, tag = "2")]
    pub(super) protocol: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) channels: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Command {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) client: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) data: Bytes,
}

/// What was done on accounts; of each entry its members stand at the same place in the lists.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Spent {
    /// `u` and a user, or `a` and an address.
    #[prost(string, repeated, tag = "1")]
    pub(super) accounts: Vec<String>,
    #[prost(uint32, repeated, tag = "2")]
    pub(super) doings: Vec<u32>,
    #[prost(uint32, repeated, tag = "3")]
    pub(super) times: Vec<u32>,
}
