//! Every combination of replies and publications that a turn can owe a socket, as slices of one
//! buffer.

use std::ops::Range;

/// Bytes of replies and of publications kept ready, each.
const READY: usize = 256 * 1024;

/// Replies, then publications, in one piece: any number of the one followed by any number of the
/// other is a slice.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    reply: usize,
    publication: usize,
    /// Replies before the middle, which is also the most that one send carries.
    replies: usize,
    /// Publications after the middle, likewise.
    publications: usize,
}

impl Batch {
    /// Repeats both frames; at least one of each is kept however long it is.
    pub(crate) fn new(reply: &[u8], publication: &[u8]) -> Self {
        let replies = (READY / reply.len().max(1)).max(1);
        let publications = (READY / publication.len().max(1)).max(1);
        let mut bytes = reply.repeat(replies);
        bytes.extend(publication.repeat(publications));
        Self { bytes, reply: reply.len(), publication: publication.len(), replies, publications }
    }

    /// The slices that carry this many replies and publications: one, unless a turn brought more
    /// than is kept ready.
    pub(crate) fn slices(&self, replies: u32, publications: u32) -> impl Iterator<Item = &[u8]> {
        let (mut replies, mut publications) = (replies as usize, publications as usize);
        std::iter::from_fn(move || {
            let (now_replies, now_publications) =
                (replies.min(self.replies), publications.min(self.publications));
            replies -= now_replies;
            publications -= now_publications;
            let range = self.range(now_replies, now_publications);
            (!range.is_empty()).then(|| &self.bytes[range])
        })
    }

    fn range(&self, replies: usize, publications: usize) -> Range<usize> {
        let middle = self.replies * self.reply;
        middle - replies * self.reply..middle + publications * self.publication
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_combination_is_one_slice() {
        let batch = Batch::new(b"ok.", b"news;");
        let carried: Vec<&[u8]> = batch.slices(2, 3).collect();
        assert_eq!(carried, [b"ok.ok.news;news;news;"]);
        assert_eq!(batch.slices(0, 0).count(), 0);
    }

    #[test]
    fn more_than_is_kept_ready_is_several() {
        let publication = vec![b'x'; READY / 2];
        let batch = Batch::new(b"ok", &publication);
        let carried: Vec<usize> = batch.slices(1, 5).map(<[u8]>::len).collect();
        assert_eq!(carried, [2 + READY, READY, READY / 2]);
    }
}
