//! No forged, broken, foreign or outlived token gets anybody in, and none makes the gate panic.

mod forge;

use forge::{NOW, SECRET, gate, good, headed, keys, now, part, signed, token, token_text};
use proptest::prelude::*;
use ring::hmac::{HMAC_SHA256, HMAC_SHA512};
use serde_json::{Value, json};
use trunkline_auth::{TokenGate, TokenKeys};
use trunkline_core::gate::{Gate, TokenError};

const HS256: &str = r#"{"alg":"HS256"}"#;

fn with(key: &str, value: Value) -> String {
    let mut claims = good();
    claims[key] = value;
    token(&claims)
}

/// A good token, taken apart at its dots.
fn parts() -> [String; 3] {
    let token = token(&good());
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().expect("three parts")
}

fn refused(cases: Vec<(&str, String)>, check: impl Fn(&str) -> Option<TokenError>) {
    for (name, token) in cases {
        assert_eq!(check(&token), Some(TokenError::Invalid), "{name}: {token:.200}");
    }
}

fn connecting(token: &str) -> Option<TokenError> {
    gate().connection(token, now()).err()
}

fn subscribing(token: &str) -> Option<TokenError> {
    gate().subscription(token, now()).err()
}

#[test]
fn signatures_are_not_to_be_got_around() {
    let [header, claims, signature] = parts();
    let none = part(r#"{"alg":"none"}"#);
    refused(
        vec![
            ("no algorithm, no signature", format!("{none}.{claims}.")),
            ("no algorithm, old signature", format!("{none}.{claims}.{signature}")),
            ("none in capitals", headed(r#"{"alg":"NONE"}"#)),
            ("empty algorithm", headed(r#"{"alg":""}"#)),
            ("missing algorithm", headed(r#"{"typ":"JWT"}"#)),
            ("lower-case algorithm", headed(r#"{"alg":"hs256"}"#)),
            ("algorithm that is no text", headed(r#"{"alg":256}"#)),
            ("algorithm twice", headed(r#"{"alg":"HS256","alg":"none"}"#)),
            ("RSA, signed with the secret", headed(r#"{"alg":"RS256"}"#)),
            ("RSA-PSS, signed with the secret", headed(r#"{"alg":"PS256"}"#)),
            ("curve, signed with the secret", headed(r#"{"alg":"ES256"}"#)),
            ("Edwards curve, signed with the secret", headed(r#"{"alg":"EdDSA"}"#)),
            ("SHA-384 promised, SHA-256 given", headed(r#"{"alg":"HS384"}"#)),
            ("SHA-256 promised, SHA-512 given", {
                signed(HS256, &good().to_string(), HMAC_SHA512, SECRET)
            }),
            ("another secret", signed(HS256, &good().to_string(), HMAC_SHA256, "another")),
            ("the empty secret", signed(HS256, &good().to_string(), HMAC_SHA256, "")),
            ("a key of their own in the header", {
                let header = r#"{"alg":"HS256","jwk":{"kty":"oct","k":"bWluZQ"}}"#;
                signed(header, &good().to_string(), HMAC_SHA256, "mine")
            }),
            ("unknown critical header", headed(r#"{"alg":"HS256","crit":["b64"],"b64":"no"}"#)),
            ("empty critical header", headed(r#"{"alg":"HS256","crit":[]}"#)),
            ("no signature", format!("{header}.{claims}.")),
            ("half a signature", format!("{header}.{claims}.{}", &signature[..20])),
            ("padded signature", format!("{header}.{claims}.{signature}=")),
            ("other claims, same signature", {
                format!("{header}.{}.{signature}", part(r#"{"sub":"1"}"#))
            }),
            ("claims and header exchanged", format!("{claims}.{header}.{signature}")),
        ],
        connecting,
    );
}

#[test]
fn shapes_that_are_no_token() {
    let [header, claims, signature] = parts();
    refused(
        vec![
            ("nothing", String::new()),
            ("a dot", ".".into()),
            ("two dots", "..".into()),
            ("many dots", ".".repeat(1000)),
            ("words", "let me in".into()),
            ("one part", header.clone()),
            ("two parts", format!("{header}.{claims}")),
            ("four parts", format!("{header}.{claims}.{signature}.{signature}")),
            ("five parts, as encrypted tokens have", format!("{header}....")),
            ("two dots in the middle", format!("{header}..{claims}.{signature}")),
            ("a blank in front", format!(" {header}.{claims}.{signature}")),
            ("a line break behind", format!("{header}.{claims}.{signature}\n")),
            ("a NUL inside", format!("{header}.{claims}\0.{signature}")),
            ("not ASCII", format!("{header}.\u{1f511}.{signature}")),
            ("base64 that is no JSON", token_text("\u{0}\u{1}")),
            ("empty claims", token_text("")),
            ("claims that are a list", token_text("[]")),
            ("claims that are null", token_text("null")),
            ("claims cut short", token_text(r#"{"sub":"42""#)),
            ("claims with more behind", token_text(r#"{"sub":"42"} {}"#)),
            ("header that is no JSON", headed("HS256")),
            ("deep nesting", token_text(&"[".repeat(40_000))),
            ("huge, though well signed", with("pad", json!("x".repeat(1 << 20)))),
            ("huge rubbish", "A.".repeat(1 << 20)),
        ],
        connecting,
    );
}

#[test]
fn claims_that_cannot_be_meant() {
    refused(
        vec![
            ("in force tomorrow", with("nbf", json!(NOW + 86_400))),
            ("in force in 31 s", with("nbf", json!(NOW + 31))),
            ("expiry in words", with("exp", json!("tomorrow"))),
            ("expiry as text", with("exp", json!((NOW + 60).to_string()))),
            ("expiry as list", with("exp", json!([NOW + 60]))),
            ("expiry beyond numbers", token_text(r#"{"sub":"42","exp":1e999}"#)),
            ("user as number", with("sub", json!(42))),
            ("user twice", token_text(r#"{"sub":"42","sub":"1"}"#)),
            ("endless user", with("sub", json!("u".repeat(256)))),
            ("a channel, as subscription tokens have", with("channel", json!("news"))),
            ("an empty channel", with("channel", json!(""))),
            ("a channel with a blank", with("channels", json!(["news", "a b"]))),
            ("a pattern as channel", with("channels", json!(["*"]))),
            ("an endless channel", with("channels", json!(["c".repeat(256)]))),
            ("an unnamed channel", with("subs", json!({ "": {} }))),
            ("channels in one text", with("channels", json!("a,b"))),
            ("info in no base64", with("b64info", json!("%%%"))),
            ("data in no base64", with("subs", json!({ "a": { "b64data": "%" } }))),
        ],
        connecting,
    );
}

#[test]
fn subscription_tokens_name_their_channel() {
    let with_channel = |key: &str, value: Value| {
        let mut claims = json!({ "sub": "42", "channel": "news" });
        claims[key] = value;
        token(&claims)
    };
    assert_eq!(subscribing(&with_channel("exp", json!(NOW + 1))), None);
    refused(
        vec![
            ("a connection token", token(&good())),
            ("an empty channel", with_channel("channel", json!(""))),
            ("a bad channel", with_channel("channel", json!("a b"))),
            ("several channels", with_channel("channel", json!(["a", "b"]))),
            ("a client that is no id", with_channel("client", json!("everyone"))),
            ("another secret", {
                signed(HS256, r#"{"sub":"42","channel":"news"}"#, HMAC_SHA256, "another")
            }),
        ],
        subscribing,
    );
}

#[test]
fn tokens_for_others_are_refused_where_it_matters() {
    let strict = TokenGate::new(TokenKeys {
        audience: Some("app".into()),
        issuer: Some("shop".into()),
        ..keys(&[SECRET])
    });
    let cases = [
        ("neither said", json!({})),
        ("no audience", json!({ "iss": "shop" })),
        ("no issuer", json!({ "aud": "app" })),
        ("another audience", json!({ "aud": "web", "iss": "shop" })),
        ("other audiences", json!({ "aud": ["web", "App"], "iss": "shop" })),
        ("no audiences", json!({ "aud": [], "iss": "shop" })),
        ("another issuer", json!({ "aud": "app", "iss": "shop " })),
        ("another audience, expired too", json!({ "aud": "web", "iss": "shop", "exp": 1 })),
    ];
    let cases = cases.map(|(name, claims)| (name, token(&claims))).to_vec();
    refused(cases, |token| strict.connection(token, now()).err());
}

#[test]
fn only_good_tokens_are_told_that_they_expired() {
    for exp in [json!(NOW), json!(NOW - 1), json!(1), json!(0), json!(-5), json!(1.5)] {
        assert_eq!(connecting(&with("exp", exp.clone())), Some(TokenError::Expired), "{exp}");
    }
    let claims = json!({ "sub": "42", "channel": "news", "exp": 1 });
    assert_eq!(subscribing(&token(&claims)), Some(TokenError::Expired));
    let forged = signed(HS256, r#"{"sub":"42","exp":1}"#, HMAC_SHA256, "another");
    assert_eq!(connecting(&forged), Some(TokenError::Invalid));
    let misplaced = with("channel", json!("news"));
    assert_eq!(connecting(&misplaced), Some(TokenError::Invalid));
}

#[test]
fn without_a_secret_every_token_is_invalid() {
    let shut = TokenGate::new(keys(&[]));
    assert_eq!(shut.connection(&token(&good()), now()), Err(TokenError::Invalid));
    let blank = TokenGate::new(keys(&[""]));
    let forged = signed(HS256, &good().to_string(), HMAC_SHA256, "");
    assert_eq!(blank.connection(&forged, now()), Err(TokenError::Invalid));
}

#[test]
fn a_good_token_cut_anywhere_is_no_token() {
    let token = token(&good());
    for end in 0..token.len() {
        assert_eq!(connecting(&token[..end]), Some(TokenError::Invalid), "cut at {end}");
    }
}

proptest! {
    #[test]
    fn rubbish_is_refused(text in "\\PC{0,300}", dots in "([A-Za-z0-9_-]{0,40}\\.){0,5}") {
        prop_assert!(connecting(&text).is_some());
        prop_assert!(connecting(&dots).is_some());
    }

    #[test]
    fn a_changed_byte_is_noticed(at in 0_usize..1000, to in "[A-Za-z0-9_.-]") {
        let good = token(&good());
        let at = at % good.len();
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != good);
        prop_assert_eq!(connecting(&changed), Some(TokenError::Invalid));
    }

    #[test]
    fn well_signed_rubbish_does_not_break_the_gate(claims in "\\PC{0,200}") {
        let _ = connecting(&token_text(&claims));
        let _ = subscribing(&token_text(&claims));
    }
}
