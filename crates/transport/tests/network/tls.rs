//! TLS with a real client: rustls, over the loopback, against certificates made on the spot.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use mio::Interest;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion, version,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use trunkline_transport::{
    Acceptor, Handoff, HandoffIo, ListenAddr, Socket, TlsAcceptor, TlsError, bind_single,
};

use super::waiting::{DEADLINE, accept, read, until_ready};

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for `localhost` and its key, in two files.
struct Files {
    directory: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (certificate, key) =
            (directory.path().join("certificate.pem"), directory.path().join("key.pem"));
        let files = Self { directory, certificate, key };
        files.renew();
        files
    }

    /// Puts another certificate and key in place.
    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(&self.certificate, cert.pem()).expect("written");
        std::fs::write(&self.key, signing_key.serialize_pem()).expect("written");
    }

    fn load(&self) -> TlsAcceptor {
        TlsAcceptor::load(&self.certificate, &self.key).expect("a good pair")
    }
}

/// A listener and the certificate its clients shall trust.
struct Server {
    acceptor: Acceptor,
    tls: TlsAcceptor,
}

impl Server {
    fn new(tls: TlsAcceptor) -> Self {
        let addr = "127.0.0.1:0".parse().expect("an address");
        Self { acceptor: bind_single(&ListenAddr::Tcp(addr)).expect("a free port"), tls }
    }

    /// Connects a client, which then runs on a thread of its own.
    fn connect<T: Send + 'static>(
        &mut self,
        config: ClientConfig,
        client: impl FnOnce(Client) -> T + Send + 'static,
    ) -> (Socket, JoinHandle<T>) {
        let Ok(ListenAddr::Tcp(addr)) = self.acceptor.local_addr() else {
            panic!("TCP was asked for");
        };
        let tcp = TcpStream::connect(addr).expect("a connection");
        tcp.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let Socket::Tcp(accepted) = accept(&mut self.acceptor) else {
            panic!("TCP was asked for");
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let thread = thread::spawn(move || client(StreamOwned::new(tls, tcp)));
        (self.tls.accept(accepted).expect("a socket"), thread)
    }
}

fn trusting(certificate: &Path, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("PEM")).expect("a certificate");
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions of the provider")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn trusted_by_default(files: &Files) -> ClientConfig {
    trusting(&files.certificate, &[&version::TLS13, &version::TLS12])
}

/// Reads all that is there, as the event loop does: until it would block, or the end.
fn read_to_block(socket: &mut Socket, buf: &mut [u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match socket.read(buf) {
            Ok(0) => return all,
            Ok(read) => {
                all.extend_from_slice(&buf[..read]);
                assert!(socket.more_to_read());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(!socket.more_to_read());
                return all;
            }
        }
    }
}

#[test]
fn a_conversation_in_every_version() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    for (version, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut config = trusting(&files.certificate, &[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (mut socket, client) = server.connect(config, move |mut client| {
            client.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(client.conn.protocol_version(), Some(expected));
            assert_eq!(client.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
            client.conn.send_close_notify();
            client.flush().unwrap();
            assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "a farewell for a farewell");
            answer
        });
        assert_eq!(read(&mut socket).unwrap(), b"ping");
        assert_eq!(socket.write(b"pong").unwrap(), 4);
        assert!(socket.peer_addr().is_some());
        assert_eq!(read(&mut socket).unwrap(), b"", "the end");
        socket.shutdown_write();
        assert_eq!(&client.join().unwrap(), b"pong");
    }
}

/// Records wait decrypted inside of the socket while the kernel has nothing left to announce.
#[test]
fn what_is_already_decrypted_is_not_forgotten() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let payload: Vec<u8> = (0..200_000_u32).map(|i| (i >> 4) as u8).collect();
    let sent = payload.clone();
    let (mut socket, client) = server.connect(trusted_by_default(&files), move |mut client| {
        client.write_all(&sent).unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
    });
    let mut received = Vec::new();
    until_ready(&mut socket, Interest::READABLE, |socket| {
        received.extend(read_to_block(socket, &mut [0; 100]));
        if received.len() < payload.len() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    })
    .unwrap();
    assert!(received == payload);
    socket.write(b"ok").unwrap();
    client.join().unwrap();
}

