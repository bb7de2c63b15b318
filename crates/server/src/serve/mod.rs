//! The composition root: everything that runs in a node is made, joined and started here.
//!
//! ```text
//!   shard threads ── Node ── backend        (one event loop each; see crate `shard`)
//!        │ hand-over of ordinary HTTP
//!   control thread: server API and pages · admin listener · sweeper · ticks · signals
//! ```

pub(crate) mod application;
mod doors;
mod duties;
mod key_sets;
mod lifecycle;
pub(crate) mod proxies;
pub(crate) mod redis;
mod reload;
mod routing;
mod shards;
mod storage;
mod ticking;
pub(crate) mod webhooks;
mod welcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use trunkline_admin::{AdminState, PageOptions};
use trunkline_api::{ApiState, JsonForm, Methods};
use trunkline_auth::{ApiKeys, TokenGate, TokenKeys, fresh_secret};
use trunkline_config::{Config, Overrides};
use trunkline_core::application::Application;
use trunkline_core::gate::Policy;
use trunkline_core::limits::Limits;
use trunkline_core::signal::NodeId;
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_protocol::registry::{self, EndpointOptions};
use trunkline_shard::{Settings, ShardHandle};
use trunkline_telemetry::{Metrics, Protocol, init_logging};
use trunkline_transport::{DeflateOptions, OriginPolicy, UpgradePolicy};

use crate::cli::{Failure, ServeArgs, environment};
use crate::http;

