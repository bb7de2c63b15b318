//! Everything that only some operating systems can do.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel completes before they are accepted. A crowd that reconnects at once
/// should find a place in here; the kernel cuts it to its own limit, usually 4096.
pub(crate) const BACKLOG: i32 = 4096;

/// Listeners of one address for `n` threads.
///
/// On Linux there are `n`, among which the kernel spreads new connections (`SO_REUSEPORT`).
/// Elsewhere there is one for everybody: other systems have no such option, or one that does
/// not spread. Then one thread accepts and hands the connections over.
pub(crate) fn listener_group(addr: SocketAddr, n: usize) -> io::Result<Vec<TcpListener>> {
    let first = open(addr)?;
    first.bind(&addr.into())?;
    if cfg!(not(target_os = "linux")) {
        return Ok(vec![listening(first)?]);
    }
    // Asked for before binding, the option would also join a stranger's group without a word, a
    // second server's for example. Bound without it, the first socket fails if anyone has the
    // port.
    first.set_reuse_port(true)?;
    let first = listening(first)?;
    let addr = first.local_addr()?;
    let mut group = vec![first];
    while group.len() < n {
        let next = open(addr)?;
        next.set_reuse_port(true)?;
        next.bind(&addr.into())?;
        group.push(listening(next)?);
    }
    Ok(group)
}

/// One listener, on any system.
pub(crate) fn single_listener(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(addr)?;
    socket.bind(&addr.into())?;
    listening(socket)
}

fn open(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server need not wait until its old connections are forgotten.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Whether an accepted connection sends without delay because its listener is told to, which
/// saves a call for each.
pub(crate) const NO_DELAY_IS_INHERITED: bool = cfg!(target_os = "linux");

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}
