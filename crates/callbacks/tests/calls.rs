//! Calls to an application that is there, and to one that is not as it should be.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use trunkline_callbacks::{Callbacks, Options};
use trunkline_core::application::{About, Application, Call, Headers, Objection, Response};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_outgoing::{Address, Client};

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn options(server: &str, path: &str) -> Options {
    let address: Option<Address> = Some(format!("{server}{path}").parse().unwrap());
    Options {
        connect: address.clone(),
        publish: address,
        timeout: Duration::from_secs(10),
        ..Options::default()
    }
}

fn callbacks(options: Options) -> Callbacks {
    Callbacks::new(options, Client::new().unwrap(), Handle::current())
}

async fn ask(callbacks: &Callbacks, headers: &Headers, call: Call) -> Result<Response, Objection> {
    let about = About {
        client: ClientId(7),
        user: UserId::default(),
        binary: false,
        one_way: false,
        meta: None,
    };
    let (tell, told) = oneshot::channel();
    callbacks.call(about, Arc::clone(headers), call, Box::new(|answer| drop(tell.send(answer))));
    told.await.unwrap()
}

fn who() -> Call {
    Call::Connect { name: "".into(), version: "".into(), data: None, anew: false }
}

fn who_is_it_now() -> Call {
    Call::Connect { name: "".into(), version: "".into(), data: None, anew: true }
}

/// Who the application says it is.
async fn user(callbacks: &Callbacks, headers: &Headers, call: Call) -> String {
    match ask(callbacks, headers, call).await {
        Ok(Response::Connect { identity, .. }) => identity.user.as_str().to_owned(),
        answer => panic!("{answer:?}"),
    }
}

fn cookie(value: &str) -> Headers {
    [("cookie".into(), value.into())].into()
}

#[tokio::test]
async fn whoever_has_the_cookie_is_its_user() {
    let by_cookie = |headers: HeaderMap| async move {
        let user = headers["cookie"].to_str().unwrap().strip_prefix("user=").unwrap().to_owned();
        format!("{{\"result\":{{\"user\":\"{user}\"}}}}")
    };
    let server = serve(Router::new().route("/connect", post(by_cookie))).await;
    let callbacks = callbacks(options(&server, "/connect"));
    let answer = ask(&callbacks, &cookie("user=ann"), who()).await;
    let Ok(Response::Connect { identity, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(identity.user, UserId::new("ann"));
}

#[tokio::test]
async fn an_application_that_is_not_well_says_neither_yes_nor_no() {
    let router = Router::new()
        .route("/hang", post(std::future::pending::<&str>))
        .route("/nonsense", post(|| async { "<html>" }))
        .route("/fails", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/away", post(|| async { Redirect::temporary("/ok") }))
        .route("/ok", post(|| async { "{\"result\":{\"user\":\"ann\"}}" }))
        .route("/long", post(|| async { " ".repeat(200_000) }));
    let server = serve(router).await;
    for path in ["/hang", "/nonsense", "/fails", "/away", "/long", "/missing"] {
        let mut options = options(&server, path);
        if path == "/hang" {
            options.timeout = Duration::from_millis(500);
        }
        let answer = ask(&callbacks(options), &cookie("a"), who()).await;
        assert_eq!(answer, Err(Objection::Unavailable), "{path}");
    }
}

#[tokio::test]
async fn one_that_fails_is_left_alone() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let fail = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        async { StatusCode::BAD_GATEWAY.into_response() }
    };
    let server = serve(Router::new().route("/connect", post(fail))).await;
    let callbacks = callbacks(options(&server, "/connect"));
    for _ in 0..50 {
        assert_eq!(ask(&callbacks, &cookie("a"), who()).await, Err(Objection::Unavailable));
    }
    let times = asked.load(Ordering::Relaxed);
    assert!((10..20).contains(&times), "asked {times} times");
}

#[tokio::test]
async fn nobody_can_make_it_be_left_alone_by_asking_for_nonsense() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let refuse = move || {
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        async move { if nth.is_multiple_of(2) { StatusCode::NOT_FOUND } else { StatusCode::OK } }
    };
    let server = serve(Router::new().route("/connect", post(refuse))).await;
    let callbacks = callbacks(options(&server, "/connect"));
    for _ in 0..50 {
        assert_eq!(ask(&callbacks, &cookie("a"), who()).await, Err(Objection::Unavailable));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 50);
}

