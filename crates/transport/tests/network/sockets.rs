//! Plain connections, over TCP and over Unix sockets, and their handing off.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use mio::Interest;
use trunkline_transport::{Acceptor, Handoff, HandoffIo, ListenAddr, Socket, bind_single};

use super::waiting::{accept, read, until_ready};

fn tcp() -> (TcpStream, Socket) {
    let addr = "127.0.0.1:0".parse().expect("an address");
    let mut acceptor = bind_single(&ListenAddr::Tcp(addr)).expect("a free port");
    let Ok(ListenAddr::Tcp(addr)) = acceptor.local_addr() else {
        panic!("TCP was asked for");
    };
    (TcpStream::connect(addr).expect("a connection"), accept(&mut acceptor))
}

fn unix() -> (UnixStream, Socket) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trunkline.sock");
    let mut acceptor = bind_single(&ListenAddr::Unix(path.clone())).expect("a socket");
    (UnixStream::connect(&path).expect("a connection"), accept(&mut acceptor))
}

/// A conversation: nothing yet, some bytes each way, the end.
fn converse(mut client: impl Read + Write, mut socket: Socket, end: impl FnOnce(&mut Socket)) {
    assert_eq!(socket.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"ping").unwrap();
    assert_eq!(read(&mut socket).unwrap(), b"ping");
    assert!(!socket.more_to_read() && !socket.has_pending());
    assert_eq!(socket.write(b"po").unwrap(), 2);
    assert_eq!(socket.write_vectored(&[IoSlice::new(b"n"), IoSlice::new(b"g")]).unwrap(), 2);
    assert!(socket.flush_pending().unwrap());
    end(&mut socket);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "pong");
    drop(client);
    assert_eq!(read(&mut socket).unwrap(), b"", "the end");
}

#[test]
fn a_conversation_over_tcp() {
    let (client, socket) = tcp();
    converse(client, socket, Socket::shutdown_write);
}

#[test]
fn a_conversation_over_a_unix_socket() {
    let (client, socket) = unix();
    converse(client, socket, Socket::shutdown_write);
}

#[test]
fn accepted_connections_do_not_wait_to_fill_a_packet() {
    let (_client, Socket::Tcp(stream)) = tcp() else { panic!("TCP was asked for") };
    assert!(stream.nodelay().unwrap());
}

#[test]
fn a_slow_reader_blocks_nobody() {
    let (mut client, mut socket) = unix();
    let chunk = [7; 65_536];
    let mut sent = 0;
    let error = loop {
        match socket.write(&chunk) {
            Ok(taken) => sent += taken,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    client.read_exact(&mut vec![0; sent]).unwrap();
    let taken = until_ready(&mut socket, Interest::WRITABLE, |socket| socket.write(&chunk));
    assert!(taken.unwrap() > 0);
}

#[test]
fn a_handed_off_connection_goes_on() {
    let (mut client, mut socket) = tcp();
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let prefix = read(&mut socket).unwrap();
    let handoff = Handoff::new(socket, prefix);
    assert_eq!(handoff.prefix, b"GET / HTTP/1.1\r\n");
    assert_eq!(handoff.peer, Some(client.local_addr().unwrap()));
    let HandoffIo::Tcp(mut stream) = handoff.io else { panic!("TCP was asked for") };
    stream.write_all(b"done").unwrap();
    drop(stream);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "done");

    let (_client, socket) = unix();
    let handoff = Handoff::new(socket, Vec::new());
    assert!(matches!(handoff.io, HandoffIo::Unix(_)));
    assert_eq!(handoff.peer, None);
}

#[test]
fn one_interface_for_both_kinds_of_listeners() {
    let (tcp, unix) = (tcp().1, unix().1);
    assert!(matches!((&tcp, &unix), (Socket::Tcp(_), Socket::Unix(_))));
    let addr = "127.0.0.1:0".parse().expect("an address");
    assert!(matches!(bind_single(&ListenAddr::Tcp(addr)), Ok(Acceptor::Tcp(_))));
}
