//! Handed-over connections over TLS, with a client of another make than the adapter: blocking
//! rustls on its own thread.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use trunkline_transport::HandoffIo;

use super::house::{BIG, House, pair, within};

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A server's and a client's side of one certificate.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.ticketer = ring::Ticketer::new().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// Shakes hands on one thread each, and reads `request` on the server's side as an event loop
/// would have: its first `prefix` bytes are taken out, the rest waits inside the TLS state, as do
/// the session tickets for the client.
fn shake_hands(request: &str, prefix: usize) -> (Client, HandoffIo, String) {
    let (server_config, client_config) = configs();
    let (client, mut server) = pair();
    client.set_nonblocking(false).unwrap();
    server.set_nonblocking(false).unwrap();
    let sent = request.to_owned();
    let client: JoinHandle<Client> = std::thread::spawn(move || {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(client_config, name).unwrap();
        let mut stream = StreamOwned::new(tls, client);
        stream.write_all(sent.as_bytes()).unwrap();
        stream.flush().unwrap();
        stream
    });
    let mut tls = ServerConnection::new(server_config).unwrap();
    loop {
        tls.read_tls(&mut server).unwrap();
        let state = tls.process_new_packets().unwrap();
        if state.plaintext_bytes_to_read() == request.len() {
            break;
        }
        while tls.is_handshaking() && tls.wants_write() {
            tls.write_tls(&mut server).unwrap();
        }
    }
    assert!(tls.wants_write(), "tickets wait to be sent");
    let mut read = vec![0; prefix];
    tls.reader().read_exact(&mut read).unwrap();
    server.set_nonblocking(true).unwrap();
    let client = client.join().unwrap();
    (client, HandoffIo::TlsTcp(server, Box::new(tls)), String::from_utf8(read).unwrap())
}

/// Lets the client act on a thread of its own while the server is served on this one.
async fn on_thread<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    within(tokio::task::spawn_blocking(act)).await.unwrap()
}

#[tokio::test]
async fn plaintext_is_found_wherever_it_waits() {
    let house = House::new();
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    for prefix in [request.len(), request.len() - 5, 9] {
        let (mut client, io, prefix) = shake_hands(request, prefix);
        house.bring_io(io, &prefix);
        let told = on_thread(move || {
            // Another one over the wire. Its end must be a farewell: to be cut off is an error.
            client
                .write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .unwrap();
            let mut told = String::new();
            client.read_to_string(&mut told).unwrap();
            told
        })
        .await;
        assert_eq!(told.matches("HTTP/1.1 200").count(), 2, "{told}");
        assert!(told.contains("\r\n\r\nhelloHTTP/1.1") && told.ends_with("hello"), "{told}");
    }
}

#[tokio::test]
async fn a_reader_that_starts_late_gets_everything() {
    let house = House::new();
    let (mut client, io, prefix) =
        shake_hands("GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 9);
    house.bring_io(io, &prefix);
    // The server has filled all buffers on the way, and has to wait, before anything is read.
    let other = house.bring("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    within(house.waiting.notified()).await;
    drop(other);
    let told = on_thread(move || {
        let mut told = Vec::new();
        client.read_to_end(&mut told).unwrap();
        told
    })
    .await;
    let body = told.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(told.len() - body, BIG);
    assert!(told[body..].iter().all(|&byte| byte == b'x'));
}

#[tokio::test]
async fn a_long_body_arrives_whole() {
    let house = House::new();
    let body: String = ('a'..='z').cycle().take(1_000_000).collect();
    let head = format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    let (mut client, io, prefix) = shake_hands(&head, head.len());
    house.bring_io(io, &prefix);
    on_thread(move || {
        client.write_all(body.as_bytes()).unwrap();
        let mut told = vec![0; body.len()];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        client.read_exact(&mut told).unwrap();
        assert!(told == body.as_bytes(), "the same comes back");
    })
    .await;
}

#[tokio::test]
async fn broken_records_and_cut_connections_end_only_themselves() {
    let house = House::new();
    let hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let (client, io, prefix) = shake_hands(hello, 9);
    house.bring_io(io, &prefix);
    let alert = on_thread(move || {
        let (mut tls, mut tcp) = (client.conn, client.sock);
        tcp.write_all(b"this is no record of TLS").unwrap();
        loop {
            match tls.read_tls(&mut tcp) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            if let Err(error) = tls.process_new_packets() {
                return Some(error);
            }
        }
    })
    .await;
    assert!(matches!(alert, Some(rustls::Error::AlertReceived(_))), "{alert:?}");

    let (client, io, prefix) = shake_hands(hello, 9);
    house.bring_io(io, &prefix);
    client.sock.shutdown(Shutdown::Both).unwrap();

    let (mut client, io, prefix) =
        shake_hands("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 9);
    house.bring_io(io, &prefix);
    let mut told = String::new();
    let told = on_thread(move || client.read_to_string(&mut told).map(|_| told)).await;
    assert!(told.unwrap().ends_with("hello"));
}
