//! Where settings come from, which one holds, and what becomes of them.

mod support;

use support::{complaint, environment, file, load, written};
use trunkline_auth::Secret;
use trunkline_config::{Config, Keeping, Listen, Outbox, Overrides};
use trunkline_core::channel::ChannelName;
use trunkline_core::gate::Policy;
use trunkline_core::namespace::{Access, Overflow, RecoveryMode, Retention};
use trunkline_telemetry::LogFormat;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A file that lets anonymous clients in, and some more of it.
fn open(more: &str) -> String {
    format!("client.anonymous = true\n{more}")
}

#[test]
fn without_anything_said_the_defaults_hold() {
    let config = file(&open("")).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:9000");
    assert_eq!(config.limits, trunkline_core::limits::Limits::default());
    assert_eq!(config.policy(), Policy { anonymous: true, ..Policy::default() });
    assert!(!config.client.page && !config.rooms.enabled && config.api.keys.is_empty());
    assert_eq!((config.log.format(), config.log.level), (LogFormat::Text, "info"));
    assert_eq!(
        (config.server.shutdown_spread_ms, config.server.shutdown_deadline_ms),
        (5_000, 30_000)
    );
    assert_eq!(config.server.shutdown_delay_ms, 0, "nobody waits who has not asked for it");
}

#[test]
fn every_kind_of_value_is_read() {
    let config = file(
        r#"
        [server]
        listen = "unix:/run/trunkline.sock"
        threads = 4
        shutdown_delay = "7s"
        shutdown_spread = "500ms"
        tls = { cert_file = "cert.pem", key_file = "key.pem" }
        [client]
        anonymous = true
        allowed_origins = ["https://a.example", "http://localhost:3000"]
        [limits]
        frame_bytes = 0x1000
        message_bytes = "1MiB"
        ping = "1m"
        [log]
        format = "json"
        level = "debug"
        "#,
    )
    .unwrap();
    assert_eq!(config.server.listen, Listen::Unix("/run/trunkline.sock".into()));
    assert_eq!((config.server.threads, config.server.shutdown_spread_ms), (4, 500));
    assert_eq!(config.server.shutdown_delay_ms, 7_000);
    let (cert, key) = config.server.tls.files().unwrap();
    assert_eq!((cert.to_str(), key.to_str()), (Some("cert.pem"), Some("key.pem")));
    assert_eq!(config.client.allowed_origins, ["https://a.example", "http://localhost:3000"]);
    assert_eq!((config.limits.frame_bytes, config.limits.message_bytes), (4096, 1 << 20));
    assert_eq!(config.limits.ping_ms, 60_000);
    assert_eq!((config.log.format(), config.log.level), (LogFormat::Json, "debug"));
}

#[test]
fn the_environment_holds_over_the_file_and_flags_over_both() {
    let text = open(
        r#"
        [server]
        listen = "127.0.0.1:1"
        admin_listen = "127.0.0.1:2"
        [log]
        level = "warn"
        "#,
    );
    let variables = [
        ("TRUNKLINE_SERVER__LISTEN", "127.0.0.1:3"),
        ("TRUNKLINE_SERVER__ADMIN_LISTEN", "[::1]:4"),
    ];
    let flags = Overrides {
        listen: Some("127.0.0.1:5".into()),
        api_key: Some("a-key,-with-a-comma".into()),
        log_format: Some("json".into()),
        ..Overrides::default()
    };
    let config = load(&text, &variables, &flags).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:5");
    assert_eq!(config.server.admin_listen.to_string(), "[::1]:4");
    assert_eq!(config.log.level, "warn");
    assert_eq!(config.log.format(), LogFormat::Json);
    assert_eq!(config.api.keys[0].expose(), "a-key,-with-a-comma");
}

