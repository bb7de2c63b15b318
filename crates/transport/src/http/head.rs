//! A request head: request line and headers.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use smallvec::SmallVec;
use thiserror::Error;

use super::percent_decode_lossy;

/// More headers than this are refused whatever the limits say: the parser's table lies on the
/// stack (32 bytes each).
const MOST_HEADERS: usize = 128;

/// How large a request head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, from the request line to the empty line.
    pub max_bytes: usize,
    /// Header lines; 128 is the most there can be.
    pub max_headers: usize,
}

/// Why a request head is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeadError {
    /// More bytes than [`HeadLimits::max_bytes`].
    #[error("request head too large")]
    TooLarge,
    /// More header lines than [`HeadLimits::max_headers`].
    #[error("too many request headers")]
    TooManyHeaders,
    /// Not HTTP/1.0 or 1.1, or a target that names no path.
    #[error("malformed request")]
    Malformed,
}

impl HeadError {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge | Self::TooManyHeaders => 431,
            Self::Malformed => 400,
        }
    }
}

/// A complete request head, borrowed from the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// As written: `GET`.
    pub method: &'a str,
    /// The target's path, still percent-encoded, without the query: `/ws`. `*` for a request
    /// about the server itself.
    pub path: &'a str,
    /// What follows the `?`, or nothing.
    pub query: &'a str,
    /// Bytes the head took; what follows belongs to a body or to frames.
    pub len: usize,
    /// HTTP/1.1, and not 1.0.
    pub(crate) http_1_1: bool,
    headers: SmallVec<[(&'a str, Cow<'a, str>); 16]>,
}

/// Reads a request head from the start of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// What the client sent is no request, or passes a limit; a head that is incomplete at the
/// limit has already passed it.
pub fn parse_head<'a>(bytes: &'a [u8], limits: &HeadLimits) -> Result<Option<Head<'a>>, HeadError> {
    let visible = &bytes[..bytes.len().min(limits.max_bytes)];
    let mut table = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let table = &mut table[..limits.max_headers.min(MOST_HEADERS)];
    let mut request = httparse::Request::new(&mut []);
    let len = match request.parse_with_uninit_headers(visible, table) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() >= limits.max_bytes => {
            return Err(HeadError::TooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
        Err(_) => return Err(HeadError::Malformed),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(HeadError::Malformed);
    };
    let (path, query) = split_target(target).ok_or(HeadError::Malformed)?;
    // Values may hold any bytes (RFC 9110 section 5.5). Those that are not UTF-8 come out
    // visibly wrong, rather than as absent, which an origin check would read as consent.
    let headers = request
        .headers
        .iter()
        .map(|header| (header.name, String::from_utf8_lossy(header.value)))
        .collect();
    Ok(Some(Head { method, path, query, len, http_1_1: minor == 1, headers }))
}

/// Path and query of a request target, which may also be a whole URL (RFC 9112 section 3.2).
fn split_target(target: &str) -> Option<(&str, &str)> {
    let origin_form = if target.starts_with('/') || target == "*" {
        target
    } else {
        let (_, after_scheme) = target.split_once("://")?;
        let path = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
        &after_scheme[path..]
    };
    let (path, query) = origin_form.split_once('?').unwrap_or((origin_form, ""));
    Some((if path.is_empty() { "/" } else { path }, query))
}

impl Head<'_> {
    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header in the order sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// Whether the client asks to speak WebSocket (RFC 6455 section 4.2.1).
    pub fn wants_upgrade(&self) -> bool {
        self.lists("connection", "upgrade") && self.lists("upgrade", "websocket")
    }

    /// The first query parameter of this name, decoded: `+` is a space, bytes that are not
    /// UTF-8 become U+FFFD.
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode_lossy(key) == name).then(|| percent_decode_lossy(value))
        })
    }

    /// Whether it holds twice what decides who is asked, by which page, and where the request ends:
    /// proxies on the way may have read the other one.
    pub fn is_ambiguous(&self) -> bool {
        ["host", "origin", "content-length"].iter().any(|name| self.repeats(name))
            || (self.header("content-length").is_some()
                && self.header("transfer-encoding").is_some())
    }

    /// Whether a header of this name is there more than once.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.all(name).nth(1).is_some()
    }

    /// Whether something follows it that belongs to it.
    pub(crate) fn has_body(&self) -> bool {
        self.header("transfer-encoding").is_some()
            || self.header("content-length").is_some_and(|length| length.trim() != "0")
    }

    /// The values of all headers of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers()
            .filter(move |(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Whether a header that is a comma-separated list holds `token`, in any case.
    fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}
