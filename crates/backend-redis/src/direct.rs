//! Publishing without a node: what another process gives to Redis, in any language, so that nodes
//! deliver it and keep it like everything else.
//!
//! A publication is one call of one [`script`], by its [`sha`]:
//!
//! ```text
//! EVALSHA sha 4 stream top server done  line data id size ttl bytes idle name once meta
//! ```
//!
//! | key | name, where `PP` is the first two hexadecimal digits of the SHA-1 of the channel |
//! |---|---|
//! | `stream` | `PREFIX:{PP}:stream:CHANNEL` |
//! | `top` | `PREFIX:{PP}:top:CHANNEL` |
//! | `server` | `PREFIX:{PP}:server:` |
//! | `done` | `PREFIX:{PP}:done:CHANNEL/KEY` with the idempotency key; without one, `top` again |
//!
//! | argument | meaning |
//! |---|---|
//! | `line` | `PREFIX:{PP}:line:CHANNEL`, where nodes listen |
//! | `data` | the payload; JSON unless the namespace says binary |
//! | `id` | a text that no other message ever has, 16 random bytes or more |
//! | `size` | publications that the channel keeps; 0 keeps nothing, and then `ttl` and `bytes` are 0 |
//! | `ttl` | milliseconds that it keeps them |
//! | `bytes` | what they may weigh together, 160 bytes each for their place included |
//! | `idle` | milliseconds that the place of a silent stream is remembered: 86400000 |
//! | `name` | the name of the stream should it be new: `id` again |
//! | `once` | milliseconds that the idempotency key is remembered: 300000; empty without one |
//! | `meta` | empty: what nodes say of clients and labels |
//!
//! The three that say what is kept are those of the channel's namespace, the same everywhere. The
//! answer is `DUPLICATE EPOCH OFFSET TAG`: 1 for a message that its idempotency key has stopped and
//! 0 for others, then its position; `-` and 0 where nothing is kept. `NOSCRIPT` means that `SCRIPT
//! LOAD` has to come first.

use trunkline_core::channel::ChannelName;
use trunkline_core::limits::{IDEMPOTENCY_TTL_MS, STREAM_IDLE_MS};
use trunkline_core::publication::Draft;

use crate::caller;
use crate::keys::{Keys, Partition};
use crate::resp::Command;
use crate::scripts::{PUBLISH, Script};
use crate::wire::record;

/// The script that publishes, for `SCRIPT LOAD`.
#[must_use]
pub fn script() -> &'static str {
    PUBLISH.text()
}

/// The SHA-1 of the script, in hexadecimal digits, for `EVALSHA`.
#[must_use]
pub fn sha() -> &'static str {
    PUBLISH.sha()
}

/// The line on which nodes hear of a channel, in an installation with this prefix.
#[must_use]
pub fn line(prefix: &str, channel: &ChannelName) -> String {
    Keys::new(prefix).line(Partition::of(channel), channel)
}

/// The whole command that publishes a draft, as it is written to a socket (RESP). `id` names the
/// message, and its stream should that be new. Copies are not waited for.
#[must_use]
pub fn command(prefix: &str, draft: &Draft, id: &str) -> Vec<u8> {
    publishing(&Keys::new(prefix), Partition::of(&draft.channel), draft, id).finish()
}

/// The same, as a node calls it.
pub(crate) fn publishing(keys: &Keys, partition: Partition, draft: &Draft, id: &str) -> Command {
    content(begin(&PUBLISH, 4, keys, partition, draft), keys, partition, draft, id)
}

/// Begins a script that publishes: its first four keys, of `count`.
pub(crate) fn begin(
    script: &'static Script,
    count: usize,
    keys: &Keys,
    partition: Partition,
    draft: &Draft,
) -> Command {
    let names = keys.channel(partition, &draft.channel);
    let once = draft.idempotency_key.as_ref();
    let outcome = once.map(|key| keys.outcome(partition, &draft.channel, key));
    // Five names, and 512 bytes for everything of a known length.
    let room = draft.data.len() + 5 * (names.line.len() + 16) + 512;
    caller::sized_script(script, count, room)
        .arg(&names.stream)
        .arg(&names.top)
        .arg(keys.server(partition))
        .arg(outcome.as_deref().unwrap_or(&names.top))
}

/// Goes on with its first ten other arguments.
pub(crate) fn content(
    command: Command,
    keys: &Keys,
    partition: Partition,
    draft: &Draft,
    id: &str,
) -> Command {
    let Draft { channel, data, info, tags, retention, idempotency_key: once, .. } = draft;
    let (size, ttl_ms, bytes) =
        retention.map_or((0, 0, 0), |kept| (kept.size, kept.ttl_ms, kept.bytes));
    command
        .arg(keys.line(partition, channel))
        .arg(data)
        .arg(id)
        .number(size as u64)
        .number(ttl_ms)
        .number(bytes as u64)
        .number(STREAM_IDLE_MS)
        .arg(id)
        .arg(once.as_ref().map(|_| IDEMPOTENCY_TTL_MS.to_string()).unwrap_or_default())
        .arg(record::meta(info.as_ref(), tags))
}

#[cfg(test)]
mod tests {
    use trunkline_core::namespace::Retention;

    use super::*;

    #[test]
    fn a_publication_is_the_call_that_the_description_says() {
        let retention = Some(Retention { size: 10, ttl_ms: 60_000, bytes: 4_096 });
        let draft = Draft {
            data: "{}".into(),
            retention,
            idempotency_key: Some("k".into()),
            ..Draft::new(ChannelName::parse("chat:1").unwrap())
        };
        let bytes = command("trunkline", &draft, "0123456789abcdef");
        let text = String::from_utf8(bytes).unwrap();
        let words: Vec<&str> = text.split("\r\n").collect();
        let arguments: Vec<&str> = words[1..].chunks_exact(2).map(|pair| pair[1]).collect();
        let expected = [
            "EVALSHA",
            sha(),
            "4",
            "trunkline:{38}:stream:chat:1",
            "trunkline:{38}:top:chat:1",
            "trunkline:{38}:server:",
            "trunkline:{38}:done:chat:1/k",
            "trunkline:{38}:line:chat:1",
            "{}",
            "0123456789abcdef",
            "10",
            "60000",
            "4096",
            "86400000",
            "0123456789abcdef",
            "300000",
            "",
        ];
        assert_eq!(words[0], "*17");
        assert_eq!(arguments, expected);
        assert_eq!(line("trunkline", &draft.channel), expected[7]);
    }
}
