//! Making calls.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::Address;

/// Connections kept to one server while nothing is asked of it.
const IDLE_CONNECTIONS: usize = 32;

/// How long they are kept: shorter than common servers keep theirs, so that a call seldom meets one
/// that is being closed.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// Makes calls, from a tokio runtime. Cloning shares the connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, which may be any.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody could be reached: nothing was asked.
    #[error("cannot connect")]
    Connect,
    /// There was no answer in time. What was asked may have been done.
    #[error("no answer in time")]
    TooLate,
    /// The connection broke. What was asked may have been done.
    #[error("the connection broke")]
    Broken,
    /// The answer is longer than it may be.
    #[error("the answer is too long")]
    TooLong,
}

impl Client {
    /// A client that trusts the authorities the operating system trusts.
    ///
    /// # Errors
    /// The system knows none.
    pub fn new() -> std::io::Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_or_http()
            .enable_http1()
            .build();
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(https);
        Ok(Self { inner })
    }

    /// Sends a JSON text. Header fields that no request can carry are left out.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn post<'h>(
        &self,
        to: &Address,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        body: Bytes,
        limits: Limits,
    ) -> Result<Answer, Trouble> {
        let mut request = self.request(Method::POST, to, headers, body)?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        self.send(request, limits).await
    }

    /// Asks for what is at an address.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn get(&self, at: &Address, limits: Limits) -> Result<Answer, Trouble> {
        let request = self.request(Method::GET, at, [], Bytes::new())?;
        self.send(request, limits).await
    }

    fn request<'h>(
        &self,
        method: Method,
        to: &Address,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let mut request = Request::builder()
            .method(method)
            .uri(to.uri().clone())
            .body(Full::new(body))
            .map_err(|_| Trouble::Connect)?;
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                request.headers_mut().append(name, value);
            }
        }
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Answer, Trouble> {
        let whole = async {
            let answer = self.inner.request(request).await.map_err(|error| {
                if error.is_connect() { Trouble::Connect } else { Trouble::Broken }
            })?;
            let status: StatusCode = answer.status();
            let body = Limited::new(answer.into_body(), limits.bytes).collect().await;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() { Trouble::TooLong } else { Trouble::Broken }
            })?;
            Ok(Answer { status: status.as_u16(), body: body.to_bytes() })
        };
        timeout(limits.time, whole).await.unwrap_or(Err(Trouble::TooLate))
    }
}

/// What one call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte to the last.
    pub time: Duration,
    /// Of the answer.
    pub bytes: usize,
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::response::Redirect;
    use axum::routing::{get, post};

    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(10), bytes: 1_000 };

    async fn server() -> String {
        let echo = |headers: HeaderMap, body: Bytes| async move {
            let seen = headers.get("x-a").and_then(|value| value.to_str().ok()).unwrap_or("");
            format!("{} {seen} {}", headers["content-type"].to_str().unwrap(), body.len())
        };
        let router = Router::new()
            .route("/echo", post(echo))
            .route("/long", get(|| async { "x".repeat(1_001) }))
            .route("/away", get(|| async { Redirect::to("/echo") }))
            .route("/hang", get(std::future::pending::<&str>));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn at(server: &str, path: &str) -> Address {
        format!("{server}{path}").parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_sent_arrives() {
        let server = server().await;
        let client = Client::new().unwrap();
        let headers = [("x-a", "b"), ("no header", "c"), ("x-c", "a\nb")];
        let answer =
            client.post(&at(&server, "/echo"), headers, "{}".into(), LIMITS).await.unwrap();
        assert_eq!(answer, Answer { status: 200, body: "application/json b 2".into() });
    }

    #[tokio::test]
    async fn whatever_is_there_a_call_ends() {
        let server = server().await;
        let client = Client::new().unwrap();
        let hasty = Limits { time: Duration::from_millis(500), ..LIMITS };
        assert_eq!(client.get(&at(&server, "/hang"), hasty).await, Err(Trouble::TooLate));
        assert_eq!(client.get(&at(&server, "/long"), LIMITS).await, Err(Trouble::TooLong));
        let away = client.get(&at(&server, "/away"), LIMITS).await.unwrap();
        assert_eq!(away.status, 303, "it is not followed");
        // Nobody listens on a port that was free a moment ago.
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        assert_eq!(client.get(&at(&nowhere, "/"), LIMITS).await, Err(Trouble::Connect));
    }
}
