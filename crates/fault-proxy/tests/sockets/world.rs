//! A proxy, the upstream behind it, and pairs of sockets that it joins.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use trunkline_fault_proxy::{FaultProxy, Options};

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) proxy: FaultProxy,
    pub(crate) upstream: TcpListener,
}

/// The two ends of a connection through the proxy.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let upstream = listener();
        let proxy = FaultProxy::spawn(Options::to(address(&upstream), seed)).expect("it starts");
        Self { proxy, upstream }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Pair {
        let client = client(self.proxy.address());
        Pair { client, server: accept(&self.upstream) }
    }

    /// Waits until the proxy carries so many connections.
    pub(crate) fn wait_for_connections(&self, count: usize) {
        wait_for(&format!("{count} connections"), || self.proxy.connections() == count);
    }
}

impl Pair {
    /// Shows that both directions work.
    pub(crate) fn assert_carries(&mut self) {
        pass(&mut self.client, &mut self.server, b"ping");
        pass(&mut self.server, &mut self.client, b"pong");
    }
}

/// Sends and asserts that the same arrives.
pub(crate) fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).expect("it can be sent");
    assert_eq!(receive(to, bytes.len()), bytes);
}

pub(crate) fn receive(socket: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    socket.read_exact(&mut buffer).expect("so many bytes arrive");
    buffer
}

/// Everything that arrives, and the error that came instead of a regular end.
pub(crate) fn receive_all(socket: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = socket.read_to_end(&mut bytes);
    (bytes, end.err().map(|error| error.kind()))
}

pub(crate) fn assert_reset(socket: &mut TcpStream) {
    assert_eq!(receive_all(socket), (vec![], Some(ErrorKind::ConnectionReset)));
}

/// Asserts that whoever connects is reset: while connecting, or with the first read.
pub(crate) fn assert_refused(address: SocketAddr) {
    let refused = TcpStream::connect_timeout(&address, DEADLINE)
        .and_then(|mut client| {
            client.set_read_timeout(Some(DEADLINE))?;
            client.read(&mut [0])
        })
        .expect_err("nobody is served");
    assert_eq!(refused.kind(), ErrorKind::ConnectionReset);
}

/// Asserts that nothing can be read at this moment: neither bytes nor an end.
pub(crate) fn assert_silent(socket: &mut TcpStream) {
    socket.set_nonblocking(true).expect("a socket can");
    let read = socket.read(&mut [0]);
    socket.set_nonblocking(false).expect("a socket can");
    assert_eq!(read.expect_err("there is nothing").kind(), ErrorKind::WouldBlock);
}

/// Looks again and again whether something has become true.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        sleep(Duration::from_millis(1));
    }
}

pub(crate) fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port")
}

pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("it is bound")
}

pub(crate) fn client(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect_timeout(&address, DEADLINE).expect("it listens");
    with_deadline(client)
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a socket can");
    let mut accepted = None;
    wait_for("a connection to the upstream", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (server, _) = accepted.expect("it was waited for");
    server.set_nonblocking(false).expect("a socket can");
    with_deadline(server)
}

fn with_deadline(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket can");
    socket.set_write_timeout(Some(DEADLINE)).expect("a socket can");
    socket.set_nodelay(true).expect("a socket can");
    socket
}
