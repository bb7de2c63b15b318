//! The composition root: everything that runs in a node is made, joined and started here.
//!
//! ```text
//!   shard threads ── Node ── backend        (one event loop each; see crate `shard`)
//!        │ hand-over of ordinary HTTP
//!   control thread: server API and pages · admin listener · sweeper · ticks · signals
//! ```

mod doors;
mod lifecycle;
pub(crate) mod redis;
mod reload;
mod shards;
mod storage;
mod ticking;
mod welcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trunkline_admin::{AdminState, PageOptions};
use trunkline_api::ApiState;
use trunkline_auth::{ApiKeys, TokenGate, fresh_secret};
use trunkline_config::{Config, Overrides};
use trunkline_core::limits::Limits;
use trunkline_core::signal::NodeId;
use trunkline_core::time::WallTime;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_protocol::registry::{self, EndpointOptions};
use trunkline_shard::{Settings, ShardHandle};
use trunkline_telemetry::{Metrics, Protocol, init_logging};
use trunkline_transport::{DeflateOptions, OriginPolicy, UpgradePolicy};

use crate::cli::{Failure, ServeArgs, environment};
use crate::http;

use self::doors::Doors;
use self::lifecycle::Lifecycle;
use self::reload::Reload;
use self::storage::Storage;

/// Runs a node until it is told to end.
///
/// # Errors
/// The configuration, an address or a file is not as it should be.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = configuration(args)?;
    init_logging(config.log.format(), config.log.level).map_err(Failure::trouble)?;
    let mut doors = Doors::open(&config)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }

    // What everybody shares.
    let metrics = Metrics::new(doors.threads);
    let gate = Arc::new(TokenGate::new(config.token_keys()));
    let api_keys = Arc::new(ApiKeys::new(&config.api.keys));
    let ready = Arc::new(AtomicBool::new(false));
    let connections = Arc::new(AtomicUsize::new(0));

    let limits = Limits {
        connections: doors::connections_possible(config.limits.connections),
        ..config.limits.clone()
    };

    // The node, between its shards and its backend.
    let handles = shards::handles(doors.threads)?;
    let mailboxes = handles.iter().map(|handle: &ShardHandle| Arc::clone(&handle.mailbox));
    let switchboard = Arc::new(Switchboard::new(mailboxes.collect()));
    let id = NodeId::new(&fresh_secret());
    let (storage, storage_stopped) = Storage::open(&config, &id, &metrics, switchboard.clone())?;
    let node = Arc::new(Node::new(Parts {
        id,
        name: doors.name().into(),
        namespaces: config.namespaces(),
        limits,
        metrics,
        switchboard,
        backend: storage.backend(),
        roster: storage.roster(),
        lines: storage.lines(),
    }));

    // The shards.
    let (hand_over, reception) = http::reception();
    let settings = Settings {
        node: Arc::clone(&node),
        codecs: registry::codecs(),
        labels: labels(),
        endpoints: registry::endpoints(EndpointOptions { rooms: config.rooms.enabled }),
        gate: gate.clone(),
        policy: config.policy(),
        upgrade: upgrade_policy(&config, args.dev),
        tls: doors.tls.clone(),
        hand_over,
        connections: Arc::clone(&connections),
    };
    let shards = shards::start(handles, &mut doors, &settings)?;

    // Everything else, on this thread.
    let api = ApiState::new(Arc::clone(&node), Arc::clone(&api_keys));
    let mut public = trunkline_api::router(api);
    if config.client.page {
        let key = config.api.keys.first().filter(|_| args.dev).map(|key| key.expose().to_owned());
        let options = PageOptions { api_key: key, tls: doors.tls.is_some() };
        public = public.merge(trunkline_admin::page(options));
    }
    let kept = storage.clone();
    let admin = trunkline_admin::router(AdminState {
        node: Arc::clone(&node),
        ready: Arc::clone(&ready),
        trouble: Arc::new(move || kept.trouble()),
    });
    let reload = Reload { args: args.clone(), gate, api_keys, tls: doors.tls.clone() };
    let lifecycle = Lifecycle {
        node: Arc::clone(&node),
        connections,
        ready,
        delay: Duration::from_millis(config.server.shutdown_delay_ms),
        spread: Duration::from_millis(config.server.shutdown_spread_ms),
        deadline: Duration::from_millis(config.server.shutdown_deadline_ms),
        storage_stopped,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::trouble(format_args!("cannot start the runtime: {error}")))?;
    runtime.block_on(async move {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let http = tokio::spawn(reception.serve(public, stopped.clone()));
        let admin = tokio::spawn(http::serve_listener(doors.admin()?, admin, stopped));
        tokio::spawn(storage.clone().keep_tidy());
        tokio::spawn(ticking::tick(node, storage.lines()));
        let announce = || {
            if args.dev {
                welcome::greet(&config, &doors.listen);
            }
            welcome::ready(&doors.listen, doors.admin_address);
        };
        let outcome = lifecycle.run(shards, reload, announce, &stop).await;
        // Requests in progress have their answers by now, or had their time.
        let _ =
            tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(http, admin) }).await;
        outcome.and_then(|()| storage.close())
    })
}

fn configuration(args: &ServeArgs) -> Result<Config, Failure> {
    let overrides = Overrides {
        listen: args.listen.clone(),
        admin_listen: args.admin_listen.clone(),
        api_key: args.api_key.clone(),
        data_dir: args.data_dir.as_ref().map(|dir| dir.display().to_string()),
        redis: args.redis.clone(),
        log_format: args.log_format.map(|format| format.as_str().to_owned()),
    };
    let loaded = if args.dev {
        Config::dev(environment(), &overrides)
    } else {
        Config::load(args.config.as_deref(), environment(), &overrides)
    };
    loaded.map_err(Failure::trouble)
}

/// In development any page may connect: the node listens on loopback only and holds nothing that
/// a page's visitor has and the page has not.
fn upgrade_policy(config: &Config, dev: bool) -> UpgradePolicy {
    let origins = if dev {
        OriginPolicy::Any
    } else {
        OriginPolicy::List(config.client.allowed_origins.clone())
    };
    UpgradePolicy { origins, deflate: DeflateOptions { enabled: config.client.compression } }
}

/// What each codec is counted as.
fn labels() -> Vec<Protocol> {
    let mut labels = vec![Protocol::Plain; registry::codecs().len()];
    for (codec, label) in [
        (registry::CENTRIFUGE_JSON, Protocol::CentrifugeJson),
        (registry::CENTRIFUGE_JSON_FRAME_PINGS, Protocol::CentrifugeJson),
        (registry::CENTRIFUGE_PROTOBUF, Protocol::CentrifugeProtobuf),
        (registry::CENTRIFUGE_PROTOBUF_FRAME_PINGS, Protocol::CentrifugeProtobuf),
        (registry::PLAIN, Protocol::Plain),
        (registry::EVENT_STREAM, Protocol::EventSource),
        (registry::EVENT_STREAM_OF_SEVERAL, Protocol::EventSource),
        (registry::ROOMS, Protocol::Rooms),
    ] {
        labels[usize::from(codec.0)] = label;
    }
    labels
}

pub(crate) fn wall_clock() -> WallTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
