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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::centrifuge::codes::disconnect_code;

    /// Why clients are told that they are closed. `Normal` nobody is told, and nothing closes a
    /// connection with `Internal` or `SubscriptionExpired` so far.
    const SAID: [CloseReason; 17] = [
        CloseReason::Shutdown,
        CloseReason::Unavailable,
        CloseReason::Expired,
        CloseReason::Slow,
        CloseReason::InsufficientState,
        CloseReason::NoPong,
        CloseReason::TooManyRequests,
        CloseReason::InvalidToken,
        CloseReason::BadRequest,
        CloseReason::Unauthorized,
        CloseReason::Stale,
        CloseReason::ForceDisconnect,
        CloseReason::ConnectionLimit,
        CloseReason::ChannelLimit,
        CloseReason::InappropriateProtocol,
        CloseReason::PermissionDenied,
        // With which a node lets a user have one connection only.
        CloseReason::Custom(4501, Cow::Borrowed("connected elsewhere")),
    ];

    #[test]
    fn the_documented_codes_are_those_that_are_sent() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocols.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (_, table) = text.split_once("| code | words | rooms, raw | when |\n").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let row = |line: &str| {
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            (cells[1].clone(), cells[2].clone(), cells[3].clone())
        };
        let documented: BTreeSet<_> =
            table.lines().skip(1).map(row).filter(|(_, words, _)| words != "as given").collect();
        let sent = SAID.iter().map(|reason| {
            let (code, words) = disconnect_code(reason);
            (code.to_string(), words.into_owned(), ordinary_code(reason).0.to_string())
        });
        assert_eq!(documented, sent.collect());
    }
}