use self::doors::Doors;
use self::duties::Duties;
use self::lifecycle::Lifecycle;
use self::reload::Reload;
use self::routing::Routing;
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
    let started = Instant::now();
    let metrics = Metrics::new(doors.threads);
    let gate = Arc::new(TokenGate::new(token_keys(&config)?));
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::trouble(format_args!("cannot start the runtime: {error}")))?;
    let asked = application::options(&config).map_err(Failure::trouble)?;
    let shown = if asked.is_some() { &*config.callbacks.headers } else { &[] };
    let forwarded = shown.iter().map(|name| name.to_ascii_lowercase().into()).collect();
    // Made if anybody calls: it reads the authorities that the system trusts.
    let calls = asked.is_some() || !config.webhooks.is_empty();
    let client = calls.then(application::client).transpose().map_err(Failure::trouble)?;
    let application = asked.zip(client.clone()).map(|(options, client)| {
        let callbacks = application::open(options, client, runtime.handle().clone());
        Arc::new(callbacks) as Arc<dyn Application>
    });
    let methods = Arc::new(Methods::before(application));
    let webhooks = webhooks::open(&config, &id, &storage, &metrics).map_err(Failure::trouble)?;
    let (backend, notes) = match &webhooks {
        Some(webhooks) => webhooks.watching(),
        None => (storage.backend(), storage.notes()),
    };
    let node = Arc::new(Node::new(Parts {
        id,
        name: doors.name().into(),
        namespaces: config.namespaces(),
        limits,
        metrics,
        switchboard,
        backend,
        notes,
        application: Some(methods.clone()),
        observer: webhooks.as_ref().map(|webhooks| webhooks.observer()),
        schedule_form: Arc::new(JsonForm),
        per_user: config.rates.user,
        per_address: config.rates.address,
        roster: storage.roster(),
        lines: storage.lines(),
    }));

    methods.serve(&node);
    ticking::recall_revocations(&node, started);
    let routing = Routing::start(&config, &node, &storage, started).map_err(Failure::trouble)?;

    // The shards.
    let (hand_over, reception) = http::reception();
    let settings = Settings {
        node: Arc::clone(&node),
        codecs: registry::codecs(),
        labels: labels(),
        endpoints: registry::endpoints(EndpointOptions { rooms: config.rooms.enabled }),
        gate: gate.clone(),
        policy: Policy { calls: methods.calls(), ..config.policy() },
        upgrade: upgrade_policy(&config, args.dev),
        tls: doors.tls.clone(),
        per_connection: config.rates.connection,
        counts_addresses: !config.rates.address.is_empty()
            || config.limits.connections_per_address > 0,
        proxies: proxies::trusted(&config).map_err(Failure::trouble)?,
        forwarded,
        withholds: config.client.refuses_by_status(),
        started,
        hand_over,
        connections: Arc::clone(&connections),
    };
    let shards = shards::start(handles, &mut doors, &settings)?;

    // Everything else, on this thread.
    let api = ApiState::new(Arc::clone(&node), Arc::clone(&api_keys));
    let api = api.with_webhooks(webhooks.clone());
    let mut public = trunkline_api::router(api);
    if config.client.page {
        let key = config.api.keys.first().filter(|_| args.dev).map(|key| key.expose().to_owned());
        let options = PageOptions { api_key: key, tls: doors.tls.is_some() };
        public = public.merge(trunkline_admin::page(options));
    }
    let (kept, informed) = (storage.clone(), Arc::clone(&node));
    let unknown = move || {
        let why = "what was taken back is not known yet: no token is good";
        (!informed.knows_revocations()).then(|| why.to_owned())
    };
    let admin = trunkline_admin::router(AdminState {
        node: Arc::clone(&node),
        ready: Arc::clone(&ready),
        trouble: Arc::new(move || kept.trouble().or_else(&unknown)),
    });
    let reload =
        Reload { args: args.clone(), gate: gate.clone(), api_keys, tls: doors.tls.clone() };
    let lifecycle = Lifecycle {
        node: Arc::clone(&node),
        connections,
        ready,
        delay: Duration::from_millis(config.server.shutdown_delay_ms),
        webhooks: webhooks.clone(),
        routing: routing.clone(),
        spread: Duration::from_millis(config.server.shutdown_spread_ms),
        deadline: Duration::from_millis(config.server.shutdown_deadline_ms),
        storage_stopped,
    };
    runtime.block_on(async move {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut duties = Duties::default();
        let doors_to_close = [
            duties.begin("HTTP", reception.serve(public, stopped.clone())),
            duties.begin("admin HTTP", http::serve_listener(doors.admin()?, admin, stopped)),
        ];
        duties.begin("tidying", storage.clone().keep_tidy());
        duties.begin("routes", routing.work(started));
        duties.begin("key sets", key_sets::fetch(gate));
        if let Some((webhooks, client)) = webhooks.zip(client) {
            let inboxes = Arc::new(webhooks::NodeInboxes(node.clone()));
            duties.begin("webhooks", async move { webhooks.run(client, inboxes).await });
        }
        duties.begin("schedules", ticking::run_schedules(node.clone(), started));
        duties.begin("ticks", ticking::tick(node, storage.lines(), started));
        let announce = || {
            if args.dev {
                welcome::greet(&config, &doors.listen);
            }
            welcome::ready(&doors.listen, doors.admin_address);
        };
        let outcome = lifecycle.run(shards, &mut duties, reload, announce, &stop).await;
        // Requests in progress have their answers by now, or had their time.
        let _ = tokio::time::timeout(Duration::from_secs(5), duties.done(&doors_to_close)).await;
        outcome.and_then(|()| storage.close())
    })
}

/// What tokens are checked against.
pub(crate) fn token_keys(config: &Config) -> Result<TokenKeys, Failure> {
    let keys = config.token_keys().map_err(Failure::trouble)?;
    key_sets::check(&keys.issuers).map_err(Failure::trouble)?;
    Ok(keys)
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
/// a page's visitor has and the page has not. Not so where cookies say who the visitor is.
fn upgrade_policy(config: &Config, dev: bool) -> UpgradePolicy {
    let by_cookie = config.callbacks.connect_url.is_some();
    let origins = if dev && !by_cookie {
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
        (registry::RAW, Protocol::Raw),
    ] {
        labels[usize::from(codec.0)] = label;
    }
    labels
}

/// The time that node and shards go by, which began for all of them at `started`.
fn ticks_since(started: Instant) -> Tick {
    Tick(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn wall_clock() -> WallTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
