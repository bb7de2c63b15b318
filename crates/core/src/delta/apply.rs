//! From the old payload and a patch to the new payload.

use super::{checksum, number};

/// The patch is damaged, not made for this payload, or makes more of it than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the patch does not fit")]
pub struct Broken;

/// The payload that `patch` makes of `old`, of at most `most` bytes.
///
/// # Errors
/// It makes none.
pub fn apply(old: &[u8], mut patch: &[u8], most: usize) -> Result<Vec<u8>, Broken> {
    let length = number(&mut patch)?;
    if length > most || byte(&mut patch)? != b'\n' {
        return Err(Broken);
    }
    // What a patch announces is not believed before it is there.
    let mut new = Vec::with_capacity(length.min(old.len().saturating_add(patch.len())));
    loop {
        let count = number(&mut patch)?;
        let room = length - new.len();
        let piece = match byte(&mut patch)? {
            b'@' => {
                let offset = number(&mut patch)?;
                if byte(&mut patch)? != b',' {
                    return Err(Broken);
                }
                old.get(offset..).and_then(|from| from.get(..count)).ok_or(Broken)?
            }
            b':' => {
                let (piece, rest) = patch.split_at_checked(count).ok_or(Broken)?;
                patch = rest;
                piece
            }
            b';' => {
                let whole = room == 0 && patch.is_empty();
                let sound = u32::try_from(count) == Ok(checksum(&new));
                return if whole && sound { Ok(new) } else { Err(Broken) };
            }
            _ => return Err(Broken),
        };
        if piece.len() > room {
            return Err(Broken);
        }
        new.extend_from_slice(piece);
    }
}

fn number(patch: &mut &[u8]) -> Result<usize, Broken> {
    number::read(patch).and_then(|number| usize::try_from(number).ok()).ok_or(Broken)
}

fn byte(patch: &mut &[u8]) -> Result<u8, Broken> {
    patch.split_off_first().copied().ok_or(Broken)
}
