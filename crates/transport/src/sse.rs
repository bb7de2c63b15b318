//! Server-Sent Events, framed as the HTML standard has it (section 9.2.5).

use crate::http::write_head;

/// Appends the head of a stream: `200`, never cached, not buffered by a proxy, ended by the
/// connection's closing.
pub fn write_stream_head(out: &mut Vec<u8>, extra_headers: &[(&str, &str)]) {
    let own = [
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-store"),
        ("X-Accel-Buffering", "no"),
        ("Connection", "close"),
    ];
    write_head(out, 200, own.iter().chain(extra_headers));
}

/// Appends one event. Line breaks within `data` are kept, each as a `\n`; an `id` has none, and
/// characters that would end its line are left out of it.
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, data: &[u8]) {
    if let Some(id) = id {
        out.extend_from_slice(b"id: ");
        out.extend(id.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
        out.push(b'\n');
    }
    let mut rest = data;
    loop {
        let line = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest[..line]);
        out.push(b'\n');
        rest = match &rest[line..] {
            [] => break,
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
        };
    }
    out.push(b'\n');
}

/// Appends a comment, which clients ignore: it keeps proxies from closing a quiet stream.
pub fn write_comment(out: &mut Vec<u8>) {
    out.extend_from_slice(b":\n\n");
}

/// Appends how many milliseconds the client should wait before it reconnects.
pub fn write_retry(out: &mut Vec<u8>, millis: u64) {
    out.extend_from_slice(b"retry: ");
    out.extend_from_slice(itoa::Buffer::new().format(millis).as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::{write_comment, write_event, write_retry, write_stream_head};

    #[track_caller]
    fn check(id: Option<&str>, data: &[u8], expected: &str) {
        let mut out = Vec::new();
        write_event(&mut out, id, data);
        assert_eq!(str::from_utf8(&out).unwrap(), expected);
    }

    #[test]
    fn events() {
        check(None, b"{}", "data: {}\n\n");
        check(Some("e.7"), b"a", "id: e.7\ndata: a\n\n");
        check(None, b"", "data: \n\n");
        check(None, b"a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n");
        check(None, b"a\n\nb\n", "data: a\ndata: \ndata: b\ndata: \n\n");
        check(Some("1\ndata: forged"), b"a", "id: 1data: forged\ndata: a\n\n");
    }

    #[test]
    fn the_rest_of_a_stream() {
        let mut out = Vec::new();
        write_stream_head(&mut out, &[("Access-Control-Allow-Origin", "*")]);
        write_retry(&mut out, 1500);
        write_comment(&mut out);
        assert_eq!(
            str::from_utf8(&out).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
             X-Accel-Buffering: no\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\r\n\
             retry: 1500\n\n:\n\n"
        );
    }
}
