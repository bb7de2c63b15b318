//! Lines of script, read.
//!
//! ```text
//! 3 subscribe log:a from=e@2      a command with an id, its arguments by place or by name
//! url subscribe log:a             a request of the URL
//! answer e@4 3 4                  to the oldest question: the top of a stream, and publications
//! last e@4 3 4                    the same, to the newest question
//! control unsubscribe log:a       what the server API asks for
//! missed log:a e@3                the stream has gone on without the client, who knows it up to there
//! crowded log:a=e@3               too much waits, and so far was the client given these streams
//! drained                         nothing waits any more
//! wait 500                        milliseconds pass, then the timer
//! gone                            the peer is
//! ```

use std::sync::Arc;

use bytes::Bytes;

use crate::application::{Approval, Objection, Permission, Renewal, Response};
use crate::backend::{BackendError, Published};
use crate::channel::ChannelName;
use crate::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use crate::control::Action;
use crate::error::CloseReason;
use crate::gate::Gate;
use crate::history::{Ancestor, HistoryPage};
use crate::identity::{ClientInfo, UserId};
use crate::inbox::{Ack, Inbox};
use crate::position::{Epoch, Position, Tag};
use crate::presence::PresenceStats;
use crate::publication::Publication;
use crate::session::{Answer, Input};
use crate::time::WallTime;

use super::surroundings::{START, TokensAsWords};
use super::{CLIENT, Subject};

pub(super) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

/// `epoch@offset`; the epoch may be empty.
pub(super) fn position(text: &str) -> Position {
    let (epoch, offset) = text.split_once('@').expect("epoch@offset");
    Position::new(Epoch::new(epoch), offset.parse().unwrap())
}

/// The words of a line: first those by place, then those by name, then flags asked by their word.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn place(&self, at: usize) -> &'a str {
        self.0.get(at).copied().unwrap_or("")
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn flag(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

pub(super) fn command<'a>(id: &str, request: &'a str) -> Command<'a> {
    let id = id.parse().unwrap_or_else(|_| panic!("{id:?} begins no line"));
    Command { id, request: self::request(request) }
}

/// Data is JSON unless it starts with `raw`.
fn payload(text: &str) -> Payload<'_> {
    Payload { bytes: text.as_bytes().into(), json: !text.starts_with("raw") }
}

pub(super) fn request(line: &str) -> Request<'_> {
    let words = Words(line.split(' ').collect());
    let channel = words.place(1).into();
    match words.place(0) {
        "connect" => Request::Connect(ConnectRequest {
            token: words.named("token").unwrap_or("").into(),
            claimed_user: words.named("user").map(Into::into),
            name: words.named("name").unwrap_or("").into(),
            version: words.named("version").unwrap_or("").into(),
            data: b"".into(),
            positions: words
                .named("at")
                .and_then(|at| at.split_once('='))
                .map(|(channel, at)| (channel.into(), position(at)))
                .into_iter()
                .collect(),
        }),
        "subscribe" => Request::Subscribe(SubscribeRequest {
            delta: words.flag("delta"),
            channel,
            token: words.named("token").unwrap_or("").into(),
            recover: words.named("from").map(position),
            reject_unrecovered: words.flag("reject"),
            join_leave: words.flag("joins"),
            required: words.flag("required"),
        }),
        "login" => Request::Login,
        "unsubscribe" => Request::Unsubscribe { channel },
        "publish" => Request::Publish { channel, data: payload(words.place(2)) },
        "say" => Request::Say { data: payload(words.place(1)) },
        "presence" => Request::Presence { channel },
        "presence_stats" => Request::PresenceStats { channel },
        "history" => Request::History {
            channel,
            limit: words.named("limit").map(|limit| limit.parse().unwrap()),
            since: words.named("since").map(position),
            reverse: words.flag("reverse"),
        },
        "rpc" => Request::Rpc { method: words.place(1).into(), data: b"{}".into() },
        "send" => Request::Send { data: words.place(1).as_bytes().into() },
        "refresh" => Request::Refresh { token: words.place(1).into() },
        "sub_refresh" => Request::SubRefresh { channel, token: words.place(2).into() },
        "pong" => Request::Pong,
        "unsupported" => Request::Unsupported,
        verb => panic!("{verb:?} is no request"),
    }
}

pub(super) fn missed(line: &str) -> Input<'static> {
    let words = Words(line.split(' ').collect());
    Input::Missed { channel: channel(words.place(0)), at: position(words.place(1)) }
}

pub(super) fn action(line: &str) -> Action {
    let words = Words(line.split(' ').collect());
    let bytes = |name| words.named(name).map(|text| Bytes::copy_from_slice(text.as_bytes()));
    match words.place(0) {
        "disconnect" => Action::Disconnect(CloseReason::ForceDisconnect),
        "subscribe" => Action::Subscribe {
            channel: channel(words.place(1)),
            info: bytes("info"),
            data: bytes("data"),
        },
        "send" => Action::Send {
            channel: channel(words.place(1)),
            data: bytes("data").unwrap_or_default(),
            tags: Vec::new(),
        },
        "unsubscribe" => Action::Unsubscribe { channel: channel(words.place(1)) },
        "refresh" => Action::Refresh {
            expired: words.flag("expired"),
            expires_at: words
                .named("exp")
                .map(|seconds| WallTime(START.0 + 1000 * seconds.parse::<u64>().expect("seconds"))),
            info: bytes("info"),
        },
        verb => panic!("{verb:?} is no action"),
    }
}

