//! Commands as Redis wants them: arrays of bulk strings.

/// Bytes that most commands fit in: names and numbers.
const ROOM: usize = 256;

/// Digits of the largest number.
const DIGITS: usize = 20;

/// Room for `*COUNT\r\n`, which is known when all arguments are.
const HEAD: usize = DIGITS + 3;

/// A command in the making. It is written in one piece, since publishing does little else: room for
/// the head is left in front and cut off in the end.
pub(crate) struct Command {
    bytes: Vec<u8>,
    count: u64,
}

/// Begins a command.
pub(crate) fn command(name: &str) -> Command {
    Command::sized(name, ROOM)
}

impl Command {
    /// Begins a command whose arguments will take about so many bytes.
    pub(crate) fn sized(name: &str, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + room);
        bytes.resize(HEAD, 0);
        Self { bytes, count: 0 }.arg(name)
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.push(argument.as_ref());
        self
    }

    /// Adds a number.
    pub(crate) fn number(self, number: u64) -> Self {
        self.arg(decimal(number, &mut [0; DIGITS]))
    }

    /// Adds an argument.
    pub(crate) fn push(&mut self, argument: &[u8]) {
        self.bytes.push(b'$');
        self.bytes.extend_from_slice(decimal(argument.len() as u64, &mut [0; DIGITS]));
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(argument);
        self.bytes.extend_from_slice(b"\r\n");
        self.count += 1;
    }

    /// The bytes to send.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let mut room = [0; DIGITS];
        let count = decimal(self.count, &mut room);
        let start = HEAD - count.len() - 3;
        self.bytes[start] = b'*';
        self.bytes[start + 1..HEAD - 2].copy_from_slice(count);
        self.bytes[HEAD - 2..HEAD].copy_from_slice(b"\r\n");
        self.bytes.drain(..start);
        self.bytes
    }
}

/// The digits of a number, at the end of `room`.
fn decimal(mut number: u64, room: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_its_arguments() {
        let bytes = command("SET").arg(b"\r\n").number(7).finish();
        assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$1\r\n7\r\n");
    }

    #[test]
    fn commands_of_any_length_have_the_right_head() {
        for count in [1_usize, 9, 10, 512, 100_000] {
            let arguments = std::iter::repeat_n("a", count - 1);
            let bytes = arguments.fold(command("X"), Command::arg).finish();
            let head = format!("*{count}\r\n$1\r\nX\r\n");
            assert!(bytes.starts_with(head.as_bytes()), "{count}");
            assert_eq!(bytes.len(), head.len() + 7 * (count - 1));
        }
    }

    #[test]
    fn every_number_is_written_in_full() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; DIGITS]), number.to_string().as_bytes());
        }
    }
}
