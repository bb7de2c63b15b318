//! What honest tokens say arrives as they say it.

mod forge;

use forge::{NOW, SECRET, gate, good, headed, keys, now, signed, token, token_text};
use ring::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use serde_json::json;
use trunkline_auth::{Claims, Secret, TokenGate, TokenKeys, mint};
use trunkline_core::gate::{Gate, TokenError};
use trunkline_core::identity::ClientId;
use trunkline_core::time::WallTime;

#[test]
fn each_hmac_algorithm_is_welcome() {
    let algorithms = [("HS256", HMAC_SHA256), ("HS384", HMAC_SHA384), ("HS512", HMAC_SHA512)];
    for (name, algorithm) in algorithms {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let token = signed(&header, &good().to_string(), algorithm, SECRET);
        assert_eq!(gate().connection(&token, now()).unwrap().user.as_str(), "42", "{name}");
    }
}

#[test]
fn a_connection_token_says_who_and_until_when() {
    let identity = gate().connection(&token(&good()), now()).unwrap();
    assert_eq!(identity.user.as_str(), "42");
    assert_eq!(identity.expires_at, Some(WallTime((NOW + 60) * 1000)));
    assert!(identity.info.is_none() && identity.channels.is_empty());
}

#[test]
fn a_token_without_sub_is_for_an_anonymous_user_and_without_exp_for_ever() {
    let identity = gate().connection(&token(&json!({})), now()).unwrap();
    assert!(identity.user.is_anonymous());
    assert_eq!(identity.expires_at, None);
}

#[test]
fn expire_at_holds_apart_from_exp() {
    let expiry = |expire_at| {
        let claims = json!({ "sub": "42", "exp": NOW + 60, "expire_at": expire_at });
        gate().connection(&token(&claims), now()).unwrap().expires_at
    };
    assert_eq!(expiry(json!(NOW + 5)), Some(WallTime((NOW + 5) * 1000)));
    assert_eq!(expiry(json!(0)), None);
    assert_eq!(expiry(json!(null)), Some(WallTime((NOW + 60) * 1000)));
}

#[test]
fn a_token_ends_at_the_very_second() {
    let gate = gate();
    let token = token(&good());
    let end = WallTime((NOW + 60) * 1000);
    assert!(gate.connection(&token, WallTime(end.0 - 1)).is_ok());
    assert_eq!(gate.connection(&token, end), Err(TokenError::Expired));
}

#[test]
fn info_arrives_on_one_line_with_its_digits_and_order() {
    let claims = "{\"sub\":\"42\",\"info\":{ \"z\": 1.00,\n \"a\": 12345678901234567890123 } }";
    let identity = gate().connection(&token_text(claims), now()).unwrap();
    assert_eq!(identity.info.unwrap(), r#"{"z":1.00,"a":12345678901234567890123}"#);
}

#[test]
fn base64_info_wins() {
    let claims = json!({ "info": 1, "b64info": "eyJhIjogMn0=" });
    let identity = gate().connection(&token(&claims), now()).unwrap();
    assert_eq!(identity.info.unwrap(), r#"{"a":2}"#);
}

#[test]
fn server_subscriptions_are_listed_once_each() {
    let claims = json!({
        "sub": "42",
        "channels": ["news", "#42", "news"],
        "subs": { "news": { "info": { "a": 1 }, "data": [1, 2] }, "chat:x": { "b64data": "Mg==" } },
    });
    let channels = gate().connection(&token(&claims), now()).unwrap().channels;
    let names: Vec<_> = channels.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["#42", "chat:x", "news"]);
    assert_eq!(channels[1].1.data.as_deref(), Some(&b"2"[..]));
    assert_eq!(channels[2].1.info.as_deref(), Some(&br#"{"a":1}"#[..]));
    assert_eq!(channels[2].1.data.as_deref(), Some(&b"[1,2]"[..]));
}

#[test]
fn a_subscription_token_says_for_which_channel() {
    let client = ClientId(7);
    let claims = json!({
        "sub": "42", "channel": "$chat:1", "client": client.to_string(), "info": { "a": 1 },
        "exp": NOW + 60,
    });
    let grant = gate().subscription(&token(&claims), now()).unwrap();
    assert_eq!((grant.user.as_str(), &*grant.channel), ("42", "$chat:1"));
    assert_eq!(grant.client, Some(client));
    assert_eq!(grant.info.unwrap(), r#"{"a":1}"#);
    assert_eq!(grant.expires_at, Some(WallTime((NOW + 60) * 1000)));
}

#[test]
fn audience_and_issuer_are_looked_at_only_where_configured() {
    let claims = json!({ "sub": "42", "aud": ["web", "app"], "iss": "shop" });
    assert!(gate().connection(&token(&claims), now()).is_ok());
    let strict = TokenGate::new(TokenKeys {
        audience: Some("app".into()),
        issuer: Some("shop".into()),
        ..keys(&[SECRET])
    });
    assert!(strict.connection(&token(&claims), now()).is_ok());
    let one = json!({ "sub": "42", "aud": "app", "iss": "shop" });
    assert!(strict.connection(&token(&one), now()).is_ok());
}

#[test]
fn a_clock_that_is_a_little_ahead_is_forgiven() {
    let claims = json!({ "sub": "42", "nbf": NOW + 30 });
    assert!(gate().connection(&token(&claims), now()).is_ok());
}

#[test]
fn secrets_are_replaced_at_run_time_old_tokens_live_while_the_old_secret_is_listed() {
    let gate = gate();
    let old = token(&good());
    gate.replace(keys(&["a new secret of thirty-two bytes or more", SECRET]));
    assert!(gate.connection(&old, now()).is_ok());
    gate.replace(keys(&["a new secret of thirty-two bytes or more"]));
    assert_eq!(gate.connection(&old, now()), Err(TokenError::Invalid));
}

#[test]
fn minted_tokens_are_accepted() {
    let secret = Secret::new(SECRET);
    let claims = Claims { user: "42".into(), expires_at: Some(now()), ..Claims::default() };
    let earlier = WallTime(now().0 - 1);
    let identity = gate().connection(&mint(&secret, &claims), earlier).unwrap();
    assert_eq!((identity.user.as_str(), identity.expires_at), ("42", Some(now())));

    let claims = Claims { channel: Some("$chat:1".into()), ..claims };
    let grant = gate().subscription(&mint(&secret, &claims), earlier).unwrap();
    assert_eq!((grant.user.as_str(), &*grant.channel), ("42", "$chat:1"));

    let strict =
        TokenKeys { audience: Some("a".into()), issuer: Some("i".into()), ..keys(&[SECRET]) };
    let claims = Claims {
        channel: None,
        audience: strict.audience.clone(),
        issuer: strict.issuer.clone(),
        ..claims
    };
    assert!(TokenGate::new(strict).connection(&mint(&secret, &claims), earlier).is_ok());
}

#[test]
fn headers_without_meaning_here_do_no_harm() {
    for header in [r#"{"alg":"HS256","kid":"1"}"#, r#"{"typ":"anything","alg":"HS256","x":"y"}"#] {
        assert!(gate().connection(&headed(header), now()).is_ok(), "{header}");
    }
}
