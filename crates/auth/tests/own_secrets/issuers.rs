//! Issuers whose keys come from their key sets.

use std::sync::Arc;

use ring::hmac::HMAC_SHA256;
use serde_json::{Value, json};
use trunkline_auth::{Issuer, Issuers, JwksError, TokenGate, TokenKeys};
use trunkline_core::gate::{Gate, TokenError};
use trunkline_core::time::WallTime;

use crate::forge::{NOW, SECRET, keys, now, part, signed};
use crate::signers::Signer;

fn issuer(name: &str, audience: Option<&str>) -> Issuer {
    Issuer {
        name: name.into(),
        jwks_url: format!("{name}/keys"),
        audience: audience.map(str::to_owned),
    }
}

fn later(seconds: u64) -> WallTime {
    WallTime((NOW + seconds) * 1000)
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Two issuers and a shared secret.
struct Scene {
    gate: TokenGate,
    a: Signer,
    b: Signer,
}

impl Scene {
    fn new() -> Self {
        let issuers =
            Issuers::new(vec![issuer("https://a", Some("app")), issuer("https://b", None)]);
        let gate = TokenGate::new(TokenKeys { issuers: Arc::new(issuers), ..keys(&[SECRET]) });
        Self { gate, a: Signer::new("ES256"), b: Signer::new("EdDSA") }
    }

    /// Both sets were fetched; each has a key named `1`.
    fn fetched() -> Self {
        let scene = Self::new();
        assert_eq!(scene.learn("https://a", &[scene.a.jwk("1")], now()), Ok(1));
        assert_eq!(scene.learn("https://b", &[scene.b.jwk("1")], now()), Ok(1));
        scene
    }

    fn learn(&self, issuer: &str, keys: &[Value], at: WallTime) -> Result<usize, JwksError> {
        self.gate.issuers().learn(issuer, &set(keys), at)
    }

    fn connecting(&self, token: &str, at: WallTime) -> Result<(), TokenError> {
        self.gate.connection(token, at).map(|identity| assert_eq!(identity.user.as_str(), "42"))
    }

    fn due(&self, at: WallTime) -> Vec<String> {
        self.gate.issuers().due(at).into_iter().map(|due| due.url).collect()
    }
}

fn of(signer: &Signer, id: &str, issuer: &str, audience: &str) -> String {
    let header = json!({ "alg": signer.algorithm, "kid": id });
    signer.sign(&header, &json!({ "sub": "42", "iss": issuer, "aud": audience }))
}

#[test]
fn a_token_is_verified_with_the_key_its_issuer_has_under_that_id() {
    let scene = Scene::fetched();
    let Scene { a, b, .. } = &scene;
    assert_eq!(scene.connecting(&of(a, "1", "https://a", "app"), now()), Ok(()));
    assert_eq!(scene.connecting(&of(b, "1", "https://b", "any"), now()), Ok(()));
    for (name, token) in [
        ("the key of another issuer under the same id", of(b, "1", "https://a", "app")),
        ("the same the other way round", of(a, "1", "https://b", "app")),
        ("another audience", of(a, "1", "https://a", "web")),
        ("an issuer nobody knows", of(a, "1", "https://c", "app")),
        ("no issuer", a.sign(&json!({ "alg": "ES256", "kid": "1" }), &json!({ "sub": "42" }))),
        ("no key id", { a.token(&json!({ "sub": "42", "iss": "https://a", "aud": "app" })) }),
        ("a shared secret, and an issuer that has none", {
            let claims = json!({ "sub": "42", "iss": "https://a", "aud": "app" }).to_string();
            signed(r#"{"alg":"HS256","kid":"1"}"#, &claims, HMAC_SHA256, SECRET)
        }),
        ("a key id that is a path", {
            let claims = json!({ "sub": "42", "iss": "https://a", "aud": "app" }).to_string();
            signed(r#"{"alg":"HS256","kid":7}"#, &claims, HMAC_SHA256, SECRET)
        }),
    ] {
        assert_eq!(scene.connecting(&token, now()), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn a_key_that_is_not_known_yet_is_fetched_and_its_token_good_in_a_moment() {
    let scene = Scene::new();
    let token = of(&scene.a, "1", "https://a", "app");
    assert_eq!(scene.connecting(&token, now()), Err(TokenError::NotYet));
    assert_eq!(scene.due(now()), ["https://a/keys", "https://b/keys"], "at the start, all");
    scene.learn("https://a", &[scene.a.jwk("1")], now()).unwrap();
    assert_eq!(scene.connecting(&token, now()), Ok(()));
}

#[test]
fn a_new_key_is_found_and_a_withdrawn_one_is_gone() {
    let scene = Scene::fetched();
    assert!(scene.due(later(299)).is_empty());
    let next = Signer::new("ES384");
    let token = of(&next, "2", "https://a", "app");
    assert_eq!(scene.connecting(&token, later(10)), Err(TokenError::NotYet));
    assert_eq!(scene.due(later(10)), ["https://a/keys"], "only where something is missing");
    scene.learn("https://a", &[next.jwk("2")], later(11)).unwrap();
    assert_eq!(scene.connecting(&token, later(11)), Ok(()));
    let withdrawn = of(&scene.a, "1", "https://a", "app");
    assert_ne!(scene.connecting(&withdrawn, later(11)), Ok(()));
}

#[test]
fn made_up_key_ids_lead_to_few_questions() {
    let scene = Scene::fetched();
    let mut questions = 0;
    for second in 0..100 {
        for n in 0..10 {
            let token = of(&scene.a, &format!("{second}-{n}"), "https://a", "app");
            assert_ne!(scene.connecting(&token, later(second)), Ok(()));
        }
        for _ in scene.due(later(second)) {
            questions += 1;
            scene.learn("https://a", &[scene.a.jwk("1")], later(second)).unwrap();
        }
    }
    assert!((1..=20).contains(&questions), "{questions} in 100 s");
    let token = of(&scene.a, "once", "https://a", "app");
    let late = later(1_000);
    assert_eq!(scene.connecting(&token, late), Err(TokenError::NotYet));
    scene.learn("https://a", &[scene.a.jwk("1")], late).unwrap();
    assert_eq!(scene.connecting(&token, late), Err(TokenError::Invalid), "it was looked for");
}

/// Shows as many unsigned tokens of `https://a` as there are ids kept of it.
fn crowd(scene: &Scene, at: WallTime) {
    for n in 0..64 {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{n}") }).to_string();
        let claims = json!({ "sub": "42", "iss": "https://a", "aud": "app" }).to_string();
        let token = format!("{}.{}.{}", part(&header), part(&claims), part("no signature"));
        assert_eq!(scene.connecting(&token, at), Err(TokenError::NotYet));
    }
}

#[test]
fn made_up_key_ids_have_nobody_refused_for_good_while_the_issuer_is_down() {
    let scene = Scene::new();
    assert_eq!(scene.due(now()).len(), 2);
    crowd(&scene, now());
    let token = of(&scene.a, "1", "https://a", "app");
    assert_eq!(scene.connecting(&token, now()), Err(TokenError::NotYet));
    scene.learn("https://a", &[scene.a.jwk("1")], later(20)).unwrap();
    assert_eq!(scene.connecting(&token, later(20)), Ok(()));
}

#[test]
fn made_up_key_ids_do_not_hide_a_new_key() {
    let scene = Scene::fetched();
    crowd(&scene, now());
    assert_eq!(scene.due(now()), ["https://a/keys"]);
    scene.learn("https://a", &[scene.a.jwk("1")], now()).unwrap();
    assert!(scene.due(later(5)).is_empty(), "all of them are known to be in no set");

    let next = Signer::new("ES384");
    let token = of(&next, "2", "https://a", "app");
    assert_eq!(scene.connecting(&token, later(6)), Err(TokenError::NotYet));
    assert_eq!(scene.due(later(6)), ["https://a/keys"]);
    assert!(scene.due(later(10)).is_empty(), "no more often than ever");
    scene.learn("https://a", &[next.jwk("2")], later(11)).unwrap();
    assert_eq!(scene.connecting(&token, later(11)), Ok(()));
    assert!(scene.due(later(30)).is_empty(), "nothing is sought any more");
}

#[test]
fn an_issuer_that_cannot_be_reached_is_asked_again_and_its_keys_stay() {
    let scene = Scene::fetched();
    let late = later(300);
    assert_eq!(scene.due(late).len(), 2);
    assert!(scene.due(later(304)).is_empty());
    assert_eq!(scene.due(later(305)).len(), 2);
    assert_eq!(scene.connecting(&of(&scene.a, "1", "https://a", "app"), late), Ok(()));
    for (bad, error) in [
        (b"<html>".to_vec(), JwksError::Shape),
        (b"{}".to_vec(), JwksError::Shape),
        (set(&[]), JwksError::NoKey),
        (set(&[json!({ "kty": "oct", "kid": "1", "k": part("secret") })]), JwksError::NoKey),
        (
            set(&[json!({ "kty": "EC", "crv": "P-256", "kid": "1", "x": "", "y": "" })]),
            JwksError::NoKey,
        ),
        (set(&vec![json!({}); 65]), JwksError::TooMany),
        (vec![b' '; 300 * 1024], JwksError::TooLarge),
    ] {
        assert_eq!(scene.gate.issuers().learn("https://a", &bad, late), Err(error));
    }
    assert_eq!(scene.connecting(&of(&scene.a, "1", "https://a", "app"), late), Ok(()));
}

#[test]
fn a_clock_that_is_put_back_keeps_no_set_from_being_fetched() {
    let scene = Scene::new();
    let (late, early) = (later(3_600), now());
    assert_eq!(scene.due(late).len(), 2);
    scene.learn("https://a", &[scene.a.jwk("1")], late).unwrap();
    scene.learn("https://b", &[scene.b.jwk("1")], late).unwrap();
    let token = of(&scene.b, "2", "https://a", "app");
    assert_eq!(scene.connecting(&token, late), Err(TokenError::NotYet));
    scene.learn("https://a", &[scene.a.jwk("1")], late).unwrap();
    assert_eq!(scene.connecting(&token, late), Err(TokenError::Invalid));

    assert_eq!(scene.due(early).len(), 2, "nobody knows how old they are");
    assert!(scene.due(later(4)).is_empty());
    assert_eq!(scene.connecting(&token, early), Err(TokenError::NotYet), "nor how old that is");
    scene.learn("https://a", &[scene.b.jwk("2")], later(5)).unwrap();
    assert_eq!(scene.connecting(&token, later(5)), Ok(()));
}

#[test]
fn reading_the_configuration_again_forgets_no_keys() {
    let scene = Scene::fetched();
    let again = Issuers::new(vec![issuer("https://a", Some("app")), issuer("https://b", None)]);
    scene.gate.replace(TokenKeys { issuers: Arc::new(again), ..TokenKeys::default() });
    assert_eq!(scene.connecting(&of(&scene.a, "1", "https://a", "app"), now()), Ok(()));
}
