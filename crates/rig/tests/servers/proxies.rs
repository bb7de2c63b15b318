//! Proxies before something that answers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use trunkline_rig::{HaProxy, Nginx, Redis, RedisOptions, free_port};

use crate::exists;

/// The process and its workers.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let children = children.split_whitespace().map(|child| child.parse().unwrap());
    children.chain([pid]).collect()
}

fn talk(address: SocketAddr, words: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn haproxy_passes_bytes_on() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let port = free_port().unwrap();
    let configuration = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend front\n bind {}\n default_backend back\n\
         backend back\n server one {}\n",
        port.address(),
        redis.address()
    );
    let proxy = HaProxy::start(&configuration, port.address()).unwrap();
    assert_eq!(talk(port.address(), "PING\r\nQUIT\r\n"), "+PONG\r\n+OK\r\n");
    let family = family(proxy.pid().unwrap());
    assert!(family.len() > 1, "it has a worker");
    drop(proxy);
    assert!(!family.into_iter().any(exists));
}

#[test]
fn nginx_serves_what_its_configuration_says() {
    let port = free_port().unwrap();
    let server = format!("server {{ listen {}; return 200 here; }}", port.address());
    let proxy = Nginx::start(&server, port.address()).unwrap();
    let answer = talk(port.address(), "GET / HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhere"), "{answer}");
    let family = family(proxy.pid().unwrap());
    assert!(family.len() > 1, "it has a worker");
    drop(proxy);
    assert!(!family.into_iter().any(exists));
}

#[test]
fn a_proxy_that_cannot_start_says_why() {
    let port = free_port().unwrap();
    let error = HaProxy::start("frontend front\n no-such-key 1", port.address()).unwrap_err();
    assert!(error.to_string().contains("no-such-key"), "{error}");
    let error = Nginx::start("no_such_key 1;", port.address()).unwrap_err();
    assert!(error.to_string().contains("no_such_key"), "{error}");
}
