//! Clients of whom the application says who they are, before or after their request is answered.

use std::sync::Arc;

use trunkline_core::application::{Application, Call, Calls, Objection, Response};
use trunkline_core::limits::Limits;
use trunkline_telemetry::UpgradeFailure;
use trunkline_transport::OriginPolicy;

use crate::support::application::{Asked, asked};
use crate::support::frame::{self, Frame};
use crate::support::{Client, Peer, Setup, TestNode, Upgrade, eventually};

const CONNECT: Calls = Calls {
    connect: true,
    refresh: false,
    subscribe: false,
    publish: false,
    sub_refresh: false,
    rpc: false,
};

/// A node that asks about clients.
fn asking(calls: Calls, withholds: bool) -> (TestNode, Asked) {
    let (application, questions) = asked(calls);
    let setup = Setup {
        application: Some(Arc::new(application)),
        forwarded: &["cookie"],
        withholds,
        ..Setup::with_shards(1)
    };
    (setup.start(), questions)
}

fn raw(cookie: &'static str) -> Upgrade {
    Upgrade { path: "/ws?format=raw&channels=news", headers: cookie }
}

/// Sends a request that is not answered at once.
fn knock(node: &TestNode, upgrade: &Upgrade) -> Peer {
    let mut peer = node.dial();
    peer.send(upgrade.head().as_bytes());
    peer
}

#[test]
fn the_answer_to_a_request_waits_until_it_is_known_who_comes() {
    let (node, questions) = asking(CONNECT, true);
    let mut peer = knock(&node, &raw("Cookie: s=1\r\nX-Other: x\r\n"));
    let question = questions.next();
    let shown: Vec<_> = question.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(shown, [("cookie", "s=1")], "nothing but what was asked for");
    // Who does not wait for the answer is not answered before it either.
    peer.send(&frame::write(frame::PING, b"?"));
    node.settle();
    assert_eq!((node.node.user_count(), node.node.channel_count()), (0, 0));
    assert_eq!(node.count(|c| c.subscriptions.get()), 0);
    question.is("ann");
    let mut client = Client::opened(peer);
    eventually("it is ann's", || node.node.user_count() == 1);
    eventually("it listens", || node.node.channel_count() == 1);
    node.publish("news", "\"hello\"");
    assert_eq!(client.text(), "hello");
    drop(client);
    node.expect_empty();
}

#[test]
fn who_is_refused_gets_a_status_and_nothing_is_left() {
    let error = |temporary| Objection::Error { code: 401, message: "no".into(), temporary };
    let disconnect = Objection::Disconnect { code: 4001, reason: "no".into() };
    for path in ["/ws?channels=news", "/ws?format=raw", "/sse?channels=news"] {
        let (node, questions) = asking(CONNECT, true);
        let outcomes = [
            (Err(error(false)), 401),
            (Err(error(true)), 503),
            (Err(disconnect.clone()), 403),
            (Err(Objection::Unavailable), 503),
            (Ok(Response::Rpc("nonsense".into())), 503),
        ];
        let refused = u64::try_from(outcomes.len()).unwrap();
        for (outcome, status) in outcomes {
            let mut peer = knock(&node, &Upgrade { path, headers: "Cookie: s=1\r\n" });
            let question = questions.next();
            question.answer(outcome.clone());
            let answer = peer.take_through("\r\n\r\n");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path} {outcome:?} {answer}"
            );
        }
        // And who is nobody, with no more than a word.
        let mut peer = knock(&node, &Upgrade { path, headers: "" });
        questions.next().is("");
        let answer = peer.take_through("\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("WWW-Authenticate: Bearer"));
        drop(peer);
        assert_eq!(node.count(|c| c.upgrade_errors.get(UpgradeFailure::Identity)), refused + 1);
        node.expect_empty();
    }
}

