//! What a token lets other clients see: JSON in the token itself, or any bytes in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;
use trunkline_core::gate::TokenError;

/// Reads a pair of claims such as `info` and `b64info`; the base64 form wins where it says
/// anything.
///
/// JSON comes out as it stood in the token (numbers keep their digits, keys their order) but on
/// one line, since line breaks separate messages in the Centrifuge protocol. Base64 that holds
/// JSON is treated alike; other bytes are passed on as they are.
pub(crate) fn read(
    json: Option<&RawValue>,
    base64: Option<&str>,
) -> Result<Option<Bytes>, TokenError> {
    let Some(base64) = base64.filter(|text| !text.is_empty()) else {
        return Ok(json.map(|json| compact(json.get())));
    };
    let bytes = STANDARD.decode(base64).map_err(|_| TokenError::Invalid)?;
    match serde_json::from_slice::<&RawValue>(&bytes) {
        Ok(json) => Ok(Some(compact(json.get()))),
        Err(_) => Ok(Some(bytes.into())),
    }
}

/// Valid JSON without the white space between its tokens.
fn compact(json: &str) -> Bytes {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        } else {
            in_text = byte == b'"';
        }
        out.push(byte);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compacted(json: &str) -> String {
        String::from_utf8(compact(json).to_vec()).unwrap()
    }

    #[test]
    fn white_space_goes_only_between_tokens() {
        assert_eq!(
            compacted("{ \"a b\" :\r\n [1.50 ,\t2e9, \"\\\" \\\\\" , \" x \" ] }"),
            r#"{"a b":[1.50,2e9,"\" \\"," x "]}"#
        );
    }

    #[test]
    fn base64_may_hold_anything() {
        let read = |text| read(None, Some(text));
        assert_eq!(read("ewogfQ==").unwrap().unwrap(), "{}");
        assert_eq!(read("/wA=").unwrap().unwrap(), &b"\xff\0"[..]);
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("not base64"), Err(TokenError::Invalid));
    }

    proptest! {
        #[test]
        fn compacting_changes_no_value(texts: Vec<String>, numbers: Vec<f64>) {
            let value = serde_json::json!({ "t": texts, "n": numbers });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compacted(&pretty), value.to_string());
        }
    }
}
