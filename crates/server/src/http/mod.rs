//! Ordinary HTTP: the server API, pages and checks, on two ways in.
//!
//! Connections whose first request is nothing for an event loop come through the [`reception`];
//! the admin listener accepts its own ([`serve_listener`]). Both are [`visitors`] from then on.

mod farewell;
mod handed_over;
mod listener;
mod reception;
mod tls;
mod visitors;

#[cfg(test)]
mod tests;

use tokio::sync::watch;

pub(crate) use self::listener::serve_listener;
pub(crate) use self::reception::reception;

/// Waits until a signal says true. Whoever could give it being gone counts as well.
async fn told(signal: &mut watch::Receiver<bool>) {
    let _ = signal.wait_for(|given| *given).await;
}
