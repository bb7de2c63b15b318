//! What tokens are checked against, from the words of the configuration.

use std::net::IpAddr;
use std::sync::Arc;

use trunkline_auth::{Algorithm, Issuer, Issuers, PublicKey, TokenKeys};

use crate::sections::Token;

/// Public keys, and issuers, at most: each token may be tried with each key.
const KEYS: usize = 16;

/// Reads the keys, and the files they are in.
///
/// # Errors
/// Says which entry is wrong, and why.
pub(crate) fn read(token: &Token) -> Result<TokenKeys, String> {
    let Token { hmac_secret, previous_hmac_secret, audience, issuer, .. } = token.clone();
    let hmac_secrets = hmac_secret.into_iter().chain(previous_hmac_secret).collect();
    let public_keys = each("token.public_keys", &token.public_keys, public_key)?;
    let issuers = each("token.issuers", &token.issuers, self::issuer)?;
    for (at, one) in issuers.iter().enumerate() {
        if issuers[..at].iter().any(|other| other.name == one.name) {
            return Err(format!("token.issuers names {:?} twice", one.name));
        }
    }
    let issuers = Arc::new(Issuers::new(issuers));
    Ok(TokenKeys { hmac_secrets, public_keys, issuers, audience, issuer })
}

fn each<T>(
    key: &str,
    entries: &[String],
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if entries.len() > KEYS {
        return Err(format!("{key} has {} entries; at most {KEYS} are allowed", entries.len()));
    }
    let read = |(at, entry): (usize, &String)| {
        read(entry.trim()).map_err(|error| format!("{key}, number {}: {error}", at + 1))
    };
    entries.iter().enumerate().map(read).collect()
}

fn public_key(entry: &str) -> Result<PublicKey, String> {
    let (name, place) = entry
        .split_once(char::is_whitespace)
        .ok_or("write an algorithm, a blank, and a PEM file, as in \"ES256 /etc/app.pem\"")?;
    let algorithm = Algorithm::named(name).ok_or_else(|| {
        format!(
            "{name:?} is no algorithm of public keys: those are RS256, RS384, RS512, PS256, \
             PS384, PS512, ES256, ES384 and EdDSA"
        )
    })?;
    let place = place.trim();
    if place.starts_with("-----BEGIN") {
        return PublicKey::from_pem(algorithm, place).map_err(|error| error.to_string());
    }
    let pem = std::fs::read_to_string(place).map_err(|error| format!("{place}: {error}"))?;
    PublicKey::from_pem(algorithm, &pem).map_err(|error| format!("{place}: {error}"))
}

fn issuer(entry: &str) -> Result<Issuer, String> {
    let mut words = entry.split_whitespace();
    let (Some(name), Some(url), audience, None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("write what tokens say in `iss`, a blank, and the address of the key set; \
                    behind another blank the audience, if one is wanted"
            .into());
    };
    if !is_safe(url) {
        return Err(format!(
            "{name:?}: a key set is fetched from https://, or from http:// on this machine; \
             whoever could change it on its way could let anybody in"
        ));
    }
    Ok(Issuer { name: name.into(), jwks_url: url.into(), audience: audience.map(str::to_owned) })
}

/// Whether nobody on the way can change what comes from there.
fn is_safe(url: &str) -> bool {
    if let Some(rest) = url.strip_prefix("https://") {
        return !rest.is_empty() && !rest.starts_with('/');
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an `@` is no host.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGqjcRKqZ0pOjONZzts1VY7lIOn9q\n\
        kXIBnpSGmwNItyDVF/4G5asHKcUd3iQ1gcLLb3UKu0SorcVNNvw5LWUVtA==\n\
        -----END PUBLIC KEY-----";

    fn reading(public_keys: &[&str], issuers: &[&str]) -> Result<TokenKeys, String> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let token =
            Token { public_keys: owned(public_keys), issuers: owned(issuers), ..Token::default() };
        read(&token)
    }

    #[test]
    fn a_key_is_read_from_its_file_or_from_where_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.pem");
        std::fs::write(&path, PEM).unwrap();
        let in_file = reading(&[&format!("ES256 {}", path.display())], &[]).unwrap();
        assert_eq!(in_file.public_keys.len(), 1);
        assert_eq!(reading(&[&format!("ES256  {PEM}")], &[]), Ok(in_file));
    }

    #[test]
    fn entries_that_cannot_be_meant_say_what_is_wrong() {
        for (key, said) in [
            (PEM, "is no algorithm"),
            ("ES256", "write an algorithm"),
            ("ES256 /nowhere/at/all.pem", "/nowhere/at/all.pem"),
            ("HS256 secret", "is no algorithm"),
            ("none secret", "is no algorithm"),
            (&format!("RS256 {PEM}"), "of another kind"),
        ] {
            let error = reading(&[key], &[]).unwrap_err();
            assert!(error.starts_with("token.public_keys, number 1: "), "{error}");
            assert!(error.contains(said), "{error}");
        }
        for issuer in [
            "https://id.example",
            "a https://b c d",
            "a http://id.example/jwks",
            "a http://id.example/jwks?key=secret",
            "a http://127.0.0.1@id.example/jwks",
            "a http://localhost.example/jwks",
            "a https:///jwks",
            "a file:///etc/passwd",
        ] {
            let error = reading(&[], &[issuer]).unwrap_err();
            assert!(error.starts_with("token.issuers, number 1: "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(reading(&[], &["a https://b", "a https://c"]).unwrap_err().contains("twice"));
        assert!(reading(&[], &["a https://b"; 17]).unwrap_err().contains("at most 16"));
    }

    #[test]
    fn key_sets_come_over_tls_or_from_this_machine() {
        for url in [
            "https://id.example/jwks",
            "http://localhost:8080/jwks",
            "http://127.0.0.2/jwks",
            "http://[::1]:80",
        ] {
            let keys = reading(&[], &[&format!("a {url} app")]).unwrap();
            assert!(!keys.issuers.is_empty(), "{url}");
        }
    }
}
