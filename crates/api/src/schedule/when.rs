//! When something is to happen.

use chrono::DateTime;
use trunkline_core::limits::SCHEDULE_AHEAD_MS;
use trunkline_core::time::WallTime;

use crate::error::ApiError;
use crate::fields::Fields;

/// When something is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At a time of the backend's clock.
    At(WallTime),
    /// So many milliseconds from now.
    In(u64),
}

/// Reads `deliver_at`, a time as RFC 3339 writes it or milliseconds since 1970, or `delay_ms`.
pub(crate) fn read_when(fields: &Fields<'_>) -> Result<Option<When>, ApiError> {
    let at = fields.stated("deliver_at").filter(|value| value.get() != "null");
    let delay = fields.count("delay_ms")?;
    match (at, delay) {
        (Some(_), Some(_)) => {
            Err(ApiError::bad_request("either `deliver_at` or `delay_ms` says when"))
        }
        (None, None) => Ok(None),
        (None, Some(ms)) if ms > SCHEDULE_AHEAD_MS => {
            Err(ApiError::bad_request("`delay_ms` is more than a year"))
        }
        (None, Some(ms)) => Ok(Some(When::In(ms))),
        (Some(value), None) => {
            let time = match value.get().parse::<u64>() {
                Ok(ms) => Some(ms),
                Err(_) => DateTime::parse_from_rfc3339(&fields.text("deliver_at")?)
                    .ok()
                    .and_then(|time| u64::try_from(time.timestamp_millis()).ok()),
            };
            let time = time.ok_or_else(|| {
                fields.must_be(
                    "deliver_at",
                    "a time such as \"2030-01-31T08:00:00+01:00\", or milliseconds since 1970",
                )
            })?;
            Ok(Some(When::At(WallTime(time))))
        }
    }
}

impl When {
    /// Whether it can be waited for, if it is `now`.
    pub(crate) fn check(self, now: WallTime) -> Result<(), ApiError> {
        match self {
            Self::In(_) => Ok(()),
            Self::At(time) if time < now => {
                Err(ApiError::bad_request("`deliver_at` is in the past"))
            }
            Self::At(time) if time.0 - now.0 > SCHEDULE_AHEAD_MS => {
                Err(ApiError::bad_request("`deliver_at` is more than a year ahead"))
            }
            Self::At(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<When>, ApiError> {
        read_when(&Fields::parse(json).unwrap())
    }

    #[test]
    fn times_are_read_in_both_ways() {
        let at = |ms| Ok(Some(When::At(WallTime(ms))));
        assert_eq!(read(r#"{"deliver_at":1700000000123}"#), at(1_700_000_000_123));
        assert_eq!(read(r#"{"deliver_at":"2023-11-14T23:13:20.5+01:00"}"#), at(1_700_000_000_500));
        assert_eq!(read(r#"{"delay_ms":20000}"#), Ok(Some(When::In(20_000))));
        assert_eq!(read("{}"), Ok(None));
        for bad in [
            r#"{"deliver_at":"tomorrow"}"#,
            r#"{"deliver_at":"2023-02-30T00:00:00Z"}"#,
            r#"{"deliver_at":-1}"#,
            r#"{"delay_ms":-1}"#,
            r#"{"delay_ms":99999999999999}"#,
            r#"{"deliver_at":1,"delay_ms":1}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_past_and_the_far_future_are_refused() {
        let now = WallTime(1_000_000);
        assert!(When::At(WallTime(999_999)).check(now).is_err());
        assert!(When::At(now).check(now).is_ok());
        assert!(When::At(WallTime(now.0 + SCHEDULE_AHEAD_MS + 1)).check(now).is_err());
    }
}
