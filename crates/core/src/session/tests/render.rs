//! Effects as lines of text.

use bytes::Bytes;

use crate::application::{About, Call};
use crate::history::HistoryQuery;
use crate::identity::ClientInfo;
use crate::namespace::Overflow;
use crate::position::Position;
use crate::publication::{Draft, Message, Publication};
use crate::reply::{ConnectResult, Push, Reply, SubscribeResult};
use crate::session::{Ask, Effect, ReadInbox};

pub(super) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Reply { id, result: Ok(reply) } => format!("{id} {}", self::reply(reply)),
        Effect::Reply { id, result: Err(error) } => format!("{id} error: {error}"),
        Effect::Push(push) => format!("push {}", self::push(push)),
        Effect::Connected { user } => format!("connected {}", name(user.as_str())),
        Effect::Attend { channel } => format!("attend {channel}"),
        Effect::Bound { user } => format!("bound {}", user.as_str()),
        Effect::Listen { channel, joins, overflow } => {
            let overflow = match overflow {
                Overflow::Close => String::new(),
                other => format!(" {other:?}"),
            };
            format!("listen {channel}{}{overflow}", flag("joins", *joins))
        }
        Effect::Hold { channel, joins, delta } => {
            format!("hold {channel}{}{}", flag("joins", *joins), flag("delta", *delta))
        }
        Effect::Release { channel, after } => format!("release {channel} after {}", at(after)),
        Effect::Park { channel } => format!("park {channel}"),
        Effect::Skip { channel, reason } => format!("skip {channel} gap={}", reason.as_str()),
        Effect::Drain => "drain".into(),
        Effect::Lost(reason) => format!("lost gap={}", reason.as_str()),
        Effect::Unlisten { channel } => format!("unlisten {channel}"),
        Effect::Enter { channel, info } => format!("enter {channel} {}", self::info(info)),
        Effect::Exit { channel, info } => format!("exit {channel} {}", self::info(info)),
        Effect::Ask { ask, .. } => format!("ask {}", self::ask(ask)),
        Effect::Ping => "ping".into(),
        Effect::Close(reason) => format!("close {reason:?}"),
    }
}

fn name(user: &str) -> &str {
    if user.is_empty() { "nobody" } else { user }
}

fn flag(word: &str, set: bool) -> String {
    if set { format!(" {word}") } else { String::new() }
}

fn bytes(word: &str, bytes: Option<&Bytes>) -> String {
    bytes.map(|b| format!(" {word}={}", String::from_utf8_lossy(b))).unwrap_or_default()
}

fn ttl(seconds: Option<u32>) -> String {
    seconds.map(|seconds| format!(" ttl={seconds}")).unwrap_or_default()
}

fn at(position: &Position) -> String {
    format!("{}@{}", position.epoch.as_str(), position.offset)
}

fn info(info: &ClientInfo) -> String {
    let user = name(info.user.as_str());
    format!(
        "{user}{}{}",
        bytes("conn", info.conn_info.as_ref()),
        bytes("chan", info.chan_info.as_ref())
    )
}

fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Connect(result) => connect(result),
        Reply::Subscribe(result) => format!("subscribed{}", subscribe(result)),
        Reply::Unsubscribe => "unsubscribed".into(),
        Reply::Publish => "published".into(),
        Reply::Presence(list) => {
            let users: Vec<_> = list.iter().map(|info| info.user.as_str()).collect();
            format!("presence {}", users.join(" "))
        }
        Reply::PresenceStats(stats) => {
            format!("presence_stats {} {}", stats.clients, stats.users)
        }
        Reply::Login(user) => format!("logged in {}", user.as_str()),
        Reply::Rpc(data) => format!("rpc {}", String::from_utf8_lossy(data)),
        Reply::History(page) => {
            format!("history {}{}", at(&page.top), offsets(&page.publications))
        }
        Reply::Refresh(result) => format!("refreshed{}", ttl(result.expires_in)),
        Reply::SubRefresh(expires_in) => format!("sub_refreshed{}", ttl(*expires_in)),
    }
}

