//! What nodes tell each other, from and to its schema. What a newer node says and this one does not
//! know is passed over.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use trunkline_core::channel::ChannelName;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::signal::{ConnectionReport, Finding, NodeId, NodeReport, Question, Signal};
use trunkline_core::time::WallTime;

use super::info::client;
use super::signal_schema as schema;
use super::signal_schema::signal::Kind;
use super::{revoked, spent};

pub(crate) fn encode(signal: &Signal) -> Vec<u8> {
    schema::Signal { kind: Some(to_schema(signal)) }.encode_to_vec()
}

/// `None` if it is no signal, or one that this version does not know.
pub(crate) fn decode(bytes: &[u8]) -> Option<Signal> {
    from_schema(schema::Signal::decode(bytes).ok()?.kind?)
}

fn to_schema(signal: &Signal) -> Kind {
    match signal {
        Signal::Here(report) => Kind::Here(schema::Report {
            node: report.node.as_str().to_owned(),
            name: report.name.to_string(),
            version: report.version.to_string(),
            clients: report.clients,
            users: report.users,
            channels: report.channels,
            subscriptions: report.subscriptions,
            uptime_s: report.uptime_s,
        }),
        Signal::Gone(node) => Kind::Gone(node.as_str().to_owned()),
        Signal::Cleared(channel) => Kind::Cleared(channel.to_string()),
        Signal::Spent(all) => Kind::Spent(spent::to_schema(all)),
        Signal::Revoked(revocation) => Kind::Revoked(revoked::to_schema(revocation)),
        Signal::Control(control) => Kind::Control(control_to_schema(control)),
        Signal::Ask { from, number, question } => {
            let (channels, connections_of) = match question {
                Question::Channels { pattern } => (Some(pattern.to_string()), None),
                Question::Connections { user } => (None, Some(user.as_str().to_owned())),
            };
            let (from, number) = (from.as_str().to_owned(), *number);
            Kind::Ask(schema::Ask { from, number, channels, connections_of })
        }
        Signal::Answer { from, number, part, last, finding } => {
            let mut answer = schema::Answer {
                from: from.as_str().to_owned(),
                number: *number,
                part: *part,
                last: *last,
                ..schema::Answer::default()
            };
            match finding {
                Finding::Channels(channels) => {
                    answer.names = channels.iter().map(|(name, _)| name.to_string()).collect();
                    answer.listeners = channels.iter().map(|(_, listeners)| *listeners).collect();
                }
                Finding::Connections(connections) => {
                    answer.about_connections = true;
                    answer.connections = connections.iter().map(connection_to_schema).collect();
                }
            }
            Kind::Answer(answer)
        }
        Signal::Command { client, data } => {
            Kind::Command(schema::Command { client: id(*client), data: data.clone() })
        }
    }
}

fn from_schema(kind: Kind) -> Option<Signal> {
    Some(match kind {
        Kind::Here(report) => Signal::Here(NodeReport {
            node: NodeId::new(&report.node),
            name: report.name.into(),
            version: report.version.into(),
            clients: report.clients,
            users: report.users,
            channels: report.channels,
            subscriptions: report.subscriptions,
            uptime_s: report.uptime_s,
        }),
        Kind::Gone(node) => Signal::Gone(NodeId::new(&node)),
        Kind::Cleared(channel) => Signal::Cleared(ChannelName::parse(&channel).ok()?),
        Kind::Spent(all) => Signal::Spent(spent::from_schema(all)),
        Kind::Revoked(told) => Signal::Revoked(revoked::from_schema(told)?),
        Kind::Control(control) => Signal::Control(Arc::new(control_from_schema(control)?)),
        Kind::Ask(schema::Ask { from, number, channels, connections_of }) => {
            let question = match (channels, connections_of) {
                (Some(pattern), _) => Question::Channels { pattern: pattern.into() },
                (None, Some(user)) => Question::Connections { user: UserId::new(&user) },
                (None, None) => return None,
            };
            Signal::Ask { from: NodeId::new(&from), number, question }
        }
        Kind::Answer(answer) => {
            let finding = if answer.about_connections {
                let connections = answer.connections.into_iter().map(connection_from_schema);
                Finding::Connections(connections.collect::<Option<_>>()?)
            } else {
                let channels = answer.names.iter().zip(answer.listeners);
                let channel = |(name, listeners): (&String, u64)| {
                    Some((ChannelName::parse(name).ok()?, listeners))
                };
                Finding::Channels(channels.map(channel).collect::<Option<_>>()?)
            };
            let (number, part, last) = (answer.number, answer.part, answer.last);
            Signal::Answer { from: NodeId::new(&answer.from), number, part, last, finding }
        }
        Kind::Command(command) => {
            Signal::Command { client: client(&command.client)?, data: command.data }
        }
    })
}

