//! Every channel again after a crash of Redis: the backend listens to many, Redis is killed and
//! started anew, and the backend has to find it, subscribe to all of them, and doubt each one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Message;
use trunkline_core::signal::Signal;

use super::{LOOK, READY, wait_until_well};
use crate::args::ClusterArgs;
use crate::backend::Started;
use crate::error::BenchError;
use crate::instrument::bare::{Bare, encoded};
use crate::instrument::generator::{STALLED, stalled};
use crate::instrument::redis::Redis;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::scenario::{Bench, Pairs, as_json, say};

/// What all channels of this part begin with; their number follows.
const NAME: &str = "bench:";
/// Channels that are being listened to at first, at any time.
const LISTENING: usize = 4_096;
/// Lines that one command of the floor subscribes to.
const LINES: usize = 512;
/// Lines of the floor that are not confirmed yet, at most.
const ASKED: u32 = 8_192;

/// One time, in seconds since the new Redis answered, or since the floor began.
#[derive(Debug, Serialize)]
struct Back {
    /// Until all channels were confirmed to be heard.
    confirmed: f64,
    /// Until every channel was doubted; the floor doubts none.
    doubted: f64,
}

/// Counts which channels were doubted.
struct Doubts {
    seen: Vec<AtomicBool>,
    count: AtomicU32,
}

impl Doubts {
    fn new(channels: u32) -> Self {
        let seen = (0..channels).map(|_| AtomicBool::new(false)).collect();
        Self { seen, count: AtomicU32::new(0) }
    }

    /// How many different channels were doubted.
    fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    fn forget(&self) {
        self.seen.iter().for_each(|seen| seen.store(false, Ordering::Relaxed));
        self.count.store(0, Ordering::Release);
    }
}

impl Sink for Doubts {
    fn deliver(&self, _: &ChannelName, _: Message) {}

    fn doubt(&self, channel: &ChannelName) {
        let nth = channel.as_str().strip_prefix(NAME).and_then(|nth| nth.parse::<usize>().ok());
        let Some(seen) = nth.and_then(|nth| self.seen.get(nth)) else { return };
        if !seen.swap(true, Ordering::AcqRel) {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

/// Measures the backend, then what Redis takes of the same lines from a bare client.
pub(super) fn run(bench: &Bench, args: &ClusterArgs) -> Result<Outcome, BenchError> {
    let over_redis = bench.over_redis()?;
    let name = |nth| ChannelName::parse(&format!("{NAME}{nth}"));
    let channels = (0..args.lines).map(name).collect::<Result<Vec<_>, _>>();
    let channels = channels.map_err(|error| BenchError::Usage(error.to_string()))?;
    let mut pairs = Pairs { server: Vec::new(), floor: Vec::new() };
    let mut lost = 0;
    for nth in 1..=bench.settings.runs {
        let mut redis = Redis::start(bench.cores.server)?;
        let (back, missing) = back(bench, &mut redis, &channels)?;
        let lines: Vec<String> =
            channels.iter().map(|channel| (over_redis.line)(&redis.prefix, channel)).collect();
        // Whoever listened to the one before is not to be waited for.
        redis.restart()?;
        let floor = floor(&redis, &lines)?;
        say(&format!(
            "resubscribe: run {nth}/{}: backend {:.3} s, floor {:.3} s",
            bench.settings.runs, back.confirmed, floor.confirmed
        ));
        lost += u64::from(missing);
        pairs.server.push(back);
        pairs.floor.push(floor);
    }
    let figure = |name: &str, of: &dyn Fn(&Back) -> f64| {
        let of_all = |runs: &[Back]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let doubted: Vec<f64> = pairs.server.iter().map(|run| run.doubted).collect();
    let figures = vec![
        figure("seconds until all were heard again", &|run| run.confirmed),
        Figure::alone("seconds until all were doubted", &doubted),
        figure("channels per second", &|run| f64::from(args.lines) / run.confirmed),
    ];
    let scenario = format!("cluster: {} channels again after a crash of Redis", args.lines);
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

/// One crash; also how many channels were never doubted.
fn back(
    bench: &Bench,
    redis: &mut Redis,
    channels: &[ChannelName],
) -> Result<(Back, u32), BenchError> {
    let count = channels.len() as u32;
    let doubts = Arc::new(Doubts::new(count));
    let start = bench.over_redis()?.start;
    let started =
        start(&redis.url(), &redis.prefix, doubts.clone()).map_err(BenchError::Backend)?;
    wait_until_well(bench, &started)?;
    listen(&started, channels)?;
    doubts.forget();
    let begun = redis.restart()?;
    let (mut confirmed, mut doubted) = (None, None);
    while begun.elapsed() < READY && (confirmed.is_none() || doubted.is_none()) {
        bench.interrupt.check()?;
        let since = || begun.elapsed().as_secs_f64();
        if doubted.is_none() && doubts.count() == count {
            doubted = Some(since());
        }
        // Trouble that was not noticed yet is none; doubts show that it was.
        if confirmed.is_none() && doubts.count() > 0 && (started.trouble)().is_none() {
            confirmed = Some(since());
        }
        thread::sleep(LOOK);
    }
    let late = READY.as_secs_f64();
    let back = Back { confirmed: confirmed.unwrap_or(late), doubted: doubted.unwrap_or(late) };
    Ok((back, count - doubts.count()))
}

/// Listens to all channels: some at a time, since whoever listens is told within a deadline.
fn listen(started: &Started, channels: &[ChannelName]) -> Result<(), BenchError> {
    let (heard, hearing) = mpsc::channel();
    for some in channels.chunks(LISTENING) {
        for channel in some {
            let heard = heard.clone();
            let done = move |result| {
                // If nobody waits any more, somebody has given up already.
                let _ = heard.send(result);
            };
            started.backend.listen(channel, Box::new(done));
        }
        for _ in some {
            let heard = hearing.recv_timeout(STALLED).map_err(|_| stalled("listening was due"))?;
            heard.map_err(|error| BenchError::Backend(error.to_string()))?;
        }
    }
    Ok(())
}

/// The same lines, over a connection of nobody in particular.
fn floor(redis: &Redis, lines: &[String]) -> Result<Back, BenchError> {
    let commands = lines.chunks(LINES).map(|lines| {
        let words = ["SSUBSCRIBE"].into_iter().chain(lines.iter().map(String::as_str));
        (encoded(&words.map(str::as_bytes).collect::<Vec<_>>()), lines.len() as u32)
    });
    let commands: Vec<(Vec<u8>, u32)> = commands.collect();
    let begun = Instant::now();
    let mut bare = Bare::connect(redis.address)?;
    let mut asked = 0;
    for (command, lines) in commands {
        while asked + lines > ASKED {
            asked -= bare.answers()?;
        }
        bare.send(&command)?;
        asked += lines;
    }
    while asked > 0 {
        asked -= bare.answers()?;
    }
    let confirmed = Duration::as_secs_f64(&begun.elapsed());
    Ok(Back { confirmed, doubted: 0.0 })
}
