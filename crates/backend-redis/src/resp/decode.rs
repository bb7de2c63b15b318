//! What Redis answers, and what it says unasked.

use bytes::Bytes;

/// Longest bulk string, in bytes: four times what a page of history may weigh, and the longest
/// publication there can be.
const BULK_BYTES: usize = 64 << 20;

/// Most items of one list: the members of the largest channel, twice.
const ITEMS: usize = 1 << 20;

/// How deep lists may stand in lists. Ours stand in three.
const DEPTH: usize = 8;

/// Longest line, in bytes: names, numbers and errors, which Redis cuts itself.
const LINE_BYTES: usize = 64 << 10;

/// An answer, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// A text or bytes.
    Bytes(Bytes),
    /// A whole number.
    Number(i64),
    /// Nothing.
    Nil,
    /// A list; a map is a list of its keys and values in turn.
    List(Vec<Reply>),
    /// It could not be done. The first word is the kind of error.
    Error(String),
    /// Said unasked: of lines that are listened to.
    Push(Vec<Reply>),
}

/// These bytes are no RESP, or more than we ever ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no RESP, or too large")]
pub(crate) struct Malformed;

impl Reply {
    /// As bytes, where it is any.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// As text, where it is any.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// As a number, which some commands give as text.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            other => other.text()?.parse().ok(),
        }
    }

    /// As a list, where it is one.
    pub(crate) fn list(&self) -> Option<&[Reply]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
}

/// Reads one whole answer from the beginning of `bytes`, and says how long it is; `None` if there is
/// more to come.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut cursor = Cursor { bytes, at: 0 };
    Ok(cursor.reply(0)?.map(|reply| (reply, cursor.at)))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, Malformed> {
        let Some(line) = self.line()? else { return Ok(None) };
        let Some((&kind, rest)) = line.split_first() else { return Err(Malformed) };
        Ok(match kind {
            b'$' | b'=' => match length(rest, BULK_BYTES)? {
                None => Some(Reply::Nil),
                Some(length) => self.bulk(length)?.map(Reply::Bytes),
            },
            b'+' | b',' | b'(' => Some(Reply::Bytes(Bytes::copy_from_slice(rest))),
            b':' => Some(Reply::Number(number(rest)?)),
            b'-' => Some(Reply::Error(String::from_utf8_lossy(rest).into_owned())),
            b'!' => {
                let length = length(rest, BULK_BYTES)?.ok_or(Malformed)?;
                let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
                self.bulk(length)?.map(|bytes| Reply::Error(text(bytes)))
            }
            b'_' => Some(Reply::Nil),
            b'#' => Some(Reply::Number(i64::from(rest == b"t"))),
            b'*' | b'~' => match length(rest, ITEMS)? {
                None => Some(Reply::Nil),
                Some(count) => self.items(count, depth)?.map(Reply::List),
            },
            b'%' => {
                let count = length(rest, ITEMS / 2)?.ok_or(Malformed)?;
                self.items(2 * count, depth)?.map(Reply::List)
            }
            b'>' => {
                let count = length(rest, ITEMS)?.ok_or(Malformed)?;
                self.items(count, depth)?.map(Reply::Push)
            }
            _ => return Err(Malformed),
        })
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Option<Vec<Reply>>, Malformed> {
        if depth == DEPTH {
            return Err(Malformed);
        }
        // What the length promises is believed only as far as there are bytes for it.
        let mut items = Vec::with_capacity(count.min((self.bytes.len() - self.at) / 3));
        for _ in 0..count {
            let Some(item) = self.reply(depth + 1)? else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(items))
    }

    /// The line that begins here, without its end.
    fn line(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|&byte| byte == b'\r') else {
            return if rest.len() > LINE_BYTES { Err(Malformed) } else { Ok(None) };
        };
        match rest.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            Some(_) => Err(Malformed),
        }
    }

    fn bulk(&mut self, length: usize) -> Result<Option<Bytes>, Malformed> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.get(length..length + 2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(Malformed);
        }
        self.at += length + 2;
        Ok(Some(Bytes::copy_from_slice(&rest[..length])))
    }
}

fn number(digits: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

/// A length; -1 says that there is nothing.
fn length(digits: &[u8], most: usize) -> Result<Option<usize>, Malformed> {
    match number(digits)? {
        -1 => Ok(None),
        length => {
            usize::try_from(length).ok().filter(|&length| length <= most).map(Some).ok_or(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Reply {
        Reply::Bytes(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn every_kind_of_answer_is_read() {
        for (wire, expected) in [
            ("+OK\r\n", text("OK")),
            ("$2\r\n\r\n\r\n", text("\r\n")),
            ("$0\r\n\r\n", text("")),
            ("$-1\r\n", Reply::Nil),
            ("_\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            (":-7\r\n", Reply::Number(-7)),
            ("#t\r\n", Reply::Number(1)),
            (",3.25\r\n", text("3.25")),
            ("-MOVED 1 a:1\r\n", Reply::Error("MOVED 1 a:1".into())),
            ("!5\r\nE a\r\n\r\n", Reply::Error("E a\r\n".into())),
            ("*2\r\n:1\r\n*0\r\n", Reply::List(vec![Reply::Number(1), Reply::List(vec![])])),
            ("%1\r\n+a\r\n:1\r\n", Reply::List(vec![text("a"), Reply::Number(1)])),
            (">2\r\n+a\r\n+b\r\n", Reply::Push(vec![text("a"), text("b")])),
        ] {
            assert_eq!(decode(wire.as_bytes()), Ok(Some((expected, wire.len()))), "{wire:?}");
            for end in 0..wire.len() {
                assert_eq!(decode(&wire.as_bytes()[..end]), Ok(None), "{wire:?} up to {end}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused_before_it_costs_anything() {
        let deep = "*1\r\n".repeat(DEPTH + 1);
        for wire in ["?\r\n", "\r\n", "$x\r\n", "$-2\r\n", ":1x\r\n", "$1\r\nabc", "+a\rb", &deep] {
            assert_eq!(decode(wire.as_bytes()), Err(Malformed), "{wire:?}");
        }
        assert_eq!(decode(b"$999999999999\r\n"), Err(Malformed));
        assert_eq!(decode(b"*99999999\r\n"), Err(Malformed));
        assert_eq!(decode(&vec![b'+'; LINE_BYTES + 2]), Err(Malformed));
    }
}
