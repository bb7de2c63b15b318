//! The reference of all metrics, as kept in `docs/metrics.md`.

use crate::catalogue::CATALOGUE;

const INTRODUCTION: &str = "\
# Metrics

The admin listener answers `GET /metrics` in the Prometheus text format. Counters start at 0 with
the process. No label takes a value that a client could choose.

This page is generated from the table of metrics in `trunkline-telemetry`; after a change there,
`UPDATE_DOCS=1 cargo test -p trunkline-telemetry` writes it anew.

| metric | type | labels | meaning |
|---|---|---|---|
";

/// The text of `docs/metrics.md`.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    for metric in CATALOGUE {
        let labels: Vec<_> = metric.labels().iter().map(|(name, _)| format!("`{name}`")).collect();
        let (name, kind, help) = (metric.name, metric.kind(), metric.help);
        out += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    out += "\n## Values of labels\n\n| metric | label | values |\n|---|---|---|\n";
    for metric in CATALOGUE {
        for (label, values) in metric.labels() {
            if values.is_empty() {
                continue;
            }
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            out += &format!("| `{}` | `{label}` | {} |\n", metric.name, values.join(", "));
        }
    }
    out
}
