//! The head of a stream of Server-Sent Events. The events are framed where they are encoded, once
//! for all receivers: by the codec.

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

#[cfg(test)]
mod tests {
    use super::write_stream_head;

    #[test]
    fn the_head_of_a_stream() {
        let mut out = Vec::new();
        write_stream_head(&mut out, &[("Access-Control-Allow-Origin", "*")]);
        assert_eq!(
            str::from_utf8(&out).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
             X-Accel-Buffering: no\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\r\n"
        );
    }
}
