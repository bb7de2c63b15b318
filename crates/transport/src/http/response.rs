//! Short, final responses.

/// Appends a complete response and says that the connection closes after it. `Content-Type` is
/// left out when empty.
pub fn write_response(
    out: &mut Vec<u8>,
    status: u16,
    content_type: &str,
    extra_headers: &[(&str, &str)],
    body: &[u8],
) {
    let mut length = itoa::Buffer::new();
    let own = [
        ("Content-Type", content_type),
        ("Content-Length", length.format(body.len())),
        ("Connection", "close"),
    ];
    let own = if content_type.is_empty() { &own[1..] } else { &own };
    write_head(out, status, own.iter().chain(extra_headers));
    out.extend_from_slice(body);
}

/// Appends a status line, headers and the empty line.
///
/// A line break inside of a value would let whoever chose it write headers of their own, so
/// control characters become spaces.
pub(crate) fn write_head<'a>(
    out: &mut Vec<u8>,
    status: u16,
    headers: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason_phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend(value.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The usual words for a status (RFC 9110 section 15); nothing for one that is not used here.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::write_response;

    #[test]
    fn a_response_is_complete_and_closes() {
        let mut out = Vec::new();
        write_response(&mut out, 404, "text/plain", &[("X-A", "1")], b"gone\n");
        assert_eq!(
            str::from_utf8(&out).unwrap(),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\
             Connection: close\r\nX-A: 1\r\n\r\ngone\n"
        );
    }

    #[test]
    fn a_value_cannot_start_a_header_of_its_own() {
        let mut out = Vec::new();
        write_response(&mut out, 204, "", &[("X-A", "1\r\nSet-Cookie: x=y")], b"");
        assert_eq!(
            str::from_utf8(&out).unwrap(),
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\
             X-A: 1  Set-Cookie: x=y\r\n\r\n"
        );
    }
}
