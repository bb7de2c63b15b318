//! From replies and pushes to messages of the schema.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::channel::ChannelName;
use trunkline_core::codec::Form;
use trunkline_core::error::ClientError;
use trunkline_core::identity;
use trunkline_core::position::Position;
use trunkline_core::publication::{self, Message};
use trunkline_core::reply::{self, Reply};

use super::super::{Pings, SERVER_VERSION, codes};
use super::schema::{
    Anything, Body, ClientInfo, ConnectResult, Error, Event, HistoryResult, Passage,
    PresenceResult, PresenceStatsResult, Publication, Push, RefreshResult, RpcResult,
    SubRefreshResult, Subscribe, SubscribeResult, SubscriptionEntry, Unsubscribe,
};

/// The content of a reply.
pub(super) fn reply(reply: &Result<Reply, ClientError>, pings: Pings) -> Body {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Body::Error(failure(error)),
    };
    match reply {
        Reply::Connect(result) => Body::Connect(connect(result, pings)),
        Reply::Subscribe(result) => Body::Subscribe(subscribe(result)),
        Reply::Unsubscribe => Body::Unsubscribe(Anything {}),
        Reply::Publish => Body::Publish(Anything {}),
        Reply::Presence(clients) => Body::Presence(PresenceResult {
            presence: clients.iter().map(|info| (info.client.to_string(), client(info))).collect(),
        }),
        Reply::PresenceStats(stats) => Body::PresenceStats(PresenceStatsResult {
            num_clients: u32::try_from(stats.clients).unwrap_or(u32::MAX),
            num_users: u32::try_from(stats.users).unwrap_or(u32::MAX),
        }),
        // Its clients have no such command.
        Reply::Login(_) => Body::Rpc(RpcResult::default()),
        Reply::Rpc(data) => Body::Rpc(RpcResult { data: data.clone() }),
        Reply::History(page) => Body::History(HistoryResult {
            publications: publications(&page.publications),
            epoch: page.top.epoch.as_str().to_owned(),
            offset: page.top.offset,
        }),
        Reply::Refresh(result) => Body::Refresh(RefreshResult {
            client: result.client.to_string(),
            version: SERVER_VERSION.to_owned(),
            expires: result.expires_in.is_some(),
            ttl: result.expires_in.unwrap_or(0),
        }),
        Reply::SubRefresh(expires_in) => Body::SubRefresh(SubRefreshResult {
            expires: expires_in.is_some(),
            ttl: expires_in.unwrap_or(0),
        }),
    }
}

fn failure(error: &ClientError) -> Error {
    let (code, temporary) = codes::error_code(error);
    Error { code, message: error.to_string(), temporary }
}

fn connect(result: &reply::ConnectResult, pings: Pings) -> ConnectResult {
    // Announced pings are expected as messages: pings that are frames must not be announced.
    let announced = pings == Pings::Messages;
    let subs = result.subscriptions.iter();
    ConnectResult {
        client: result.client.to_string(),
        version: SERVER_VERSION.to_owned(),
        expires: result.expires_in.is_some(),
        ttl: result.expires_in.unwrap_or(0),
        subs: subs
            .map(|(channel, result)| {
                let (key, value) = (channel.to_string(), Some(subscribe(result)));
                SubscriptionEntry { key, value }
            })
            .collect(),
        ping: if announced { result.ping_seconds } else { 0 },
        pong: announced && result.pong,
        data: result.data.clone().unwrap_or_default(),
    }
}

fn subscribe(result: &reply::SubscribeResult) -> SubscribeResult {
    let (epoch, offset) = place(result.position.as_ref());
    SubscribeResult {
        epoch,
        offset,
        expires: result.expires_in.is_some(),
        ttl: result.expires_in.unwrap_or(0),
        recoverable: result.recoverable,
        publications: publications(&result.publications),
        recovered: result.recovered,
        positioned: result.position.is_some(),
        data: result.data.clone().unwrap_or_default(),
        was_recovering: result.was_recovering,
        delta: result.delta,
    }
}

fn place(position: Option<&Position>) -> (String, u64) {
    position.map(|at| (at.epoch.as_str().to_owned(), at.offset)).unwrap_or_default()
}

fn publications(list: &[Arc<publication::Publication>]) -> Vec<Publication> {
    list.iter().map(|publication| self::publication(publication, Form::Whole)).collect()
}

fn publication(publication: &publication::Publication, form: Form<'_>) -> Publication {
    let tags = publication.tags.iter();
    let patch = match form {
        Form::Delta(patch) => patch,
        Form::Whole => None,
    };
    Publication {
        data: patch.map_or_else(|| publication.data.clone(), Bytes::copy_from_slice),
        delta: patch.is_some(),
        info: publication.info.as_ref().map(client),
        offset: publication.offset,
        tags: tags.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
    }
}

fn client(info: &identity::ClientInfo) -> ClientInfo {
    let payload = |bytes: &Option<Bytes>| bytes.clone().unwrap_or_default();
    ClientInfo {
        user: info.user.as_str().to_owned(),
        client: info.client.to_string(),
        conn_info: payload(&info.conn_info),
        chan_info: payload(&info.chan_info),
    }
}

/// A push to one connection, if the protocol has it.
pub(super) fn push(push: &reply::Push, pings: Pings) -> Option<Push> {
    let (channel, event) = match push {
        reply::Push::Connect(result) => (String::new(), Event::Connect(connect(result, pings))),
        reply::Push::Subscribe { channel, result } => {
            let (epoch, offset) = place(result.position.as_ref());
            let subscribe = Subscribe {
                epoch,
                offset,
                recoverable: result.recoverable,
                positioned: result.position.is_some(),
                data: result.data.clone().unwrap_or_default(),
            };
            (channel.to_string(), Event::Subscribe(subscribe))
        }
        reply::Push::Unsubscribe { channel, reason } => {
            let (code, words) = codes::unsubscribe_code(reason);
            let unsubscribe = Unsubscribe { code, reason: words.into_owned() };
            (channel.to_string(), Event::Unsubscribe(unsubscribe))
        }
        reply::Push::Message { channel, message, .. } => {
            return Some(self::message(channel, message, Form::Whole));
        }
        // SDKs know no such message; they subscribe again instead.
        reply::Push::Gap { .. } => return None,
    };
    Some(Push { channel, event: Some(event) })
}

/// The push of a channel's message.
pub(super) fn message(channel: &ChannelName, message: &Message, form: Form<'_>) -> Push {
    let passage = |info| Passage { info: Some(client(info)) };
    let event = match message {
        Message::Publication(publication) => Event::Pub(self::publication(publication, form)),
        Message::Join(info) => Event::Join(passage(info)),
        Message::Leave(info) => Event::Leave(passage(info)),
    };
    Push { channel: channel.to_string(), event: Some(event) }
}
