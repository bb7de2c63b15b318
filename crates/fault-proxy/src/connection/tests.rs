//! A connection between pipes in memory, with a clock that stands still until everybody waits.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::faults::{BlackHole, Faults, LineFaults};
use crate::lane::IN_FLIGHT;

/// Bytes a pipe holds; few, so that a full one is soon had.
const PIPE: usize = 1024;

struct World {
    client: DuplexStream,
    upstream: DuplexStream,
    settings: watch::Sender<Settings>,
    outcome: JoinHandle<Outcome>,
}

impl World {
    fn with(faults: Faults) -> Self {
        let (client, client_end) = duplex(PIPE);
        let (upstream, upstream_end) = duplex(PIPE);
        let settings = Settings {
            faults,
            only: None,
            upstream: ([127, 0, 0, 1], 1).into(),
            refuse: false,
            resets: 0,
        };
        let (settings, mut receiver) = watch::channel(settings);
        let outcome = tokio::spawn(async move {
            let name = Name { seed: 1, number: 0, from: None };
            join(name, split(client_end), split(upstream_end), &mut receiver).await
        });
        Self { client, upstream, settings, outcome }
    }

    fn set(&self, faults: Faults) {
        self.settings.send_modify(|settings| settings.faults = faults);
    }
}

async fn receive(socket: &mut DuplexStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    socket.read_exact(&mut buffer).await.expect("so many bytes arrive");
    buffer
}

/// Asserts that nothing arrives, however long one waits. The clock jumps ahead once everybody waits.
async fn assert_silent(socket: &mut DuplexStream) {
    let day = Duration::from_secs(86_400);
    let read = tokio::time::timeout(day, socket.read_u8()).await;
    assert!(read.is_err(), "not silent: {read:?}");
}

#[tokio::test(start_paused = true)]
async fn latency_is_exact_both_ways() {
    let mut world = World::with(Faults {
        to_upstream: LineFaults::late(Duration::from_millis(20)),
        to_client: LineFaults::late(Duration::from_millis(30)),
    });
    let start = Instant::now();
    world.client.write_all(b"ping").await.unwrap();
    assert_eq!(receive(&mut world.upstream, 4).await, b"ping");
    assert_eq!(start.elapsed(), Duration::from_millis(20));
    world.upstream.write_all(b"pong").await.unwrap();
    assert_eq!(receive(&mut world.client, 4).await, b"pong");
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_close_is_as_late_as_bytes_are() {
    let late = LineFaults::late(Duration::from_millis(20));
    let mut world = World::with(Faults::both(late));
    let start = Instant::now();
    world.client.shutdown().await.unwrap();
    assert_eq!(world.upstream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed(), Duration::from_millis(20));
    world.upstream.shutdown().await.unwrap();
    assert_eq!(world.client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed(), Duration::from_millis(40));
    assert_eq!(world.outcome.await.unwrap(), Outcome::Finished);
}

#[tokio::test(start_paused = true)]
async fn bandwidth_bounds_throughput() {
    let line = LineFaults { bandwidth: NonZeroU64::new(1000), ..LineFaults::NONE };
    let mut world = World::with(Faults::both(line));
    let start = Instant::now();
    let sent: Vec<u8> = (0..5000_u32).map(|number| number as u8).collect();
    world.client.write_all(&sent).await.unwrap();
    assert_eq!(receive(&mut world.upstream, 5000).await, sent);
    let took = start.elapsed();
    // The last slice of 10 bytes is not waited for.
    assert!(took >= Duration::from_millis(4990) && took <= Duration::from_millis(5100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_latency_holds_for_bytes_on_their_way() {
    let mut world = World::with(Faults::both(LineFaults::late(Duration::from_secs(3600))));
    world.client.write_all(b"ping").await.unwrap();
    let start = Instant::now();
    assert!(tokio::time::timeout(Duration::from_secs(1), world.upstream.read_u8()).await.is_err());
    world.set(Faults::NONE);
    assert_eq!(receive(&mut world.upstream, 4).await, b"ping");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_makes_the_sender_wait() {
    let mut world = World::with(Faults::NONE);
    let sent = vec![7; 4 * IN_FLIGHT];
    let mut written = 0;
    let day = Duration::from_secs(86_400);
    // Until nobody does anything any more.
    while let Ok(bytes) = tokio::time::timeout(day, world.client.write(&sent[written..])).await {
        written += bytes.unwrap();
    }
    let most = IN_FLIGHT + 2 * PIPE;
    assert!((IN_FLIGHT..=most).contains(&written), "{written}");
    assert_eq!(receive(&mut world.upstream, written).await, sent[..written]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_makes_the_sender_wait_and_loses_nothing() {
    let stall = LineFaults::black_hole(BlackHole::Stall);
    let mut world = World::with(Faults::towards(Direction::ToUpstream, stall));
    world.client.write_all(&[7; PIPE]).await.unwrap();
    let day = Duration::from_secs(86_400);
    assert!(tokio::time::timeout(day, world.client.write_all(b"x")).await.is_err());
    assert_silent(&mut world.upstream).await;
    world.set(Faults::NONE);
    assert_eq!(receive(&mut world.upstream, PIPE).await, [7; PIPE]);
}

#[tokio::test(start_paused = true)]
async fn half_open_hides_that_the_client_is_gone_until_healed() {
    let half_open = LineFaults { half_open: true, ..LineFaults::NONE };
    let World { client, mut upstream, settings, outcome } =
        World::with(Faults::towards(Direction::ToUpstream, half_open));
    drop(client);
    assert_silent(&mut upstream).await;
    // More than all buffers hold: it is discarded.
    upstream.write_all(&vec![0; 4 * IN_FLIGHT]).await.unwrap();
    assert_silent(&mut upstream).await;
    settings.send_modify(|settings| settings.faults = Faults::NONE);
    assert_eq!(outcome.await.unwrap(), Outcome::Reset);
}

#[tokio::test(start_paused = true)]
async fn half_open_ends_when_the_other_side_is_gone_too() {
    let half_open = LineFaults { half_open: true, ..LineFaults::NONE };
    let World { client, mut upstream, settings: _settings, outcome } =
        World::with(Faults::towards(Direction::ToUpstream, half_open));
    drop(client);
    upstream.write_all(b"anybody?").await.unwrap();
    assert_silent(&mut upstream).await;
    drop(upstream);
    assert_eq!(outcome.await.unwrap(), Outcome::Finished);
}
