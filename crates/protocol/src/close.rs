//! Close codes that every WebSocket client knows (RFC 6455, section 7.4.1, and its registry), for
//! formats that have none of their own.

use std::borrow::Cow;

use trunkline_core::error::CloseReason;

use crate::centrifuge::codes::custom_close;

/// The code and the words for the end of a connection.
pub(crate) fn ordinary_code(reason: &CloseReason) -> (u16, Cow<'static, str>) {
    let (code, words) = match reason {
        CloseReason::Normal => (1000, ""),
        CloseReason::Shutdown => (1001, "shutdown"),
        CloseReason::Internal => (1011, "internal error"),
        CloseReason::NoPong => (1011, "no pong"),
        CloseReason::InappropriateProtocol => (1003, "unsupported data"),
        CloseReason::InvalidToken | CloseReason::PermissionDenied | CloseReason::Unauthorized => {
            (1008, "Unauthorized")
        }
        CloseReason::Expired | CloseReason::SubscriptionExpired => (1008, "expired"),
        CloseReason::BadRequest => (1008, "bad request"),
        CloseReason::Stale => (1008, "stale"),
        CloseReason::TooManyRequests => (1008, "too many requests"),
        CloseReason::ForceDisconnect => (1008, "force disconnect"),
        CloseReason::ChannelLimit => (1008, "channel limit"),
        CloseReason::Slow => (1013, "slow"),
        CloseReason::InsufficientState => (1013, "insufficient state"),
        CloseReason::ConnectionLimit => (1013, "connection limit"),
        CloseReason::Unavailable => (1013, "try again later"),
        CloseReason::Custom(code, words) => return custom_close(*code, words),
    };
    (code, Cow::Borrowed(words))
}
