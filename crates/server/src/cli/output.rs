//! Results on stdout.

use std::io::{ErrorKind, StdoutLock, Write};

use super::Failure;

/// Stdout, held for as long as this lives. A reader that has seen enough and closes the pipe is no
/// error: `head` does that.
pub(crate) struct Output<W: Write = StdoutLock<'static>> {
    sink: W,
}

/// Whether anybody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Go on.
    There,
    /// Nothing more is wanted.
    Gone,
}

impl Output {
    /// Takes hold of stdout.
    pub(crate) fn stdout() -> Self {
        Self { sink: std::io::stdout().lock() }
    }
}

impl<W: Write> Output<W> {
    /// Prints one line.
    ///
    /// # Errors
    /// The line cannot be written: a full disk, for example.
    pub(crate) fn line(&mut self, line: &str) -> Result<Reader, Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Prints text as it is.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(crate) fn text(&mut self, text: &str) -> Result<Reader, Failure> {
        match self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush()) {
            Ok(()) => Ok(Reader::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(Failure::trouble(format_args!("stdout: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_ends_the_output_and_a_full_disk_is_an_error() {
        let mut closed = Output { sink: Broken(ErrorKind::BrokenPipe) };
        assert_eq!(closed.line("x"), Ok(Reader::Gone));
        let mut full = Output { sink: Broken(ErrorKind::StorageFull) };
        assert!(full.line("x").is_err());
    }
}
