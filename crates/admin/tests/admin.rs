//! The second listener and the page, asked as a browser or a scraper would.

#![expect(clippy::unwrap_used, reason = "an answer that cannot be read is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;
use trunkline_admin::{AdminState, PageOptions, page, router};
use trunkline_backend_memory::MemoryBackend;
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::Limits;
use trunkline_core::namespace::Namespaces;
use trunkline_core::rate::Rates;
use trunkline_core::signal::NodeId;
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::mailbox::Mailbox;
use trunkline_node::presence::LocalRoster;
use trunkline_node::schedules::NoSchedules;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_telemetry::Metrics;

async fn get(router: &Router, path: &str, host: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).header("Host", host).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn node() -> Arc<Node> {
    let mailbox = Arc::new(Mailbox::new(8, Box::new(|| ())));
    let switchboard = Arc::new(Switchboard::new(vec![mailbox]));
    let sink = Arc::clone(&switchboard);
    let backend = Arc::new(MemoryBackend::new(sink, Box::new(|| WallTime(1))));
    let roster = Arc::new(LocalRoster::new(backend.clone()));
    Arc::new(Node::new(Parts {
        id: NodeId::new("n1"),
        name: "attic".into(),
        namespaces: Namespaces::default(),
        limits: Limits::default(),
        metrics: Metrics::new(1),
        switchboard,
        notes: backend.clone(),
        backend,
        roster,
        schedule_form: Arc::new(NoSchedules),
        application: None,
        observer: None,
        per_user: Rates::default(),
        per_address: Rates::default(),
        lines: None,
    }))
}

#[tokio::test]
async fn readiness_ends_before_health_does() {
    let ready = Arc::new(AtomicBool::new(true));
    let router =
        router(AdminState { node: node(), ready: Arc::clone(&ready), trouble: Arc::new(|| None) });
    let (status, headers, body) = get(&router, "/ready", "x").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "{\"status\":\"ok\"}\n"));
    assert_eq!(headers["content-type"], "application/json");
    ready.store(false, Ordering::Release);
    assert_eq!(get(&router, "/ready", "x").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&router, "/health", "x").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_clock_is_told_and_turns_nobody_away() {
    let node = node();
    // The backend's clock stands at 1.
    node.run_schedules(Tick(0), WallTime(9_001));
    let ready = Arc::new(AtomicBool::new(true));
    let router = router(AdminState { node, ready, trouble: Arc::new(|| None) });
    let (status, _, body) = get(&router, "/ready", "x").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, "{\"status\":\"ok\",\"clock_off_ms\":9000}\n");
}

#[tokio::test]
async fn metrics_tell_of_counters_and_of_the_node() {
    let node = node();
    node.listen(0, &ChannelName::parse("news").unwrap());
    node.metrics.node.publications.add(42);
    let ready = Arc::new(AtomicBool::new(true));
    let (status, headers, body) =
        get(&router(AdminState { node, ready, trouble: Arc::new(|| None) }), "/metrics", "x").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(
        body.lines().any(|line| line.starts_with("trunkline_") && line.ends_with(" 42")),
        "{body}"
    );
    assert!(body.lines().any(|line| line.contains("channels") && line.ends_with(" 1")), "{body}");
}

#[tokio::test]
async fn the_page_may_run_its_own_script_and_nothing_else() {
    let router = page(PageOptions::default());
    let (status, headers, html) = get(&router, "/", "127.0.0.1:8000").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    let policy = headers["content-security-policy"].to_str().unwrap();
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(nonce.len(), 32);
    assert!(policy.contains("connect-src 'self' ws://127.0.0.1:8000"), "{policy}");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for element in ["script", "style"] {
        let all = html.matches(&format!("<{element}")).count();
        let allowed = html.matches(&format!("<{element} nonce=\"{nonce}\">")).count();
        assert!(all > 0 && all == allowed, "every <{element}> has the nonce");
    }
    let (_, again, _) = get(&router, "/", "127.0.0.1:8000").await;
    assert_ne!(again["content-security-policy"], policy, "a nonce serves once");
}

#[tokio::test]
async fn the_key_is_shown_on_this_machine_only() {
    let router = page(PageOptions { api_key: Some("the-key".into()), tls: false });
    for host in ["127.0.0.1:8000", "localhost", "LocalHost:1", "[::1]:8000", "a.localhost:80"] {
        let (_, _, html) = get(&router, "/", host).await;
        assert!(html.contains("the-key"), "{host}");
        assert!(
            html.contains(&format!("http://{host}").replace('[', "&#91;").replace(']', "&#93;")),
            "{host}"
        );
        assert!(!html.contains("{{"), "{host}");
    }
    for host in
        ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:8000"]
    {
        let (status, _, html) = get(&router, "/", host).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!html.contains("the-key") && html.contains("YOUR_API_KEY"), "{host}");
    }
}

#[tokio::test]
async fn a_host_that_could_widen_the_policy_is_refused() {
    let router = page(PageOptions::default());
    for host in ["", "a b", "a; script-src *", "a'b", "a\"><script>"] {
        assert_eq!(get(&router, "/", host).await.0, StatusCode::BAD_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn behind_tls_the_page_names_https() {
    let (_, _, html) = get(&page(PageOptions { api_key: None, tls: true }), "/", "a.example").await;
    assert!(html.contains("https://a.example"));
}

#[tokio::test]
async fn a_node_that_cannot_serve_says_why_it_is_not_ready() {
    let ready = Arc::new(AtomicBool::new(true));
    let trouble: trunkline_admin::Trouble = Arc::new(|| Some("a \"server\" is\naway".into()));
    let router = router(AdminState { node: node(), ready, trouble });
    let (status, _, body) = get(&router, "/ready", "x").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "{\"status\":\"unavailable\",\"why\":\"a server isaway\"}\n");
    assert_eq!(get(&router, "/health", "x").await.0, StatusCode::OK);
}
