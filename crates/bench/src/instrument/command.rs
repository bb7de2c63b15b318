//! The commands the generator sends, and how the floor tells them apart by a fixed byte.
//!
//! Every command is a JSON object of the Centrifuge protocol. Ids are fixed (1 connects, 2
//! subscribes, 3 publishes), so that every reply and every publication has the same length, and the
//! digits of a channel's name stand at a fixed place, so that the floor finds its list of members
//! without parsing.

/// Channels are numbered with this many digits; also bounds their number to 10,000.
pub(crate) const DIGITS: usize = 4;

const CONNECT: &str = r#"{"id":1,"connect":{}}"#;
const SUBSCRIBE: &str = r#"{"id":2,"subscribe":{"channel":"bench:"#;
const PUBLISH: &str = r#"{"id":3,"publish":{"channel":"bench:"#;
/// Where the id's digit stands in each of them.
const ID_AT: usize = 6;

/// As many first bytes of a command as [`Command::read`] can need.
pub(crate) const HEAD: usize = SUBSCRIBE.len() + DIGITS;

/// A command as the floor understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// The first command on every connection.
    Connect,
    /// Subscribe to the channel of this number.
    Subscribe(u16),
    /// Publish the payload in the channel of this number.
    Publish(u16),
    /// The empty answer to a ping.
    Pong,
}

impl Command {
    /// Tells a command by its first [`HEAD`] bytes, unmasked; `None` for anything the generator
    /// does not send.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        match head.get(ID_AT) {
            Some(b'1') => Some(Self::Connect),
            Some(b'2') => channel_number(head, SUBSCRIBE.len()).map(Self::Subscribe),
            Some(b'3') => channel_number(head, PUBLISH.len()).map(Self::Publish),
            None if head == b"{}" => Some(Self::Pong),
            _ => None,
        }
    }
}

fn channel_number(head: &[u8], at: usize) -> Option<u16> {
    let digits = head.get(at..at + DIGITS)?;
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0'))
    })
}

/// The command that opens a session.
pub(crate) fn connect() -> String {
    CONNECT.to_owned()
}

/// The command that subscribes to the channel of this number.
pub(crate) fn subscribe(channel: u16) -> String {
    format!("{SUBSCRIBE}{channel:0DIGITS$}\"}}}}")
}

/// The command that subscribes to the channel of this number again, at the place where the
/// subscription ended.
pub(crate) fn recover(channel: u16, epoch: &str, offset: u64) -> String {
    let place = format!(r#","recover":true,"epoch":"{epoch}","offset":{offset}"#);
    format!("{SUBSCRIBE}{channel:0DIGITS$}\"{place}}}}}")
}

/// The command that publishes `data`, any JSON, in the channel of this number.
pub(crate) fn publish(channel: u16, data: &str) -> String {
    format!("{PUBLISH}{channel:0DIGITS$}\",\"data\":{data}}}}}")
}

/// A JSON object of exactly `size` bytes.
pub(crate) fn payload(size: usize) -> String {
    filled(r#"{"text":""#, size)
}

/// A JSON object that says its number, of exactly `size` bytes if these are enough.
pub(crate) fn numbered(number: u64, size: usize) -> String {
    filled(&format!(r#"{{"nth":"{number:08}","text":""#), size)
}

fn filled(start: &str, size: usize) -> String {
    const END: &str = r#""}"#;
    let text = "the quick brown fox jumps over the lazy dog ";
    let room = size.saturating_sub(start.len() + END.len());
    let filling: String = text.chars().cycle().take(room).collect();
    format!("{start}{filling}{END}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(command: &str) -> Option<Command> {
        Command::read(&command.as_bytes()[..command.len().min(HEAD)])
    }

    #[test]
    fn the_floor_tells_every_command_of_the_generator() {
        assert_eq!(read(&connect()), Some(Command::Connect));
        assert_eq!(read(&subscribe(0)), Some(Command::Subscribe(0)));
        assert_eq!(read(&subscribe(9_999)), Some(Command::Subscribe(9_999)));
        assert_eq!(read(&publish(417, r#"{"text":"12"}"#)), Some(Command::Publish(417)));
        assert_eq!(read("{}"), Some(Command::Pong));
    }

    #[test]
    fn anything_else_is_told_from_them() {
        for foreign in [
            "",
            "{",
            r#"{"id":2,"subscribe":{"channel":"bench:00x0"}}"#,
            r#"{"id":3}"#,
            "hello you",
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn commands_are_json_and_payloads_as_long_as_asked() {
        for size in [16, 128, 8_192] {
            let data = payload(size);
            assert_eq!(data.len(), size);
            assert_eq!(numbered(7, size.max(64)).len(), size.max(64));
            let command: serde_json::Value = serde_json::from_str(&publish(7, &data)).unwrap();
            assert_eq!(command["publish"]["channel"], "bench:0007");
        }
        let command: serde_json::Value = serde_json::from_str(&subscribe(12)).unwrap();
        assert_eq!(command["subscribe"]["channel"], "bench:0012");
        let back: serde_json::Value = serde_json::from_str(&recover(12, "abc", 7)).unwrap();
        let expected = serde_json::json!(
            { "channel": "bench:0012", "recover": true, "epoch": "abc", "offset": 7 }
        );
        assert_eq!(back["subscribe"], expected);
    }
}
