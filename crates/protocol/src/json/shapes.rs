//! The shapes that appear in pushes, in replies and in the server API alike.
//!
//! Names and order are those of the Centrifuge protocol (`client.proto`). Members with default
//! values are left out, except where noted.

use trunkline_core::codec::Form;
use trunkline_core::identity::{ClientId, ClientInfo};
use trunkline_core::position::Tag;
use trunkline_core::publication::Publication;

use super::{Object, is_json, single_line, string_length, write_string};

/// What a publication shows beside what every reader knows.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// How its payload is written.
    pub form: Form<'a>,
    /// Whether its tag is shown.
    pub tag: bool,
    /// Whether it is shown when it was placed.
    pub time: bool,
}

impl Style<'static> {
    /// For readers that know positions with tags, and no differences.
    pub const TAGGED: Self = Self { form: Form::Whole, tag: true, time: false };
}

/// Bytes of the member that says that a payload is a patch.
const DELTA_MEMBER: usize = b",\"delta\":true".len();

/// Appends a payload as it is, in one line. Bytes that are no JSON value would break the message
/// around them for its reader, so `null` is written in their stead; channels with such payloads
/// are kept from JSON clients before it comes to this.
pub fn write_payload(out: &mut Vec<u8>, payload: &[u8]) {
    if is_json(payload) {
        out.extend_from_slice(&single_line(payload));
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a payload as a JSON string, for readers that apply patches: a patch where there is one
/// that is text and shorter, else the payload whole. Says whether it is the patch.
///
/// What is whole is the base of the next patch, byte for byte, and is therefore not touched; line
/// breaks are escaped like anything in a string.
fn write_delta(out: &mut Vec<u8>, payload: &[u8], patch: Option<&[u8]>) -> bool {
    let Some(whole) = std::str::from_utf8(payload).ok().filter(|_| is_json(payload)) else {
        write_string(out, "null");
        return false;
    };
    // A patch may cut a character in two, and no string can hold the halves.
    let patch = patch.and_then(|patch| std::str::from_utf8(patch).ok());
    match patch.filter(|patch| string_length(patch) + DELTA_MEMBER < string_length(whole)) {
        Some(patch) => {
            write_string(out, patch);
            true
        }
        None => {
            write_string(out, whole);
            false
        }
    }
}

/// Appends `{"data":…,"info":{…},"offset":7,"tag":"…","tags":{…},"delta":true,"time":…}`; all but
/// `data` where present, and where `style` wants them. The time is in milliseconds since 1970.
pub fn write_publication(out: &mut Vec<u8>, publication: &Publication, style: Style<'_>) {
    let mut object = Object::open(out);
    let data = object.member("data");
    let patched = match style.form {
        Form::Whole => {
            write_payload(data, &publication.data);
            false
        }
        Form::Delta(patch) => write_delta(data, &publication.data, patch),
    };
    if let Some(info) = &publication.info {
        write_client_info(object.member("info"), info);
    }
    object.some_number("offset", publication.offset);
    if style.tag && publication.offset > 0 {
        write_tag(object.member("tag"), publication.tag);
    }
    if !publication.tags.is_empty() {
        let mut tags = object.object("tags");
        for (key, value) in &publication.tags {
            write_string(tags.entry(key), value);
        }
        tags.close();
    }
    object.flag("delta", patched);
    if style.time {
        object.some_number("time", publication.time.0);
    }
    object.close();
}

/// Appends `{"user":"…","client":"…","conn_info":…,"chan_info":…}`: the first two always, also an
/// empty `user`, as SDKs read them without asking whether they are there.
pub fn write_client_info(out: &mut Vec<u8>, info: &ClientInfo) {
    let mut object = Object::open(out);
    object.string("user", info.user.as_str());
    write_client_id(object.member("client"), info.client);
    if let Some(payload) = &info.conn_info {
        write_payload(object.member("conn_info"), payload);
    }
    if let Some(payload) = &info.chan_info {
        write_payload(object.member("chan_info"), payload);
    }
    object.close();
}

/// Appends a tag as a JSON string.
pub(crate) fn write_tag(out: &mut Vec<u8>, tag: Tag) {
    out.push(b'"');
    out.extend_from_slice(&tag.digits());
    out.push(b'"');
}

/// Appends a connection id as a JSON string, as its `Display` shows it, at a tenth of the time.
pub(crate) fn write_client_id(out: &mut Vec<u8>, client: ClientId) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for (at, byte) in client.0.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_is_written_as_it_is_shown() {
        let client = ClientId::from_random(*b"\x00\x01\x23\x45\x67\x89\xab\xcd\xef0123456");
        let mut out = Vec::new();
        write_client_id(&mut out, client);
        assert_eq!(String::from_utf8(out).unwrap(), format!("\"{client}\""));
    }
}