#[test]
fn a_slow_readers_backlog_stays_with_the_caller() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let (go, wait) = std::sync::mpsc::channel::<usize>();
    let (mut socket, client) = server.connect(trusted_by_default(&files), move |mut client| {
        client.write_all(b"hello").unwrap();
        let total = wait.recv().unwrap();
        let mut received = vec![0; total];
        client.read_exact(&mut received).unwrap();
        received
    });
    assert_eq!(read(&mut socket).unwrap(), b"hello");
    let chunk: Vec<u8> = (0..100_000_u32).map(|i| (i >> 6) as u8).collect();
    let mut sent = Vec::new();
    let error = loop {
        match socket.write(&chunk) {
            Ok(taken) => {
                assert!(0 < taken && taken <= 65_536, "{taken} bytes at once");
                sent.extend_from_slice(&chunk[..taken]);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(socket.has_pending());
    assert!(!socket.flush_pending().unwrap());

    go.send(sent.len()).unwrap();
    until_ready(&mut socket, Interest::WRITABLE, |socket| {
        if socket.flush_pending()? { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    })
    .unwrap();
    assert!(!socket.has_pending());
    assert!(client.join().unwrap() == sent);
}

#[test]
fn nothing_is_taken_before_the_handshake_is_done() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let (mut socket, client) = server.connect(trusted_by_default(&files), drop);
    assert_eq!(socket.write(b"early").unwrap_err().kind(), ErrorKind::WouldBlock);
    client.join().unwrap();
}

#[test]
fn a_cut_connection_is_not_mistaken_for_the_end() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let (mut socket, client) = server.connect(trusted_by_default(&files), |mut client| {
        client.write_all(b"half a mess").unwrap();
        client.sock.shutdown(Shutdown::Both).unwrap();
    });
    assert_eq!(read(&mut socket).unwrap(), b"half a mess");
    assert_eq!(read(&mut socket).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    client.join().unwrap();
}

#[test]
fn a_client_without_tls_is_told_so() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let (mut socket, client) = server.connect(trusted_by_default(&files), |mut client| {
        client.sock.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut alert = [0; 1];
        client.sock.read_exact(&mut alert).unwrap();
        alert[0]
    });
    assert_eq!(read(&mut socket).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(client.join().unwrap(), 0x15, "a TLS alert");
}

#[test]
fn a_handed_off_connection_goes_on() {
    let files = Files::new();
    let mut server = Server::new(files.load());
    let (mut socket, client) = server.connect(trusted_by_default(&files), |mut client| {
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    });
    let prefix = read(&mut socket).unwrap();
    let handoff = Handoff::new(socket, prefix);
    assert_eq!(handoff.prefix, b"GET / HTTP/1.1\r\n\r\n");
    let HandoffIo::TlsTcp(mut tcp, mut tls) = handoff.io else { panic!("TLS was asked for") };
    tls.writer().write_all(b"done").unwrap();
    tls.send_close_notify();
    flush(&mut tls, &mut tcp);
    drop(tcp);
    assert_eq!(client.join().unwrap(), "done");
}

fn flush<D>(tls: &mut ConnectionCommon<D>, tcp: &mut TcpStream) {
    tcp.set_nonblocking(false).expect("a socket");
    while tls.wants_write() {
        tls.write_tls(tcp).expect("sent");
    }
}

#[test]
fn a_reload_changes_new_handshakes_only() {
    let files = Files::new();
    let tls = files.load();
    let mut server = Server::new(tls.clone());
    let hello = |config, server: &mut Server| {
        let (mut socket, client) = server.connect(config, |mut client| {
            client.write_all(b"hello").map_err(|_| ())?;
            client.read_exact(&mut [0; 2]).map_err(|_| ())
        });
        let result = read(&mut socket);
        (socket, client, result)
    };

    let old = trusted_by_default(&files);
    let (mut open, client, _) = hello(old.clone(), &mut server);
    files.renew();
    tls.reload().unwrap();
    open.write(b"ok").unwrap();
    client.join().unwrap().expect("an open connection is not touched");

    let (mut socket, client, result) = hello(trusted_by_default(&files), &mut server);
    assert_eq!(result.unwrap(), b"hello");
    socket.write(b"ok").unwrap();
    client.join().unwrap().expect("the new certificate is used");
    let (_, client, result) = hello(old, &mut server);
    client.join().unwrap().expect_err("the old certificate is no longer used");
    result.unwrap_err();

    // A bad file leaves the good certificate in place.
    let new = trusted_by_default(&files);
    std::fs::write(&files.key, "not a key").unwrap();
    tls.reload().unwrap_err();
    let (mut socket, client, result) = hello(new, &mut server);
    assert_eq!(result.unwrap(), b"hello");
    socket.write(b"ok").unwrap();
    client.join().unwrap().expect("the certificate before the bad one");
}

#[test]
fn errors_name_the_file() {
    let (files, other) = (Files::new(), Files::new());
    let absent = files.directory.path().join("absent.pem");
    let empty = files.directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let damaged = files.directory.path().join("damaged.pem");
    std::fs::write(&damaged, "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n")
        .unwrap();

    let (certificate, key) = (&files.certificate, &files.key);
    for (certificate, key, named) in [
        (&absent, key, &absent),
        (certificate, &absent, &absent),
        (&empty, key, &empty),
        (certificate, &empty, &empty),
        (key, key, key),
        (certificate, certificate, certificate),
        (certificate, &damaged, &damaged),
        (certificate, &other.key, &other.key),
    ] {
        let error = TlsAcceptor::load(certificate, key).unwrap_err();
        assert!(error.to_string().contains(&*named.to_string_lossy()), "{error}");
    }
    let mismatch = TlsAcceptor::load(certificate, &other.key).unwrap_err();
    assert!(matches!(mismatch, TlsError::Mismatch { .. }), "{mismatch}");
}
