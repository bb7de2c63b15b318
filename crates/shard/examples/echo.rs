//! A WebSocket echo server over the transport layer, for conformance suites.
//!
//! `cargo run --release -p trunkline-shard --example echo -- --listen 127.0.0.1:9001 [--deflate]`
//!
//! Sends every message back as it came. Limits are raised to what the suites need.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::ops::ControlFlow;

use mio::{Events, Interest, Poll, Token};

use trunkline_transport::{
    Acceptor, Decoder, DeflateOptions, Deflater, Event, FrameLimits, HeadLimits, Inflater,
    ListenAddr, Opcode, OriginPolicy, Socket, UpgradePolicy, accept, bind_single, parse_head,
    write_close, write_frame,
};

const LISTENER: Token = Token(usize::MAX);
const LIMITS: FrameLimits = FrameLimits { max_frame: 64 << 20, max_message: 64 << 20 };
const HEAD: HeadLimits = HeadLimits { max_bytes: 16 * 1024, max_headers: 64 };

struct Peer {
    socket: Socket,
    head: Vec<u8>,
    open: Option<(Decoder, u8)>,
    out: Vec<u8>,
    sent: usize,
    closing: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let listen =
        arguments.iter().position(|a| a == "--listen").and_then(|at| arguments.get(at + 1));
    let address: ListenAddr = listen.map_or("127.0.0.1:9001", |text| text.as_str()).parse()?;
    let policy = UpgradePolicy {
        origins: OriginPolicy::Any,
        deflate: DeflateOptions { enabled: arguments.iter().any(|a| a == "--deflate") },
    };
    let mut acceptor = bind_single(&address)?;
    #[expect(clippy::print_stdout, reason = "the suite reads where to connect to")]
    {
        println!("ready listen={}", acceptor.local_addr()?);
    }
    let mut poll = Poll::new()?;
    poll.registry().register(&mut acceptor, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut peers: HashMap<usize, Peer> = HashMap::new();
    let mut next = 0;
    let mut echo = Echo { policy, inflater: Inflater::new(), deflater: Deflater::new() };
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            if event.token() == LISTENER {
                take_all(&acceptor, &poll, &mut peers, &mut next)?;
                continue;
            }
            let Token(id) = event.token();
            let Some(peer) = peers.get_mut(&id) else { continue };
            let alive = echo.read(peer).and_then(|()| peer.flush());
            if !matches!(alive, Ok(true)) {
                peers.remove(&id);
            }
        }
    }
}

fn take_all(
    acceptor: &Acceptor,
    poll: &Poll,
    peers: &mut HashMap<usize, Peer>,
    next: &mut usize,
) -> io::Result<()> {
    loop {
        let mut socket = match acceptor.accept() {
            Ok(socket) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut socket, Token(*next), interest)?;
        let (head, out) = (Vec::new(), Vec::new());
        peers.insert(*next, Peer { socket, head, open: None, out, sent: 0, closing: false });
        *next += 1;
    }
}

struct Echo {
    policy: UpgradePolicy,
    inflater: Inflater,
    deflater: Deflater,
}

impl Echo {
    fn read(&mut self, peer: &mut Peer) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match peer.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.take(peer, &mut buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, peer: &mut Peer, bytes: &mut [u8]) {
        if peer.open.is_some() {
            return self.frames(peer, bytes);
        }
        peer.head.extend_from_slice(bytes);
        let mut head = std::mem::take(&mut peer.head);
        let mut opened = None;
        match parse_head(&head, &HEAD) {
            Ok(None) => {}
            Err(_) => peer.closing = true,
            Ok(Some(parsed)) => match accept(&parsed, &[], &self.policy, &mut peer.out) {
                Ok(accepted) => opened = Some((parsed.len, accepted.deflate.unwrap_or(0))),
                Err(error) => {
                    error.write_response(&mut peer.out);
                    peer.closing = true;
                }
            },
        }
        match opened {
            None => peer.head = head,
            Some((len, window)) => {
                peer.open = Some((Decoder::new(window > 0), window));
                self.frames(peer, &mut head[len..]);
            }
        }
    }

    fn frames(&mut self, peer: &mut Peer, bytes: &mut [u8]) {
        let Some((decoder, window)) = &mut peer.open else { return };
        let (out, closing, deflater) = (&mut peer.out, &mut peer.closing, &mut self.deflater);
        let mut back = |out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]| {
            if *window == 0 {
                return write_frame(out, opcode, false, payload);
            }
            let mut squeezed = Vec::new();
            deflater.compress(*window, payload, &mut squeezed);
            write_frame(out, opcode, true, &squeezed);
        };
        let outcome = decoder.feed(bytes, &LIMITS, &mut self.inflater, &mut |event| {
            match event {
                Event::Text(text) => back(out, Opcode::Text, text.as_bytes()),
                Event::Binary(bytes) => back(out, Opcode::Binary, bytes),
                Event::Ping(payload) => write_frame(out, Opcode::Pong, false, payload),
                Event::Pong(_) => {}
                Event::Close(close) => {
                    write_close(out, close.map_or(1000, |(code, _)| code), "");
                    *closing = true;
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            write_close(&mut peer.out, error.close_code(), error.reason());
            peer.closing = true;
        }
    }
}

impl Peer {
    /// Writes what fits; false when the connection has come to its end.
    fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(!self.closing)
    }
}
