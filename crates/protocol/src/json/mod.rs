//! JSON text: checks of payloads, and writing without a serialiser.
//!
//! Payloads pass through as they came. What must hold for one before it may be embedded in a
//! message: it is one JSON value, and it has no line break, as messages are separated by those.

mod object;
mod shapes;

use std::borrow::Cow;

use serde::de::IgnoredAny;

pub(crate) use self::object::Object;
pub use self::shapes::{Style, write_client_info, write_payload, write_publication};
pub(crate) use self::shapes::{write_client_id, write_tag};

/// Whether `bytes` are exactly one JSON value in UTF-8, with or without white space around it.
/// Nesting of any depth is followed without recursion.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    // The text is checked first: the parser skips strings without looking at their encoding.
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// `json` without line breaks. In valid JSON they stand between tokens only, where they mean
/// nothing; inside strings they are escaped.
#[must_use]
pub fn single_line(json: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\n', b'\r', json).is_none() {
        return Cow::Borrowed(json);
    }
    Cow::Owned(json.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect())
}

/// Appends `text` as a JSON string. Only what JSON forbids inside one is escaped.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let low = HEX[usize::from(byte & 0xf)];
                &[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(escape);
        done = at + 1;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

/// How many bytes [`write_string`] appends for `text`.
pub(crate) fn string_length(text: &str) -> usize {
    let length = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(length).sum::<usize>()
}

/// Appends a whole number.
pub(crate) fn write_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_whole_value_is_json() {
        for good in ["1", " {} ", "\"\\ud800\"", "[1,\n2]", "null", "1e400"] {
            assert!(is_json(good.as_bytes()), "{good:?}");
        }
        for bad in ["", " ", "{", "1 2", "{}{}", "tru", "'a'", "\u{feff}1", "\"a\nb\"", "01"] {
            assert!(!is_json(bad.as_bytes()), "{bad:?}");
        }
        assert!(!is_json(b"\"\xff\""), "a string that is not UTF-8");
    }

    #[test]
    fn nesting_is_not_followed_by_recursion() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert!(is_json(deep.as_bytes()));
        assert!(!is_json("[".repeat(1_000_000).as_bytes()));
    }

    #[test]
    fn line_breaks_go_and_nothing_else() {
        assert_eq!(&*single_line(b"{\r\n  \"a\": \"x\\ny\"\n}"), b"{  \"a\": \"x\\ny\"}");
        assert!(matches!(single_line(b"{\"a\":1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        let mut out = Vec::new();
        write_string(&mut out, "a\"b\\c/\n\u{1}\u{1f}\u{7f}\u{e9}\u{2028}");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\\"b\\\\c/\\n\\u0001\\u001f\u{7f}\u{e9}\u{2028}\""
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_string(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert_eq!(out.len(), string_length(&text));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn control_characters_come_back_too(text in "[\\x00-\\x7f]{0,64}") {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert_eq!(out.len(), string_length(&text));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
