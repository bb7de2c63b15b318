//! What goes wrong between a client and the node, without any protocol's numbers.
//!
//! Each protocol owns its own codes and maps these to them once.

use std::borrow::Cow;

/// A command that failed; the connection stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The node could not do it; trying again may help.
    #[error("internal error")]
    Internal,
    /// The client has no identity that would allow it.
    #[error("unauthorized")]
    Unauthorized,
    /// The channel's namespace does not exist.
    #[error("unknown channel")]
    UnknownChannel,
    /// Not for this client.
    #[error("permission denied")]
    PermissionDenied,
    /// There is no such method.
    #[error("method not found")]
    MethodNotFound,
    /// The client has this subscription already.
    #[error("already subscribed")]
    AlreadySubscribed,
    /// A limit of the connection, of the channel or of its namespace is reached.
    #[error("limit exceeded")]
    LimitExceeded,
    /// The command makes no sense.
    #[error("bad request")]
    BadRequest,
    /// The feature is off here.
    #[error("not available")]
    NotAvailable,
    /// The token has expired; a new one helps.
    #[error("token expired")]
    TokenExpired,
    /// The connection or subscription has expired.
    #[error("expired")]
    Expired,
    /// The client is too fast; trying again later helps.
    #[error("too many requests")]
    TooManyRequests,
    /// The client, its user or its address does this more often than is allowed.
    #[error("too many requests: come back in {retry_ms} ms")]
    TooFast {
        /// After how many milliseconds it may be tried again.
        retry_ms: u64,
    },
    /// The application says no, in its own words.
    #[error("{message}")]
    Application {
        /// Its code, 400 to 1999.
        code: u32,
        /// Its words.
        message: Box<str>,
        /// Whether trying again may help.
        temporary: bool,
    },
    /// The position asked for cannot be recovered.
    #[error("unrecoverable position")]
    UnrecoverablePosition,
    /// The node has no room to store it; trying again later may help.
    #[error("no room to store it")]
    StorageFull,
    /// What carries and keeps publications does not answer; trying again later helps.
    #[error("temporarily unavailable")]
    Unavailable,
}

/// Why the node closes a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client asked for it, or the peer is gone already.
    Normal,
    /// The node is going down; come back elsewhere.
    Shutdown,
    /// The node failed.
    Internal,
    /// The connection's token expired.
    Expired,
    /// A subscription's token expired.
    SubscriptionExpired,
    /// The client does not read fast enough.
    Slow,
    /// The order or completeness of a server-side subscription cannot be kept.
    InsufficientState,
    /// The client did not answer a ping.
    NoPong,
    /// The client is too fast.
    TooManyRequests,
    /// The token is invalid.
    InvalidToken,
    /// What the client sent breaks the protocol.
    BadRequest,
    /// The client did not send `connect` in time.
    Stale,
    /// An operator or the application asked for it.
    ForceDisconnect,
    /// The node holds all the connections it may.
    ConnectionLimit,
    /// The connection holds all the channels it may, or one it cannot be without has no room for it.
    ChannelLimit,
    /// The connection's protocol cannot carry what it would have to.
    InappropriateProtocol,
    /// Not for this client.
    PermissionDenied,
    /// The client has no identity, where one is needed.
    Unauthorized,
    /// Whoever knows who the client is does not answer; trying again later helps.
    Unavailable,
    /// The application's own code (4000 to 4999) and words.
    Custom(u16, Cow<'static, str>),
}

/// Why a subscription was ended by the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnsubscribeReason {
    /// An operator or the application asked for it.
    Server,
    /// Its order or completeness cannot be kept; subscribe again and recover.
    InsufficientState,
    /// Its token expired.
    Expired,
    /// It was never made: a channel named in the URL was refused.
    Refused(ClientError),
}
