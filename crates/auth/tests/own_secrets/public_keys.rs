//! Tokens of those who sign with a secret of their own.

use ring::hmac::{HMAC_SHA256, HMAC_SHA384};
use serde_json::json;
use trunkline_auth::{Algorithm, PublicKey, PublicKeyError, TokenGate, TokenKeys};
use trunkline_core::gate::{Gate, TokenError};

use crate::forge::{
    NOW, SECRET, gate as with_a_secret, good, headed, keys, now, part, signed, token,
};
use crate::signers::Signer;

/// A key of OpenSSL's making, whose other half is gone.
const RSA: &str = include_str!("rsa/public.pem");

/// The same in the older form.
const RSA_OLDER: &str = include_str!("rsa/pkcs1.pem");

/// Tokens that its other half has signed, with `openssl dgst`, behind their algorithms.
const RSA_TOKENS: &str = include_str!("rsa/tokens.txt");

fn gate(keys: Vec<PublicKey>) -> TokenGate {
    TokenGate::new(TokenKeys { public_keys: keys, ..TokenKeys::default() })
}

fn user(gate: &TokenGate, token: &str) -> Result<String, TokenError> {
    gate.connection(token, now()).map(|identity| identity.user.as_str().to_owned())
}

fn rsa_tokens() -> impl Iterator<Item = (Algorithm, &'static str)> {
    RSA_TOKENS.lines().map(|line| {
        let (name, token) = line.split_once(' ').unwrap();
        (Algorithm::named(name).unwrap(), token)
    })
}

#[test]
fn each_algorithm_lets_in_whom_its_key_has_signed_for() {
    for name in ["ES256", "ES384", "EdDSA"] {
        let signer = Signer::new(name);
        let gate = gate(vec![signer.key()]);
        assert_eq!(user(&gate, &signer.token(&good())), Ok("42".into()), "{name}");
        assert_eq!(user(&with_a_secret(), &signer.token(&good())), Err(TokenError::Invalid));
        let stranger = Signer::new(name).token(&good());
        assert_eq!(user(&gate, &stranger), Err(TokenError::Invalid), "{name}");
    }
    for (algorithm, token) in rsa_tokens() {
        for pem in [RSA, RSA_OLDER] {
            let gate = gate(vec![PublicKey::from_pem(algorithm, pem).unwrap()]);
            assert_eq!(user(&gate, token), Ok("42".into()), "{algorithm}");
        }
    }
}

#[test]
fn a_key_is_used_with_its_own_algorithm_only() {
    for (own, _) in rsa_tokens() {
        let gate = gate(vec![PublicKey::from_pem(own, RSA).unwrap()]);
        for (other, token) in rsa_tokens().filter(|(other, _)| *other != own) {
            assert_eq!(user(&gate, token), Err(TokenError::Invalid), "{other} with {own}'s key");
        }
    }
    let signer = Signer::new("ES256");
    let gate = gate(vec![signer.key()]);
    for name in ["ES384", "EdDSA", "HS256", "none", "es256", ""] {
        let token = signer.sign(&json!({ "alg": name }), &good());
        assert_eq!(user(&gate, &token), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret_and_a_shared_secret_no_public_key() {
    let signer = Signer::new("ES256");
    let rsa = PublicKey::from_pem(Algorithm::Rs256, RSA).unwrap();
    let known = vec![rsa, signer.key()];
    let both = TokenGate::new(TokenKeys { public_keys: known.clone(), ..keys(&[SECRET]) });
    assert_eq!(user(&both, &token(&good())), Ok("42".into()));
    for gate in [gate(known), both] {
        for text in [RSA, RSA.trim(), RSA_OLDER, signer.pem().as_str(), ""] {
            for (header, algorithm) in [
                (r#"{"alg":"HS256"}"#, HMAC_SHA256),
                (r#"{"alg":"HS384"}"#, HMAC_SHA384),
                (r#"{"alg":"RS256"}"#, HMAC_SHA256),
                (r#"{"alg":"ES256"}"#, HMAC_SHA256),
            ] {
                let forged = signed(header, &good().to_string(), algorithm, text);
                assert_eq!(user(&gate, &forged), Err(TokenError::Invalid), "{header} {text}");
            }
        }
        for name in ["RS256", "ES256", "EdDSA"] {
            let forged = headed(&json!({ "alg": name }).to_string());
            assert_eq!(user(&gate, &forged), Err(TokenError::Invalid), "{name}");
        }
    }
}

#[test]
fn signatures_of_the_wrong_form_are_refused() {
    let signer = Signer::new("ES256");
    let gate = gate(vec![signer.key()]);
    let token = signer.token(&good());
    let (message, signature) = token.rsplit_once('.').unwrap();
    // CVE-2022-21449: a signature of zeros fitted every message.
    for (name, forged) in [
        ("zeros", part([0; 64])),
        ("nothing", String::new()),
        ("one byte less", signature[..signature.len() - 2].to_owned()),
        ("twice", format!("{signature}{signature}")),
        ("as OpenSSL writes it", part([&[0x30, 0x44, 0x02, 0x20][..], &[7; 66]].concat())),
    ] {
        let token = format!("{message}.{forged}");
        assert_eq!(user(&gate, &token), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn what_a_token_says_of_itself_comes_along() {
    let signer = Signer::new("EdDSA");
    let gate = gate(vec![signer.key()]);
    let token = signer.token(&json!({ "sub": "42", "jti": "t1", "iat": NOW - 5 }));
    let credential = gate.connection(&token, now()).unwrap().credential.unwrap();
    assert_eq!(credential.id.unwrap().as_str(), "t1");
    assert_eq!(credential.issued_at.0, (NOW - 5) * 1000);
    let token = signer.token(&json!({ "sub": "42", "channel": "news", "jti": "t2" }));
    let credential = gate.subscription(&token, now()).unwrap().credential;
    assert_eq!(credential.id.unwrap().as_str(), "t2");
    for claims in [
        json!({ "sub": "42", "jti": "t".repeat(256) }),
        json!({ "sub": "42", "jti": 7 }),
        json!({ "sub": "42", "iat": "today" }),
        json!({ "sub": "42", "iat": NOW + 31 }),
    ] {
        assert_eq!(user(&gate, &signer.token(&claims)), Err(TokenError::Invalid), "{claims}");
    }
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    let read = |algorithm, pem: &str| PublicKey::from_pem(algorithm, pem).err();
    let curve = Signer::new("ES256").pem();
    let private = ["-----BEGIN PRIVATE ", "KEY-----\nMC4C\n-----END PRIVATE ", "KEY-----"].concat();
    for (algorithm, pem, error) in [
        (Algorithm::Rs256, "", PublicKeyError::NoKey),
        (Algorithm::Rs256, "secret", PublicKeyError::NoKey),
        (Algorithm::Rs256, &curve, PublicKeyError::Kind),
        (Algorithm::Es384, &curve, PublicKeyError::Kind),
        (Algorithm::EdDsa, &curve, PublicKeyError::Kind),
        (Algorithm::Es256, RSA, PublicKeyError::Kind),
        (Algorithm::Es256, RSA_OLDER, PublicKeyError::Kind),
        (Algorithm::Rs256, include_str!("rsa/short.pem"), PublicKeyError::Size),
        (Algorithm::EdDsa, &private, PublicKeyError::Private),
    ] {
        assert_eq!(read(algorithm, pem), Some(error), "{algorithm} {pem}");
    }
    for end in 0..RSA.len() {
        let _ = read(Algorithm::Rs256, &RSA[..end]); // Never panics.
    }
}
