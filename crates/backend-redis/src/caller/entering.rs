//! What a server is asked before it is used: to know our scripts, whether we may do what they do, and
//! what becomes of streams when its memory is full.

use trunkline_core::channel::ChannelName;

use crate::health::{Health, Part};
use crate::keys::{Partition, Shelf};
use crate::limits::MEMORY_EVERY;
use crate::link::{Access, Link, Trouble, dial_master};
use crate::resp::{Reply, command};
use crate::scripts::{self, MAY, Script};
use crate::seat::Seat;

/// Connects to a server and finds out whether it can be used; `copies` says whether it is to be
/// asked how many copies there are.
pub(super) async fn enter(seat: &Seat, health: &Health, copies: bool) -> Result<Link, Trouble> {
    let access = &seat.access;
    let mut link = dial_master(&seat.find().await?, access).await?;
    let load = |script: &Script| command("SCRIPT").arg("LOAD").arg(script.text());
    let loaded = link.exchange(scripts::all().map(load).into()).await?;
    if let Some(error) = loaded.iter().find(|reply| matches!(reply, Reply::Error(_))) {
        return Err(Trouble::of_reply(error));
    }
    may(&mut link, access, copies).await?;
    judge_memory(&mut link, access, health).await?;
    Ok(link)
}

/// Whether we may do what the scripts do. Without this, what is missing would show when somebody
/// publishes.
async fn may(link: &mut Link, access: &Access, copies: bool) -> Result<(), Trouble> {
    // Any channel does: a node has to do with all of them.
    let channel = ChannelName::parse("any").map_err(|_| Trouble::Malformed)?;
    let partition = Partition::of(&channel);
    let names = access.keys.channel(partition, &channel);
    let ask = super::script(&MAY, 0)
        .arg(names.stream)
        .arg(names.top)
        .arg(access.keys.server(partition))
        .arg(access.keys.outcome(partition, &channel, "any"))
        .arg(names.line)
        .arg(if copies { "1" } else { "0" })
        .arg(access.keys.members(partition, &channel))
        .arg(access.keys.users(partition, &channel))
        .arg(access.keys.members_of(partition, "any"))
        .arg(access.keys.leases());
    let [notes, due] = access.keys.notes(Shelf { partition, internal: false });
    let ask = ask.arg(notes).arg(due);
    let answers = link.exchange(vec![ask]).await?;
    match answers[0].text() {
        Some("") => Ok(()),
        Some(refused) => Err(Trouble::Permission(format!("{refused}; docs/redis.md lists it all"))),
        None => Err(Trouble::of_reply(&answers[0])),
    }
}

async fn judge_memory(link: &mut Link, access: &Access, health: &Health) -> Result<(), Trouble> {
    match link.eviction().await? {
        Some(policy) if !access.allow_eviction => {
            health.is_in_trouble(Part::Memory, &Trouble::Evicts(policy));
        }
        _ => health.is_well(Part::Memory),
    }
    Ok(())
}

/// Looks again and again, while a server may throw streams away, whether it has been told better.
/// That takes a connection of its own: nobody waits for it.
pub(super) async fn watch_memory(seat: &Seat, health: &Health) -> Trouble {
    loop {
        tokio::time::sleep(MEMORY_EVERY).await;
        if !health.suffers(Part::Memory) {
            continue;
        }
        // What is wrong with the connection is found out, and told, by those who need it.
        let Ok(address) = seat.find().await else { continue };
        if let Ok(mut link) = dial_master(&address, &seat.access).await {
            let _ = judge_memory(&mut link, &seat.access, health).await;
        }
    }
}