#[tokio::test]
async fn the_same_header_fields_are_asked_about_once_where_that_is_wanted() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = move || {
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        async move { format!("{{\"result\":{{\"user\":\"{nth}\"}}}}") }
    };
    let server = serve(Router::new().route("/connect", post(answer))).await;
    let cached = Options { connect_cache: Duration::from_secs(60), ..options(&server, "/connect") };
    let callbacks = callbacks(cached);
    let first = user(&callbacks, &cookie("a"), who()).await;
    assert_eq!(user(&callbacks, &cookie("a"), who()).await, first);
    assert_ne!(user(&callbacks, &cookie("b"), who()).await, first);
    // Without any, one client is not the other.
    let nobody = user(&callbacks, &Headers::default(), who()).await;
    assert_ne!(user(&callbacks, &Headers::default(), who()).await, nobody);
    // What is wanted anew is asked, and holds from then on.
    let anew = user(&callbacks, &cookie("a"), who_is_it_now()).await;
    assert_ne!(anew, first);
    assert_eq!(user(&callbacks, &cookie("a"), who()).await, anew);
}

#[tokio::test]
async fn what_is_remembered_says_for_how_long_it_has_been_known() {
    let answer = || async { "{\"result\":{\"user\":\"ann\"}}" };
    let server = serve(Router::new().route("/connect", post(answer))).await;
    let cached = Options { connect_cache: Duration::from_secs(60), ..options(&server, "/connect") };
    let callbacks = callbacks(cached);
    let age = async || match ask(&callbacks, &cookie("a"), who()).await {
        Ok(Response::Connect { age_ms, .. }) => age_ms,
        answer => panic!("{answer:?}"),
    };
    let asked_at = Instant::now();
    assert_eq!(age().await, 0, "the application was asked");
    let deadline = asked_at + Duration::from_secs(20);
    while age().await == 0 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    let known = age().await;
    assert!(known > 0 && u128::from(known) <= asked_at.elapsed().as_millis(), "{known} ms");
}

#[tokio::test]
async fn who_is_nobody_is_asked_about_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = move || {
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        async move { format!("{{\"result\":{{\"user\":\"{}\"}}}}", ["", "ann"][nth.min(1)]) }
    };
    let server = serve(Router::new().route("/connect", post(answer))).await;
    let cached = Options { connect_cache: Duration::from_secs(60), ..options(&server, "/connect") };
    let callbacks = callbacks(cached);
    assert_eq!(user(&callbacks, &cookie("a"), who()).await, "");
    assert_eq!(user(&callbacks, &cookie("a"), who()).await, "ann");
}

#[tokio::test]
async fn methods_that_take_their_time_keep_nobody_from_coming_in() {
    let (waiting, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, tell) = (Arc::clone(&waiting), Arc::clone(&counted));
    let hang = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        tell.notify_one();
        std::future::pending::<&str>()
    };
    let router = Router::new()
        .route("/rpc", post(hang))
        .route("/connect", post(|| async { "{\"result\":{\"user\":\"ann\"}}" }));
    let server = serve(router).await;
    let rpc = Some(format!("{server}/rpc").parse().unwrap());
    let timeout = Duration::from_secs(30);
    let callbacks = callbacks(Options { rpc, timeout, ..options(&server, "/connect") });
    let method = || Call::Rpc { method: "slow".into(), data: Bytes::new() };
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let callbacks = callbacks.clone();
        slow.spawn(async move { ask(&callbacks, &cookie("a"), method()).await });
    }
    // Those for which there was no room.
    for _ in 0..300 - 256 {
        assert_eq!(slow.join_next().await.unwrap().unwrap(), Err(Objection::Unavailable));
    }
    while waiting.load(Ordering::Relaxed) < 256 {
        tokio::time::timeout(Duration::from_secs(20), counted.notified()).await.unwrap();
    }
    assert_eq!(user(&callbacks, &cookie("a"), who()).await, "ann");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_twice() {
    // Whoever connects is hung up on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut bytes = [0; 16];
            let _ = stream.readable().await;
            let _ = stream.try_read(&mut bytes);
        }
    });
    let callbacks = callbacks(options(&server, "/"));
    let channel = ChannelName::parse("a").unwrap();
    let publish = Call::Publish { channel, data: Bytes::from_static(b"1") };
    assert_eq!(ask(&callbacks, &cookie("a"), publish).await, Err(Objection::Unavailable));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert_eq!(ask(&callbacks, &cookie("a"), who()).await, Err(Objection::Unavailable));
    assert_eq!(connections.load(Ordering::Relaxed), 3, "a question may be asked again");
}
