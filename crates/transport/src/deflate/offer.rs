//! Answering a client's `Sec-WebSocket-Extensions` (RFC 7692 section 7.1).

/// What was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The server's window, as a power of two, 9 to 15.
    pub window_bits: u8,
    /// The value of the response's `Sec-WebSocket-Extensions`.
    pub response: String,
}

/// Accepts the first acceptable offer in the header's list, if there is one. Every offer is
/// answered with `no_context_takeover` both ways; a `server_max_window_bits` is kept to.
pub fn negotiate(header: &str) -> Option<Negotiated> {
    split_unquoted(header, b',').find_map(accept_offer)
}

fn accept_offer(offer: &str) -> Option<Negotiated> {
    let mut parts = split_unquoted(offer, b';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut server_window = None;
    let mut client_window = None;
    let mut server_takeover = None;
    let mut client_takeover = None;
    for parameter in parts {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquote(value.trim()))),
            None => (parameter, None),
        };
        // An unknown parameter, one said twice or a bad value makes the offer unacceptable.
        let (slot, acceptable) = match name.to_ascii_lowercase().as_str() {
            "server_no_context_takeover" => (&mut server_takeover, value.is_none()),
            "client_no_context_takeover" => (&mut client_takeover, value.is_none()),
            "client_max_window_bits" => {
                (&mut client_window, value.is_none_or(|value| window(value).is_some()))
            }
            "server_max_window_bits" => {
                // A window of 8 is within the RFC but beyond zlib.
                let usable = |value| window(value).is_some_and(|bits| bits >= 9);
                (&mut server_window, value.is_some_and(usable))
            }
            _ => return None,
        };
        if !acceptable || slot.replace(value.and_then(window)).is_some() {
            return None;
        }
    }
    let mut response =
        String::from("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    let server_window = server_window.flatten();
    if let Some(bits) = server_window {
        response.push_str("; server_max_window_bits=");
        response.push_str(&bits.to_string());
    }
    Some(Negotiated { window_bits: server_window.unwrap_or(15), response })
}

/// A window size, 8 to 15, in decimal without leading zeros.
fn window(value: &str) -> Option<u8> {
    let bits = value.parse::<u8>().ok().filter(|bits| (8..=15).contains(bits))?;
    (bits.to_string() == value).then_some(bits)
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// Splits at a separator that stands outside of double quotes.
fn split_unquoted(list: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && c == char::from(separator)
    })
}

#[cfg(test)]
mod tests {
    use super::negotiate;

    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[track_caller]
    fn check(header: &str, window_bits: u8, response: &str) {
        let negotiated = negotiate(header).unwrap();
        assert_eq!((negotiated.window_bits, negotiated.response.as_str()), (window_bits, response));
    }

    #[test]
    fn browsers_and_libraries() {
        check("permessage-deflate; client_max_window_bits", 15, BOTH);
        check("permessage-deflate", 15, BOTH);
        check(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=12",
            10,
            &format!("{BOTH}; server_max_window_bits=10"),
        );
        check(
            "Permessage-Deflate;SERVER_MAX_WINDOW_BITS=\"15\"",
            15,
            &format!("{BOTH}; server_max_window_bits=15"),
        );
    }

    #[test]
    fn the_first_acceptable_offer_is_taken() {
        check(
            "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, \
             permessage-deflate; server_max_window_bits=9, permessage-deflate",
            9,
            &format!("{BOTH}; server_max_window_bits=9"),
        );
        check("other; a=\"x, permessage-deflate; y\", permessage-deflate", 15, BOTH);
    }

    #[test]
    fn unacceptable_offers() {
        for header in [
            "",
            "permessage-bzip2",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=12; client_max_window_bits=12",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "x; a=\"permessage-deflate, permessage-deflate\"",
        ] {
            assert_eq!(negotiate(header), None, "{header}");
        }
    }
}
