//! Accepts connections, and carries out what the handle says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::{Name, Outcome, join};
use crate::faults::Faults;
use crate::roll::{Counted, Roll};

/// Connections at a time. A test that needs more should ask itself why; over it new ones are reset.
const CONNECTIONS: usize = 4096;

/// How long the upstream may take to accept, in a world where everything is on one machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long to leave the listener alone when it cannot accept, which is mostly for want of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What the handle has said last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) faults: Faults,
    /// The one connection they hold for, by the address that the upstream sees it come from; else all.
    pub(crate) only: Option<SocketAddr>,
    pub(crate) upstream: SocketAddr,
    pub(crate) refuse: bool,
    /// How often all connections were to be reset.
    pub(crate) resets: u64,
}

impl Settings {
    /// What goes wrong on the connection that the upstream sees come from this address.
    pub(crate) fn faults_of(&self, from: Option<SocketAddr>) -> Faults {
        if self.only.is_none() || self.only == from { self.faults } else { Faults::NONE }
    }
}

/// Serves until the sender of `settings` is gone.
pub(crate) async fn serve(
    listener: TcpListener,
    seed: u64,
    mut settings: watch::Receiver<Settings>,
    roll: Arc<Roll>,
) {
    let mut connections = JoinSet::new();
    let mut accepted = 0;
    // The handle may have been used before this ran for the first time.
    let mut resets = 0;
    loop {
        tokio::select! {
            // Changes first: a connection that came after them has to meet them.
            biased;
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = settings.borrow_and_update().resets;
                if now != resets {
                    resets = now;
                    // Whoever connected before the reset may not have been accepted yet. They go first, for
                    // a client that was reset may be back soon, and that one is to stay.
                    reset_waiting(&listener);
                    connections.abort_all();
                }
            }
            Some(_) = connections.join_next() => {}
            client = listener.accept() => {
                let Ok((client, _)) = client else {
                    sleep(ACCEPT_AGAIN).await;
                    continue;
                };
                reset_on_drop(&client);
                if settings.borrow().refuse || roll.count() >= CONNECTIONS {
                    continue;
                }
                let name = Name { seed, number: accepted, from: None };
                accepted += 1;
                let counted = Counted::new(&roll);
                connections.spawn(connection(name, client, settings.clone(), counted));
            }
        }
    }
}

/// Resets all that wait to be accepted.
fn reset_waiting(listener: &TcpListener) {
    // The socket itself is asked: the runtime knows only of those that came before it last slept.
    let socket = SockRef::from(listener);
    for _ in 0..CONNECTIONS {
        // The listener never blocks, so an error is that there are no more.
        let Ok((client, _)) = socket.accept() else { return };
        let _ = client.set_linger(Some(Duration::ZERO)); // As in `reset_on_drop`.
    }
}

async fn connection(
    mut name: Name,
    mut client: TcpStream,
    mut settings: watch::Receiver<Settings>,
    mut counted: Counted,
) {
    let upstream = settings.borrow().upstream;
    let connected = timeout(CONNECT_WITHIN, TcpStream::connect(upstream)).await;
    let Ok(Ok(mut upstream)) = connected else { return };
    reset_on_drop(&upstream);
    name.from = upstream.local_addr().ok();
    counted.comes_from(name.from);
    for socket in [&client, &upstream] {
        // Pieces are to arrive as they are written; a socket that cannot do that is about to fail anyway.
        let _ = socket.set_nodelay(true);
    }
    let outcome = join(name, client.split(), upstream.split(), &mut settings).await;
    if outcome == Outcome::Finished {
        close_on_drop(&client);
        close_on_drop(&upstream);
    }
}

/// Lets a socket send RST instead of FIN when it is dropped. Only connections that both sides have closed
/// end in another way, so that a connection is reset by forgetting it.
fn reset_on_drop(socket: &TcpStream) {
    // It fails for sockets that are no more, for which it does not matter.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn close_on_drop(socket: &TcpStream) {
    // As above.
    let _ = SockRef::from(socket).set_linger(None);
}
