//! Routes, between the node and what drives them here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use trunkline_backend_redis::Hearer;
use trunkline_config::Config;
use trunkline_core::channel::{ChannelName, ChannelNameError};
use trunkline_node::Node;
use trunkline_node::routes::{Route, Routes, Source, Trouble};

use super::storage::Storage;
use super::ticks_since;

/// How often routes are looked after though nothing woke them.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The routes of this node, if it has any.
pub(super) struct Routing(Option<(Arc<Routes>, Arc<Notify>)>);

impl Routing {
    /// Begins to listen.
    pub(super) fn start(
        config: &Config,
        node: &Arc<Node>,
        storage: &Storage,
    ) -> Result<Self, ChannelNameError> {
        if config.routes.is_empty() {
            return Ok(Self(None));
        }
        let route = |route: &trunkline_config::Route| {
            Ok(Route {
                channel: ChannelName::parse(&route.channel)?,
                source: if route.is_foreign() { Source::Foreign } else { Source::Stream },
                address: trunkline_api::address(&route.user_field, route.data_field.as_deref()),
            })
        };
        let routes = config.routes.iter().map(route).collect::<Result<Vec<_>, _>>()?;
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        let routes =
            Routes::start(node, routes, Box::new(tell), Arc::new(move || woken.notify_one()));
        let foreign = config.routes.iter().filter(|route| route.is_foreign());
        let names: Vec<String> = foreign.map(|route| route.channel.clone()).collect();
        if !names.is_empty() {
            let routes = Arc::clone(&routes);
            let told: Hearer = Arc::new(move |name, said| {
                if let Ok(channel) = ChannelName::parse(name) {
                    routes.take_in(&channel, said);
                }
            });
            storage.hear_foreign(names, &told);
        }
        Ok(Self(Some((routes, wake))))
    }

    /// Carries routes out, for as long as the node runs. Time began at `started`.
    pub(super) async fn work(self, started: Instant) {
        let Some((routes, wake)) = self.0 else { return };
        loop {
            routes.work(ticks_since(started));
            // Either way there may be something to do.
            let _ = tokio::time::timeout(LOOK_EVERY, wake.notified()).await;
        }
    }
}

fn tell(channel: &ChannelName, trouble: Trouble) {
    let channel = channel.as_str();
    match trouble {
        Trouble::Gone(gone) => tracing::warn!(
            channel,
            reason = ?gone.reason,
            publications = gone.publications,
            "publications were gone before they were routed"
        ),
        Trouble::Stuck(error) => tracing::warn!(
            channel,
            %error,
            "the route cannot be carried out now; it is tried again"
        ),
    }
}
