//! A node, as far as webhooks know one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::namespace::Retention;
use trunkline_core::observer::{Happening, Membership, Parting};
use trunkline_core::time::WallTime;
use trunkline_outgoing::Client;
use trunkline_telemetry::Metrics;
use trunkline_webhooks::{Inboxes, Kind, Options, Receiver, Signer, Unread, Webhooks, Wish};

use crate::broker::Link;

/// A secret that receivers share with nodes.
pub(crate) const SECRET: &str = "a secret that nobody guesses";

/// Kinds most receivers want.
pub(crate) const KINDS: &[Kind] = &[
    Kind::Connected,
    Kind::Disconnected,
    Kind::Subscribed,
    Kind::Unsubscribed,
    Kind::ChannelOccupied,
    Kind::ChannelVacated,
    Kind::MemberAdded,
    Kind::MemberRemoved,
];

/// The kinds that tell who is where.
pub(crate) const PLACES: &[Kind] =
    &[Kind::ChannelOccupied, Kind::ChannelVacated, Kind::MemberAdded, Kind::MemberRemoved];

/// A node that runs.
pub(crate) struct Node {
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) link: Arc<Link>,
    pub(crate) metrics: Arc<Metrics>,
    running: JoinHandle<()>,
}

/// Inboxes in which there is one message that nobody reads; some do not tell.
#[derive(Default)]
struct OneUnread(Mutex<Vec<Completion<Result<Unread, BackendError>>>>);

impl Inboxes for OneUnread {
    fn unread(
        &self,
        channel: &ChannelName,
        behind: u64,
        done: Completion<Result<Unread, BackendError>>,
    ) {
        let user = channel.user().unwrap().as_str().to_owned();
        assert_ne!(user, "nobody-may-ask", "as a test wants");
        if user == "slow" {
            return self.0.lock().unwrap().push(done);
        }
        let oldest = (behind < 1).then_some(WallTime(1));
        done(Ok(Unread { user, count: 1, top: 1, oldest }));
    }
}

/// Who receives what.
pub(crate) fn receiver(name: &str, url: &str, events: &[Kind]) -> Receiver {
    Receiver {
        name: name.to_owned(),
        address: url.parse().unwrap(),
        signer: Signer::new(SECRET).unwrap(),
        wish: Wish { events: events.to_vec(), channels: Vec::new() },
        timeout: Duration::from_secs(10),
        retry_for_ms: 3_600_000,
    }
}

impl Node {
    pub(crate) fn start(name: &str, link: Arc<Link>, receivers: Vec<Receiver>) -> Self {
        let metrics = Metrics::new(1);
        let webhooks = Webhooks::new(Options {
            node: name.to_owned(),
            retention: Retention { size: 10_000, ttl_ms: 86_400_000, bytes: 1 << 28 },
            receivers,
            unread_after_ms: 1_000,
            backend: link.clone(),
            notes: link.clone(),
            metrics: Arc::clone(&metrics),
        });
        let webhooks = Arc::new(webhooks.unwrap());
        let runs = Arc::clone(&webhooks);
        let client = Client::new().unwrap();
        let running =
            tokio::spawn(async move { runs.run(client, Arc::<OneUnread>::default()).await });
        Self { webhooks, link, metrics, running }
    }

    /// It ends without a word.
    pub(crate) fn kill(self) {
        self.running.abort();
        // What it has on its way does not get there either.
        self.link.cut(true);
    }

    /// It ends as it should.
    pub(crate) async fn close(self) {
        self.webhooks.close(Duration::from_secs(30)).await;
        self.running.await.unwrap();
    }

    /// It has ended by itself, which it should never do.
    pub(crate) async fn breaks(self) -> bool {
        self.running.await.is_err_and(|error| error.is_panic())
    }

    fn tell(&self, happening: Happening) {
        self.webhooks.observer().observe(happening);
    }

    pub(crate) fn connect(&self, client: u128, user: &str) {
        let (client, user) = (ClientId(client), UserId::new(user));
        self.tell(Happening::Connected { client, user, protocol: "plain" });
    }

    pub(crate) fn disconnect(&self, client: u128, user: &str) {
        let (client, user) = (ClientId(client), UserId::new(user));
        let reason = Parting { reason: "normal", custom: None };
        self.tell(Happening::Disconnected { client, user, reason });
    }

    pub(crate) fn enter(&self, channel: &str, client: u128, user: &str) {
        let (channel, info) = there(channel, client, user);
        self.tell(Happening::Subscribed { channel, info, membership: Membership::Lingering(0) });
    }

    pub(crate) fn leave(&self, channel: &str, client: u128, user: &str) {
        let (channel, info) = there(channel, client, user);
        self.tell(Happening::Unsubscribed { channel, info, membership: Membership::Lingering(0) });
    }
}

fn there(channel: &str, client: u128, user: &str) -> (ChannelName, Arc<ClientInfo>) {
    let (client, user) = (ClientId(client), UserId::new(user));
    let info = ClientInfo { user, client, conn_info: None, chan_info: None };
    (ChannelName::parse(channel).unwrap(), Arc::new(info))
}