fn connect(result: &ConnectResult) -> String {
    let subscriptions = result.subscriptions.iter();
    let subscriptions: String = subscriptions
        .map(|(channel, result)| format!(" [{channel}{}]", subscribe(result)))
        .collect();
    let pong = flag("pong", result.pong);
    let data = bytes("data", result.data.as_ref());
    let ping = result.ping_seconds;
    format!("connect{} ping={ping}{pong}{data}{subscriptions}", ttl(result.expires_in))
}

fn subscribe(result: &SubscribeResult) -> String {
    let position = result.position.as_ref().map(|position| format!(" at {}", at(position)));
    [
        ttl(result.expires_in),
        flag("recoverable", result.recoverable),
        position.unwrap_or_default(),
        flag("was_recovering", result.was_recovering),
        flag("recovered", result.recovered),
        result.gap.map(|reason| format!(" gap={}", reason.as_str())).unwrap_or_default(),
        flag("delta", result.delta),
        offsets(&result.publications),
        bytes("data", result.data.as_ref()),
    ]
    .concat()
}

fn offsets(publications: &[std::sync::Arc<Publication>]) -> String {
    publications.iter().map(|publication| format!(" #{}", publication.offset)).collect()
}

fn push(push: &Push) -> String {
    match push {
        Push::Connect(result) => connect(result),
        Push::Subscribe { channel, result } => format!("subscribed {channel}{}", subscribe(result)),
        Push::Unsubscribe { channel, reason } => format!("unsubscribed {channel}: {reason:?}"),
        Push::Gap { channel, reason, position } => {
            format!("{channel} gap={} at {}", reason.as_str(), at(position))
        }
        Push::Message { channel, message, .. } => match message {
            Message::Publication(publication) => format!("{channel} #{}", publication.offset),
            Message::Join(_) | Message::Leave(_) => panic!("a session tells of publications only"),
        },
    }
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Publish(draft) => publish(draft),
        Ask::History { channel, query: HistoryQuery { since, limit, reverse } } => {
            let since = since.as_ref().map(|since| format!(" since {}", at(since)));
            let since = since.unwrap_or_default();
            format!("history {channel}{since} limit {limit}{}", flag("reverse", *reverse))
        }
        Ask::Inbox { channel, read: ReadInbox::Unread(limit) } => {
            format!("inbox {channel} unread limit {limit}")
        }
        Ask::Inbox { channel, read: ReadInbox::Query(query) } => {
            let since = query.since.as_ref().map(|since| format!(" since {}", at(since)));
            format!("inbox {channel}{} limit {}", since.unwrap_or_default(), query.limit)
        }
        Ask::Hear(channel) => format!("hear {channel}"),
        Ask::Presence(channel) => format!("presence {channel}"),
        Ask::PresenceStats(channel) => format!("presence_stats {channel}"),
        Ask::Call(about, call) => self::call(about, call),
    }
}

fn call(about: &About, call: &Call) -> String {
    let what = match call {
        Call::Connect { anew: false, .. } => "who it is".into(),
        Call::Connect { anew: true, .. } => "anew who it is".into(),
        Call::Refresh => "whether it may go on".into(),
        Call::Subscribe { channel } => format!("to subscribe {channel}"),
        Call::Publish { channel, data } => {
            format!("to publish {channel} {}", String::from_utf8_lossy(data))
        }
        Call::SubRefresh { channel } => format!("whether it may keep {channel}"),
        Call::Rpc { method, .. } => return format!("rpc {method}"),
    };
    format!("{what} by {}{}", name(about.user.as_str()), bytes("meta", about.meta.as_ref()))
}

fn publish(draft: &Draft) -> String {
    let data = String::from_utf8_lossy(&draft.data);
    let by = draft.info.as_ref().map(info).unwrap_or_default();
    format!("publish {} {data} by {by}{}", draft.channel, flag("kept", draft.retention.is_some()))
}
