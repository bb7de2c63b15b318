//! The numbers of the Centrifuge protocol: errors, disconnects and ended subscriptions.
//!
//! SDKs act on them. An error with a code below 100, 109, or one marked temporary is tried again,
//! any other is final. Close codes 3000–3499 and 4000–4499 let a client reconnect, 3500–3999 and
//! 4500–4999 stop it. Subscriptions that end with a code from 2500 on are made again.

use std::borrow::Cow;

use trunkline_core::error::{ClientError, CloseReason, UnsubscribeReason};

/// Longest close reason in bytes: a WebSocket control frame carries 125, two are the code.
const CLOSE_REASON_BYTES: usize = 123;

/// The code of an error, and whether trying again may help.
#[must_use]
pub fn error_code(error: &ClientError) -> (u32, bool) {
    match error {
        ClientError::Internal | ClientError::StorageFull | ClientError::Unavailable => (100, true),
        ClientError::Unauthorized => (101, false),
        ClientError::UnknownChannel => (102, false),
        ClientError::PermissionDenied => (103, false),
        ClientError::MethodNotFound => (104, false),
        ClientError::AlreadySubscribed => (105, false),
        ClientError::LimitExceeded => (106, false),
        ClientError::BadRequest => (107, false),
        ClientError::NotAvailable => (108, false),
        ClientError::TokenExpired => (109, false),
        ClientError::Expired => (110, false),
        ClientError::TooManyRequests | ClientError::TooFast { .. } => (111, true),
        ClientError::UnrecoverablePosition => (112, false),
        ClientError::Application { code, temporary, .. } => (*code, *temporary),
    }
}

/// The close code and the words for the end of a connection. The words must not be JSON, which
/// old SDKs would read as such.
#[must_use]
pub fn disconnect_code(reason: &CloseReason) -> (u16, Cow<'static, str>) {
    let (code, words) = match reason {
        CloseReason::Normal => (3000, "connection closed"),
        CloseReason::Shutdown => (3001, "shutdown"),
        CloseReason::Unavailable => (3004, "temporarily unavailable"),
        CloseReason::Internal => (3004, "internal server error"),
        CloseReason::Expired => (3005, "connection expired"),
        CloseReason::SubscriptionExpired => (3006, "subscription expired"),
        CloseReason::Slow => (3008, "slow"),
        CloseReason::InsufficientState => (3010, "insufficient state"),
        CloseReason::NoPong => (3012, "no pong"),
        CloseReason::TooManyRequests => (3013, "too many requests"),
        CloseReason::InvalidToken => (3500, "invalid token"),
        CloseReason::Unauthorized => (3501, "unauthorized"),
        CloseReason::BadRequest => (3501, "bad request"),
        CloseReason::Stale => (3502, "stale"),
        CloseReason::ForceDisconnect => (3503, "force disconnect"),
        CloseReason::ConnectionLimit => (3504, "connection limit"),
        CloseReason::ChannelLimit => (3505, "channel limit"),
        CloseReason::InappropriateProtocol => (3506, "inappropriate protocol"),
        CloseReason::PermissionDenied => (3507, "permission denied"),
        CloseReason::Custom(code, words) => return custom_close(*code, words),
    };
    (code, Cow::Borrowed(words))
}

/// An application's own code and words, as far as a close frame can carry them. A code that no
/// peer would accept becomes the one for "an operator asked for it".
pub(crate) fn custom_close(code: u16, words: &str) -> (u16, Cow<'static, str>) {
    let code = if (3000..5000).contains(&code) { code } else { 3503 };
    let kept = &words[..words.floor_char_boundary(CLOSE_REASON_BYTES)];
    (code, Cow::Owned(kept.to_owned()))
}

/// The code and the words for the end of a subscription.
#[must_use]
pub fn unsubscribe_code(reason: &UnsubscribeReason) -> (u32, Cow<'static, str>) {
    match reason {
        UnsubscribeReason::Server => (2000, "server unsubscribe".into()),
        UnsubscribeReason::InsufficientState => (2500, "insufficient state".into()),
        UnsubscribeReason::Expired => (2501, "expired".into()),
        UnsubscribeReason::Refused(error) => (error_code(error).0, error.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_reason_fits_a_close_frame() {
        let words = Cow::Owned("\u{20ac}".repeat(100));
        let (code, kept) = disconnect_code(&CloseReason::Custom(4321, words));
        assert_eq!(code, 4321);
        assert_eq!(kept.len(), 123);
    }

    #[test]
    fn a_code_no_peer_accepts_is_not_sent() {
        for code in [0, 999, 1005, 1006, 2999, 5000, u16::MAX] {
            assert_eq!(disconnect_code(&CloseReason::Custom(code, "x".into())).0, 3503);
        }
    }

    #[test]
    fn a_code_tells_the_sdk_whether_to_come_back() {
        let comes_back = |reason| matches!(disconnect_code(&reason).0, 3000..3500 | 4000..4500);
        assert!(comes_back(CloseReason::Shutdown));
        assert!(comes_back(CloseReason::Slow));
        assert!(comes_back(CloseReason::NoPong));
        assert!(!comes_back(CloseReason::InvalidToken));
        assert!(comes_back(CloseReason::Unavailable));
        assert!(!comes_back(CloseReason::BadRequest));
        assert!(!comes_back(CloseReason::Unauthorized));
        assert!(!comes_back(CloseReason::ForceDisconnect));
    }
}
