//! The claims of tokens as the Centrifuge protocol names them. Unknown claims are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use trunkline_core::time::WallTime;

/// Claims every token may carry.
#[derive(Deserialize)]
pub(crate) struct CommonClaims {
    #[serde(default)]
    pub(crate) sub: String,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) jti: Option<String>,
    pub(crate) aud: Option<Audience>,
    pub(crate) iss: Option<String>,
    /// When the connection or subscription expires, apart from the token; 0 is never.
    pub(crate) expire_at: Option<NumericDate>,
    pub(crate) info: Option<Box<RawValue>>,
    pub(crate) b64info: Option<String>,
}

impl CommonClaims {
    /// When the holder must show a newer token.
    pub(crate) fn holder_expires_at(&self) -> Option<WallTime> {
        match &self.expire_at {
            Some(NumericDate(0)) => None,
            Some(date) => Some(date.wall_time()),
            None => self.exp.as_ref().map(NumericDate::wall_time),
        }
    }
}

/// Claims of connection tokens only.
#[derive(Deserialize)]
pub(crate) struct ConnectionClaims {
    #[serde(default)]
    pub(crate) channels: Vec<String>,
    #[serde(default)]
    pub(crate) subs: BTreeMap<String, SubscriptionOptions>,
    /// Present only in subscription tokens, which are no way to connect.
    pub(crate) channel: Option<IgnoredAny>,
}

/// What a connection token says of one channel in `subs`.
#[derive(Deserialize)]
pub(crate) struct SubscriptionOptions {
    pub(crate) info: Option<Box<RawValue>>,
    pub(crate) b64info: Option<String>,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) b64data: Option<String>,
}

/// Claims of subscription tokens only.
#[derive(Deserialize)]
pub(crate) struct SubscriptionClaims {
    pub(crate) channel: String,
    #[serde(default)]
    pub(crate) client: String,
}

/// For whom a token is meant (RFC 7519, section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(crate) fn includes(&self, wanted: &str) -> bool {
        match self {
            Self::One(audience) => audience == wanted,
            Self::Several(audiences) => audiences.iter().any(|audience| audience == wanted),
        }
    }
}

/// Whole seconds since the Unix epoch (RFC 7519, section 2: fractions are allowed, and cut off
/// here). Before the epoch is at the epoch, which has expired as well.
#[derive(Clone, Copy)]
pub(crate) struct NumericDate(pub(crate) u64);

impl NumericDate {
    pub(crate) fn wall_time(&self) -> WallTime {
        WallTime(self.0.saturating_mul(1000))
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the Unix epoch")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(u64::try_from(seconds).unwrap_or(0)))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // The cast saturates: what is before the epoch becomes 0.
                Ok(NumericDate(seconds as u64))
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}
