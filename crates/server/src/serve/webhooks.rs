//! Webhooks, from what the configuration says.

use std::sync::Arc;
use std::time::Duration;

use trunkline_auth::Secret;
use trunkline_config::{Config, Webhook};
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;
use trunkline_core::signal::NodeId;
use trunkline_node::Node;
use trunkline_node::inbox::InboxError;
use trunkline_telemetry::Metrics;
use trunkline_webhooks::{Inboxes, Kind, Options, Receiver, Signer, Unread, Webhooks, Wish};

use super::storage::Storage;

/// The webhooks of a node, if it has any.
///
/// # Errors
/// Says what is wrong with the configuration of one.
pub(super) fn open(
    config: &Config,
    node: &NodeId,
    storage: &Storage,
    metrics: &Arc<Metrics>,
) -> Result<Option<Arc<Webhooks>>, String> {
    let receivers = receivers(config)?;
    for receiver in receivers.iter().filter(|receiver| receiver.address.is_exposed()) {
        let (webhook, url) = (&receiver.name, &receiver.address);
        tracing::warn!(webhook, %url, "what clients do is told there without encryption");
    }
    let wants_unread =
        |webhook: &&Webhook| webhook.events.iter().any(|name| name == "inbox_unread");
    let unread_after_ms = config.webhooks.iter().find(wants_unread);
    Ok(Webhooks::new(Options {
        node: node.as_str().to_owned(),
        retention: Retention {
            size: config.outbox.size,
            ttl_ms: config.outbox.ttl_ms,
            bytes: config.outbox.bytes,
        },
        receivers,
        unread_after_ms: unread_after_ms.map_or(0, |webhook| webhook.unread_after_ms),
        backend: storage.backend(),
        notes: storage.notes(),
        metrics: Arc::clone(metrics),
    })
    .map(Arc::new))
}

/// Who is told what clients do.
///
/// # Errors
/// Says what is wrong with one.
pub(crate) fn receivers(config: &Config) -> Result<Vec<Receiver>, String> {
    config.webhooks.iter().map(receiver).collect()
}

fn receiver(webhook: &Webhook) -> Result<Receiver, String> {
    let Webhook { name, url, secret, events, channels, timeout_ms, retry_for_ms, .. } = webhook;
    let signer = Signer::new(secret.as_ref().map_or("", Secret::expose));
    let kind = |event: &String| {
        Kind::named(event).ok_or_else(|| format!("webhooks {name:?}: there is no event {event:?}"))
    };
    Ok(Receiver {
        name: name.clone(),
        address: url.parse().map_err(|error| format!("webhooks {name:?}: url: this is {error}"))?,
        signer: signer.map_err(|error| format!("webhooks {name:?}: secret: {error}"))?,
        wish: Wish {
            events: events.iter().map(kind).collect::<Result<_, _>>()?,
            channels: channels.clone(),
        },
        timeout: Duration::from_millis(*timeout_ms),
        retry_for_ms: *retry_for_ms,
    })
}

/// Looks into inboxes through the node.
pub(super) struct NodeInboxes(pub(super) Arc<Node>);

impl Inboxes for NodeInboxes {
    fn unread(
        &self,
        channel: &ChannelName,
        behind: u64,
        done: Completion<Result<Unread, BackendError>>,
    ) {
        let user = channel.user().unwrap_or_default().as_str().to_owned();
        let told = move |unread: Result<trunkline_node::inbox::Unread, InboxError>| {
            done(match unread {
                Ok(found) => Ok(Unread {
                    user,
                    count: found.inbox.unread(),
                    top: found.inbox.top(),
                    oldest: found.messages.first().map(|oldest| oldest.time),
                }),
                Err(InboxError::Backend(error)) => Err(error),
                Err(InboxError::Ack(_)) => Err(BackendError::Unavailable),
            });
        };
        self.0.unread(channel, (behind, 1), Box::new(told));
    }
}
