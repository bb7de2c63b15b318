//! Routes, between the node and what drives them here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use trunkline_backend_redis::Hearer;
use trunkline_config::Config;
use trunkline_core::channel::{ChannelName, ChannelNameError};
use trunkline_node::Node;
use trunkline_node::routes::{Route, Routes, Source, Trouble};

use super::storage::Storage;
use super::ticks_since;

/// How often routes are looked after though nothing woke them.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a node that ends waits until others can pass on what is said in the broker. They can
/// without its help after three seconds.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// The routes of this node, if it has any.
#[derive(Clone)]
pub(super) struct Routing(Option<(Arc<Routes>, Arc<Notify>)>);

impl Routing {
    /// Begins to listen. Time began at `started`.
    pub(super) fn start(
        config: &Config,
        node: &Arc<Node>,
        storage: &Storage,
        started: Instant,
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
                    routes.take_in(&channel, said, ticks_since(started));
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

    /// The node ends: leaves what is said in the broker to others.
    pub(super) async fn leave(&self, node: &Arc<Node>) {
        let held = self.0.iter().flat_map(|(routes, _)| routes.leave());
        let given_back: Vec<_> = held
            .map(|job| {
                let (done, is_done) = oneshot::channel();
                let told = move |()| {
                    let _ = done.send(()); // Whoever waits may have had enough.
                };
                node.release(&job, Box::new(told));
                is_done
            })
            .collect();
        let all = async {
            for is_done in given_back {
                let _ = is_done.await;
            }
        };
        // What was not given back ends by itself.
        let _ = tokio::time::timeout(LEAVE_WITHIN, all).await;
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
        Trouble::NoRoom(messages) => tracing::warn!(
            channel,
            messages,
            "messages found no room in inboxes: as many notes are kept as there may be"
        ),
        Trouble::Stuck(error) => tracing::warn!(
            channel,
            %error,
            "the route cannot be carried out now; it is tried again"
        ),
    }
}
