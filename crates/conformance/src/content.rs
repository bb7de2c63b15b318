//! What is published, and comparing it.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::namespace::Retention;
use trunkline_core::publication::{Draft, Publication};

/// More than any case publishes into a channel, for an hour.
pub(crate) const PLENTY: Retention = Retention { size: 10_000, ttl_ms: 3_600_000, bytes: 1 << 26 };

pub(crate) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

/// Names of more channels than any backend has stripes, partitions or slots to spread them over, so
/// that some share one.
pub(crate) fn many_names() -> impl Iterator<Item = String> {
    (0..150).map(|n| format!("many:{n}"))
}

/// A draft for a channel that keeps everything.
pub(crate) fn draft(name: &str, data: impl Into<Bytes>) -> Draft {
    Draft { data: data.into(), retention: Some(PLENTY), ..Draft::new(channel(name)) }
}

/// A draft that leaves no trace.
pub(crate) fn passing(name: &str, data: impl Into<Bytes>) -> Draft {
    Draft { retention: None, ..draft(name, data) }
}

pub(crate) fn keyed(name: &str, data: impl Into<Bytes>, key: &str) -> Draft {
    Draft { idempotency_key: Some(key.into()), ..draft(name, data) }
}

pub(crate) fn number(n: impl std::fmt::Display) -> Bytes {
    n.to_string().into()
}

/// Somebody with a user and both kinds of info.
pub(crate) fn somebody() -> ClientInfo {
    ClientInfo {
        user: UserId::new("zo\u{eb}"),
        client: ClientId(0x0123_4567_89ab_4def_8123_4567_89ab_cdef),
        conn_info: Some(r#"{"name":"Zoë"}"#.into()),
        chan_info: Some(Bytes::from_static(&[0, 255, 128])),
    }
}

/// The data of publications, as text.
pub(crate) fn texts(publications: &[Arc<Publication>]) -> Vec<String> {
    publications.iter().map(|kept| String::from_utf8_lossy(&kept.data).into_owned()).collect()
}

/// The offsets of publications.
pub(crate) fn offsets(publications: &[Arc<Publication>]) -> Vec<u64> {
    publications.iter().map(|publication| publication.offset).collect()
}

/// Publications without what only live ones have to say.
pub(crate) fn plain(publications: &[Arc<Publication>]) -> Vec<Publication> {
    let plain = |publication: &Arc<Publication>| Publication {
        before: None,
        ..Publication::clone(publication)
    };
    publications.iter().map(plain).collect()
}

/// Asserts that both are the same publications.
#[track_caller]
pub(crate) fn assert_same(left: &[Arc<Publication>], right: &[Arc<Publication>], why: &str) {
    assert_eq!(offsets(left), offsets(right), "{why}");
    for (left, right) in plain(left).into_iter().zip(plain(right)) {
        // Too much to be shown where data is large.
        assert!(left.data == right.data, "{why}: the data of {} differs", left.offset);
        let bare = |publication| Publication { data: Bytes::new(), ..publication };
        assert_eq!(bare(left), bare(right), "{why}");
    }
}
