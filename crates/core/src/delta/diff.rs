//! From two payloads to the patch between them.

use super::{checksum, number};

/// Bytes that must agree for a match to be looked at: as many as fit a machine word, and few
/// enough for payloads that are small.
const WORD: usize = 8;

/// Places in the old payload with the same word that are tried. It bounds the work for payloads
/// that repeat themselves; where more would be there, one that is near enough is among the first.
const TRIES: usize = 8;

/// What an additional stretch of new bytes costs that a copy leaves behind it, in bytes.
const SPLIT: usize = 2;

/// The patch that makes `new` of `old`; `None` when it would not be smaller than `new`.
///
/// Takes time in proportion to the sizes of both, at worst [`TRIES`] comparisons of a word for each
/// byte of `new`.
#[must_use]
pub fn diff(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    u32::try_from(old.len()).ok()?;
    let length = u32::try_from(new.len()).ok()?;
    let index = Index::of(old);
    let mut patch = Patch { out: Vec::with_capacity(new.len() / 4), most: new.len() };
    number::write(&mut patch.out, length);
    patch.out.push(b'\n');
    let whole_characters = std::str::from_utf8(new).is_ok();
    let mut copied = Match::default();
    let mut at = 0;
    while let Some(word) = new.get(at..).and_then(word) {
        let known = copied.end()..at;
        let found = index.search(new, known, word, copied);
        let found = if whole_characters { found.trimmed(new) } else { found };
        if found.length <= found.cost() + SPLIT {
            at += 1;
            continue;
        }
        patch.insert(&new[copied.end()..found.new])?;
        patch.copy(found)?;
        copied = found;
        at = found.end();
    }
    patch.insert(&new[copied.end()..])?;
    number::write(&mut patch.out, checksum(new));
    patch.out.push(b';');
    (patch.out.len() < new.len()).then_some(patch.out)
}

/// The word at the beginning of `bytes`.
fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<WORD>().map(|word| u64::from_le_bytes(*word))
}

/// How many bytes two slices have in common from their beginning on.
fn common(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD));
    let same = words.take_while(|(a, b)| a == b).count() * WORD;
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes two slices have in common from their end backwards.
fn common_back(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The same bytes in both payloads.
#[derive(Clone, Copy, Default)]
struct Match {
    old: usize,
    new: usize,
    length: usize,
}

impl Match {
    /// Where it ends in the new payload.
    fn end(self) -> usize {
        self.new + self.length
    }

    /// Bytes its copy takes in the patch.
    fn cost(self) -> usize {
        number::digits(narrow(self.length)) + number::digits(narrow(self.old)) + 2
    }

    /// The part of it that neither begins nor ends inside a character of `new`, which is text.
    fn trimmed(mut self, new: &[u8]) -> Self {
        let inside = |at: usize| new.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        while self.length > 0 && inside(self.new) {
            self = Self { old: self.old + 1, new: self.new + 1, length: self.length - 1 };
        }
        while self.length > 0 && inside(self.end()) {
            self.length -= 1;
        }
        self
    }
}

/// A length or an offset; [`diff`] has seen that all of them fit.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Where the words of the old payload stand. Every [`WORD`]th place is known, so that of anything
/// in common that is twice as long at least one word is found.
struct Index<'a> {
    old: &'a [u8],
    /// The number of the first word with a hash, or [`NONE`].
    heads: Vec<u32>,
    /// The number of the next word with the same hash, or [`NONE`].
    next: Vec<u32>,
    shift: u32,
}

const NONE: u32 = u32::MAX;

impl<'a> Index<'a> {
    fn of(old: &'a [u8]) -> Self {
        let words = old.len() / WORD;
        let bits = words.next_power_of_two().trailing_zeros().max(1);
        let mut index = Self {
            old,
            heads: vec![NONE; 1 << bits],
            next: vec![NONE; words],
            shift: u64::BITS - bits,
        };
        // From the end, so that places come in their order.
        for (number, place) in old.chunks_exact(WORD).enumerate().rev() {
            let Some(word) = word(place) else { continue };
            let head = index.bucket(word);
            index.next[number] = std::mem::replace(&mut index.heads[head], narrow(number));
        }
        index
    }

    fn bucket(&self, word: u64) -> usize {
        // Multiplying by 2^64 divided by the golden ratio carries all bits to the top ones.
        usize::try_from(word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift).unwrap_or(0)
    }

    /// The longest match that was found around `known.end` in `new`, where `word` stands; it begins
    /// in `known`, the bytes that no copy covers yet.
    fn search(&self, new: &[u8], known: std::ops::Range<usize>, word: u64, copied: Match) -> Match {
        let (start, at) = (known.start, known.end);
        let mut best = Match { old: 0, new: at, length: 0 };
        let mut consider = |place: usize| {
            if self.old.get(place..).and_then(self::word) != Some(word) {
                return;
            }
            let ahead = common(&self.old[place..], &new[at..]);
            let behind = common_back(&self.old[..place], &new[start..at]);
            if ahead + behind > best.length {
                best = Match { old: place - behind, new: at - behind, length: ahead + behind };
            }
        };
        // What was changed in place goes on where the last copy would have, and an end that stayed
        // is as far from the end as it was.
        consider(copied.old + copied.length + (at - start));
        if let Some(place) = (at + self.old.len()).checked_sub(new.len()) {
            consider(place);
        }
        let mut number = self.heads[self.bucket(word)];
        for _ in 0..TRIES {
            let Some(&next) = self.next.get(number as usize) else { break };
            consider(number as usize * WORD);
            number = next;
        }
        best
    }
}

/// A patch under construction, given up as soon as it is not smaller than the new payload.
struct Patch {
    out: Vec<u8>,
    most: usize,
}

impl Patch {
    fn insert(&mut self, bytes: &[u8]) -> Option<()> {
        if !bytes.is_empty() {
            number::write(&mut self.out, narrow(bytes.len()));
            self.out.push(b':');
            self.out.extend_from_slice(bytes);
        }
        (self.out.len() < self.most).then_some(())
    }

    fn copy(&mut self, piece: Match) -> Option<()> {
        number::write(&mut self.out, narrow(piece.length));
        self.out.push(b'@');
        number::write(&mut self.out, narrow(piece.old));
        self.out.push(b',');
        (self.out.len() < self.most).then_some(())
    }
}
