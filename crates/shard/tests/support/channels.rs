//! The namespaces of a test node.

use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::{Access, ChannelOptions, Namespaces, Overflow, Retention};

/// Publications a channel of `brief` keeps.
pub(crate) const BRIEF: usize = 20;

/// Subscriptions a channel of `few` may have, and all its channels together.
pub(crate) const FEW: (usize, usize) = (2, 3);

/// Milliseconds in which a user may come back to a channel of `held`.
pub(crate) const HELD_MS: u64 = 5_000;

/// What everybody may do, and nothing is kept.
fn open() -> ChannelOptions {
    ChannelOptions {
        subscribe: Access::ALL,
        publish: Access::ALL,
        history: Access::ALL,
        read_presence: Access::ALL,
        ..ChannelOptions::default()
    }
}

/// Channels without a namespace keep nothing. Those of `kept` have history and positions, those of
/// `met` presence, joins and leaves, and those of `both` all of it. In `held`, which is like `met`,
/// users may come back within [`HELD_MS`]. `brief` is like `both` and keeps
/// little, `drawn` like `kept` with differences. `few` is like `kept` and has only [`FEW`] seats. Of `lossy` and `latest` publications are dropped
/// rather than a slow reader.
pub(crate) fn namespaces() -> Namespaces {
    let retention = Some(Retention { size: 20_000, ttl_ms: 600_000, bytes: 16 << 20 });
    let kept = ChannelOptions { retention, recovery: true, ..open() };
    let met = ChannelOptions { presence: true, join_leave: true, ..open() };
    let held = ChannelOptions { debounce_ms: HELD_MS, ..met.clone() };
    let both = ChannelOptions { presence: true, join_leave: true, ..kept.clone() };
    let brief = Some(Retention { size: BRIEF, ttl_ms: 600_000, bytes: 16 << 20 });
    let brief = ChannelOptions { retention: brief, ..both.clone() };
    let drawn = ChannelOptions { delta: true, ..kept.clone() };
    let (subscribers_per_channel, subscriptions) = FEW;
    let few = ChannelOptions { subscribers_per_channel, subscriptions, ..kept.clone() };
    let dropping = |overflow| ChannelOptions { overflow, ..open() };
    let mut namespaces = Namespaces::new(Some(open()));
    namespaces.insert("few", few);
    namespaces.insert("kept", kept);
    namespaces.insert("met", met);
    namespaces.insert("held", held);
    namespaces.insert("both", both);
    namespaces.insert("brief", brief);
    namespaces.insert("drawn", drawn);
    namespaces.insert("lossy", dropping(Overflow::DropOldest));
    namespaces.insert("latest", dropping(Overflow::KeepLatest));
    namespaces
}

/// A channel's name.
#[track_caller]
pub(crate) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).expect("a good name")
}
