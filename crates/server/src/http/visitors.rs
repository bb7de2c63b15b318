//! The HTTP connections that are being served.

use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::farewell::Farewell;
use super::told;

/// Connections served at once; the pools of a large application's servers fit. Each costs a task
/// and some 20 KB.
const MOST: usize = 1024;

/// How long a connection may take from one answer to the end of the next request's head. It bounds
/// idle connections as well as heads that trickle, which cost the same.
pub(super) const NEXT_REQUEST: Duration = Duration::from_secs(60);

/// Bytes of a request's head. An event loop has held the first one to the operator's limit, which
/// is smaller.
const HEAD_BYTES: usize = 64 * 1024;

/// Header fields of a request, for the same reason not fewer than an operator may allow.
const HEAD_FIELDS: usize = 256;

/// How long a closed connection is read from after the last answer: enough for a client on the
/// other side of the world to hear it and stop sending.
const LINGER: Duration = Duration::from_secs(1);

/// How long requests in progress may take when the node leaves.
const PARTING: Duration = Duration::from_secs(5);

/// All connections of one way in.
pub(super) struct Visitors {
    router: Router,
    http: http1::Builder,
    tasks: JoinSet<()>,
    most: usize,
    /// Whether a connection may stay for another request.
    may_stay: bool,
    parting: watch::Sender<bool>,
}

impl Visitors {
    /// Nobody yet. What `router` does not know is not found.
    pub(super) fn new(router: Router) -> Self {
        Self::at_most(MOST, router)
    }

    /// The same, for so many at once.
    pub(super) fn at_most(most: usize, router: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(NEXT_REQUEST)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_FIELDS)
            // A client may say that it has sent everything and wait for the answer.
            .half_close(true);
        let router = router.fallback(not_found);
        let (tasks, parting) = (JoinSet::new(), watch::Sender::new(false));
        Self { router, http, tasks, most, may_stay: true, parting }
    }

    /// Closes every connection after one request. What comes next on it could be for an event
    /// loop, as when a browser or a proxy keeps a pool, and there is no way back to one.
    pub(super) fn for_one_request(self) -> Self {
        Self { may_stay: false, ..self }
    }

    /// Whether one more would be too many.
    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() >= self.most
    }

    /// Serves a connection. When half of the places are taken, it is closed after one request:
    /// keeping it for later is a courtesy, and idle connections must not take the place of somebody
    /// with a question.
    pub(super) fn welcome<I>(&mut self, io: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = self.http.clone();
        http.keep_alive(self.may_stay && self.tasks.len() < self.most / 2);
        let parting = self.parting.subscribe();
        self.tasks.spawn(serve(io, http, self.router.clone(), parting));
    }

    /// Waits until one has left; for ever when nobody is here. Nothing is lost when dropped.
    pub(super) async fn one_leaves(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Closes idle connections, lets requests in progress be answered, and closes what is left
    /// after [`PARTING`].
    pub(super) async fn part(mut self) {
        self.parting.send_replace(true);
        let everybody = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(PARTING, everybody).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "requests were not answered in time");
        }
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not found\n")
}

async fn serve<I>(io: I, http: http1::Builder, router: Router, mut parting: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| Box::pin(router.call(request)));
    let mut connection = http.serve_connection(Farewell::to_be_said(io), service);
    let mut parted = false;
    let outcome = loop {
        tokio::select! {
            // First of all, so that a request which has come already is seen before the node parts.
            biased;
            outcome = &mut connection => break outcome,
            () = told(&mut parting), if !parted => parted = true,
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "an HTTP connection failed");
    }
    // Nothing depends on how the farewell goes. A node that leaves does not linger: most of its
    // visitors are idle, and few of those notice that they should hang up.
    let linger = if parted { Duration::ZERO } else { LINGER };
    let _ = timeout(linger, connection.into_parts().io.say()).await;
}
