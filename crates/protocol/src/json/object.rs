//! Writing one JSON object, member by member.

use super::{write_number, write_string};

/// A JSON object under construction. [`Object::close`] ends it.
#[must_use = "an object must be closed"]
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    fn separate(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }

    /// Starts a member whose name needs no escaping; its value is written to what is returned.
    pub(crate) fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Starts a member with any name.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Vec<u8> {
        self.separate();
        write_string(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Starts a member that is an object.
    pub(crate) fn object(&mut self, name: &'static str) -> Object<'_> {
        Object::open(self.member(name))
    }

    pub(crate) fn string(&mut self, name: &'static str, text: &str) {
        write_string(self.member(name), text);
    }

    pub(crate) fn number(&mut self, name: &'static str, number: impl itoa::Integer) {
        write_number(self.member(name), number);
    }

    /// A number that is left out when it is 0.
    pub(crate) fn some_number(&mut self, name: &'static str, number: u64) {
        if number != 0 {
            self.number(name, number);
        }
    }

    /// A flag that is left out when it is false.
    pub(crate) fn flag(&mut self, name: &'static str, on: bool) {
        if on {
            self.member(name).extend_from_slice(b"true");
        }
    }
}
