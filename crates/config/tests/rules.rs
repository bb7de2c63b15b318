//! Which configurations are refused as a whole, and that their neighbours are not.

use std::io::Write;

use tempfile::NamedTempFile;
use trunkline_config::{Config, Overrides};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What is said against a file; nothing if it is fine.
fn complaint(text: &str) -> Option<String> {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a written file");
    let outcome = Config::load(Some(file.path()), std::iter::empty(), &Overrides::default());
    outcome.err().map(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, because: &str) {
    let complaint = complaint(text).unwrap_or_else(|| panic!("accepted: {text}"));
    assert!(complaint.contains(because), "{text}\n{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[track_caller]
fn accepted(text: &str) {
    assert_eq!(complaint(text), None, "{text}");
}

fn anonymous(text: &str) -> String {
    format!("client.anonymous = true\n{text}")
}

#[test]
fn clients_must_have_a_way_in() {
    refused("", "no client could ever connect");
    accepted("client.anonymous = true");
    accepted("client.insecure = true");
    accepted(&format!("token.hmac_secret = \"{SECRET}\""));
}

#[test]
fn other_machines_are_let_near_only_when_that_is_said() {
    for address in ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:8000", "[::ffff:192.0.2.1]:8000"] {
        let listen = anonymous(&format!("server.listen = \"{address}\"\n"));
        refused(&listen, "server.allow_public = true");
        accepted(&format!("{listen}server.allow_public = true"));
        accepted(&format!("{listen}[server.tls]\ncert_file = \"c\"\nkey_file = \"k\""));
        refused(&format!("{listen}server.allow_public = true\nclient.insecure = true"), "loopback");
        let admin = anonymous(&format!("server.admin_listen = \"{address}\"\n"));
        refused(&admin, "server.allow_public_admin = true");
        refused(&format!("{admin}server.allow_public = true"), "server.allow_public_admin");
        accepted(&format!("{admin}server.allow_public_admin = true"));
    }
    for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8000", "unix:/run/t.sock", "systemd"] {
        accepted(&format!("client.insecure = true\nserver.listen = \"{address}\""));
    }
}

#[test]
fn an_address_known_later_is_checked_then() {
    let insecure = Config::dev(std::iter::empty(), &Overrides::default()).unwrap();
    assert!(insecure.check_listening("127.0.0.1:80".parse().unwrap()).is_ok());
    let error = insecure.check_listening("192.0.2.1:80".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("loopback"));
}

#[test]
fn both_listeners_need_a_place_of_their_own() {
    let both = |a, b| {
        anonymous(&format!(
            "[server]\nlisten = \"127.0.0.1:{a}\"\nadmin_listen = \"127.0.0.1:{b}\""
        ))
    };
    refused(&both(8000, 8000), "both 127.0.0.1:8000");
    accepted(&both(8000, 8001));
    accepted(&both(0, 0));
}

#[test]
fn a_certificate_needs_its_key() {
    refused(&anonymous("server.tls.cert_file = \"c\""), "both cert_file and key_file");
    refused(&anonymous("server.tls.key_file = \"k\""), "both cert_file and key_file");
}

#[test]
fn secrets_are_long_except_where_nobody_is_kept_out() {
    let short = &SECRET[1..];
    refused(&format!("token.hmac_secret = \"{short}\""), "shorter than 32 bytes");
    let previous = format!("[token]\nhmac_secret = \"{SECRET}\"\nprevious_hmac_secret = \"x\"");
    refused(&previous, "token.previous_hmac_secret holds a secret shorter");
    refused(&anonymous("api.keys = [\"fifteen-letters\"]"), "shorter than 16 bytes");
    accepted(&anonymous("api.keys = [\"sixteen--letters\"]"));
    accepted("client.insecure = true\napi.keys = [\"x\"]\ntoken.hmac_secret = \"y\"");
    refused(
        &anonymous(&format!("token.previous_hmac_secret = \"{SECRET}\"")),
        "without token.hmac_secret",
    );
}

#[test]
fn two_keys_may_be_active_and_all_fit_into_a_header() {
    let keys = |keys: &[&str]| anonymous(&format!("api.keys = {keys:?}"));
    accepted(&keys(&["0123456789abcdef", "123456789abcdef0"]));
    refused(&keys(&["0123456789abcdef"; 3]), "at most 2");
    refused(&keys(&["0123456789 abcdef"]), "no HTTP header");
    refused(&keys(&["0123456789abcdéf"]), "no HTTP header");
}

#[test]
fn origins_are_origins() {
    for wrong in ["*", "app.example.com", "https://app.example.com/"] {
        refused(&anonymous(&format!("client.allowed_origins = [{wrong:?}]")), "is no origin");
    }
    accepted(&anonymous("client.allowed_origins = [\"https://app.example.com\"]"));
}

#[test]
fn times_and_sizes_fit_each_other() {
    refused(&anonymous("limits.pong = \"25s\""), "limits.pong must be shorter");
    refused(&anonymous("server.shutdown_spread = \"31s\""), "server.shutdown_deadline");
    refused(&anonymous("server.shutdown_delay = \"11m\""), "server.shutdown_delay");
    accepted(&anonymous("server.shutdown_delay = \"1m\"")); // the deadline counts from there
    refused(&anonymous("limits.message_bytes = \"2MiB\""), "limits.outbound_bytes");
}

#[test]
fn namespaces_make_sense() {
    let namespace = |keys: &str| anonymous(&format!("[[namespaces]]\n{keys}"));
    for name in ["a:b", "$a", "a#b", "a b", "a/b", "é", "*"] {
        refused(&namespace(&format!("name = {name:?}")), &format!("{name:?} is no name"));
    }
    refused(&namespace(&format!("name = {:?}", "n".repeat(65))), "is no name");
    accepted(&namespace(&format!("name = {:?}", "n".repeat(64))));
    accepted(&namespace("name = \"a-b_c.9\""));
    for name in ["x", ""] {
        let twice = format!("name = {name:?}\n[[namespaces]]\nname = {name:?}");
        refused(&namespace(&twice), "configured twice");
    }
    refused(&namespace("name = \"x\"\nrecovery = true"), "recovery without history");
    accepted(&namespace("name = \"x\"\nrecovery = true\nhistory_size = 1"));
    refused(&namespace("name = \"x\"\npositioning = true"), "positioning without history");
    refused(&namespace("name = \"x\"\ndelta = true"), "delta without recovery");
    accepted(&namespace("name = \"x\"\ndelta = true\npositioning = true\nhistory_size = 1"));
    refused(&namespace("name = \"x\"\nforce_push_join_leave = true"), "without join_leave");
    refused(&namespace("name = \"x\"\njoin_leave_debounce = \"5s\""), "without join_leave");
    accepted(&namespace("name = \"x\"\njoin_leave = true\njoin_leave_debounce = \"60s\""));
    for what in ["subscribe", "publish", "history", "presence"] {
        let alone = namespace(&format!("name = \"x\"\nallow_{what}_for_anonymous = true"));
        refused(&alone, &format!("allow_{what}_for_client"));
        accepted(&format!("{alone}\nallow_{what}_for_client = true"));
    }
}

#[test]
fn messages_come_again_where_there_are_inboxes_that_keep_them_for_longer() {
    let with = |rest: &str| anonymous(&format!("inbox.enabled = true\n{rest}"));
    accepted(&with("inbox.redeliver_after = \"0s\""));
    accepted(&with("inbox.redeliver_after = \"1s\""));
    accepted(&with("inbox.redeliver_after = \"1d\""));
    refused(&with("inbox.redeliver_after = \"999ms\""), "at least 1s");
    refused(&with("inbox.redeliver_after = \"25h\""), "inbox.redeliver_after");
    let short = "inbox.ttl = \"10s\"\ninbox.redeliver_after = ";
    accepted(&with(&format!("{short}\"9s\"")));
    refused(&with(&format!("{short}\"10s\"")), "shorter than inbox.ttl");
    refused(&anonymous("inbox.redeliver_after = \"1s\""), "wants inbox.enabled");
    accepted(&anonymous("inbox.redeliver_after = \"0s\""));
}

#[test]
fn routes_lead_from_what_is_kept_into_inboxes() {
    let kept = "[[namespaces]]\nname = \"sys\"\nhistory_size = 10\n";
    let with = |inbox: bool, route: &str| {
        anonymous(&format!("inbox.enabled = {inbox}\n{kept}[[routes]]\n{route}"))
    };
    let good = "channel = \"sys:a\"\nuser_field = \"user\"\n";
    accepted(&with(true, good));
    refused(&with(false, good), "inbox.enabled");
    refused(&with(true, "channel = \"sys:a\""), "`routes.user_field` is missing");
    refused(&with(true, &good.replace("sys:a", "other:a")), "history_size");
    refused(&with(true, &good.replace("sys:a", "#ann")), "is an inbox itself");
    refused(&with(true, &good.replace("sys:a", "")), "cannot be the name of a channel");
    refused(&with(true, &good.replace("\"user\"", "\"\"")), "empty user_field");
    refused(&with(true, &format!("{good}[[routes]]\n{good}")), "has two");
    refused(&with(true, &format!("{good}source = \"pubsub\"")), "wants Redis");
    refused(&with(true, &format!("{good}source = \"kafka\"")), "\"stream\" or \"pubsub\"");
    refused(&with(true, &format!("{good}chanel = \"x\"")), "did you mean `routes.channel`");
}

#[test]
fn the_application_is_shown_what_says_something_of_the_client() {
    let shown = |name: &str| anonymous(&format!("callbacks.headers = [\"cookie\", {name:?}]"));
    for name in ["a b", "a:", "é"] {
        refused(&shown(name), "names no header field");
    }
    for name in [
        "connection",
        "accept-encoding",
        "content-encoding",
        "Content-Length",
        "content-type",
        "expect",
        "Host",
        "keep-alive",
        "proxy-connection",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "TE",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        refused(&shown(name), &format!("{name:?} says how the client's own request is sent"));
    }
    for name in ["authorization", "Cookie", "origin", "sec-websocket-protocol", "x-real-ip"] {
        accepted(&shown(name));
    }
}

#[test]
fn rooms_announce_who_comes_and_goes() {
    let rooms = anonymous("rooms.enabled = true\n[[namespaces]]\nname = \"rooms\"\n");
    refused(&rooms, "join_leave = true");
    accepted(&format!("{rooms}join_leave = true"));
    accepted(&rooms.replace("enabled = true", "enabled = false"));
}

/// Webhooks with the lines of each, beside what every one must have.
fn webhooks(before: &str, hooks: &[(&str, &str)]) -> String {
    let hook = |(name, more): &(&str, &str)| {
        let url =
            if more.contains("url =") { "" } else { "url = \"https://app.example/events\"\n" };
        let secret =
            if more.contains("secret =") { "" } else { "secret = \"sixteen--letters--and--8\"\n" };
        format!("[[webhooks]]\nname = {name:?}\n{url}{secret}{more}\n")
    };
    anonymous(&format!("{before}\n{}", hooks.iter().map(hook).collect::<String>()))
}

fn webhook(more: &str) -> String {
    webhooks("", &[("crm", more)])
}

#[test]
fn webhooks_have_names_of_their_own() {
    for name in ["", "a b", "a.b", "a:b", "é", &"n".repeat(41)] {
        refused(&webhooks("", &[(name, "")]), &format!("{name:?} is no name of a webhook"));
    }
    accepted(&webhooks("", &[("a-b_C9", ""), (&"n".repeat(40), "")]));
    refused(&webhooks("", &[("crm", ""), ("crm", "")]), "\"crm\" is configured twice");
    let names: Vec<_> = (0..17).map(|number| format!("hook-{number}")).collect();
    let hooks: Vec<_> = names.iter().map(|name| (&**name, "")).collect();
    accepted(&webhooks("", &hooks[..16]));
    refused(&webhooks("", &hooks), "16 at most");
}

#[test]
fn webhooks_say_where_to() {
    let without = "[[webhooks]]\nname = \"crm\"\nsecret = \"sixteen--letters--and--8\"";
    refused(&anonymous(without), "`webhooks.url` is missing");
    for url in ["ftp://app.example/", "app.example/events", "", "HTTP:app.example"] {
        refused(&webhook(&format!("url = {url:?}")), "neither http:// nor https://");
    }
    for url in ["https://", "http:///events", "https://?a", "https://app.example/a b"] {
        refused(&webhook(&format!("url = {url:?}")), "is no address");
    }
    refused(&webhook("url = \"https://ann:secret@app.example/\""), "a name or a password");
    for url in ["http://127.0.0.1:9/events?key=a@b", "https://[::1]/", "https://app.example"] {
        accepted(&webhook(&format!("url = {url:?}")));
    }
}

#[test]
fn webhooks_sign_with_what_nobody_guesses() {
    let without = "[[webhooks]]\nname = \"crm\"\nurl = \"https://app.example/\"";
    refused(&anonymous(without), "`webhooks.secret` is missing");
    let secret = |text: &str| webhook(&format!("secret = {text:?}"));
    refused(&secret(&SECRET[..23]), "not 24 to 255 bytes");
    accepted(&secret(&SECRET[..24]));
    accepted(&secret(&"s".repeat(255)));
    refused(&secret(&"s".repeat(256)), "not 24 to 255 bytes");

    // `openssl rand -base64 N`, with N of 23, 24, 64 and 65.
    for (bytes, good) in [(23, false), (24, true), (64, true), (65, false)] {
        let padding = ["", "==", "="][bytes % 3];
        let key = format!("whsec_{}{padding}", "A".repeat((bytes * 4).div_ceil(3)));
        if good {
            accepted(&secret(&key));
        } else {
            refused(&secret(&key), "24 to 64 bytes in base64");
        }
    }
    for broken in
        ["whsec_", "whsec_this-is-no-base64-at-all-is-it", &format!("whsec_{}", "A".repeat(33))]
    {
        refused(&secret(broken), "24 to 64 bytes in base64");
    }
    let insecure = secret("short").replace("client.anonymous", "client.insecure");
    refused(&insecure, "not 24 to 255 bytes"); // It is a receiver's doubt, not the node's.
}

#[test]
fn webhooks_are_told_of_what_there_is() {
    let events = |events: &[&str]| webhook(&format!("events = {events:?}"));
    accepted(&events(&["connected", "channel_vacated", "member_added"]));
    refused(&events(&[]), "\"crm\" has no events");
    refused(
        &events(&["connected", "conected"]),
        "\"crm\" has an unknown event `conected`; did you mean `connected`?",
    );
    refused(&events(&["zebra\n"]), "an unknown event `zebra\\n`");
    for event in ["node_lost", "events_lost"] {
        refused(&events(&[event]), &format!("{event}, which is told to everybody"));
    }
}

#[test]
fn webhooks_name_channels_or_beginnings_of_them() {
    let channels = |channels: &[&str]| webhook(&format!("channels = {channels:?}"));
    accepted(&channels(&["chat:*", "news", "#*", "$private:*", "*"]));
    for pattern in ["chat:*:1", "**", "a b", ":a*", &"n".repeat(256)] {
        refused(&channels(&[pattern]), "neither the name of a channel nor the beginning of one");
    }
    accepted(&channels(&["news"; 64]));
    refused(&channels(&["news"; 65]), "\"crm\" has more than 64 channels");
}

#[test]
fn what_is_unread_is_told_after_one_time() {
    let unread = |time: &str| format!("events = [\"inbox_unread\"]\nunread_after = {time:?}");
    let (soon, late) = (unread("10s"), unread("1h"));
    refused(&webhooks("", &[("a", &soon)]), "wants inbox.enabled = true");
    let inbox = "inbox.enabled = true";
    accepted(&webhooks(inbox, &[("a", &soon), ("b", &soon), ("c", "unread_after = \"1h\"")]));
    refused(
        &webhooks(inbox, &[("a", &soon), ("b", ""), ("c", &late)]),
        "\"a\" and \"c\" want inbox_unread after different times",
    );
}
