//! Which settings are refused although each of them could be.

use std::collections::HashSet;
use std::net::SocketAddr;

use trunkline_auth::Secret;
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Access;

use crate::Config;
use crate::error::ConfigError;
use crate::listen::Listen;
use crate::sections::{Inbox, Keeping, Namespace, is_origin};
use crate::webhooks;

/// A token secret any shorter could be found by trying (RFC 7518, section 3.2: as long as the
/// hash of HS256).
const TOKEN_SECRET_BYTES: usize = 32;

/// An API key any shorter could be guessed. Bytes.
const API_KEY_BYTES: usize = 16;

/// The key in use, and the next one while the application changes over.
const API_KEYS: usize = 2;

/// Longest name of a namespace, in bytes: leaves most of a channel's 255 to the rest.
const NAMESPACE_NAME_BYTES: usize = 64;

/// Header fields about one request, its body, or the connection it came on (RFC 9110, section 7.6.1;
/// RFC 6455, section 11.3). A client could choose with them where the node's own request ends, which
/// host it is for, how its body is read, or that the answer comes in a form that the node does not read.
const OF_ONE_REQUEST: [&str; 17] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a rule says: nothing, or what is wrong.
pub(crate) type Verdict = Result<(), String>;

const RULES: &[fn(&Config) -> Verdict] = &[
    addresses,
    tls,
    origins,
    admission,
    secrets,
    times,
    sizes,
    namespaces,
    rooms,
    callbacks,
    redis,
    redelivery,
    routes,
    webhooks::check,
];

/// Asks every rule, and reports the first that is broken.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    RULES.iter().try_for_each(|rule| rule(config)).map_err(ConfigError::Refused)
}

/// Whether clients may be awaited at an address.
pub(crate) fn check_address(config: &Config, address: SocketAddr) -> Verdict {
    if is_loopback(address) {
        return Ok(());
    }
    refuse_if(config.client.insecure, || {
        format!(
            "client.insecure (and --dev) need a loopback address such as 127.0.0.1:8000; \
             {address} can be reached from other machines"
        )
    })?;
    let safe = config.server.tls.files().is_some() || config.server.allow_public;
    refuse_if(!safe, || {
        format!(
            "{address} can be reached from other machines without encryption: set server.tls, or \
             server.allow_public = true behind a proxy that speaks TLS"
        )
    })
}

