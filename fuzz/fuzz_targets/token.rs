//! Tokens: nothing a stranger makes up lets anybody in or breaks the gate, well signed or not; and
//! key sets and PEM are keys or an error.

#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use trunkline_auth::{Algorithm, Issuer, Issuers, PublicKey, Secret, TokenGate, TokenKeys};
use trunkline_core::gate::{Gate, TokenError};
use trunkline_core::time::WallTime;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGqjcRKqZ0pOjONZzts1VY7lIOn9q\n\
    kXIBnpSGmwNItyDVF/4G5asHKcUd3iQ1gcLLb3UKu0SorcVNNvw5LWUVtA==\n\
    -----END PUBLIC KEY-----";

const NOW: WallTime = WallTime(1_800_000_000_000);

fn gate() -> &'static TokenGate {
    static GATE: OnceLock<TokenGate> = OnceLock::new();
    GATE.get_or_init(|| {
        let issuer = Issuer { name: "a".into(), jwks_url: "https://a".into(), audience: None };
        TokenGate::new(TokenKeys {
            hmac_secrets: vec![Secret::new("a secret that the fuzzer does not know")],
            public_keys: vec![PublicKey::from_pem(Algorithm::Es256, PEM).expect("a key")],
            issuers: Arc::new(Issuers::new(vec![issuer])),
            ..TokenKeys::default()
        })
    })
}

fuzz_target!(|text: &str| {
    for refused in [gate().connection(text, NOW).err(), gate().subscription(text, NOW).err()] {
        assert!(matches!(refused, Some(TokenError::Invalid | TokenError::NotYet)));
    }
    // Issuers of their own: what is learned here must not let in what comes next.
    let issuer = Issuer { name: "a".into(), jwks_url: "https://a".into(), audience: None };
    let _ = Issuers::new(vec![issuer]).learn("a", text.as_bytes(), NOW);
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        let _ = PublicKey::from_pem(algorithm, text);
    }
});