/// An answer to a question about `about`: `overloaded`, or what there is. Of a stream: its top, the
/// offsets that are read, and `was=epoch@offset` for an older name of it and the place of parting.
pub(super) fn answer(about: Subject, line: &str) -> Answer {
    let words = || line.split(' ').filter(|word| !word.is_empty());
    let overloaded = line == "overloaded";
    match about {
        Subject::Publish if overloaded => Answer::Published(Err(BackendError::Overloaded)),
        Subject::Publish => Answer::Published(Ok(Published { position: None, duplicate: false })),
        Subject::History if overloaded => Answer::History(Err(BackendError::Overloaded)),
        Subject::History => Answer::History(Ok(page(line))),
        Subject::Inbox if overloaded => Answer::Inbox(Err(BackendError::Overloaded)),
        // As in a stream, where everything up to `read=` is read.
        Subject::Inbox => {
            let page = page(line);
            let read = words().find_map(|word| word.strip_prefix("read=")?.parse().ok());
            let mut inbox = Inbox::default();
            inbox.look(&page.top, Some(1), &page.ancestors);
            if let Some(read) = read {
                inbox.acknowledge(&Ack::UpTo(read)).unwrap();
            }
            if let Some(also) = words().find_map(|word| word.strip_prefix("also=")) {
                let offsets = also.split(',').map(|offset| offset.parse().unwrap()).collect();
                inbox.acknowledge(&Ack::Each(offsets)).unwrap();
            }
            Answer::Inbox(Ok((inbox, page)))
        }
        Subject::Hear if overloaded => Answer::Heard(Err(BackendError::Unavailable)),
        Subject::Hear => Answer::Heard(Ok(())),
        Subject::Presence => {
            let info = |user| ClientInfo {
                user: UserId::new(user),
                client: CLIENT,
                conn_info: None,
                chan_info: None,
            };
            Answer::Presence(Ok(words().map(|user| Arc::new(info(user))).collect()))
        }
        Subject::PresenceStats => {
            let mut numbers = words().map(|number| number.parse().unwrap());
            let mut number = || numbers.next().expect("connections and users");
            Answer::PresenceStats(Ok(PresenceStats { clients: number(), users: number() }))
        }
        Subject::Call => Answer::Called(called(line)),
    }
}

fn page(line: &str) -> HistoryPage {
    let words = || line.split(' ').filter(|word| !word.is_empty());
    let top = position(words().next().expect("the top of the stream"));
    let was = |word: &str| word.strip_prefix("was=").map(position);
    let ancestor = |at: Position| Ancestor { epoch: at.epoch, shared: at.offset };
    let ancestors = words().filter_map(was).map(ancestor).collect();
    let offsets = words().skip(1).filter_map(|offset| offset.parse().ok());
    let publications = offsets.map(|offset| publication(&top, offset)).collect();
    HistoryPage { top, publications, anchor: None, ancestors }
}

/// What the application answers: `let in` and a token as words, `age=1000` if it did not say so just now, `renewed exp=60`, `expired`,
/// `permit exp=60 info=x data=y`, `approve data=y unkept`, `rpc {}`, `error 403`, `trouble 500`,
/// `disconnect 4001`, and anything else for no answer.
fn called(line: &str) -> Result<Response, Objection> {
    let words = Words(line.split(' ').collect());
    let bytes = |name| words.named(name).map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let expires_at = words
        .named("exp")
        .map(|seconds| WallTime(START.0 + 1000 * seconds.parse::<u64>().expect("seconds")));
    let code = || words.place(1).parse().expect("a code");
    let error = |temporary| Objection::Error { code: code(), message: "words".into(), temporary };
    Ok(match words.place(0) {
        "let" => {
            let mut identity =
                TokensAsWords.connection(words.place(2), START).expect("a token as words");
            identity.data = bytes("data");
            identity.meta = bytes("meta");
            // An application does not say by what it knows somebody.
            identity.credential = None;
            let age_ms = words.named("age").map_or(0, |age| age.parse().expect("milliseconds"));
            Response::Connect { identity: Box::new(identity), age_ms }
        }
        "renewed" | "expired" => {
            let expired = words.place(0) == "expired";
            Response::Renewal(Renewal { expired, expires_at, info: bytes("info") })
        }
        "permit" => {
            let (info, data) = (bytes("info"), bytes("data"));
            Response::Subscribe(Permission { info, data, expires_at })
        }
        "approve" => {
            let (data, skip_history) = (bytes("data"), words.flag("unkept"));
            let json = !data.as_ref().is_some_and(|data| data.starts_with(b"raw"));
            Response::Publish(Approval { data, json, skip_history })
        }
        "rpc" => Response::Rpc(Bytes::copy_from_slice(words.place(1).as_bytes())),
        "error" => return Err(error(false)),
        "trouble" => return Err(error(true)),
        "disconnect" => {
            let code = words.place(1).parse().expect("a code");
            return Err(Objection::Disconnect { code, reason: "bye".into() });
        }
        _ => return Err(Objection::Unavailable),
    })
}

fn publication(top: &Position, offset: u64) -> Arc<Publication> {
    Arc::new(Publication {
        epoch: top.epoch.clone(),
        offset,
        tag: Tag::START,
        before: None,
        data: Bytes::from_static(b"1"),
        info: None,
        tags: Vec::new(),
        time: WallTime(0),
    })
}
