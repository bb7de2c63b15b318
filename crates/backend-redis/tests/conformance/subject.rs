//! A world within a Redis that is shared by all cases: its names have a prefix of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use trunkline_backend_redis::{Options, RedisBackend, RedisUrl};
use trunkline_conformance::Subject;
use trunkline_conformance::notes::{Keeper, NotesSubject};
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::signal::NodeId;

/// How long a backend may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// Servers that live as long as any case uses them.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub(crate) fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let servers = Arc::new(start());
            *shared = Arc::downgrade(&servers);
            servers
        })
    }
}

/// A prefix within servers.
pub(crate) struct Group<T> {
    _servers: Arc<T>,
    options: Options,
}

impl<T> Group<T> {
    pub(crate) fn of(servers: Arc<T>, urls: impl FnOnce(&T) -> Vec<String>) -> Self {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let world = WORLDS.fetch_add(1, Ordering::Relaxed);
        let parse = |url: &String| RedisUrl::parse(url).expect("the address of a server");
        let options = Options {
            servers: urls(&servers).iter().map(parse).collect(),
            prefix: format!("world{world}").into(),
            tls_ca: None,
            sentinel_password: None,
            allow_eviction: false,
        };
        Self { _servers: servers, options }
    }
}

impl<T> Subject for Group<T> {
    fn open(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        Box::new(self.start(node, sink))
    }
}

impl<T> NotesSubject for Group<T> {
    fn open_keeper(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Keeper> {
        Box::new(self.start(node, sink))
    }
}

impl<T> Group<T> {
    fn start(&self, node: &NodeId, sink: Arc<dyn Sink>) -> RedisBackend {
        let backend = RedisBackend::start(&self.options, node.clone(), sink).expect("it starts");
        let deadline = Instant::now() + READY;
        while let Some(trouble) = backend.trouble() {
            assert!(Instant::now() < deadline, "not ready: {trouble}");
            std::thread::sleep(Duration::from_millis(2));
        }
        backend
    }
}
