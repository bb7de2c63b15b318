//! Signatures by which receivers know that a delivery is a node's, as the specification Standard
//! Webhooks has them: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What secrets in Base64 begin with.
const PREFIX: &str = "whsec_";

/// Bytes of a secret in Base64: what the specification asks for.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Bytes of a secret that is a text: fewer could be guessed, more are of no use.
const TEXT_BYTES: std::ops::RangeInclusive<usize> = 24..=255;

/// The secret that a receiver shares with the nodes.
#[derive(Clone)]
pub struct Signer(hmac::Key);

/// A text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and the Base64 of 24 to 64 bytes, or a text of 24 to 255")]
pub struct BadSecret;

impl Signer {
    /// A secret as it is configured: `whsec_` and Base64, or any text, which counts as its bytes.
    ///
    /// # Errors
    /// It is too short, too long, or not the Base64 it says it is.
    pub fn new(secret: &str) -> Result<Self, BadSecret> {
        let (bytes, lengths) = match secret.strip_prefix(PREFIX) {
            Some(text) => (STANDARD.decode(text).map_err(|_| BadSecret)?, KEY_BYTES),
            None => (secret.as_bytes().to_vec(), TEXT_BYTES),
        };
        if !lengths.contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The header `webhook-signature` of a body that is sent under `id` at `seconds` of Unix time.
    pub(crate) fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let mut signed = hmac::Context::with_key(&self.0);
        signed.update(format!("{id}.{seconds}.").as_bytes());
        signed.update(body);
        format!("v1,{}", STANDARD.encode(signed.sign()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `new Webhook(secret).sign(id, date, payload)` of the npm package `standardwebhooks` 1.0.0
    /// says.
    #[test]
    fn it_signs_as_the_reference_library_does() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = b"{\"test\": 2432232314}";
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_could_be_guessed_is_refused() {
        for bad in ["", "short", "whsec_c2hvcnQ=", "whsec_not base64 but long enough to be"] {
            assert_eq!(Signer::new(bad).err(), Some(BadSecret), "{bad}");
        }
        assert!(Signer::new("a text of twenty-four bytes").is_ok());
        assert!(format!("{:?}", Signer::new(&"x".repeat(24)).unwrap()).len() == 3);
    }
}
