//! Handed-over connections without encryption.

use std::os::unix::net::UnixStream as StdUnix;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::Instant;
use trunkline_transport::{Handoff, HandoffIo};

use super::house::{BIG, House, answer, pair, rest, within};
use crate::http::reception::with_room_for;
use crate::http::visitors::{NEXT_REQUEST, Visitors};

#[tokio::test]
async fn what_was_read_before_comes_first() {
    let house = House::new();
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    // All of it, none of the body, or not even the whole head.
    for read in [request.len(), request.len() - 5, request.len() - 2, 9] {
        let mut client = house.bring(&request[..read]);
        client.write_all(&request.as_bytes()[read..]).await.unwrap();
        assert_eq!(answer(&mut client).await.1, "hello", "{read} bytes read before");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let house = House::new();
    let echo =
        |body: &str| format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{body}");
    let mut client = house.bring(&(echo("1") + &echo("2") + "POST /echo HT"));
    client.write_all(&echo("3").as_bytes()["POST /echo HT".len()..]).await.unwrap();
    client.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    for body in ["1", "2", "3", "hello"] {
        assert_eq!(answer(&mut client).await.1, body);
    }
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_unix_socket_is_a_connection_like_any_other() {
    let house = House::new();
    let (client, server) = StdUnix::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    house.bring_io(HandoffIo::Unix(server), "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut client = UnixStream::from_std(client).unwrap();
    assert_eq!(answer(&mut client).await.1.len(), BIG);
}

#[tokio::test]
async fn what_nobody_serves_is_not_found() {
    let house = House::new();
    let mut client = house.bring("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = answer(&mut client).await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert_eq!(body, "not found\n");
}

#[tokio::test]
async fn nonsense_is_a_bad_request() {
    let house = House::new();
    let mut client = house.bring("GET /hello HTTP/1.1\r\nno colon\r\n\r\n");
    let told = rest(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 400"), "{told:?}");
    let head = "GET /hello HTTP/1.1\r\nHost: x\r\nX: ".to_owned() + &"x".repeat(80_000);
    let mut client = house.bring(&head);
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn who_says_that_all_is_sent_is_still_answered() {
    let house = House::new();
    let mut client = house.bring("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    within(house.waiting.notified()).await;
    client.shutdown().await.unwrap();
    house.go.notify_one();
    assert!(rest(&mut client).await.ends_with("at last"));
}

#[tokio::test]
async fn an_answer_survives_the_body_nobody_read() {
    let house = House::new();
    let mut client =
        house.bring("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    within(client.write_all(&vec![b'x'; 4_000_000])).await.expect("the server still listens");
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_given_up() {
    let house = House::new();
    let mut client = house.bring("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    let start = Instant::now();
    answer(&mut client).await;
    client.write_all(b"GET /hello HT").await.unwrap();
    let mut left = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client, &mut left).await.unwrap();
    assert_eq!(left, "");
    assert!(start.elapsed() >= NEXT_REQUEST, "{:?}", start.elapsed());
}

#[tokio::test]
async fn connections_are_not_kept_when_it_is_crowded() {
    let mut visitors = Visitors::at_most(4, axum::Router::new());
    let mut clients = Vec::new();
    for nth in 0..4 {
        let (client, server) = pair();
        visitors.welcome(tokio::net::TcpStream::from_std(server).unwrap());
        let mut client = tokio::net::TcpStream::from_std(client).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (head, _) = answer(&mut client).await;
        assert_eq!(head.contains("connection: close"), nth >= 2, "{nth}: {head}");
        clients.push(client);
    }
    assert!(visitors.is_full());
    drop(clients);
    within(visitors.one_leaves()).await;
    assert!(!visitors.is_full());
}

#[tokio::test]
async fn a_full_reception_gives_the_connection_back() {
    let (hand_over, reception) = with_room_for(2);
    let bring = || {
        let (client, server) = pair();
        let io = HandoffIo::Tcp(server);
        (client, hand_over(Handoff { io, prefix: b"GET".to_vec(), peer: None }))
    };
    assert!(bring().1.is_ok() && bring().1.is_ok());
    assert_eq!(bring().1.unwrap_err().prefix, b"GET");
    drop(reception);
    assert!(bring().1.is_err(), "nobody is there any more");
}
