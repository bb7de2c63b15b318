//! Masking, RFC 6455 section 5.3: every payload byte is XORed with a repeating 4-byte key.

/// Masks or unmasks `payload` in place, eight bytes at a time. `mask[0]` belongs to its first
/// byte; for a payload that arrives in pieces the caller rotates the key in between.
pub(super) fn apply(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let key = [a, b, c, d, a, b, c, d];
    let word_key = u64::from_ne_bytes(key);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn every_length_matches_the_definition() {
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        for len in 0..70_usize {
            let plain: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let expected: Vec<u8> =
                plain.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
            let mut masked = plain;
            apply(&mut masked, mask);
            assert_eq!(masked, expected);
        }
    }

    #[test]
    fn pieces_with_a_rotated_key_equal_the_whole() {
        let mask = [1, 2, 3, 4];
        for cut in 0..32 {
            let mut whole = [0x55; 32];
            apply(&mut whole, mask);
            let mut pieces = [0x55; 32];
            let (head, tail) = pieces.split_at_mut(cut);
            apply(head, mask);
            let mut rotated = mask;
            rotated.rotate_left(cut % 4);
            apply(tail, rotated);
            assert_eq!(pieces, whole);
        }
    }
}
