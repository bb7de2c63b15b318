//! Who is where: the truth, what a node answers, and what a listener has heard, all in one form; and
//! how two of them differ.

use std::collections::{BTreeMap, BTreeSet};

/// Differences that are told of each comparison; there may be thousands.
const TOLD: usize = 5;

/// How many are in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) clients: usize,
    /// Different users among them.
    pub(super) users: usize,
}

/// Who is in each channel, by the channel's number: connections and their users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Members(pub(super) Vec<BTreeMap<String, String>>);

impl Members {
    /// Nobody, in so many channels.
    pub(super) fn nobody(channels: usize) -> Self {
        Self(vec![BTreeMap::new(); channels])
    }

    /// Somebody is in a channel.
    pub(super) fn add(&mut self, channel: usize, client: &str, user: &str) {
        if let Some(members) = self.0.get_mut(channel) {
            members.insert(client.to_owned(), user.to_owned());
        }
    }

    /// How many are in each channel.
    pub(super) fn counts(&self) -> Vec<Count> {
        let count = |members: &BTreeMap<String, String>| Count {
            clients: members.len(),
            users: members.values().collect::<BTreeSet<_>>().len(),
        };
        self.0.iter().map(count).collect()
    }

    /// How many there are in all channels together: a connection counts in each of them.
    pub(super) fn total(&self) -> usize {
        self.0.iter().map(BTreeMap::len).sum()
    }

    /// How `said` differs from this, in a few words; `None` if it does not.
    pub(super) fn against(&self, said: &Self) -> Option<String> {
        let mut all = Vec::new();
        for (channel, (truth, said)) in self.0.iter().zip(&said.0).enumerate() {
            let lacks = truth.iter().filter(|(client, user)| said.get(*client) != Some(*user));
            all.extend(lacks.map(|(client, user)| format!("{channel} lacks {user} {client}")));
            let extra = said.iter().filter(|(client, _)| !truth.contains_key(*client));
            all.extend(extra.map(|(client, user)| format!("{channel} has {user} {client}")));
        }
        summary(&all)
    }
}

/// How the counts that were answered differ from the true ones; `None` if they do not.
pub(super) fn against(truth: &[Count], said: &[Count]) -> Option<String> {
    let differ = truth.iter().zip(said).enumerate().filter(|(_, (truth, said))| truth != said);
    let told = differ.map(|(channel, (truth, said))| {
        let (clients, users) = (said.clients, said.users);
        format!("{channel} counts {clients}/{users} instead of {}/{}", truth.clients, truth.users)
    });
    summary(&told.collect::<Vec<_>>())
}

fn summary(all: &[String]) -> Option<String> {
    let more = match all.len().checked_sub(TOLD) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let some = all.iter().take(TOLD).map(|one| format!("channel {one}")).collect::<Vec<_>>();
    (!all.is_empty()).then(|| format!("{}{more}", some.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &[(usize, &str, &str)]) -> Members {
        let mut members = Members::nobody(2);
        list.iter().for_each(|&(channel, client, user)| members.add(channel, client, user));
        members
    }

    #[test]
    fn a_user_counts_once_in_a_channel() {
        let counts = members(&[(0, "a", "u"), (0, "b", "u"), (1, "b", "u")]).counts();
        let count = |clients, users| Count { clients, users };
        assert_eq!(counts, [count(2, 1), count(1, 1)]);
        assert_eq!(
            against(&counts, &[count(2, 1), count(2, 1)]).unwrap(),
            "channel 1 counts 2/1 instead of 1/1"
        );
        assert_eq!(against(&counts, &counts), None);
    }

    #[test]
    fn ghosts_missing_members_and_wrong_users_differ() {
        let truth = members(&[(0, "a", "u"), (1, "b", "v")]);
        assert_eq!(truth.against(&truth), None);
        let said = members(&[(0, "a", "w"), (1, "b", "v"), (1, "c", "x")]);
        assert_eq!(truth.against(&said).unwrap(), "channel 0 lacks u a, channel 1 has x c");
    }
}
