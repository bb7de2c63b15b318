//! Connection tokens, signed as an application would (RFC 7519, HS256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// What the nodes check signatures with. They are on loopback and live for minutes.
pub(super) const SECRET: &str = "the-secret-of-the-checker-0123456789";

/// A token of a user, good for as long as the run takes. The name must need no escape in JSON.
pub(super) fn token(user: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{user}"}}"#));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_names_the_user() {
        let token = token("u7");
        let parts: Vec<_> = token.split('.').collect();
        let [_, claims, signature] = parts[..] else { panic!("{token}") };
        assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), br#"{"sub":"u7"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 32);
    }
}
