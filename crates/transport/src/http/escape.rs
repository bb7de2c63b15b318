//! Percent-encoding (RFC 3986 section 2.1).

use std::borrow::Cow;

/// Decodes `%XX`; `None` when the result is not UTF-8. What is no escape stays as it is.
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    match decode(text, false) {
        Cow::Borrowed(_) => Some(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Decodes one name or value of a query: `%XX`, and `+` as a space. Bytes that are not UTF-8
/// become U+FFFD, so that a bad value is seen as a bad value and not as an absent one.
pub fn percent_decode_lossy(text: &str) -> Cow<'_, str> {
    match decode(text, true) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn decode(text: &str, plus_is_space: bool) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| *byte == b'%' || (plus_is_space && *byte == b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..])
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) =>
            {
                out.push(high << 4 | low);
                rest = after;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::{percent_decode, percent_decode_lossy};

    #[test]
    fn escapes() {
        assert_eq!(percent_decode("plain").unwrap(), "plain");
        assert_eq!(percent_decode("a%20b+c%C3%A9").unwrap(), "a b+cé");
        assert_eq!(percent_decode("100%").unwrap(), "100%");
        assert_eq!(percent_decode("%4").unwrap(), "%4");
        assert_eq!(percent_decode("%zz%+1").unwrap(), "%zz%+1");
        assert_eq!(percent_decode("%ff"), None);
    }

    #[test]
    fn queries() {
        assert_eq!(percent_decode_lossy("a+b%2Bc"), "a b+c");
        assert_eq!(percent_decode_lossy("%FFx"), "\u{FFFD}x");
    }
}
