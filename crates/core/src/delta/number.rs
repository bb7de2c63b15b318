//! Numbers of a patch: base 64, the most significant digit first.

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// Digits of the largest number there is.
const MOST_DIGITS: usize = 6;

/// Appends a number.
pub(super) fn write(out: &mut Vec<u8>, number: u32) {
    let digits = digits(number);
    for place in (0..digits).rev() {
        out.push(DIGITS[(number >> (6 * place)) as usize & 63]);
    }
}

/// How many digits a number has.
pub(super) fn digits(number: u32) -> usize {
    let bits = (u32::BITS - number.leading_zeros()) as usize;
    bits.div_ceil(6).max(1)
}

/// Takes a number off the front; `None` if there is none, or a larger one than 32 bits hold.
pub(super) fn read(text: &mut &[u8]) -> Option<u32> {
    let length = text.iter().take(MOST_DIGITS + 1).take_while(|byte| value(**byte).is_some());
    let (digits, rest) = text.split_at(length.count());
    if !(1..=MOST_DIGITS).contains(&digits.len()) {
        return None;
    }
    *text = rest;
    let number = digits.iter().filter_map(|byte| value(*byte));
    u32::try_from(number.fold(0, |number: u64, digit| number << 6 | u64::from(digit))).ok()
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'Z' => Some(digit - b'A' + 10),
        b'_' => Some(36),
        b'a'..=b'z' => Some(digit - b'a' + 37),
        b'~' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_as_written() {
        for number in [0, 1, 9, 10, 35, 36, 37, 63, 64, 4095, 4096, 1 << 24, u32::MAX] {
            let mut out = Vec::new();
            write(&mut out, number);
            assert_eq!(out.len(), digits(number), "{number}");
            out.push(b'@');
            let mut text = &*out;
            assert_eq!(read(&mut text), Some(number));
            assert_eq!(text, b"@");
        }
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in [&b""[..], b"@", b"\n", b"\xff", b"4000000", b"~~~~~~", b"0000000"] {
            assert_eq!(read(&mut &*text), None, "{text:?}");
        }
    }
}
