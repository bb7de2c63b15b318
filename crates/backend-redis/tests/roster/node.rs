//! A node: its backend, its roster, and all it hears.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use trunkline_backend_redis::{Options, RedisBackend, RedisRoster, RedisUrl, RosterOptions};
use trunkline_core::backend::{Backend, BackendError, Completion, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::publication::Message;
use trunkline_core::roster::{Roster, Telling};
use trunkline_core::signal::{NodeId, Signal};
use trunkline_rig::Redis;

use super::{LEASE, PATIENCE, eventually};

/// A running node. It dies when this is dropped, unless it was closed.
pub(crate) struct Node {
    // Goes first.
    pub(crate) roster: Arc<RedisRoster>,
    pub(crate) backend: RedisBackend,
    log: Arc<Log>,
}

/// Who came (`+ann/1`) and went (`-ann/1`), by channel.
#[derive(Default)]
struct Log(Mutex<Vec<(ChannelName, String)>>);

impl Sink for Log {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        let line = match message {
            Message::Join(info) => format!("+{}", shown(&info)),
            Message::Leave(info) => format!("-{}", shown(&info)),
            Message::Publication(_) => return,
        };
        self.0.lock().unwrap().push((channel.clone(), line));
    }

    fn doubt(&self, _channel: &ChannelName) {}

    fn receive(&self, _signal: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

/// A connection, as `ann/1`.
pub(crate) fn shown(info: &ClientInfo) -> String {
    format!("{}/{}", info.user.as_str(), info.client.0)
}

/// The connection number `client` of a user.
pub(crate) fn person(user: &str, client: u128) -> Arc<ClientInfo> {
    let (conn_info, chan_info) = (Some("{\"a\":1}".into()), None);
    let client = ClientId(client);
    Arc::new(ClientInfo { user: UserId::new(user), client, conn_info, chan_info })
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

impl Node {
    pub(crate) fn start(redis: &Redis, name: &str) -> Self {
        Self::with_lease(redis, name, LEASE)
    }

    pub(crate) fn with_lease(redis: &Redis, name: &str, lease: Duration) -> Self {
        Self::at(&redis.url(), name, lease)
    }

    pub(crate) fn at(url: &str, name: &str, lease: Duration) -> Self {
        let options = Options {
            servers: vec![RedisUrl::parse(url).unwrap()],
            prefix: "t".into(),
            tls_ca: None,
            sentinel_password: None,
            allow_eviction: false,
        };
        let log = Arc::new(Log::default());
        let sink = Arc::clone(&log);
        let backend = RedisBackend::start(&options, NodeId::new(name), sink).unwrap();
        let roster = backend.roster(RosterOptions { lease });
        Self { roster, backend, log }
    }

    pub(crate) fn enter(&self, place: &str, who: (&str, u128), telling: Telling) {
        self.roster.enter(&channel(place), &person(who.0, who.1), telling);
    }

    pub(crate) fn exit(&self, place: &str, who: (&str, u128), telling: Telling) {
        self.roster.exit(&channel(place), &person(who.0, who.1), telling);
    }

    /// Who is in a channel, sorted.
    pub(crate) fn members(&self, place: &str) -> Vec<String> {
        let list = answer(|done| self.roster.members(&channel(place), done)).unwrap();
        let mut names: Vec<String> = list.iter().map(|info| shown(info)).collect();
        names.sort();
        names
    }

    /// Connections and users in a channel.
    pub(crate) fn stats(&self, place: &str) -> (usize, usize) {
        self.stats_if_any(place).unwrap()
    }

    /// The same, while Redis may be away.
    pub(crate) fn stats_if_any(&self, place: &str) -> Option<(usize, usize)> {
        let stats = answer(|done| self.roster.stats(&channel(place), done)).ok()?;
        Some((stats.clients, stats.users))
    }

    /// Hears a channel from now on.
    pub(crate) fn listen(&self, place: &str) {
        eventually("a channel to be heard", || {
            answer(|done| self.backend.listen(&channel(place), done)).is_ok()
        });
    }

    /// All that was told in a channel that this node listens to, until now: what is said last has
    /// come when this returns.
    pub(crate) fn heard(&self, place: &str) -> Vec<String> {
        let fence = person("fence", 0);
        self.backend.announce(&channel(place), Message::Join(Arc::clone(&fence)));
        let fence = format!("+{}", shown(&fence));
        let told = || -> Vec<String> {
            let log = self.log.0.lock().unwrap();
            log.iter().filter(|(at, _)| *at == channel(place)).map(|(_, s)| s.clone()).collect()
        };
        eventually("what was told", || told().contains(&fence));
        let heard = told().into_iter().take_while(|line| *line != fence).collect();
        self.log.0.lock().unwrap().retain(|(at, line)| *at != channel(place) || *line != fence);
        heard
    }
}

/// Waits for the outcome of an operation.
pub(crate) fn answer<T: Send + 'static>(
    ask: impl FnOnce(Completion<Result<T, BackendError>>),
) -> Result<T, BackendError> {
    let (done, told) = mpsc::channel();
    ask(Box::new(move |outcome| {
        let _ = done.send(outcome);
    }));
    told.recv_timeout(PATIENCE).unwrap()
}
