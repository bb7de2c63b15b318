//! Signers with keys of their own, fresh ones every time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use serde_json::{Value, json};
use trunkline_auth::{Algorithm, PublicKey};

use crate::forge::part;

enum Pair {
    Curve(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

/// One of them.
pub(crate) struct Signer {
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

impl Signer {
    pub(crate) fn new(algorithm: &'static str) -> Self {
        let random = SystemRandom::new();
        let curve = |of: &'static EcdsaSigningAlgorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(of, &random).unwrap();
            Pair::Curve(EcdsaKeyPair::from_pkcs8(of, pkcs8.as_ref(), &random).unwrap())
        };
        let pair = match algorithm {
            "ES256" => curve(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => curve(&ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Edwards(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
            }
        };
        Self { algorithm, pair }
    }

    fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::Curve(pair) => pair.public_key().as_ref(),
            Pair::Edwards(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public key as OpenSSL writes it.
    pub(crate) fn pem(&self) -> String {
        let head: &[u8] = match self.algorithm {
            "ES256" => b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
            "ES384" => b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
            _ => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
        };
        let body = STANDARD.encode([head, self.public()].concat());
        let (first, rest) = body.split_at(64.min(body.len()));
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----\n")
    }

    pub(crate) fn key(&self) -> PublicKey {
        let algorithm = Algorithm::named(self.algorithm).unwrap();
        PublicKey::from_pem(algorithm, &self.pem()).unwrap()
    }

    /// The public key as it stands in a key set.
    pub(crate) fn jwk(&self, id: &str) -> Value {
        let public = self.public();
        match self.algorithm {
            "EdDSA" => json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": part(public) }),
            name => {
                let (x, y) = public[1..].split_at(public.len() / 2);
                let curve = if name == "ES256" { "P-256" } else { "P-384" };
                json!({
                    "kty": "EC", "crv": curve, "kid": id, "alg": name, "use": "sig",
                    "x": part(x), "y": part(y),
                })
            }
        }
    }

    /// Claims under any header, with a correct signature.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        let signature = match &self.pair {
            Pair::Curve(pair) => {
                let random = SystemRandom::new();
                pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Pair::Edwards(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", part(signature))
    }

    /// Claims signed as agreed, by a key without an id.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": self.algorithm }), claims)
    }
}
