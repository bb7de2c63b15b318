//! Revocations as the bytes of a note.
//!
//! A byte for the version of the format, then for each: what it concerns (a byte), two times in
//! milliseconds (8 bytes each, the highest first), the length of its text (a byte), the text.

use bytes::{Buf, BufMut, Bytes};
use trunkline_core::identity::UserId;
use trunkline_core::revocation::{Revocation, Revocations, Subject, TokenId};
use trunkline_core::time::WallTime;

const VERSION: u8 = 1;
const TOKEN: u8 = 1;
const USER: u8 = 2;
const EVERYBODY: u8 = 3;

/// Bytes of one before its text.
const HEAD: usize = 1 + 8 + 8 + 1;

pub(crate) fn encode(revocations: &Revocations) -> Bytes {
    let mut out = vec![VERSION];
    for Revocation { subject, issued_before, expires_at } in revocations.iter() {
        let (kind, text) = match &subject {
            Subject::Token(id) => (TOKEN, id.as_str()),
            Subject::User(user) => (USER, user.as_str()),
            Subject::Everybody => (EVERYBODY, ""),
        };
        // Ids of users and tokens are no longer than a byte can say.
        let Ok(length) = u8::try_from(text.len()) else { continue };
        out.put_u8(kind);
        out.put_u64(issued_before.0);
        out.put_u64(expires_at.0);
        out.put_u8(length);
        out.put_slice(text.as_bytes());
    }
    out.into()
}

/// What can be read, up to where it cannot.
pub(crate) fn decode(mut bytes: &[u8]) -> Vec<Revocation> {
    let mut found = Vec::new();
    if bytes.first() != Some(&VERSION) {
        return found;
    }
    bytes.advance(1);
    while bytes.len() >= HEAD {
        let kind = bytes.get_u8();
        let (issued_before, expires_at) = (WallTime(bytes.get_u64()), WallTime(bytes.get_u64()));
        let length = usize::from(bytes.get_u8());
        let Some((text, rest)) = bytes.split_at_checked(length) else { break };
        bytes = rest;
        let Ok(text) = std::str::from_utf8(text) else { break };
        let subject = match kind {
            TOKEN => TokenId::new(text).map(Subject::Token),
            USER => Some(Subject::User(UserId::new(text))),
            EVERYBODY => Some(Subject::Everybody),
            _ => None,
        };
        found.extend(subject.map(|subject| Revocation { subject, issued_before, expires_at }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_reads_back_and_what_is_broken_is_no_panic() {
        let mut all = Revocations::default();
        for subject in [
            Subject::Token(TokenId::new(&"t".repeat(255)).unwrap()),
            Subject::User(UserId::new("ännchen")),
            Subject::User(UserId::default()),
            Subject::Everybody,
        ] {
            let (issued_before, expires_at) = (WallTime(5), WallTime(u64::MAX));
            all.add(&Revocation { subject, issued_before, expires_at });
        }
        let bytes = encode(&all);
        let mut again = Revocations::default();
        decode(&bytes).iter().for_each(|one| assert!(again.add(one)));
        assert_eq!(again, all);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).len() < 4);
        }
        assert_eq!(decode(b"\x02rubbish"), []);
    }
}
