//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};

use crate::catalogue::{Metric, Reading, Source};
use crate::label::{ApiMethod, ApiOutcome, Label};

impl Metric {
    /// Writes the metric with its comments.
    pub(crate) fn write(&self, reading: &Reading<'_>, out: &mut String) {
        let Self { name, help, source } = self;
        line(out, format_args!("# HELP {name} {help}"));
        line(out, format_args!("# TYPE {name} {}", self.kind()));
        let shards = reading.shards;
        match source {
            Source::Gauge(gauge) => {
                let sum: i64 = shards.iter().map(|shard| gauge(shard).get()).sum();
                line(out, format_args!("{name} {sum}"));
            }
            Source::Counter(counter) => {
                let sum: u64 = shards.iter().map(|shard| counter(shard).get()).sum();
                line(out, format_args!("{name} {sum}"));
            }
            Source::ByLabel { label, values, counters } => {
                for (index, value) in values.iter().enumerate() {
                    let sum: u64 = shards.iter().map(|shard| counters(shard)[index].get()).sum();
                    line(out, format_args!("{name}{{{label}=\"{value}\"}} {sum}"));
                }
            }
            Source::Node(counter) => line(out, format_args!("{name} {}", counter(reading.node))),
            Source::ApiRequests => {
                let (first, second) = (ApiMethod::NAME, ApiOutcome::NAME);
                for (method, outcome, sum) in reading.node.api_requests.pairs() {
                    let labels = format_args!("{first}=\"{method}\",{second}=\"{outcome}\"");
                    line(out, format_args!("{name}{{{labels}}} {sum}"));
                }
            }
            Source::Now(number) => line(out, format_args!("{name} {}", number(reading))),
            Source::Build => {
                let version = env!("CARGO_PKG_VERSION");
                line(out, format_args!("{name}{{version=\"{version}\"}} 1"));
            }
        }
    }
}

fn line(out: &mut String, text: impl Display) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "{text}");
}
