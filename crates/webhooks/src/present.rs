//! Who is connected to this node, for the day on which receivers were told that it is dead and it is not.

use std::collections::{BTreeMap, HashSet};

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::observer::Happening;

use crate::event::What;

/// The connections of this node: about 100 bytes each, and 20 for each channel they are in.
#[derive(Debug, Default)]
pub(crate) struct Present(BTreeMap<ClientId, Here>);

#[derive(Debug)]
struct Here {
    user: UserId,
    protocol: &'static str,
    channels: Vec<ChannelName>,
}

impl Present {
    /// Takes in what has happened.
    pub(crate) fn note(&mut self, happening: &Happening) {
        match happening {
            Happening::Connected { client, user, protocol } => {
                let here = Here { user: user.clone(), protocol, channels: Vec::new() };
                self.0.insert(*client, here);
            }
            Happening::Identified { client, user } => {
                if let Some(here) = self.0.get_mut(client) {
                    here.user = user.clone();
                }
            }
            Happening::Disconnected { client, .. } => drop(self.0.remove(client)),
            Happening::Subscribed { channel, info, .. } => {
                if let Some(here) = self.0.get_mut(&info.client) {
                    here.channels.push(channel.clone());
                }
            }
            Happening::Unsubscribed { channel, info, .. } => {
                if let Some(here) = self.0.get_mut(&info.client) {
                    here.channels.retain(|other| other != channel);
                }
            }
        }
    }

    /// What is to be told again, before what waits to be told: who is connected, and where, unless that
    /// is what waits.
    pub(crate) fn again<'w>(&self, waiting: impl Iterator<Item = &'w What>) -> Vec<What> {
        let (mut connected, mut subscribed) = (HashSet::new(), HashSet::new());
        for what in waiting {
            match what {
                What::Connected { client, .. } => drop(connected.insert(&**client)),
                What::Subscribed { client, channel, .. } => {
                    subscribed.insert((&**client, &**channel));
                }
                _ => {}
            }
        }
        let mut again = Vec::new();
        for (id, here) in &self.0 {
            let (client, user) = (id.to_string(), here.user.as_str().to_owned());
            for channel in here.channels.iter().map(ChannelName::as_str).rev() {
                if !subscribed.contains(&(&*client, channel)) {
                    let (client, user) = (client.clone(), user.clone());
                    again.push(What::Subscribed { client, user, channel: channel.to_owned() });
                }
            }
            if !connected.contains(&*client) {
                again.push(What::Connected { client, user, protocol: here.protocol.to_owned() });
            }
        }
        again.reverse();
        again
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkline_core::identity::ClientInfo;
    use trunkline_core::observer::{Membership, Parting};

    use super::*;

    fn connected(client: u128, user: &str) -> Happening {
        Happening::Connected {
            client: ClientId(client),
            user: UserId::new(user),
            protocol: "plain",
        }
    }

    fn info(client: u128) -> Arc<ClientInfo> {
        let (client, user) = (ClientId(client), UserId::new("ann"));
        Arc::new(ClientInfo { user, client, conn_info: None, chan_info: None })
    }

    fn subscribed(client: u128, channel: &str) -> Happening {
        let (channel, info) = (ChannelName::parse(channel).unwrap(), info(client));
        Happening::Subscribed { channel, info, membership: Membership::None }
    }

    fn words(what: &What) -> String {
        match what {
            What::Connected { client, user, .. } => format!("{user} {}", &client[35..]),
            What::Subscribed { client, channel, .. } => format!("{} in {channel}", &client[35..]),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn who_is_there_is_told_again_but_for_what_waits() {
        let mut present = Present::default();
        let told = [
            connected(1, "ann"),
            subscribed(1, "a"),
            subscribed(1, "b"),
            connected(2, ""),
            Happening::Identified { client: ClientId(2), user: UserId::new("bob") },
            connected(3, "cid"),
        ];
        told.iter().for_each(|happening| present.note(happening));
        let waiting = [subscribed(1, "c"), connected(4, "dan"), subscribed(4, "a")];
        waiting.iter().for_each(|happening| present.note(happening));
        let (channel, info) = (ChannelName::parse("a").unwrap(), info(1));
        let membership = Membership::None;
        present.note(&Happening::Unsubscribed { channel, info, membership });
        let reason = Parting { reason: "normal", custom: None };
        let (client, user) = (ClientId(3), UserId::new("cid"));
        present.note(&Happening::Disconnected { client, user, reason });
        let waiting: Vec<What> = waiting.map(|happening| What::of(happening).1).into();
        let again: Vec<String> = present.again(waiting.iter()).iter().map(words).collect();
        assert_eq!(again, ["bob 2", "ann 1", "1 in b"]);
    }
}