fn connection_to_schema(report: &ConnectionReport) -> schema::Connection {
    schema::Connection {
        client: id(report.client),
        protocol: report.protocol.to_string(),
        channels: report.channels.iter().map(ToString::to_string).collect(),
    }
}

fn connection_from_schema(report: schema::Connection) -> Option<ConnectionReport> {
    let channels = report.channels.iter().map(|name| ChannelName::parse(name).ok());
    Some(ConnectionReport {
        client: client(&report.client)?,
        protocol: report.protocol.into(),
        channels: channels.collect::<Option<_>>()?,
    })
}

fn control_to_schema(control: &Control) -> schema::Control {
    let Control { target, action } = control;
    let mut out = schema::Control {
        user: target.user.as_str().to_owned(),
        client: target.client.map(id),
        except: target.except.iter().copied().map(id).collect(),
        ..schema::Control::default()
    };
    match action {
        Action::Disconnect(reason) => out.disconnect = Some(close_to_schema(reason)),
        Action::Subscribe { channel, info, data } => {
            out.subscribe = Some(channel.to_string());
            (out.info, out.data) = (info.clone(), data.clone());
        }
        Action::Send { channel, data, tags } => {
            (out.send, out.data) = (Some(channel.to_string()), Some(data.clone()));
            out.tags = tags
                .iter()
                .flat_map(|(name, value)| [name, value])
                .map(ToString::to_string)
                .collect();
        }
        Action::Unsubscribe { channel } => out.unsubscribe = Some(channel.to_string()),
        Action::Refresh { expired, expires_at, info } => {
            let expires_at_ms = expires_at.map(|at| at.0);
            out.refresh = Some(schema::Refresh { expired: *expired, expires_at_ms });
            out.info.clone_from(info);
        }
    }
    out
}

fn control_from_schema(control: schema::Control) -> Option<Control> {
    let schema::Control { user, client: only, except, info, data, .. } = control;
    let target = Target {
        user: UserId::new(&user),
        client: match only {
            Some(bytes) => Some(client(&bytes)?),
            None => None,
        },
        except: except.iter().map(|bytes| client(bytes)).collect::<Option<_>>()?,
    };
    let channel = |name: &str| ChannelName::parse(name).ok();
    let action = if let Some(close) = control.disconnect {
        Action::Disconnect(close_from_schema(close)?)
    } else if let Some(name) = control.subscribe {
        Action::Subscribe { channel: channel(&name)?, info, data }
    } else if let Some(name) = control.send {
        let pairs = control.tags.chunks_exact(2);
        let tags = pairs.map(|pair| (pair[0].as_str().into(), pair[1].as_str().into())).collect();
        Action::Send { channel: channel(&name)?, data: data?, tags }
    } else if let Some(name) = control.unsubscribe {
        Action::Unsubscribe { channel: channel(&name)? }
    } else {
        let schema::Refresh { expired, expires_at_ms } = control.refresh?;
        Action::Refresh { expired, expires_at: expires_at_ms.map(WallTime), info }
    };
    Some(Control { target, action })
}

/// Reasons that have no words of their own, by the number they are told under. Numbers are never
/// used again.
const REASONS: [(u32, CloseReason); 19] = [
    (1, CloseReason::Normal),
    (2, CloseReason::Shutdown),
    (3, CloseReason::Internal),
    (4, CloseReason::Expired),
    (5, CloseReason::SubscriptionExpired),
    (6, CloseReason::Slow),
    (7, CloseReason::InsufficientState),
    (8, CloseReason::NoPong),
    (9, CloseReason::TooManyRequests),
    (10, CloseReason::InvalidToken),
    (11, CloseReason::BadRequest),
    (12, CloseReason::Stale),
    (13, CloseReason::ForceDisconnect),
    (14, CloseReason::ConnectionLimit),
    (15, CloseReason::ChannelLimit),
    (16, CloseReason::InappropriateProtocol),
    (17, CloseReason::PermissionDenied),
    (18, CloseReason::Unauthorized),
    (19, CloseReason::Unavailable),
];

