//! The shapes that appear in pushes, in replies and in the server API alike.
//!
//! Names and order are those of the Centrifuge protocol (`client.proto`). Members with default
//! values are left out, except where noted.

use trunkline_core::identity::{ClientId, ClientInfo};
use trunkline_core::publication::Publication;

use super::{Object, is_json, single_line, write_string};

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

/// Appends `{"data":…,"info":{…},"offset":7,"tags":{…}}`; all but `data` where present.
pub fn write_publication(out: &mut Vec<u8>, publication: &Publication) {
    let mut object = Object::open(out);
    write_payload(object.member("data"), &publication.data);
    if let Some(info) = &publication.info {
        write_client_info(object.member("info"), info);
    }
    object.some_number("offset", publication.offset);
    if !publication.tags.is_empty() {
        let mut tags = object.object("tags");
        for (key, value) in &publication.tags {
            write_string(tags.entry(key), value);
        }
        tags.close();
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