#[test]
fn variables_say_what_the_file_could() {
    let config = environment(&[
        ("TRUNKLINE_CLIENT__COMPRESSION", "true"),
        ("TRUNKLINE_SERVER__THREADS", "2"),
        ("TRUNKLINE_SERVER__TLS__CERT_FILE", "c.pem"),
        ("TRUNKLINE_SERVER__TLS__KEY_FILE", "k.pem"),
        ("TRUNKLINE_LIMITS__PING", "30s"),
        ("TRUNKLINE_LIMITS__FRAME_BYTES", "2048"),
        ("TRUNKLINE_LIMITS__MESSAGE_BYTES", "128KiB"),
        ("TRUNKLINE_TOKEN__HMAC_SECRET", SECRET),
        ("TRUNKLINE_API__KEYS", "first-key-of-sixteen, second-key-of-sixteen"),
        ("TRUNKLINE_CLIENT__ALLOWED_ORIGINS", r#"["https://a.example", "https://b.example"]"#),
    ])
    .unwrap();
    assert!(config.client.compression && config.server.tls.files().is_some());
    assert_eq!(config.server.threads, 2);
    assert_eq!(config.limits.ping_ms, 30_000);
    assert_eq!((config.limits.frame_bytes, config.limits.message_bytes), (2048, 128 * 1024));
    assert_eq!(config.token_keys().unwrap().hmac_secrets[0].expose(), SECRET);
    let keys: Vec<_> = config.api.keys.iter().map(Secret::expose).collect();
    assert_eq!(keys, ["first-key-of-sixteen", "second-key-of-sixteen"]);
    assert_eq!(config.client.allowed_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn variables_of_the_commands_and_of_others_are_left_alone() {
    let pairs = [
        ("TRUNKLINE_URL", "http://x"),
        ("TRUNKLINE_API_KEY", "x"),
        ("TRUNKLINE_TOKEN", "x"),
        ("OTHER__THING", "x"),
        ("MY_TRUNKLINE_CLIENT__ANONYMUS", "x"),
    ];
    assert!(environment(&pairs).is_ok());
}

#[test]
fn namespaces_become_options() {
    let config = file(&open(
        r#"
        [[namespaces]]
        name = ""
        presence = true
        [[namespaces]]
        name = "chat"
        join_leave = true
        force_push_join_leave = true
        recovery = true
        history_size = 50
        history_ttl = "1h"
        subscribers_per_channel = 50
        subscriptions = 2000
        allow_user_limited_channels = true
        allow_subscribe_for_client = true
        allow_subscribe_for_anonymous = true
        allow_publish_for_subscriber = true
        allow_history_for_client = true
        allow_presence_for_subscriber = true
        allow_presence_for_anonymous = true
        "#,
    ))
    .unwrap();
    let namespaces = config.namespaces();
    let options = |channel: &str| {
        namespaces.options(&ChannelName::parse(channel).unwrap()).map(|options| (**options).clone())
    };
    assert!(options("lobby").unwrap().presence);
    assert_eq!(options("other:lobby"), None);
    let chat = options("chat:lobby").unwrap();
    assert!(!chat.presence && chat.join_leave && chat.force_push_join_leave && chat.recovery);
    assert!(chat.user_limited && !chat.binary);
    assert_eq!((chat.subscribers_per_channel, chat.subscriptions), (50, 2000));
    assert!(chat.has_seats() && !options("lobby").unwrap().has_seats(), "none are counted");
    assert_eq!(chat.retention, Some(Retention { size: 50, ttl_ms: 3_600_000, bytes: 16 << 20 }));
    let access = |client, subscriber, anonymous| Access { client, subscriber, anonymous };
    assert_eq!(chat.subscribe, access(true, false, true));
    assert_eq!(chat.publish, access(false, true, false));
    assert_eq!(chat.history, access(true, false, false));
    assert_eq!(chat.read_presence, access(false, true, true));
}

#[test]
fn rooms_bring_their_namespace() {
    let rooms = ChannelName::parse("rooms:r").unwrap();
    let config = file(&open("[rooms]\nenabled = true")).unwrap();
    let namespaces = config.namespaces();
    let options = namespaces.options(&rooms).unwrap();
    assert!(options.presence && options.join_leave);
    assert!(options.subscribe.allows(false, false) && !options.subscribe.allows(true, false));
    assert!(options.publish.allows(false, true) && !options.publish.allows(true, true));
    assert!(file(&open("")).unwrap().namespaces().options(&rooms).is_none());

    let own = "[rooms]\nenabled = true\n[[namespaces]]\nname = \"rooms\"\njoin_leave = true";
    let config = file(&open(own)).unwrap();
    assert!(!config.namespaces().options(&rooms).unwrap().presence, "what is configured stays");
}

#[test]
fn webhooks_and_the_outbox_are_read() {
    let plain = |name: &str| {
        format!(
            "[[webhooks]]\nname = {name:?}\nurl = \"http://localhost:1/\"\nsecret = {SECRET:?}\n"
        )
    };
    let text = plain("first")
        + &plain("second")
        + r#"
        events = ["connected", "inbox_unread"]
        timeout = "100ms"
        retry_for = "30d"
        unread_after = "1m"
        [inbox]
        enabled = true
        [outbox]
        size = 10
        ttl = "1h"
        bytes = "1MiB"
        "#;
    let config = file(&open(&text)).unwrap();
    let [first, second] = &*config.webhooks else { panic!("two of them") };
    assert_eq!((&*first.name, &*first.url), ("first", "http://localhost:1/"));
    assert_eq!(first.secret.as_ref().map(Secret::expose), Some(SECRET));
    assert_eq!(
        (first.timeout_ms, first.retry_for_ms, first.unread_after_ms),
        (5_000, 86_400_000, 600_000)
    );
    assert!(first.events.iter().any(|event| event == "member_removed"));
    assert!(first.events.iter().all(|event| event != "inbox_unread"), "it is asked for");
    assert_eq!(second.events, ["connected", "inbox_unread"]);
    assert_eq!((second.timeout_ms, second.retry_for_ms), (100, 30 * 86_400_000));
    assert_eq!(second.unread_after_ms, 60_000);
    assert_eq!(config.outbox, Outbox { size: 10, ttl_ms: 3_600_000, bytes: 1 << 20 });

    let config = environment(&[("TRUNKLINE_OUTBOX__SIZE", "7")]).unwrap();
    assert!(config.webhooks.is_empty());
    assert_eq!(config.outbox, Outbox { size: 7, ..Outbox::default() });
    assert_eq!(
        Outbox::default(),
        Outbox { size: 1_000_000, ttl_ms: 604_800_000, bytes: 256 << 20 }
    );
}

#[test]
fn development_needs_nothing_and_opens_everything() {
    let config = Config::dev(std::iter::empty(), &Overrides::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(
        config.policy(),
        Policy { anonymous: true, insecure: true, inbox: true, ..Policy::default() }
    );
    assert!(config.client.page && config.rooms.enabled);
    assert!(
        config.api.keys[0].len() >= 32 && config.token_keys().unwrap().hmac_secrets[0].len() >= 32
    );
    let namespaces = config.namespaces();
    for name in ["lobby", "chat:lobby", "rooms:r", "any.thing:x"] {
        let options = namespaces.options(&ChannelName::parse(name).unwrap()).unwrap();
        assert!(options.presence && options.join_leave && options.recovery, "{name}");
        assert_eq!(
            options.retention,
            Some(Retention { size: 100, ttl_ms: 300_000, bytes: 16 << 20 }),
            "{name}"
        );
    }
    let other = Config::dev(std::iter::empty(), &Overrides::default()).unwrap();
    assert_ne!(config.api.keys, other.api.keys);
}

#[test]
fn development_heeds_flags_and_environment_but_stays_at_home() {
    let flags = Overrides { api_key: Some("short".into()), ..Overrides::default() };
    let pairs = [("TRUNKLINE_LIMITS__PING".to_owned(), "1m".to_owned())];
    let config = Config::dev(pairs.into_iter(), &flags).unwrap();
    assert_eq!((config.api.keys[0].expose(), config.limits.ping_ms), ("short", 60_000));

    let flags = Overrides { listen: Some("0.0.0.0:0".into()), ..Overrides::default() };
    let message = complaint(Config::dev(std::iter::empty(), &flags));
    assert!(message.contains("loopback"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_file_of_secrets_that_everyone_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let warned = |text: &str, mode| {
        let (_folder, path) = written(&open(text));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = Config::load(Some(&path), std::iter::empty(), &Overrides::default()).unwrap();
        let warnings: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
        warnings.join("\n")
    };
    let secret = format!("[token]\nhmac_secret = \"{SECRET}\"");
    assert!(warned(&secret, 0o644).contains("chmod 600"));
    let webhook =
        format!("[[webhooks]]\nname = \"a\"\nurl = \"http://localhost/\"\nsecret = {SECRET:?}");
    assert!(warned(&webhook, 0o644).contains("chmod 600"));
    assert!(!warned(&secret, 0o640).contains("chmod 600"));
    assert!(!warned("", 0o644).contains("chmod 600"));
    assert!(warned("", 0o600).contains("api.keys is empty"));
    assert!(warned("client.insecure = true", 0o600).contains("client.insecure is on"));
}

#[test]
fn what_does_nothing_is_warned_of() {
    let warned = |text: &str| -> Vec<String> {
        let config = file(&open(text)).unwrap();
        let all = config.warnings().iter().map(ToString::to_string);
        all.filter(|warning| warning.contains("has no effect")).collect()
    };
    let url = "\"https://app.example/\"";
    for (renewal, beginning) in [("refresh", "connect"), ("sub_refresh", "subscribe")] {
        let alone = format!("callbacks.{renewal}_url = {url}\n");
        let warning =
            format!("callbacks.{renewal}_url has no effect without callbacks.{beginning}_url");
        assert_eq!(warned(&alone), [warning]);
        assert!(warned(&format!("{alone}callbacks.{beginning}_url = {url}")).is_empty());
    }

    let socket = "server.listen = \"unix:/run/t.sock\"\n";
    for (setting, value) in [
        ("rates.address_connect", "\"1/s\""),
        ("rates.address_subscribe", "\"1/s\""),
        ("rates.address_publish", "\"1/s\""),
        ("rates.address_commands", "\"1/s\""),
        ("limits.connections_per_address", "1"),
    ] {
        let set = format!("{setting} = {value}\n");
        let warning =
            format!("{setting} has no effect without server.trusted_proxies on a Unix socket");
        assert_eq!(warned(&format!("{socket}{set}")), [warning]);
        // An address is known of who comes over TCP, or through a proxy that tells it.
        assert!(warned(&set).is_empty());
        assert!(warned(&format!("server.listen = \"systemd\"\n{set}")).is_empty());
        let proxied = format!("{socket}{set}server.trusted_proxies = [\"10.0.0.0/8\"]");
        assert!(warned(&proxied).is_empty());
    }
    assert!(warned(&format!("{socket}rates.user_connect = \"1/s\"")).is_empty());
}

#[test]
fn streams_are_kept_on_disk_unless_something_else_is_said() {
    let on_disk = |path: &str| Keeping::Embedded(path.into());
    let keeping = |more: &str| file(&open(more)).unwrap().storage.keeping();
    assert_eq!(keeping(""), on_disk("trunkline-data"));
    assert_eq!(keeping("storage.data_dir = \"/var/lib/t\""), on_disk("/var/lib/t"));
    assert_eq!(keeping("storage.backend = \"memory\""), Keeping::Memory);
    let flags = Overrides { data_dir: Some("here".into()), ..Overrides::default() };
    let memory = open("storage.backend = \"memory\"");
    assert_eq!(load(&memory, &[], &flags).unwrap().storage.keeping(), on_disk("here"));
    let dev = |flags: &Overrides| Config::dev(std::iter::empty(), flags).unwrap().storage.keeping();
    assert_eq!(dev(&Overrides::default()), Keeping::Memory);
    assert_eq!(dev(&flags), on_disk("here"));
}

#[test]
fn a_namespace_says_how_its_streams_are_kept_and_read() {
    let config = file(&open(
        "[[namespaces]]
        name = \"price\"
        history_size = 1
        history_bytes = \"1MiB\"
        recovery = true
        recovery_mode = \"cache\"
        recovery_limit = 7
        delivery = \"early\"
        delta = true
        [[namespaces]]
        name = \"cursor\"
        overflow = \"keep_latest\"",
    ))
    .unwrap();
    let namespaces = config.namespaces();
    let options = |name| namespaces.options(&ChannelName::parse(name).unwrap()).unwrap().clone();
    let price = options("price:x");
    assert_eq!(price.retention.unwrap().bytes, 1 << 20);
    assert_eq!((price.recovery_mode, price.recovery_limit), (RecoveryMode::Cache, 7));
    assert!(price.early && price.delta && price.has_positions());
    let cursor = options("cursor:x");
    assert_eq!(
        (cursor.overflow, cursor.recovery_mode),
        (Overflow::KeepLatest, RecoveryMode::Stream)
    );
    assert!(!cursor.early && !cursor.delta && !cursor.has_positions());
}
