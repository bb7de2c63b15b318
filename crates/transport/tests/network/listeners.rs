//! Listeners: ports in use, shared ports, Unix socket files.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use trunkline_transport::{Acceptor, ListenAddr, bind_shared, bind_single, from_systemd};

use super::waiting::accept;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

#[test]
fn a_shared_port_is_one_port_and_all_its_listeners_are_served() {
    let listeners = bind_shared(any_port(), 3).unwrap();
    assert_eq!(listeners.len(), 3);
    let addr = listeners[0].local_addr().unwrap();
    assert_ne!(addr.port(), 0);
    for listener in &listeners {
        assert_eq!(listener.local_addr().unwrap(), addr);
    }

    // The kernel chooses by a hash of the addresses, so that of many connections each listener
    // gets some.
    let clients: Vec<_> = (0..200).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let mut accepted = 0;
    for listener in listeners {
        let acceptor = Acceptor::from(listener);
        let before = accepted;
        while acceptor.accept().is_ok() {
            accepted += 1;
        }
        assert!(accepted > before, "a listener got nothing");
    }
    assert_eq!(accepted, clients.len());
}

#[test]
fn a_port_is_shared_only_within_the_group() {
    let group = bind_shared(any_port(), 2).unwrap();
    let addr = group[0].local_addr().unwrap();
    let in_use = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::AddrInUse);
    in_use(bind_shared(addr, 2).unwrap_err());
    in_use(bind_single(&ListenAddr::Tcp(addr)).unwrap_err());

    drop(group);
    let other = TcpListener::bind(addr).unwrap();
    in_use(bind_shared(addr, 2).unwrap_err());
    drop(other);
    bind_shared(addr, 2).unwrap();
}

#[test]
fn a_port_in_use_on_every_address_is_in_use_on_one() {
    let other = TcpListener::bind("0.0.0.0:0").unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], other.local_addr().unwrap().port()));
    assert_eq!(bind_shared(addr, 2).unwrap_err().kind(), ErrorKind::AddrInUse);
}

/// The portable way: one listener for everybody.
#[test]
fn a_single_listener_serves() {
    let mut acceptor = bind_single(&ListenAddr::Tcp(any_port())).unwrap();
    let ListenAddr::Tcp(addr) = acceptor.local_addr().unwrap() else {
        panic!("TCP was asked for");
    };
    let client = TcpStream::connect(addr).unwrap();
    let socket = accept(&mut acceptor);
    assert_eq!(socket.peer_addr(), Some(client.local_addr().unwrap()));
    assert_eq!(acceptor.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_unix_socket_is_its_owners_and_goes_with_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trunkline.sock");
    let addr = ListenAddr::Unix(path.clone());
    let mut acceptor = bind_single(&addr).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(acceptor.local_addr().unwrap(), addr);
    let _client = UnixStream::connect(&path).unwrap();
    assert_eq!(accept(&mut acceptor).peer_addr(), None);
    drop(acceptor);
    assert!(!path.exists());
}

#[test]
fn a_stale_unix_socket_is_replaced_and_a_living_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trunkline.sock");
    let addr = ListenAddr::Unix(path.clone());

    // The standard library's listener leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    let acceptor = bind_single(&addr).unwrap();
    assert_eq!(bind_single(&addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    UnixStream::connect(&path).expect("the first listener is still there");
    drop(acceptor);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "precious").unwrap();
    let error = bind_single(&ListenAddr::Unix(path.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_put_in_the_sockets_place_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trunkline.sock");
    let acceptor = bind_single(&ListenAddr::Unix(path.clone())).unwrap();
    let kept = directory.path().join("kept.sock");
    std::fs::rename(&path, &kept).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    drop(acceptor);
    assert!(path.exists());
    drop(successor);
}

#[test]
fn systemd_passes_listeners_along() {
    assert!(from_systemd().unwrap().is_empty(), "without activation there are none");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trunkline.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = tcp.local_addr().unwrap();
    let served = Command::new("sh")
        .arg("-c")
        .arg("exec 3<&0 4<&1 >&2; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "listeners::activated"])
        .stdin(std::os::fd::OwnedFd::from(tcp))
        .stdout(std::os::fd::OwnedFd::from(unix))
        .spawn();
    let mut served = served.unwrap();
    let (mut greeting, mut other) = (String::new(), String::new());
    TcpStream::connect(addr).unwrap().read_to_string(&mut greeting).unwrap();
    UnixStream::connect(&path).unwrap().read_to_string(&mut other).unwrap();
    assert_eq!((greeting.as_str(), other.as_str()), ("activated", "activated"));
    assert!(served.wait().unwrap().success());
    assert!(path.exists(), "the file is systemd's");
}

#[test]
#[ignore = "the process that the test above activates"]
fn activated() {
    let mut acceptors = from_systemd().unwrap();
    assert!(matches!(acceptors[..], [Acceptor::Tcp(_), Acceptor::Unix(_)]));
    for acceptor in &mut acceptors {
        assert_eq!(accept(acceptor).write(b"activated").unwrap(), 9);
    }
}
