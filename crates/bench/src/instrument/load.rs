//! Who publishes when, and what the generator has to tell them.

/// Somebody publishes: which connection, in which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speech {
    pub(crate) connection: u32,
    pub(crate) channel: u16,
}

/// Decides who publishes when.
pub(crate) trait Load {
    /// A subscriber of `channel` received its `nth` publication, counted from 0. Whoever shall
    /// publish now is put on `speeches`.
    fn delivered(&mut self, channel: u16, nth: u32, speeches: &mut Vec<Speech>);

    /// A publication of this connection was acknowledged. Whoever shall publish now is put on
    /// `speeches`.
    fn acknowledged(&mut self, _connection: u32, _speeches: &mut Vec<Speech>) {}

    /// Whether [`heard`](Self::heard) is to be called. It costs a copy of everything received.
    const ATTENTIVE: bool = false;

    /// A client that is to subscribe to `channel`, or has, received this text.
    fn heard(&mut self, _channel: u16, _text: &[u8]) {}
}

/// Nobody publishes.
#[derive(Debug)]
pub(crate) struct Silence;

impl Load for Silence {
    fn delivered(&mut self, _: u16, _: u32, _: &mut Vec<Speech>) {}
}

/// What the generator has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Publications received, by all connections together.
    pub(crate) deliveries: u64,
    /// Reads that brought something.
    pub(crate) reads: u64,
    /// Publications sent.
    pub(crate) published: u64,
    /// Replies to them received.
    pub(crate) replies: u64,
}
