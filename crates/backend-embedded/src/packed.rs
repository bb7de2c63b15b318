//! A publication as bytes, the same in the log and in the index.

use bytes::Bytes;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::position::Epoch;
use trunkline_core::publication::{Publication, Tags};
use trunkline_core::time::WallTime;

use crate::pack::{Reader, put, put_numbers};

/// Bits of the first byte: what is there.
const INFO: u8 = 1;
const CONN_INFO: u8 = 2;
const CHAN_INFO: u8 = 4;
const TAGS: u8 = 8;

/// Appends a publication.
pub(crate) fn put_publication(out: &mut Vec<u8>, publication: &Publication) {
    let Publication { epoch, offset, tag, data, info, tags, time, before: _ } = publication;
    let mut flags = 0;
    if let Some(info) = info {
        flags |= INFO;
        flags |= if info.conn_info.is_some() { CONN_INFO } else { 0 };
        flags |= if info.chan_info.is_some() { CHAN_INFO } else { 0 };
    }
    flags |= if tags.is_empty() { 0 } else { TAGS };
    out.push(flags);
    put(out, epoch.as_str().as_bytes());
    put_numbers(out, &[*offset, time.0]);
    out.extend_from_slice(&tag.0);
    if let Some(info) = info {
        put(out, info.user.as_str().as_bytes());
        out.extend_from_slice(&info.client.0.to_le_bytes());
        info.conn_info.iter().chain(&info.chan_info).for_each(|given| put(out, given));
    }
    if !tags.is_empty() {
        out.extend_from_slice(&(tags.len() as u32).to_le_bytes());
        for (key, value) in tags {
            put(out, key.as_bytes());
            put(out, value.as_bytes());
        }
    }
    put(out, data);
}

/// Reads publications, sharing the names of the histories they stand in.
#[derive(Default)]
pub(crate) struct Unpacking {
    epoch: Epoch,
}

impl Unpacking {
    /// Reads what [`put_publication`] has appended.
    pub(crate) fn publication(&mut self, from: &mut Reader<'_>) -> Option<Publication> {
        let flags = from.byte()?;
        let epoch = from.text()?;
        if epoch != self.epoch.as_str() {
            self.epoch = Epoch::new(epoch);
        }
        let (offset, time, tag) = (from.u64()?, WallTime(from.u64()?), from.tag()?);
        let info = if flags & INFO == 0 { None } else { Some(read_info(from, flags)?) };
        let count = if flags & TAGS == 0 { 0 } else { from.u32()? };
        let tags: Option<Tags> =
            (0..count).map(|_| Some((from.text()?.into(), from.text()?.into()))).collect();
        let data = Bytes::copy_from_slice(from.bytes()?);
        let (epoch, before) = (self.epoch.clone(), None);
        Some(Publication { epoch, offset, tag, before, data, info, tags: tags?, time })
    }
}

fn read_info(from: &mut Reader<'_>, flags: u8) -> Option<ClientInfo> {
    let user = UserId::new(from.text()?);
    let client = ClientId(u128::from_le_bytes(from.array()?));
    let mut given = |bit| {
        if flags & bit == 0 {
            Some(None)
        } else {
            from.bytes().map(Bytes::copy_from_slice).map(Some)
        }
    };
    Some(ClientInfo { user, client, conn_info: given(CONN_INFO)?, chan_info: given(CHAN_INFO)? })
}

#[cfg(test)]
mod tests {
    use trunkline_core::position::Tag;

    use super::*;

    #[test]
    fn a_publication_comes_back_as_it_was_packed() {
        let bare = Publication {
            epoch: Epoch::new("e"),
            offset: 7,
            tag: Tag([3; 8]),
            before: None,
            data: Bytes::from_static(b"data"),
            info: None,
            tags: Vec::new(),
            time: WallTime(99),
        };
        let info = |conn: Option<&'static [u8]>, chan: Option<&'static [u8]>| ClientInfo {
            user: UserId::new("user"),
            client: ClientId(1 << 100),
            conn_info: conn.map(Bytes::from_static),
            chan_info: chan.map(Bytes::from_static),
        };
        let tags: Tags = vec![("a".into(), "1".into()), ("b".into(), "".into())];
        let full = Publication { info: Some(info(Some(b"x"), Some(b""))), tags, ..bare.clone() };
        let half = Publication { info: Some(info(None, Some(b"y"))), ..bare.clone() };
        for publication in [bare, full, half] {
            let mut bytes = Vec::new();
            put_publication(&mut bytes, &publication);
            let mut reader = Reader::new(&bytes);
            assert_eq!(Unpacking::default().publication(&mut reader), Some(publication));
            assert!(reader.is_empty());
            for end in 0..bytes.len() {
                let mut cut = Reader::new(&bytes[..end]);
                assert_eq!(Unpacking::default().publication(&mut cut), None);
            }
        }
    }
}
