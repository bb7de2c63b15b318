//! One server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use trunkline_rig::resp::Line;
use trunkline_rig::{Error, Fsync, Memory, Redis, RedisOptions, User, free_port};

use crate::{exists, get, set};

fn tcp(redis: &Redis) -> Line<TcpStream> {
    Line::new(TcpStream::connect(redis.address()).unwrap())
}

fn tls(redis: &Redis) -> Line<impl Read + Write> {
    let mut roots = RootCertStore::empty();
    let pem = redis.ca_pem().unwrap();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    Line::new(StreamOwned::new(session, TcpStream::connect(redis.address()).unwrap()))
}

#[test]
fn what_is_written_can_be_read_from_outside() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    set(&redis, "a", "b");
    assert_eq!(tcp(&redis).command(&["GET", "a"]).unwrap().text(), "b");
    assert_eq!(redis.url(), format!("redis://{}/0", redis.address()));
    assert!(redis.address().ip().is_loopback());
}

#[test]
fn a_wrong_password_is_refused() {
    let options = RedisOptions { password: Some("pass/word".into()), ..RedisOptions::default() };
    let redis = Redis::start(&options).unwrap();
    assert_eq!(redis.url(), format!("redis://:pass%2Fword@{}/0", redis.address()));
    let mut line = tcp(&redis);
    let refusal = line.command(&["GET", "a"]).unwrap_err().to_string();
    assert!(refusal.contains("NOAUTH"), "{refusal}");
    let refusal = line.command(&["AUTH", "wrong"]).unwrap_err().to_string();
    assert!(refusal.contains("WRONGPASS"), "{refusal}");
    line.command(&["AUTH", "pass/word"]).unwrap();
    line.command(&["GET", "a"]).unwrap();
}

#[test]
fn over_tls_a_user_may_do_what_its_rules_say() {
    let rules = "~app:* &* +@all -@dangerous".to_owned();
    let user = User { name: "app".into(), password: "secret".into(), rules };
    let options = RedisOptions { tls: true, user: Some(user), ..RedisOptions::default() };
    let redis = Redis::start(&options).unwrap();
    assert_eq!(redis.url(), format!("rediss://app:secret@{}/0", redis.address()));
    let mut line = tls(&redis);
    let refused = |line: &mut Line<_>, command: &[&str], code: &str| {
        let refusal = line.command(command).unwrap_err().to_string();
        assert!(refusal.contains(code), "{refusal}");
    };
    refused(&mut line, &["PING"], "NOAUTH");
    refused(&mut line, &["AUTH", "app", "wrong"], "WRONGPASS");
    line.command(&["AUTH", "app", "secret"]).unwrap();
    line.command(&["SET", "app:a", "b"]).unwrap();
    refused(&mut line, &["SET", "other", "b"], "NOPERM");
    refused(&mut line, &["FLUSHALL"], "NOPERM");
    assert_eq!(get(&redis, "app:a"), "b");
}

#[test]
fn a_port_with_tls_speaks_nothing_else() {
    let redis = Redis::start(&RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    assert!(matches!(tcp(&redis).command(&["PING"]), Err(Error::System { .. })));
    tls(&redis).command(&["PING"]).unwrap();
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_a_restart() {
    let options = RedisOptions { append_only: Some(Fsync::Always), ..RedisOptions::default() };
    let redis = Redis::start(&options).unwrap();
    let (address, first) = (redis.address(), redis.pid().unwrap());
    set(&redis, "a", "b");
    redis.kill();
    assert!(!exists(first));
    assert_eq!(redis.pid(), None);
    assert!(TcpStream::connect(address).is_err());
    redis.restart().unwrap();
    assert_eq!(get(&redis, "a"), "b");
    assert_eq!(redis.address(), address);
    assert_ne!(redis.pid().unwrap(), first);
}

#[test]
fn without_a_log_on_disk_a_restart_begins_with_nothing() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    set(&redis, "a", "b");
    redis.shutdown().unwrap();
    assert_eq!(redis.pid(), None);
    redis.restart().unwrap();
    assert_eq!(get(&redis, "a"), "");
}

#[test]
fn a_port_can_be_held_before_the_server_is_there() {
    let port = free_port().unwrap();
    let options = RedisOptions { port: Some(port.clone()), ..RedisOptions::default() };
    let redis = Redis::start(&options).unwrap();
    assert_eq!(redis.address(), port.address());
}

#[test]
fn one_that_is_stopped_takes_connections_and_answers_when_it_goes_on() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    redis.stop().unwrap();
    let mut stream = TcpStream::connect(redis.address()).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    stream.set_nonblocking(true).unwrap();
    let nothing = stream.read(&mut [0; 16]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    redis.cont().unwrap();
    stream.set_nonblocking(false).unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"+PONG\r\n");
}

#[test]
fn limits_are_in_force() {
    let options = RedisOptions {
        memory: Some(Memory { bytes: 1000, policy: "noeviction".into() }),
        pubsub_buffer: Some(65_536),
        lines: vec!["timeout 77".into()],
        ..RedisOptions::default()
    };
    let redis = Redis::start(&options).unwrap();
    let refusal = redis.command(&["SET", "a", "b"]).unwrap_err().to_string();
    assert!(refusal.contains("OOM"), "{refusal}");
    let limits = redis.command(&["CONFIG", "GET", "client-output-buffer-limit"]).unwrap();
    assert!(limits.array()[1].text().ends_with("pubsub 65536 0 0"));
    assert_eq!(redis.command(&["CONFIG", "GET", "timeout"]).unwrap().array()[1].text(), "77");
}

#[test]
fn one_that_cannot_start_says_why() {
    let options = RedisOptions { lines: vec!["no-such-key 1".into()], ..RedisOptions::default() };
    let error = Redis::start(&options).unwrap_err().to_string();
    assert!(error.contains("redis-server did not start"), "{error}");
    assert!(error.contains("no-such-key"), "{error}");
}

#[test]
fn nothing_is_left_after_a_drop() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let (pid, folder) = (redis.pid().unwrap(), redis.folder().to_owned());
    redis.stop().unwrap();
    drop(redis);
    assert!(!exists(pid));
    assert!(!folder.exists());
}
