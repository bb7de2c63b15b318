//! One client connection of the generator: how it is opened and where in the dialogue it stands.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::{BenchError, Doing};
use crate::instrument::command;
use crate::instrument::frame::{self, FrameReader};
use crate::instrument::upgrade::{self, ResponseHead};
use crate::instrument::whole::WholeReader;

/// Client addresses in use, 127.0.0.2 and following: one address alone has some 28,000 ports.
const SOURCES: u64 = 64;
/// Receive buffer (bytes) and segment size of a narrow connection, which the kernel can put little
/// on.
const NARROW_BUFFER: usize = 4096;
const NARROW_SEGMENT: u32 = 536;

/// Everything a client says, encoded beforehand.
#[derive(Debug)]
pub(crate) struct Dialogue {
    pub(crate) upgrade: Vec<u8>,
    pub(crate) connect: Vec<u8>,
    /// The answer to a ping; `None` when the server wants none.
    pub(crate) pong: Option<Vec<u8>>,
    /// One per channel.
    pub(crate) subscribe: Vec<Vec<u8>>,
    /// One per channel.
    pub(crate) publish: Vec<Vec<u8>>,
}

impl Dialogue {
    /// Encodes what clients say to `address` about the first `channels` channels, publishing
    /// `data`.
    pub(crate) fn new(
        address: SocketAddr,
        path: &str,
        wants_pongs: bool,
        channels: u16,
        data: &str,
    ) -> Self {
        Self {
            upgrade: upgrade::request(address, path).into_bytes(),
            connect: masked(&command::connect()),
            pong: wants_pongs.then(|| masked("{}")),
            subscribe: (0..channels).map(|channel| masked(&command::subscribe(channel))).collect(),
            publish: (0..channels)
                .map(|channel| masked(&command::publish(channel, data)))
                .collect(),
        }
    }

    /// The same, of clients that come back: channel `n` at the place `places[n]`, an epoch and an
    /// offset.
    pub(crate) fn returning(self, places: &[(String, u64)]) -> Self {
        let subscribe = places.iter().enumerate().map(|(channel, (epoch, offset))| {
            masked(&command::recover(channel as u16, epoch, *offset))
        });
        Self { subscribe: subscribe.collect(), ..self }
    }
}

fn masked(command: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::push_masked(command, &mut frame);
    frame
}

/// Where in the dialogue a connection stands: what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// TCP is connecting.
    Connecting,
    /// The upgrade request was sent.
    Upgrading,
    /// The connect command was sent.
    Greeting,
    /// The subscribe command was sent.
    Subscribing,
    /// Publications and replies to its own may come.
    Ready,
}

/// How a connection shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The channel it subscribes to; publishers that only publish have none.
    pub(crate) channel: Option<u16>,
    /// Whether the kernel shall buffer as little as possible for it.
    pub(crate) narrow: bool,
}

impl Plan {
    /// An ordinary subscriber of this channel.
    pub(crate) fn subscriber(channel: u16) -> Self {
        Self { channel: Some(channel), narrow: false }
    }

    /// A connection that only publishes.
    pub(crate) fn publisher() -> Self {
        Self { channel: None, narrow: false }
    }
}

/// One client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) phase: Phase,
    pub(crate) channel: Option<u16>,
    pub(crate) head: ResponseHead,
    pub(crate) reader: FrameReader,
    /// Takes the place of `reader` on every connection of a generator whose load is attentive.
    pub(crate) whole: WholeReader,
    /// Publications received.
    pub(crate) received: u32,
}

impl Connection {
    /// Begins to connect; `nth` spreads the connections over source addresses. Closing it resets
    /// it, so that neither side keeps its port waiting.
    ///
    /// # Errors
    /// There are no more files or ports.
    pub(crate) fn open(address: SocketAddr, nth: u64, plan: Plan) -> Result<Self, BenchError> {
        let socket =
            connect(address, nth, plan.narrow).doing(&format!("connecting to {address}"))?;
        Ok(Self {
            socket,
            phase: Phase::Connecting,
            channel: plan.channel,
            head: ResponseHead::default(),
            reader: FrameReader::default(),
            whole: WholeReader::default(),
            received: 0,
        })
    }

    /// Sends all of it at once.
    ///
    /// # Errors
    /// The socket is broken, or so full that it would not take a small command: the server has
    /// stopped reading.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        match self.socket.write(bytes) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Ok(_) => Err(BenchError::Protocol("the server does not read what it is sent".into())),
            Err(error) => Err(error).doing("sending to the server"),
        }
    }
}

fn connect(address: SocketAddr, nth: u64, narrow: bool) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    if narrow {
        socket.set_recv_buffer_size(NARROW_BUFFER)?;
        socket.set_tcp_mss(NARROW_SEGMENT)?;
    }
    if address.is_ipv4() && address.ip().is_loopback() {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (nth % SOURCES) as u8);
        socket.bind(&SockAddr::from(SocketAddr::from((source, 0))))?;
    }
    match socket.connect(&SockAddr::from(address)) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        _ => Ok(socket.into()),
    }
}