fn close_to_schema(reason: &CloseReason) -> schema::Close {
    if let CloseReason::Custom(code, words) = reason {
        let words = Some(words.to_string());
        return schema::Close { number: u32::from(*code), words };
    }
    let known = REASONS.iter().find(|(_, known)| known == reason);
    schema::Close { number: known.map_or(3, |(number, _)| *number), words: None }
}

fn close_from_schema(close: schema::Close) -> Option<CloseReason> {
    match close.words {
        Some(words) => {
            Some(CloseReason::Custom(u16::try_from(close.number).ok()?, Cow::Owned(words)))
        }
        None => REASONS.iter().find(|(number, _)| *number == close.number).map(|(_, r)| r.clone()),
    }
}

fn id(client: ClientId) -> Bytes {
    Bytes::copy_from_slice(&client.0.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use trunkline_core::rate::{Account, Doing, Spent};
    use trunkline_core::revocation::{Revocation, Subject, TokenId};

    use super::*;

    fn controls() -> Vec<Action> {
        let channel = || ChannelName::parse("a:b").unwrap();
        let mut actions: Vec<Action> =
            REASONS.iter().map(|(_, reason)| Action::Disconnect(reason.clone())).collect();
        actions.extend([
            Action::Disconnect(CloseReason::Custom(4001, "ü".into())),
            Action::Subscribe { channel: channel(), info: Some("1".into()), data: None },
            Action::Unsubscribe { channel: channel() },
            Action::Send {
                channel: channel(),
                data: "{}".into(),
                tags: vec![("a".into(), "b".into()), ("c".into(), "".into())],
            },
            Action::Refresh { expired: true, expires_at: None, info: None },
            Action::Refresh {
                expired: false,
                expires_at: Some(WallTime(5)),
                info: Some("".into()),
            },
        ]);
        actions
    }

    fn every_signal() -> Vec<Signal> {
        let (node, channel) = (NodeId::new("n"), ChannelName::parse("a:b").unwrap());
        let report = NodeReport {
            node: node.clone(),
            name: "attic".into(),
            version: "1".into(),
            clients: 1,
            users: 2,
            channels: 3,
            subscriptions: 4,
            uptime_s: 5,
        };
        let connection = ConnectionReport {
            client: ClientId(7),
            protocol: "plain".into(),
            channels: vec![channel.clone()],
        };
        let ask = |question| Signal::Ask { from: node.clone(), number: 9, question };
        let answer = |finding| {
            let from = node.clone();
            Signal::Answer { from, number: 9, part: 1, last: true, finding }
        };
        let target = Target {
            user: UserId::new("ann"),
            client: Some(ClientId(1)),
            except: vec![ClientId(2), ClientId(u128::MAX)],
        };
        let control =
            |action| Signal::Control(Arc::new(Control { target: target.clone(), action }));
        let revoked = |subject| {
            let (issued_before, expires_at) = (WallTime(7), WallTime(u64::MAX));
            Signal::Revoked(Revocation { subject, issued_before, expires_at })
        };
        let mut signals = vec![
            Signal::Here(report),
            Signal::Gone(node.clone()),
            Signal::Cleared(channel.clone()),
            Signal::Spent(vec![
                Spent {
                    account: Account::User(UserId::new("ann")),
                    doing: Doing::Publish,
                    times: 3,
                },
                Spent {
                    account: Account::of_address([10, 0, 0, 1].into()),
                    doing: Doing::Connect,
                    times: 1,
                },
            ]),
            revoked(Subject::Everybody),
            revoked(Subject::User(UserId::new("ann"))),
            revoked(Subject::Token(TokenId::new("t").unwrap())),
            ask(Question::Channels { pattern: "".into() }),
            ask(Question::Connections { user: UserId::default() }),
            answer(Finding::Channels(vec![(channel, 3)])),
            answer(Finding::Channels(vec![])),
            answer(Finding::Connections(vec![connection])),
            answer(Finding::Connections(vec![])),
            Signal::Command { client: ClientId(3), data: "x".into() },
        ];
        signals.extend(controls().into_iter().map(control));
        signals
    }

    #[test]
    fn every_signal_is_understood_by_the_next_node() {
        for signal in every_signal() {
            assert_eq!(decode(&encode(&signal)), Some(signal));
        }
    }

    #[test]
    fn what_is_no_signal_is_passed_over() {
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b"\xff\xff\xff"), None);
        for signal in every_signal() {
            let bytes = encode(&signal);
            for end in 0..bytes.len() {
                let _ = decode(&bytes[..end]); // Never panics, whatever it takes it for.
            }
        }
    }
}
