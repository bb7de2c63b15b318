//! What `/metrics` answers, read as strictly as Prometheus would.
#![expect(clippy::unwrap_used, reason = "an answer that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use trunkline_telemetry::{
    ApiMethod, ApiOutcome, Closed, Metrics, NodeGauges, Protocol, Refused, UpgradeFailure,
};

/// Reads the text format: every sample belongs to the family announced last, whose HELP and TYPE
/// came once and first.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut helped, mut family) = (String::new(), (String::new(), String::new()));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !help.contains('\\'), "{line}");
            assert!(families.insert(name.to_owned()), "{name} twice");
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped);
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(name, family.0, "{line}");
            assert!(name.starts_with("trunkline_"), "{line}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                check_labels(labels);
            }
            let value: f64 = value.parse().unwrap();
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} twice");
        }
    }
    samples
}

fn check_labels(labels: &str) {
    let inner = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    for pair in inner.split(',') {
        let (name, value) = pair.split_once('=').unwrap();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{labels}");
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        assert!(!value.contains(['"', '\\', '\n']), "{labels}");
    }
}

#[test]
fn a_fresh_node_shows_every_series_at_zero() {
    let samples = parse(&Metrics::new(2).render(&NodeGauges::default()));
    for (series, value) in &samples {
        let moves = series.starts_with("trunkline_uptime") || series.starts_with("trunkline_build");
        assert!(moves || *value == 0.0, "{series} {value}");
    }
    assert!(samples.contains_key("trunkline_disconnects_total{reason=\"slow\"}"));
    assert!(
        samples.contains_key("trunkline_api_requests_total{method=\"publish\",outcome=\"ok\"}")
    );
}

#[test]
fn shards_are_summed() {
    let metrics = Metrics::new(3);
    thread::scope(|scope| {
        for index in 0..3 {
            let shard = metrics.shard(index);
            let node = &metrics.node;
            scope.spawn(move || {
                for _ in 0..1000 {
                    shard.connections.add(3);
                    shard.connections.add(-2);
                    shard.connected.add(Protocol::Plain, 1);
                    shard.subscriptions.add(4);
                    shard.messages_in.add(2);
                    shard.shard_messages.add(3);
                    shard.deliveries.add(5);
                    shard.bytes_out.add(600);
                    shard.disconnects.add(Closed::Custom, 1);
                    shard.slow_closes.add(1);
                    shard.refused.add(Refused::Tls, 2);
                    shard.upgrade_errors.add(UpgradeFailure::Origin, 1);
                    node.publications.add(1);
                    node.signals_sent.add(1);
                    node.signals_received.add(2);
                    node.surveys_timed_out.add(3);
                    node.webhook_events.add(4);
                    node.webhook_dead_letters.add(1);
                    node.webhook_waiting.add(3);
                    node.webhook_waiting.add(-1);
                    node.api_requests.count(ApiMethod::Unknown, ApiOutcome::Unauthorized);
                }
            });
        }
    });
    let samples = parse(&metrics.render(&NodeGauges {
        channels: 7,
        users: 8,
        peers: 2,
        exits_held: 9,
        clock_off_ms: 1_500,
    }));
    for (series, value) in [
        ("connections", 3000.0),
        ("connections_total{protocol=\"plain\"}", 3000.0),
        ("connections_total{protocol=\"rooms\"}", 0.0),
        ("subscriptions", 12_000.0),
        ("messages_in_total", 6000.0),
        ("shard_messages_total", 9000.0),
        ("deliveries_total", 15_000.0),
        ("bytes_out_total", 1_800_000.0),
        ("disconnects_total{reason=\"custom\"}", 3000.0),
        ("disconnects_total{reason=\"permission_denied\"}", 0.0),
        ("slow_closes_total", 3000.0),
        ("refused_total{reason=\"tls\"}", 6000.0),
        ("upgrade_errors_total{reason=\"origin\"}", 3000.0),
        ("publications_total", 3000.0),
        ("signals_sent_total", 3000.0),
        ("signals_received_total", 6000.0),
        ("surveys_timed_out_total", 9000.0),
        ("webhook_events_total", 12_000.0),
        ("webhook_dead_letters_total", 3000.0),
        ("webhook_deliveries_total", 0.0),
        ("webhook_waiting", 6000.0),
        ("peers", 2.0),
        ("exits_held", 9.0),
        ("api_requests_total{method=\"unknown\",outcome=\"unauthorized\"}", 3000.0),
        ("channels", 7.0),
        ("users", 8.0),
    ] {
        assert_eq!(samples.get(&format!("trunkline_{series}")), Some(&value), "{series}");
    }
}
