//! A connection at work: both directions, until nothing is left of it.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::fate::{Step, decide};
use crate::faults::Direction;
use crate::lane::Lane;
use crate::luck::Luck;
use crate::serve::Settings;
use crate::way::Way;

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both sides have closed.
    Finished,
    /// Both sides are to be reset.
    Reset,
}

/// Which connection it is: what decides its random choices, and whether faults are meant for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// The proxy's seed.
    pub(crate) seed: u64,
    /// How many connections were accepted before this one.
    pub(crate) number: u64,
    /// The address that the upstream sees it come from.
    pub(crate) from: Option<SocketAddr>,
}

/// Carries bytes between a client and an upstream, each given as the half that is read and the one that
/// is written. May be dropped at any time.
pub(crate) async fn join<CR, CW, UR, UW>(
    name: Name,
    client: (CR, CW),
    upstream: (UR, UW),
    settings: &mut watch::Receiver<Settings>,
) -> Outcome
where
    CR: AsyncRead + Unpin,
    CW: AsyncWrite + Unpin,
    UR: AsyncRead + Unpin,
    UW: AsyncWrite + Unpin,
{
    let lane = |direction| Lane::new(Luck::new(name.seed, name.number, direction));
    let (out, back) = (Direction::ToUpstream, Direction::ToClient);
    let mut to_upstream = Way::new(name.from, out, client.0, upstream.1, lane(out));
    let mut to_client = Way::new(name.from, back, upstream.0, client.1, lane(back));
    let present = settings.clone();
    loop {
        let faults = settings.borrow_and_update().faults_of(name.from);
        match decide(to_upstream.progress(), to_client.progress(), &faults) {
            Step::Reset => return Outcome::Reset,
            Step::Finish => return Outcome::Finished,
            Step::Tell(Direction::ToUpstream) => to_upstream.tell().await,
            Step::Tell(Direction::ToClient) => to_client.tell().await,
            Step::Carry => tokio::select! {
                // Changes first: what waits for a time of the old faults has to ask anew.
                biased;
                changed = settings.changed() => if changed.is_err() {
                    return Outcome::Reset;
                },
                () = to_upstream.go_on(&present) => {}
                () = to_client.go_on(&present) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests;
