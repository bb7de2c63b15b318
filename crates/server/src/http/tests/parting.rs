//! Leaving well, and the listener that accepts its own.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::house::{House, answer, app, rest, within};
use crate::http::serve_listener;

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
const WAIT: &str = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn requests_in_progress_are_answered_and_idle_connections_closed() {
    let house = House::new();
    let mut busy = house.bring(WAIT);
    within(house.waiting.notified()).await;
    let mut idle = house.bring(HELLO);
    answer(&mut idle).await;
    // Brought, but not looked at before the signal.
    let mut late = house.bring(HELLO);
    house.stop.send_replace(true);
    assert_eq!(rest(&mut idle).await, "");
    assert!(rest(&mut late).await.ends_with("hello"));
    house.go.notify_one();
    assert!(rest(&mut busy).await.ends_with("at last"));
    within(house.serving).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let house = House::new();
    let mut busy = house.bring(WAIT);
    house.waiting.notified().await;
    house.stop.send_replace(true);
    house.serving.await.unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn a_listener_serves_until_it_is_told_to_stop() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let app = app(Arc::new(Notify::new()), Arc::new(Notify::new()));
    let serving = tokio::spawn(serve_listener(listener, app, stopped));
    let mut client = TcpStream::connect(address).await.unwrap();
    for (path, status) in [("/hello", "200"), ("/nothing", "404")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let (head, _) = answer(&mut client).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
    }
    stop.send_replace(true);
    assert_eq!(rest(&mut client).await, "");
    within(serving).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}
