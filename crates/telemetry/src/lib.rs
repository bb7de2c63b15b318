//! What a node tells its operators: metrics and logs.
//!
//! Every metric there is stands in one table (`catalogue`), from which both the answer of
//! `/metrics` and the reference in `docs/metrics.md` are made. Nobody is asked for a lock to
//! count: each shard owns [`ShardCounters`], adds to them once per turn of its loop, and
//! [`Metrics::render`] sums over the shards when somebody looks. What has no shard to belong to
//! is in [`NodeCounters`]. [`init_logging`] sets up the log.

mod api_requests;
mod catalogue;
mod counter;
mod exposition;
mod label;
mod logging;
mod metrics;
mod reference;

pub use api_requests::ApiRequests;
pub use counter::{ByLabel, Counter, Gauge, SharedCounter, SharedGauge};
pub use label::{ApiMethod, ApiOutcome, Closed, Gap, Label, Protocol, Refused, UpgradeFailure};
pub use logging::{LogFormat, LoggingError, init_logging};
pub use metrics::{CONTENT_TYPE, Metrics, NodeCounters, NodeGauges, ShardCounters};
pub use reference::reference;
