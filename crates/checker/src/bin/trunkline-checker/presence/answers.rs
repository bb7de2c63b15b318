//! What a node answers when it is asked who is where.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::site::channel;
use super::truth::{Count, Members};
use super::wire::Who;
use crate::api::Api;
use crate::failure::Failure;
use crate::wire::Refused;

/// Channels that one request asks for. A batch may hold 1,000 commands, and an answer may take 10 s.
const AT_ONCE: usize = 50;

#[derive(Deserialize)]
struct Replies {
    replies: Vec<Reply>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    presence_stats: Option<Stats>,
    presence: Option<Presence>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Stats {
    num_clients: usize,
    num_users: usize,
}

#[derive(Deserialize)]
struct Presence {
    presence: BTreeMap<String, Who>,
}

/// How many are in each of the first channels.
///
/// # Errors
/// The node does not answer, or says that it cannot.
pub(super) fn counts(node: &Api, channels: usize) -> Result<Vec<Count>, Failure> {
    let replies = ask(node, "presence_stats", channels)?;
    let count = |reply: Reply| {
        let Stats { num_clients, num_users } = reply.presence_stats?;
        Some(Count { clients: num_clients, users: num_users })
    };
    let counts: Vec<_> = replies.into_iter().filter_map(count).collect();
    whole(counts.len(), channels)?;
    Ok(counts)
}

/// Who is in each of the first channels.
///
/// # Errors
/// As [`counts`].
pub(super) fn members(node: &Api, channels: usize) -> Result<Members, Failure> {
    let replies = ask(node, "presence", channels)?;
    let member = |(client, who): (String, Who)| (client, who.user);
    let found: Vec<_> = replies
        .into_iter()
        .filter_map(|reply| Some(reply.presence?.presence.into_iter().map(member).collect()))
        .collect();
    whole(found.len(), channels)?;
    Ok(Members(found))
}

fn whole(answered: usize, channels: usize) -> Result<(), Failure> {
    let words = format_args!("{answered} channels were answered instead of {channels}");
    if answered == channels { Ok(()) } else { Err(Failure::new(words)) }
}

fn ask(node: &Api, method: &str, channels: usize) -> Result<Vec<Reply>, Failure> {
    let mut replies = Vec::with_capacity(channels);
    let all: Vec<_> = (0..channels).collect();
    for some in all.chunks(AT_ONCE) {
        let command = |&number: &usize| json!({ method: { "channel": channel(number) } });
        let commands: Vec<Value> = some.iter().map(command).collect();
        let body = json!({ "commands": commands, "parallel": true }).to_string();
        replies.extend(node.ask::<Replies>("batch", &body)?.replies);
    }
    match replies.iter().find_map(|reply| reply.error.as_ref()) {
        Some(refused) => Err(Failure::new(format_args!("{method}: {}", refused.message))),
        None => Ok(replies),
    }
}
