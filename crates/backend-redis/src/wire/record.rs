//! Publications, as they are kept in a stream and told on a line. See `scripts/prelude.lua` for the
//! form of a record; what is told is `p`, the epoch, a blank, the offset, a line break and the
//! record.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use trunkline_core::identity::ClientInfo;
use trunkline_core::position::{Epoch, Tag};
use trunkline_core::publication::{Publication, Tags};
use trunkline_core::time::WallTime;

use super::{info, schema};

/// Bytes of a tag in a record.
const TAG: usize = 16;

/// Where the time of a record stands.
const TIME: std::ops::Range<usize> = 2 * TAG..2 * TAG + 13;

/// The name of no epoch.
const NO_EPOCH: &str = "-";

/// What stands beside the payload; empty for most.
pub(crate) fn meta(info: Option<&ClientInfo>, tags: &Tags) -> Vec<u8> {
    if info.is_none() && tags.is_empty() {
        return Vec::new();
    }
    let tags = tags.iter().flat_map(|(key, value)| [key.to_string(), value.to_string()]);
    schema::Meta { info: info.map(info::to_schema), tags: tags.collect() }.encode_to_vec()
}

/// Reads what is told of a publication, after the `p`.
pub(crate) fn told(bytes: &[u8]) -> Option<Arc<Publication>> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let (epoch, offset) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    publication(&self::epoch(epoch), offset.parse().ok()?, &bytes[end + 1..])
}

/// Reads a record that stands at `offset`.
pub(crate) fn publication(epoch: &Epoch, offset: u64, record: &[u8]) -> Option<Arc<Publication>> {
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(record.get(range)?).ok();
    let tag = Tag::parse(text(0..TAG)?)?;
    let before = Tag::parse(text(TAG..2 * TAG)?)?;
    let time = WallTime(text(TIME)?.parse().ok()?);
    let rest = record.get(TIME.end..)?;
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (_, meta_bytes) =
        std::str::from_utf8(rest[..end].strip_prefix(b" ")?).ok()?.split_once(' ')?;
    let body = &rest[end + 1..];
    let (meta, data) = body.split_at_checked(meta_bytes.parse().ok()?)?;
    let schema::Meta { info, tags } = schema::Meta::decode(meta).ok()?;
    let info = match info {
        Some(info) => Some(info::from_schema(info)?),
        None => None,
    };
    let pair = |pair: &[String]| (pair[0].as_str().into(), pair[1].as_str().into());
    Some(Arc::new(Publication {
        epoch: epoch.clone(),
        offset,
        tag,
        before: (offset > 0).then_some(before),
        data: Bytes::copy_from_slice(data),
        info,
        tags: tags.chunks_exact(2).map(pair).collect(),
        time,
    }))
}

/// An epoch by its name in Redis.
pub(crate) fn epoch(name: &str) -> Epoch {
    if name == NO_EPOCH { Epoch::default() } else { Epoch::new(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(meta: &[u8], data: &str) -> Vec<u8> {
        let tags = "00000000000000010000000000000000";
        let head = format!("e~1 7\n{tags}1700000000000 512 {}\n", meta.len());
        [head.as_bytes(), meta, data.as_bytes()].concat()
    }

    #[test]
    fn a_publication_is_read_as_the_script_wrote_it() {
        let tags = vec![("k".into(), "ü".into()), ("".into(), "".into())];
        let meta = meta(None, &tags);
        let publication = told(&frame(&meta, "a\nb")).unwrap();
        assert_eq!(publication.position().epoch, Epoch::new("e~1"));
        assert_eq!((publication.offset, publication.time), (7, WallTime(1_700_000_000_000)));
        assert_eq!(publication.tag, Tag([0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(publication.before, Some(Tag::START));
        assert_eq!((&*publication.data, &publication.tags), (&b"a\nb"[..], &tags));
    }

    #[test]
    fn whatever_is_cut_or_changed_is_no_publication_or_another_one() {
        let whole = frame(b"", "{}");
        for end in 0..whole.len() - 2 {
            assert_eq!(told(&whole[..end]), None, "up to {end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] = b'\xff';
            let _ = told(&changed); // It may be one, if only its payload was hit.
        }
    }
}