#[test]
fn a_foreign_page_cannot_borrow_its_visitors_cookie_with_an_image() {
    let (application, questions) = asked(CONNECT);
    let node = Setup {
        application: Some(Arc::new(application)),
        forwarded: &["cookie"],
        origins: OriginPolicy::List(Vec::new()),
        ..Setup::with_shards(1)
    }
    .start();
    let stream = |site: &str, mode: &str, dest: &str| {
        let mut peer = node.dial();
        let request = format!(
            "GET /sse?channels=news HTTP/1.1\r\nHost: localhost\r\nCookie: s=1\r\n\
             Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n\r\n"
        );
        peer.send(request.as_bytes());
        peer
    };
    let mut image = stream("cross-site", "no-cors", "image");
    assert!(image.take_through("\r\n\r\n").starts_with("HTTP/1.1 403 "));
    drop(image);
    node.expect_empty();
    assert_eq!(node.count(|c| c.upgrade_errors.get(UpgradeFailure::Origin)), 1);

    let mut own = stream("same-origin", "cors", "empty");
    // The first question there is: nobody was asked about the image.
    questions.next().is("ann");
    assert!(own.take_through("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    eventually("it is ann's", || node.node.user_count() == 1);
}

#[test]
fn who_is_refused_may_be_told_by_a_close_code_instead() {
    let (node, questions) = asking(CONNECT, false);
    for (outcome, code, words) in [
        (Err(Objection::Unavailable), 1013, "try again later"),
        (
            Err(Objection::Error { code: 401, message: "no".into(), temporary: false }),
            1008,
            "Unauthorized",
        ),
        (Err(Objection::Disconnect { code: 4001, reason: "no".into() }), 4001, "no"),
    ] {
        let mut client = Client::opened(knock(&node, &raw("")));
        questions.next().answer(outcome);
        assert_eq!(client.closed(), (code, words.to_owned()));
    }
    let mut client = Client::opened(knock(&node, &raw("")));
    questions.next().is("");
    assert_eq!(client.closed(), (1008, "Unauthorized".to_owned()));
    node.expect_empty();
}

#[test]
fn a_token_in_a_header_is_one_however_its_scheme_is_written() {
    let (node, questions) = asking(CONNECT, true);
    let path = "/ws?format=raw";
    for headers in [
        "Authorization: Bearer ann\r\n",
        "authorization: bearer ann\r\n",
        "Authorization: BEARER  ann\r\n",
    ] {
        let _client = Client::opened(knock(&node, &Upgrade { path, headers }));
        assert!(questions.is_silent(), "{headers}");
    }
    // Others bring no token along.
    for headers in ["Authorization: Basic ann\r\n", "Authorization: Bearerann\r\n"] {
        let mut peer = knock(&node, &Upgrade { path, headers });
        questions.next().is("");
        assert!(peer.take_through("\r\n\r\n").starts_with("HTTP/1.1 401 "), "{headers}");
    }
}

#[test]
fn a_token_is_enough() {
    let (node, questions) = asking(CONNECT, true);
    let token = Upgrade { path: "/ws?format=raw&token=ann", headers: "" };
    let _client = Client::opened(knock(&node, &token));
    let mut peer = knock(&node, &Upgrade { path: "/ws?token=bad", headers: "Cookie: s=1\r\n" });
    assert!(peer.take_through("\r\n\r\n").starts_with("HTTP/1.1 401 "));
    assert!(questions.is_silent(), "a cookie does not help a bad token");
}

#[test]
fn an_application_that_hangs_is_not_waited_for() {
    let (application, questions) = asked(CONNECT);
    let limits = Limits { connect_ms: 50, ..Limits::default() };
    let application = Some(Arc::new(application) as Arc<dyn Application>);
    let setup = Setup { application, limits, withholds: true, ..Setup::with_shards(1) };
    let node = setup.start();
    let mut peer = knock(&node, &raw(""));
    let question = questions.next();
    assert!(peer.take_through("\r\n\r\n").starts_with("HTTP/1.1 503 "));
    drop(peer);
    node.expect_empty();
    // An answer that comes too late reaches nobody.
    question.is("ann");
    node.settle();
    assert_eq!(node.node.user_count(), 0);
}

#[test]
fn who_hangs_up_while_the_application_is_asked_was_never_there() {
    let (node, questions) = asking(CONNECT, true);
    drop(knock(&node, &raw("")));
    let question = questions.next();
    node.expect_empty();
    question.is("ann");
    node.settle();
    assert_eq!(node.node.user_count(), 0);
}

#[test]
fn who_talks_nonsense_before_it_is_answered_is_refused() {
    let (node, questions) = asking(CONNECT, true);
    for bytes in [&[0xff; 16][..], &frame::write(frame::CLOSE, &[])] {
        let mut peer = knock(&node, &raw(""));
        let _question = questions.next();
        peer.send(bytes);
        assert!(peer.take_through("\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }
    node.expect_empty();
}

#[test]
fn what_it_says_goes_to_the_application_and_the_answer_comes_back() {
    let (node, questions) = asking(Calls { rpc: true, ..CONNECT }, false);
    let mut client = Client::opened(knock(&node, &raw("Cookie: s=1\r\n")));
    questions.next().is("ann");
    client.send_text(r#"{"msg_type":"login"}"#);
    assert_eq!(client.text(), r#"{"msg_type":"login","data":{"user":"ann"}}"#);
    client.send_text("what time is it?");
    let question = questions.next();
    assert_eq!(question.about.user.as_str(), "ann");
    let data = "\"what time is it?\"".into();
    assert_eq!(question.call, Call::Rpc { method: "".into(), data });
    assert_eq!(question.headers.len(), 1, "a later call is shown them as well");
    question.answer(Ok(Response::Rpc(r#""noon""#.into())));
    assert_eq!(client.frame(), Frame::Text("noon".into()));
    client.send_text("[1]");
    questions.next().answer(Ok(Response::Rpc("".into())));
    client.expect_quiet();
    client.send_text("[2]");
    questions.next().answer(Err(Objection::Unavailable));
    let told = client.json();
    assert_eq!((&told["msg_type"], &told["error"]["temporary"]), (&"error".into(), &true.into()));
}