fn addresses(config: &Config) -> Verdict {
    let admin = config.server.admin_listen;
    // A Unix socket is local, and what systemd opened is checked when it is known.
    if let Listen::Tcp(address) = config.server.listen {
        check_address(config, address)?;
        refuse_if(address == admin && address.port() != 0, || {
            format!("server.listen and server.admin_listen are both {address}")
        })?;
    }
    refuse_if(!is_loopback(admin) && !config.server.allow_public_admin, || {
        format!(
            "server.admin_listen is {admin}, which can be reached from other machines: use a \
             loopback address, or set server.allow_public_admin = true"
        )
    })
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn tls(config: &Config) -> Verdict {
    let tls = &config.server.tls;
    refuse_if(tls.cert_file.is_some() != tls.key_file.is_some(), || {
        "server.tls needs both cert_file and key_file".into()
    })
}

fn origins(config: &Config) -> Verdict {
    let wrong = config.client.allowed_origins.iter().find(|origin| !is_origin(origin));
    wrong.map_or(Ok(()), |origin| {
        Err(format!(
            "client.allowed_origins: {origin:?} is no origin; write scheme://host or \
             scheme://host:port, as in \"https://app.example.com\""
        ))
    })
}

fn admission(config: &Config) -> Verdict {
    let someone = config.client.anonymous || config.client.insecure;
    let asks = config.callbacks.connect_url.is_some();
    let token = &config.token;
    let keys = !(token.public_keys.is_empty() && token.issuers.is_empty());
    refuse_if(!someone && !asks && !keys && token.hmac_secret.is_none(), || {
        "no client could ever connect: set token.hmac_secret, token.public_keys, token.issuers, \
         callbacks.connect_url, or client.anonymous = true"
            .into()
    })
}

fn secrets(config: &Config) -> Verdict {
    let token = &config.token;
    refuse_if(token.hmac_secret.is_none() && token.previous_hmac_secret.is_some(), || {
        "token.previous_hmac_secret is set without token.hmac_secret".into()
    })?;
    long_enough("token.hmac_secret", token.hmac_secret.as_ref(), TOKEN_SECRET_BYTES, config)?;
    let previous = token.previous_hmac_secret.as_ref();
    long_enough("token.previous_hmac_secret", previous, TOKEN_SECRET_BYTES, config)?;
    for secret in token.hmac_secret.iter().chain(previous) {
        // What everybody may know signs nothing.
        refuse_if(secret.expose().contains("-----BEGIN"), || {
            "token.hmac_secret is a key in PEM, which is no shared secret; public keys belong into \
             token.public_keys"
                .into()
        })?;
    }
    let keys = &config.api.keys;
    refuse_if(keys.len() > API_KEYS, || {
        format!("api.keys holds {} keys; at most {API_KEYS} may be active at once", keys.len())
    })?;
    for key in keys {
        long_enough("api.keys", Some(key), API_KEY_BYTES, config)?;
        refuse_if(!key.expose().bytes().all(|byte| byte.is_ascii_graphic()), || {
            "api.keys holds a key that no HTTP header can carry: use letters, digits and signs \
             of ASCII, without blanks"
                .into()
        })?;
    }
    Ok(())
}

/// Short secrets are for development and measurements, where nobody is kept out anyway.
fn long_enough(name: &str, secret: Option<&Secret>, bytes: usize, config: &Config) -> Verdict {
    let short = secret.is_some_and(|secret| secret.len() < bytes);
    refuse_if(short && !config.client.insecure, || {
        format!(
            "{name} holds a secret shorter than {bytes} bytes; `trunkline init` makes good ones"
        )
    })
}

/// Letters, digits and a few signs: braces would change where a cluster keeps things, and patterns
/// what an ACL allows.
fn is_prefix(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=NAMESPACE_NAME_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

fn redis(config: &Config) -> Verdict {
    let redis = &config.redis;
    let chosen = config.storage.keeping() == Keeping::Redis;
    refuse_if(chosen && redis.urls.is_empty(), || {
        "storage.backend is \"redis\", and redis.urls names no server".into()
    })?;
    refuse_if(!is_prefix(&redis.prefix), || {
        "redis.prefix must be 1 to 64 letters, digits, `-`, `_`, `.` and `:`".into()
    })?;
    let copies = config.namespaces.iter().find(|namespace| namespace.replicas > 0);
    refuse_if(!chosen && copies.is_some(), || {
        let name = copies.map(|namespace| namespace.name.as_str()).unwrap_or_default();
        format!(
            "namespaces {name:?} wants replicas, which only the Redis backend has: set \
             storage.backend = \"redis\", or replicas = 0"
        )
    })
}

fn times(config: &Config) -> Verdict {
    let (server, limits) = (&config.server, &config.limits);
    refuse_if(server.shutdown_spread_ms > server.shutdown_deadline_ms, || {
        "server.shutdown_spread must not be longer than server.shutdown_deadline".into()
    })?;
    refuse_if(limits.pong_ms >= limits.ping_ms, || {
        "limits.pong must be shorter than limits.ping".into()
    })
}

fn sizes(config: &Config) -> Verdict {
    let limits = &config.limits;
    refuse_if(limits.outbound_bytes < limits.message_bytes, || {
        "limits.outbound_bytes must not be less than limits.message_bytes: one message would end \
         its receivers"
            .into()
    })
}

fn namespaces(config: &Config) -> Verdict {
    let mut names = HashSet::new();
    for namespace in &config.namespaces {
        let name = &namespace.name;
        refuse_if(!is_namespace_name(name), || {
            format!(
                "namespaces: {name:?} is no name of a namespace; use 1 to {NAMESPACE_NAME_BYTES} \
                 letters, digits, `-`, `_` or `.`, or none for channels without `:`"
            )
        })?;
        refuse_if(!names.insert(name), || format!("namespaces: {name:?} is configured twice"))?;
        options(namespace).map_err(|problem| format!("namespaces: {name:?} {problem}"))?;
    }
    Ok(())
}

fn is_namespace_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.len() <= NAMESPACE_NAME_BYTES && name.bytes().all(allowed)
}

fn options(namespace: &Namespace) -> Verdict {
    let options = &namespace.options;
    refuse_if(options.recovery && namespace.history_size == 0, || {
        "has recovery without history: set history_size".into()
    })?;
    refuse_if(options.positioning && namespace.history_size == 0, || {
        "has positioning without history: set history_size".into()
    })?;
    refuse_if(options.delta && !options.recovery && !options.positioning, || {
        "has delta without recovery or positioning: set one of them".into()
    })?;
    refuse_if(options.force_push_join_leave && !options.join_leave, || {
        "has force_push_join_leave without join_leave".into()
    })?;
    refuse_if(options.debounce_ms > 0 && !options.join_leave, || {
        "has join_leave_debounce without join_leave".into()
    })?;
    for (what, access) in [
        ("subscribe", options.subscribe),
        ("publish", options.publish),
        ("history", options.history),
        ("presence", options.read_presence),
    ] {
        let Access { client, subscriber, anonymous } = access;
        refuse_if(anonymous && !client && !subscriber, || {
            format!(
                "has allow_{what}_for_anonymous, which says nothing by itself: set \
                 allow_{what}_for_client too"
            )
        })?;
    }
    Ok(())
}

fn redelivery(config: &Config) -> Verdict {
    let Inbox { enabled, ttl_ms, redeliver_ms, .. } = config.inbox;
    if redeliver_ms == 0 {
        return Ok(());
    }
    refuse_if(!enabled, || "inbox.redeliver_after wants inbox.enabled = true".into())?;
    refuse_if(redeliver_ms < 1_000, || {
        "inbox.redeliver_after has to be 0s or at least 1s: people are slower than that".into()
    })?;
    refuse_if(redeliver_ms >= ttl_ms, || {
        "inbox.redeliver_after has to be shorter than inbox.ttl: nothing would be left by then"
            .into()
    })
}

/// Routes of one node at most: each is looked after by itself.
const ROUTES: usize = 256;

fn routes(config: &Config) -> Verdict {
    let routes = &config.routes;
    refuse_if(!routes.is_empty() && !config.inbox.enabled, || {
        "routes want inbox.enabled = true: they lead into inboxes".into()
    })?;
    refuse_if(routes.len() > ROUTES, || format!("routes: there may be {ROUTES} at most"))?;
    let namespaces = config.namespaces();
    let mut seen = HashSet::new();
    for route in routes {
        let name = &route.channel;
        let channel = ChannelName::parse(name)
            .map_err(|_| format!("routes: {name:?} cannot be the name of a channel"))?;
        refuse_if(channel.is_personal(), || format!("routes: {name:?} is an inbox itself"))?;
        refuse_if(!seen.insert(name), || format!("routes: {name:?} has two"))?;
        refuse_if(route.user_field.is_empty(), || {
            format!("routes: {name:?} has an empty user_field")
        })?;
        if route.is_foreign() {
            refuse_if(config.storage.keeping() != Keeping::Redis, || {
                format!("routes: {name:?} has source = \"pubsub\", which wants Redis")
            })?;
            continue;
        }
        let keeps = namespaces.options(&channel).is_some_and(|options| options.retention.is_some());
        refuse_if(!keeps, || {
            format!("routes: the namespace of {name:?} wants history_size: what it keeps is routed")
        })?;
    }
    Ok(())
}

fn rooms(config: &Config) -> Verdict {
    let rooms = config.namespaces.iter().find(|namespace| namespace.name == "rooms");
    let silent = rooms.is_some_and(|namespace| !namespace.options.join_leave);
    refuse_if(config.rooms.enabled && silent, || {
        "rooms.enabled wants join_leave = true in the namespace \"rooms\"".into()
    })
}

fn callbacks(config: &Config) -> Verdict {
    let asks = &config.callbacks;
    for namespace in &config.namespaces {
        let (name, options) = (&namespace.name, &namespace.options);
        for (wanted, what, url) in [
            (options.asks_subscribe, "subscribe", &asks.subscribe_url),
            (options.asks_publish, "publish", &asks.publish_url),
        ] {
            refuse_if(wanted && url.is_none(), || {
                format!("namespaces: {name:?} has {what}_callback without callbacks.{what}_url")
            })?;
        }
    }
    let is_field = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    for name in &asks.headers {
        refuse_if(!is_field(name), || {
            format!("callbacks.headers: {name:?} names no header field")
        })?;
        let own = OF_ONE_REQUEST.iter().any(|field| field.eq_ignore_ascii_case(name));
        refuse_if(own, || {
            format!(
                "callbacks.headers: {name:?} says how the client's own request is sent, and would \
                 be wrong in the node's"
            )
        })?;
    }
    Ok(())
}

/// Refuses with `problem` what is `broken`.
pub(crate) fn refuse_if(broken: bool, problem: impl FnOnce() -> String) -> Verdict {
    if broken { Err(problem()) } else { Ok(()) }
}
