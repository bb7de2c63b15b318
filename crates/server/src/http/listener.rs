//! A listener of its own for ordinary HTTP.

use std::io::{self, ErrorKind};
use std::net::TcpListener as StdListener;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::told;
use super::visitors::Visitors;

/// How long to wait after the system could not give a connection, most often for want of
/// descriptors: trying again at once would only burn time.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on a non-blocking listener until `stop` says true. Requests in progress are
/// then answered.
pub(crate) async fn serve_listener(
    listener: StdListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be watched"),
    };
    let mut visitors = Visitors::new(router);
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            () = visitors.one_leaves() => {}
            accepted = listener.accept(), if !visitors.is_full() => match accepted {
                Ok((stream, _)) => {
                    // Only costs time where it fails.
                    let _ = stream.set_nodelay(true);
                    visitors.welcome(stream);
                }
                Err(error) => endure(&error).await,
            },
        }
    }
    drop(listener);
    visitors.part().await;
}

/// A peer that was gone before it was accepted is nothing; anything else is the system's trouble.
async fn endure(error: &io::Error) {
    let peers = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted];
    if !peers.contains(&error.kind()) {
        tracing::warn!(%error, "cannot accept a connection");
        sleep(PAUSE).await;
    }
}
