//! From replies and pushes to text, by hand: a serialiser would cost more and could not keep some
//! members when they are zero and leave out others.
//!
//! Members stand in the order of the protocol's definition. Those with default values are left
//! out, except `user` and `client` of a connection, `presence`, `num_clients`, `num_users`, and
//! `publications`, `epoch`, `offset` of a history, which SDKs read without asking. A result is
//! written even when it is empty.

use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::Form;
use trunkline_core::error::ClientError;
use trunkline_core::history::HistoryPage;
use trunkline_core::identity::ClientInfo;
use trunkline_core::position::Position;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{ConnectResult, Push, Reply, SubscribeResult};

use super::super::{Pings, SERVER_VERSION, codes};
use crate::json::{
    Object, Style, write_client_id, write_client_info, write_payload, write_publication,
    write_string, write_tag,
};

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// An SDK, with pings as it wants them: exactly the members of the protocol's definition.
    Sdk(Pings),
    /// A client without an SDK. Its positions have a tag, and it is told of gaps and why they are.
    Plain,
}

impl Reader {
    /// Whether it is told when to expect pings. Those that are frames must not be announced, as
    /// announced ones are expected as messages.
    fn expects_pings(self) -> bool {
        self == Self::Sdk(Pings::Messages)
    }

    fn style(self, form: Form<'_>) -> Style<'_> {
        Style { form, tag: self == Self::Plain, time: false }
    }
}

/// Appends `{"id":1,"publish":{}}` and the like.
pub(crate) fn write_reply(
    out: &mut Vec<u8>,
    id: u32,
    reply: &Result<Reply, ClientError>,
    reader: Reader,
) {
    let mut object = Object::open(out);
    object.some_number("id", id.into());
    match reply {
        Err(error) => write_error(&mut object, error),
        Ok(reply) => write_result(&mut object, reply, reader),
    }
    object.close();
}

fn write_error(reply: &mut Object<'_>, error: &ClientError) {
    let (code, temporary) = codes::error_code(error);
    let mut object = reply.object("error");
    object.number("code", code);
    object.string("message", &error.to_string());
    object.flag("temporary", temporary);
    object.close();
}

fn write_result(object: &mut Object<'_>, reply: &Reply, reader: Reader) {
    match reply {
        Reply::Connect(result) => write_connect(object.member("connect"), result, reader),
        Reply::Subscribe(result) => write_subscribe(object.member("subscribe"), result, reader),
        Reply::Unsubscribe => object.object("unsubscribe").close(),
        Reply::Publish => object.object("publish").close(),
        Reply::Presence(clients) => write_presence(object.object("presence"), clients),
        Reply::PresenceStats(stats) => {
            write_presence_stats(object.object("presence_stats"), *stats);
        }
        // Its clients have no such command.
        Reply::Login(_) => {}
        Reply::Rpc(data) => {
            let mut rpc = object.object("rpc");
            write_payload(rpc.member("data"), data);
            rpc.close();
        }
        Reply::History(page) => write_history(object.object("history"), page, reader),
        Reply::Refresh(result) => {
            let mut refresh = object.object("refresh");
            write_client_id(refresh.member("client"), result.client);
            refresh.string("version", SERVER_VERSION);
            write_expiry(&mut refresh, result.expires_in);
            refresh.close();
        }
        Reply::SubRefresh(expires_in) => {
            let mut refresh = object.object("sub_refresh");
            write_expiry(&mut refresh, *expires_in);
            refresh.close();
        }
    }
}

fn write_expiry(object: &mut Object<'_>, expires_in: Option<u32>) {
    if let Some(seconds) = expires_in {
        object.flag("expires", true);
        object.some_number("ttl", seconds.into());
    }
}

fn write_connect(out: &mut Vec<u8>, result: &ConnectResult, reader: Reader) {
    let mut object = Object::open(out);
    write_client_id(object.member("client"), result.client);
    object.string("version", SERVER_VERSION);
    write_expiry(&mut object, result.expires_in);
    if !result.subscriptions.is_empty() {
        let mut subscriptions = object.object("subs");
        for (channel, subscription) in &result.subscriptions {
            write_subscribe(subscriptions.entry(channel.as_str()), subscription, reader);
        }
        subscriptions.close();
    }
    if let Some(data) = &result.data {
        write_payload(object.member("data"), data);
    }
    if reader.expects_pings() {
        object.some_number("ping", result.ping_seconds.into());
        object.flag("pong", result.pong);
    }
    object.close();
}

fn write_subscribe(out: &mut Vec<u8>, result: &SubscribeResult, reader: Reader) {
    let mut object = Object::open(out);
    write_expiry(&mut object, result.expires_in);
    object.flag("recoverable", result.recoverable);
    if let Some(position) = &result.position
        && !position.epoch.is_empty()
    {
        object.string("epoch", position.epoch.as_str());
    }
    if !result.publications.is_empty() {
        let form = if result.delta { Form::Delta(None) } else { Form::Whole };
        let style = reader.style(form);
        write_publications(object.member("publications"), &result.publications, style);
    }
    object.flag("recovered", result.recovered);
    object.some_number("offset", result.position.as_ref().map_or(0, |position| position.offset));
    write_position_tag(&mut object, result.position.as_ref(), reader);
    object.flag("positioned", result.position.is_some());
    if let Some(data) = &result.data {
        write_payload(object.member("data"), data);
    }
    object.flag("was_recovering", result.was_recovering);
    object.flag("delta", result.delta);
    if let Some(reason) = result.gap.filter(|_| reader == Reader::Plain) {
        let mut gap = object.object("gap");
        gap.string("reason", reason.as_str());
        gap.close();
    }
    object.close();
}

fn write_position_tag(object: &mut Object<'_>, position: Option<&Position>, reader: Reader) {
    if let Some(tag) = position.and_then(|position| position.tag)
        && reader == Reader::Plain
    {
        write_tag(object.member("tag"), tag);
    }
}

fn write_publications(out: &mut Vec<u8>, publications: &[Arc<Publication>], style: Style<'_>) {
    out.push(b'[');
    for (at, publication) in publications.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_publication(out, publication, style);
    }
    out.push(b']');
}

