//! Reading Server-Sent Events (WHATWG HTML, section 9.2.6).

use std::io::{self, BufRead, Read};

/// Longest line that is read, in bytes: four times the largest request the server API takes by
/// default, as a publication may have been escaped on its way.
const LINE_BYTES: u64 = 16 * 1024 * 1024;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The last id the stream has given, with this event or before; empty for none.
    pub(crate) id: String,
    /// The data, lines joined by `\n`.
    pub(crate) data: String,
}

/// The events of a stream. Comments, empty events and fields of no use here are passed over.
pub(crate) struct EventStream<R> {
    lines: R,
    id: String,
}

impl<R: BufRead> EventStream<R> {
    /// Reads what follows the response head.
    pub(crate) fn new(lines: R) -> Self {
        Self { lines, id: String::new() }
    }

    /// The next event; `None` when the stream has ended. An event that was cut off is dropped, as
    /// the standard has it.
    ///
    /// # Errors
    /// The connection broke, or sent what is no event stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event>> {
        let mut data: Option<String> = None;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if let Some(data) = data.take() {
                    return Ok(Some(Event { id: self.id.clone(), data }));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                },
                "id" if !value.contains('\0') => value.clone_into(&mut self.id),
                _ => {}
            }
        }
        Ok(None)
    }

    /// One line without its end; `None` at the end of the stream.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        self.lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            let too_long = line.len() as u64 + 1 == LINE_BYTES;
            return if too_long { Err(invalid("a line without end")) } else { Ok(None) };
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map(Some).map_err(|_| invalid("text that is not UTF-8"))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the event stream holds {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let mut stream = EventStream::new(text.as_bytes());
        let mut events = Vec::new();
        while let Some(event) = stream.next().unwrap() {
            events.push((event.id, event.data));
        }
        let events: Vec<_> = events.iter().map(|(id, data)| (&**id, &**data)).collect();
        assert_eq!(events, expected);
    }

    #[test]
    fn events() {
        check("data: {}\n\n", &[("", "{}")]);
        check("data:{}\r\n\r\n", &[("", "{}")]);
        check("data: a\ndata\ndata:  b\n\n", &[("", "a\n\n b")]);
        check("retry: 1000\n:\n\nevent: x\ndata: a\n\n", &[("", "a")]);
    }

    #[test]
    fn an_id_stays_until_the_next() {
        check(
            "id: e.1\ndata: a\n\ndata: b\n\nid: e.2\n\n:\n\ndata: c\n\n",
            &[("e.1", "a"), ("e.1", "b"), ("e.2", "c")],
        );
    }

    #[test]
    fn an_event_that_was_cut_off_is_dropped() {
        check("data: a\n\ndata: b\n", &[("", "a")]);
        check("data: a\n\ndata: b", &[("", "a")]);
        check("", &[]);
    }

    #[test]
    fn what_is_no_event_stream_is_an_error() {
        assert!(EventStream::new(&b"data: \xff\n\n"[..]).next().is_err());
        let endless = io::repeat(b'x');
        assert!(EventStream::new(io::BufReader::new(endless)).next().is_err());
    }
}
