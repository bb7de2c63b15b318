//! The table of all metrics: name, meaning, and where the number comes from.

use std::time::Duration;

use crate::counter::{Counter, Gauge};
use crate::label::{ApiMethod, ApiOutcome, Closed, Gap, Label, Protocol, Refused, UpgradeFailure};
use crate::metrics::{NodeCounters, NodeGauges, ShardCounters};

/// All that is known when somebody looks.
pub(crate) struct Reading<'a> {
    pub(crate) shards: &'a [ShardCounters],
    pub(crate) node: &'a NodeCounters,
    pub(crate) gauges: NodeGauges,
    pub(crate) uptime: Duration,
}

/// One metric.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// One line, without backslashes or line breaks.
    pub(crate) help: &'static str,
    pub(crate) source: Source,
}

/// Where a metric's number comes from.
pub(crate) enum Source {
    /// A gauge of every shard, summed.
    Gauge(fn(&ShardCounters) -> &Gauge),
    /// A counter of every shard, summed.
    Counter(fn(&ShardCounters) -> &Counter),
    /// Counters of every shard, summed for each value of a label.
    ByLabel {
        label: &'static str,
        values: &'static [&'static str],
        counters: fn(&ShardCounters) -> &[Counter],
    },
    /// A counter of the node.
    Node(fn(&NodeCounters) -> u64),
    /// Requests of the server API, by method and outcome.
    ApiRequests,
    /// Something that is known now.
    Now(fn(&Reading<'_>) -> f64),
    /// The number 1 with the version of the program as label.
    Build,
}

const fn by_label<L: Label>(counters: fn(&ShardCounters) -> &[Counter]) -> Source {
    Source::ByLabel { label: L::NAME, values: L::VALUES, counters }
}

pub(crate) const CATALOGUE: &[Metric] = &[
    Metric {
        name: "trunkline_build_info",
        help: "The version that runs; always 1.",
        source: Source::Build,
    },
    Metric {
        name: "trunkline_uptime_seconds",
        help: "Seconds since the node started.",
        source: Source::Now(|reading| reading.uptime.as_secs_f64()),
    },
    Metric {
        name: "trunkline_connections",
        help: "Connections held, those that still shake hands included.",
        source: Source::Gauge(|shard| &shard.connections),
    },
    Metric {
        name: "trunkline_connections_total",
        help: "Clients that connected, by protocol.",
        source: by_label::<Protocol>(|shard| shard.connected.all()),
    },
    Metric {
        name: "trunkline_subscriptions",
        help: "Subscriptions held by connections.",
        source: Source::Gauge(|shard| &shard.subscriptions),
    },
    Metric {
        name: "trunkline_channels",
        help: "Channels with a subscriber on this node.",
        source: Source::Now(|reading| reading.gauges.channels as f64),
    },
    Metric {
        name: "trunkline_users",
        help: "Users with a connection on this node; anonymous ones do not count.",
        source: Source::Now(|reading| reading.gauges.users as f64),
    },
    Metric {
        name: "trunkline_messages_in_total",
        help: "Commands received from clients.",
        source: Source::Counter(|shard| &shard.messages_in),
    },
    Metric {
        name: "trunkline_publications_total",
        help: "Publications accepted, from clients and from the server API.",
        source: Source::Node(|node| node.publications.get()),
    },
    Metric {
        name: "trunkline_shard_messages_total",
        help: "Publications, joins and leaves encoded for subscribers, counted once per shard.",
        source: Source::Counter(|shard| &shard.shard_messages),
    },
    Metric {
        name: "trunkline_deliveries_total",
        help: "Publications, joins and leaves handed to connections, counted once per connection.",
        source: Source::Counter(|shard| &shard.deliveries),
    },
    Metric {
        name: "trunkline_bytes_out_total",
        help: "Bytes written to sockets of clients, before TLS.",
        source: Source::Counter(|shard| &shard.bytes_out),
    },
    Metric {
        name: "trunkline_disconnects_total",
        help: "Connections the node closed, by reason.",
        source: by_label::<Closed>(|shard| shard.disconnects.all()),
    },
    Metric {
        name: "trunkline_slow_closes_total",
        help: "Connections closed because more waited for them than limits.outbound_bytes, or for longer than limits.lag.",
        source: Source::Counter(|shard| &shard.slow_closes),
    },
    Metric {
        name: "trunkline_parked_total",
        help: "Times a subscription with positions stood aside, to be given its stream from history once its client had read what waited.",
        source: Source::Counter(|shard| &shard.parked),
    },
    Metric {
        name: "trunkline_gaps_total",
        help: "Subscribers that were told that they missed publications, by reason.",
        source: by_label::<Gap>(|shard| shard.gaps.all()),
    },
    Metric {
        name: "trunkline_messages_dropped_total",
        help: "Publications dropped for a client that did not read fast enough, in namespaces that say so.",
        source: Source::Counter(|shard| &shard.messages_dropped),
    },
    Metric {
        name: "trunkline_refused_total",
        help: "Connections refused on arrival, by reason.",
        source: by_label::<Refused>(|shard| shard.refused.all()),
    },
    Metric {
        name: "trunkline_upgrade_errors_total",
        help: "Requests at client endpoints that did not become connections, by reason.",
        source: by_label::<UpgradeFailure>(|shard| shard.upgrade_errors.all()),
    },
    Metric {
        name: "trunkline_api_requests_total",
        help: "Requests of the server API, by method and outcome.",
        source: Source::ApiRequests,
    },
    Metric {
        name: "trunkline_routed_total",
        help: "Publications of routed channels that this node put into inboxes.",
        source: Source::Node(|node| node.routed.get()),
    },
    Metric {
        name: "trunkline_route_misfits_total",
        help: "Publications of routed channels that name no user, or carry nothing for them; they were passed over.",
        source: Source::Node(|node| node.route_misfits.get()),
    },
    Metric {
        name: "trunkline_route_gone_total",
        help: "Publications of routed channels that were trimmed or lost before they were routed, or found no room in an inbox. A stream that was lost as a whole counts once more.",
        source: Source::Node(|node| node.route_gone.get()),
    },
    Metric {
        name: "trunkline_inbox_dropped_total",
        help: "Messages dropped from inboxes unread, for age or for lack of room; counted when the user next acknowledges something.",
        source: Source::Node(|node| node.inbox_dropped.get()),
    },
    Metric {
        name: "trunkline_inbox_redelivered_total",
        help: "Messages of inboxes that this node sent once more, as nobody had acknowledged them (`inbox.redeliver_after`).",
        source: Source::Node(|node| node.inbox_redelivered.get()),
    },
    Metric {
        name: "trunkline_peers",
        help: "Other nodes that this one has heard of lately.",
        source: Source::Now(|reading| reading.gauges.peers as f64),
    },
    Metric {
        name: "trunkline_signals_sent_total",
        help: "What this node told other nodes beside publications; once, however many hear it.",
        source: Source::Node(|node| node.signals_sent.get()),
    },
    Metric {
        name: "trunkline_signals_received_total",
        help: "What other nodes told this one beside publications.",
        source: Source::Node(|node| node.signals_received.get()),
    },
    Metric {
        name: "trunkline_line_readings_total",
        help: "Streams this node read from the broker because it may have missed something of them.",
        source: Source::Node(|node| node.line_readings.get()),
    },
    Metric {
        name: "trunkline_line_doubts_total",
        help: "Times the subscribers of a channel had to look for themselves what they had missed.",
        source: Source::Node(|node| node.line_doubts.get()),
    },
    Metric {
        name: "trunkline_recalls_total",
        help: "Subscriptions and recoveries served from what the node remembers of a stream.",
        source: Source::Node(|node| node.recalls.get()),
    },
    Metric {
        name: "trunkline_surveys_timed_out_total",
        help: "Questions to all nodes that were answered without the nodes that kept silent.",
        source: Source::Node(|node| node.surveys_timed_out.get()),
    },
    Metric {
        name: "trunkline_schedules_fired_total",
        help: "Schedules this node has published.",
        source: Source::Node(|node| node.schedules_fired.get()),
    },
    Metric {
        name: "trunkline_schedules_late_total",
        help: "Schedules this node has dropped because they were later than they may be.",
        source: Source::Node(|node| node.schedules_late.get()),
    },
    Metric {
        name: "trunkline_schedules_bad_total",
        help: "Schedules this node has removed because nobody can read them, or their namespace is gone.",
        source: Source::Node(|node| node.schedules_bad.get()),
    },
    Metric {
        name: "trunkline_webhook_events_total",
        help: "Events for webhooks that this node has put into the outbox.",
        source: Source::Node(|node| node.webhook_events.get()),
    },
    Metric {
        name: "trunkline_webhook_events_lost_total",
        help: "Events for webhooks that this node could not put into the outbox; receivers are told.",
        source: Source::Node(|node| node.webhook_events_lost.get()),
    },
    Metric {
        name: "trunkline_webhook_waiting",
        help: "Events for webhooks that wait in this node's memory for the outbox.",
        source: Source::Now(|reading| reading.node.webhook_waiting.get() as f64),
    },
    Metric {
        name: "trunkline_webhook_deliveries_total",
        help: "Batches of events that receivers of webhooks have accepted from this node.",
        source: Source::Node(|node| node.webhook_deliveries.get()),
    },
    Metric {
        name: "trunkline_webhook_failures_total",
        help: "Attempts of this node to hand a batch of events to the receiver of a webhook that failed.",
        source: Source::Node(|node| node.webhook_failures.get()),
    },
    Metric {
        name: "trunkline_webhook_dead_letters_total",
        help: "Batches of events that this node has tried for webhooks.retry_for and given up.",
        source: Source::Node(|node| node.webhook_dead_letters.get()),
    },
    Metric {
        name: "trunkline_clock_off_seconds",
        help: "By how much this node's clock differs from that of the backend, at least.",
        source: Source::Now(|reading| reading.gauges.clock_off_ms as f64 / 1_000.0),
    },
    Metric {
        name: "trunkline_exits_held",
        help: "Users that have left a channel and may still come back before anybody hears of it.",
        source: Source::Now(|reading| reading.gauges.exits_held as f64),
    },
];

impl Metric {
    /// The type, as Prometheus names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.source {
            Source::Gauge(_) | Source::Now(_) | Source::Build => "gauge",
            Source::Counter(_) | Source::ByLabel { .. } | Source::Node(_) | Source::ApiRequests => {
                "counter"
            }
        }
    }

    /// Each label with the values it may take.
    pub(crate) fn labels(&self) -> Vec<(&'static str, &'static [&'static str])> {
        match self.source {
            Source::ByLabel { label, values, .. } => vec![(label, values)],
            Source::ApiRequests => {
                vec![(ApiMethod::NAME, ApiMethod::VALUES), (ApiOutcome::NAME, ApiOutcome::VALUES)]
            }
            Source::Build => vec![("version", &[])],
            _ => vec![],
        }
    }
}