fn write_presence(mut result: Object<'_>, clients: &[Arc<ClientInfo>]) {
    let mut presence = result.object("presence");
    for info in clients {
        write_client_info(presence.entry(&info.client.to_string()), info);
    }
    presence.close();
    result.close();
}

fn write_presence_stats(mut result: Object<'_>, stats: PresenceStats) {
    result.number("num_clients", stats.clients);
    result.number("num_users", stats.users);
    result.close();
}

fn write_history(mut result: Object<'_>, page: &HistoryPage, reader: Reader) {
    let style = reader.style(Form::Whole);
    write_publications(result.member("publications"), &page.publications, style);
    result.string("epoch", page.top.epoch.as_str());
    result.number("offset", page.top.offset);
    write_position_tag(&mut result, Some(&page.top), reader);
    result.close();
}

/// Writes what a push consists of into an object.
pub(crate) fn push_members(object: &mut Object<'_>, push: &Push, reader: Reader) {
    match push {
        Push::Connect(result) => write_connect(object.member("connect"), result, reader),
        Push::Subscribe { channel, result } => {
            object.string("channel", channel.as_str());
            write_subscribe(object.member("subscribe"), result, reader);
        }
        Push::Unsubscribe { channel, reason } => {
            write_string(object.member("channel"), channel);
            let (code, words) = codes::unsubscribe_code(reason);
            let mut unsubscribe = object.object("unsubscribe");
            unsubscribe.number("code", code);
            unsubscribe.string("reason", &words);
            unsubscribe.close();
        }
        Push::Message { channel, message, delta } => {
            let form = if *delta { Form::Delta(None) } else { Form::Whole };
            message_members(object, channel, message, form, reader);
        }
        Push::Gap { channel, reason, position } => {
            object.string("channel", channel.as_str());
            let mut gap = object.object("gap");
            gap.string("reason", reason.as_str());
            gap.string("epoch", position.epoch.as_str());
            gap.number("offset", position.offset);
            write_position_tag(&mut gap, Some(position), reader);
            gap.close();
        }
    }
}

/// Writes what the push of a channel's message consists of into an object.
pub(crate) fn message_members(
    object: &mut Object<'_>,
    channel: &ChannelName,
    message: &Message,
    form: Form<'_>,
    reader: Reader,
) {
    object.string("channel", channel.as_str());
    match message {
        Message::Publication(publication) => {
            write_publication(object.member("pub"), publication, reader.style(form));
        }
        Message::Join(info) => write_passage(object.object("join"), info),
        Message::Leave(info) => write_passage(object.object("leave"), info),
    }
}

fn write_passage(mut object: Object<'_>, info: &ClientInfo) {
    write_client_info(object.member("info"), info);
    object.close();
}
