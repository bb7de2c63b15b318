//! What is done to nodes and to a Redis that stands alone, and how it is healed. All of it happens while
//! everybody publishes, listens, comes and goes. Before it is healed half of the channels fall silent, so
//! that whoever has missed something there has to find out by himself.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

use trunkline_fault_proxy::{BlackHole, Direction, FaultProxy, Faults, LineFaults};

use super::failover;
use super::scenario::Scenario;
use super::site::{Site, listeners};
use crate::chance::Chance;
use crate::failure::{Doing, Failure};
use crate::load::Load;
use crate::server::NOISE;
use crate::socket::{LOOK, Socket};

/// How long it may take until a node notices that nothing comes through (8 s), or Redis that a node
/// does not read, and until they are connected anew.
const NOTICING: Duration = Duration::from_secs(40);

/// Bytes a second of what is published that reach a node which Redis is to cut off: less than noise is
/// made.
const BANDWIDTH: u64 = 64 * 1024;

/// Bytes of one piece of noise.
const NOISE_BYTES: usize = 32 * 1024;

/// Does the harm of a scenario and heals it; says in words what was done.
pub(crate) fn run(
    scenario: Scenario,
    lasts: Duration,
    site: &mut Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    match scenario {
        Scenario::NodeKilled | Scenario::Moving => node_killed(lasts, site, chance),
        Scenario::NodeStopped => node_stopped(lasts, site, load, chance),
        Scenario::RedisDown => redis_down(lasts, site, load, chance),
        Scenario::RedisPaused => redis_paused(lasts, site, load),
        Scenario::Failover => failover::sentinel(lasts, site, load, chance),
        Scenario::SlotMoved => failover::cluster(lasts, site, load, chance),
        Scenario::BlackHole => black_hole(lasts, site, load, chance),
        Scenario::OutputBuffer => output_buffer(lasts, site, load),
        Scenario::Trimmed => {
            thread::sleep(lasts);
            Ok(format!("clients came and went for {lasts:?}"))
        }
    }
}

fn node_killed(lasts: Duration, site: &mut Site, chance: &mut Chance) -> Result<String, Failure> {
    let number = chance.below(site.nodes.len() as u64) as usize;
    site.nodes[number].kill()?;
    thread::sleep(lasts);
    Ok(format!("node {number} killed"))
}

fn node_stopped(
    lasts: Duration,
    site: &mut Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    let number = chance.below(site.nodes.len() as u64) as usize;
    site.nodes[number].stop()?;
    thread::sleep(lasts);
    load.hush();
    site.nodes[number].go_on()?;
    Ok(format!("node {number} stopped for {lasts:?}"))
}

fn redis_down(
    lasts: Duration,
    site: &Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    let redis = site.broker.single()?;
    let how = if chance.once_in(2) {
        redis.kill();
        "killed"
    } else {
        redis.shutdown().doing("shutting Redis down")?;
        "shut down"
    };
    thread::sleep(lasts);
    load.hush();
    redis.restart().doing("starting Redis again")?;
    Ok(format!("Redis {how} for {lasts:?}"))
}

fn redis_paused(lasts: Duration, site: &Site, load: &Load) -> Result<String, Failure> {
    let redis = site.broker.single()?;
    redis.stop().doing("stopping Redis")?;
    thread::sleep(lasts);
    load.hush();
    redis.cont().doing("letting Redis go on")?;
    Ok(format!("Redis stopped for {lasts:?}"))
}

fn black_hole(
    lasts: Duration,
    site: &Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    let kind = if chance.once_in(2) { BlackHole::Swallow } else { BlackHole::Stall };
    let line = LineFaults::black_hole(kind);
    let (faults, ways) = match chance.below(3) {
        0 => (Faults::both(line), "both ways"),
        1 => (Faults::towards(Direction::ToClient, line), "towards the node"),
        _ => (Faults::towards(Direction::ToUpstream, line), "towards Redis"),
    };
    let hole = Hole::dig(site, faults)?;
    // On the way to Redis nothing is lost until the node wants to listen to something else.
    let _other = match faults.to_client.black_hole {
        None => Some(visit(load, &format!("{NOISE}:1"))?),
        Some(_) => None,
    };
    let begun = Instant::now();
    thread::sleep(lasts);
    load.hush();
    hole.wait_until_left()?;
    let noticed = begun.elapsed().as_millis();
    hole.fill();
    Ok(format!("black hole ({kind:?}, {ways}), noticed in {noticed} ms"))
}

fn output_buffer(lasts: Duration, site: &Site, load: &Load) -> Result<String, Failure> {
    let channel = format!("{NOISE}:0");
    let mut listener = visit(load, &channel)?;
    let begun = Instant::now();
    while !listener.hear().is_ok_and(|all| all.iter().any(|said| said.subscribe.is_some())) {
        if begun.elapsed() > NOTICING {
            return Err(Failure::new("the first node does not answer a listener"));
        }
    }
    let line = LineFaults { bandwidth: NonZeroU64::new(BANDWIDTH), ..LineFaults::NONE };
    let hole = Hole::dig(site, Faults::towards(Direction::ToClient, line))?;
    // The system buffers some megabytes before Redis has to.
    let mut pieces = 0_u64;
    while hole.is_open()? && begun.elapsed() < NOTICING {
        load.api(1).publish(&channel, "noise", NOISE_BYTES);
        pieces += 1;
    }
    if hole.is_open()? {
        return Err(Failure::new("Redis did not cut off a node that does not read"));
    }
    thread::sleep(lasts);
    load.hush();
    // What the system has buffered arrives, and then the end.
    hole.fill();
    hole.wait_until_left()?;
    Ok(format!("cut off behind {pieces} pieces of noise in {} ms", begun.elapsed().as_millis()))
}

/// Comes to the first node to listen to a channel.
fn visit(load: &Load, channel: &str) -> Result<Socket, Failure> {
    Socket::open(load.api(0).address, &format!("/ws?channels={channel}"), LOOK)
        .map_err(|_| Failure::new("the first node lets nobody in"))
}

/// Something wrong with the connection on which the first node listens, and with no other.
struct Hole<'s> {
    site: &'s Site,
    from: SocketAddr,
    proxy: &'s FaultProxy,
}

impl<'s> Hole<'s> {
    fn dig(site: &'s Site, faults: Faults) -> Result<Self, Failure> {
        let proxy = site.proxy.as_ref().ok_or_else(|| Failure::new("there is no proxy"))?;
        let redis = site.broker.single()?;
        // All others connect from addresses that the proxy does not have.
        let ours = listeners(redis)?.into_iter().find(|from| proxy.carries(*from));
        let from = ours.ok_or_else(|| Failure::new("the first node does not listen"))?;
        proxy.set_for(from, faults);
        Ok(Self { site, from, proxy })
    }

    /// Whether the connection is still there, for Redis.
    fn is_open(&self) -> Result<bool, Failure> {
        Ok(listeners(self.site.broker.single()?)?.contains(&self.from))
    }

    /// Waits until the node listens on another connection.
    fn wait_until_left(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        let redis = self.site.broker.single()?;
        while begun.elapsed() < NOTICING {
            let again = |from: &SocketAddr| *from != self.from && self.proxy.carries(*from);
            if listeners(redis)?.iter().any(again) {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        let why = "the first node did not notice in time that nothing comes through";
        Err(Failure::new(why))
    }

    fn fill(&self) {
        self.proxy.heal();
    }
}
