//! Where clients come in: addresses, and listeners of every kind.

mod address;
mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};

use listenfd::ListenFd;
use mio::event::Source;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockRef, Type};

use crate::platform;
use crate::socket::Socket;

pub use address::{ListenAddr, ListenAddrError};
pub use unix::UnixAcceptor;

/// A listener that takes connections, non-blocking.
#[derive(Debug)]
pub enum Acceptor {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix domain socket, with the file it may have to remove.
    Unix(UnixAcceptor),
}

/// `n` listeners of one TCP address, for `n` threads that each accept for themselves. Port 0
/// becomes one free port for all of them. Where the system cannot spread connections over
/// several listeners there is only one, and its thread hands connections to the others.
///
/// # Errors
/// `AddrInUse` if anyone else listens on the port, even one who would share it.
pub fn bind_shared(addr: SocketAddr, n: usize) -> io::Result<Vec<TcpListener>> {
    platform::listener_group(addr, n)
}

/// One listener. A Unix socket is for its owner only (mode 0600); a file that is left of a
/// server that is no more is replaced, and the listener's own is removed when it is dropped.
///
/// # Errors
/// `AddrInUse` if anyone else listens there; `AlreadyExists` if the path is another file.
pub fn bind_single(addr: &ListenAddr) -> io::Result<Acceptor> {
    match addr {
        ListenAddr::Tcp(addr) => platform::single_listener(*addr).map(Acceptor::Tcp),
        ListenAddr::Unix(path) => UnixAcceptor::bind(path).map(Acceptor::Unix),
    }
}

/// The listeners that systemd passes along (socket activation), in its order; none if there is
/// no activation.
///
/// # Errors
/// A passed descriptor is neither a TCP nor a Unix stream socket.
pub fn from_systemd() -> io::Result<Vec<Acceptor>> {
    let mut passed = ListenFd::from_env();
    (0..passed.len()).map(|index| adopt(&mut passed, index)).collect()
}

fn adopt(passed: &mut ListenFd, index: usize) -> io::Result<Acceptor> {
    // The crate's own TCP check knows only IPv4.
    for domain in [Domain::IPV4, Domain::IPV6] {
        let taken = passed.take_custom(index, domain.into(), Type::STREAM.into(), "TCP socket");
        if let Ok(Some(listener)) = taken {
            let listener: StdTcpListener = listener;
            listener.set_nonblocking(true)?;
            SockRef::from(&listener).set_tcp_nodelay(true)?;
            return Ok(Acceptor::Tcp(TcpListener::from_std(listener)));
        }
    }
    match passed.take_unix_listener(index) {
        Ok(Some(listener)) => UnixAcceptor::adopt(listener).map(Acceptor::Unix),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "descriptor {index} passed by systemd is neither a TCP nor a Unix stream socket"
            ),
        )),
    }
}

impl Acceptor {
    /// Takes one connection. TCP connections send without delay.
    ///
    /// # Errors
    /// `WouldBlock` when nobody waits. Others concern the one connection that just failed, or
    /// say that there are no descriptors left; the listener itself stays good.
    pub fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                if !platform::NO_DELAY_IS_INHERITED {
                    stream.set_nodelay(true)?;
                }
                Ok(Socket::Tcp(stream))
            }
            Self::Unix(listener) => listener.accept().map(Socket::Unix),
        }
    }

    /// Where clients find it; a port that was 0 is known by now.
    ///
    /// # Errors
    /// The system does not say, or a Unix socket has no path.
    pub fn local_addr(&self) -> io::Result<ListenAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddr::Tcp),
            Self::Unix(listener) => listener.local_path().map(ListenAddr::Unix),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            Self::Unix(listener) => listener.source(),
        }
    }
}

impl From<TcpListener> for Acceptor {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Source for Acceptor {
    fn register(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().register(on, token, interest)
    }

    fn reregister(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().reregister(on, token, interest)
    }

    fn deregister(&mut self, on: &Registry) -> io::Result<()> {
        self.source().deregister(on)
    }
}
