//! Payloads, which come as JSON or as base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use trunkline_core::namespace::ChannelOptions;
use trunkline_protocol::json::{is_json, single_line};

use crate::error::ApiError;
use crate::fields::Fields;

/// A payload that has not met its channel yet.
pub(crate) struct Payload {
    bytes: Bytes,
    /// The same without line breaks, if it is JSON.
    line: Option<Bytes>,
    name: &'static str,
}

impl Payload {
    /// Reads `json`, any JSON value, or `base64`, any bytes. Base64 wins where it says anything.
    pub(crate) fn read(
        fields: &Fields<'_>,
        json: &'static str,
        base64: &'static str,
    ) -> Result<Option<Self>, ApiError> {
        let encoded = fields.text(base64)?;
        if encoded.is_empty() {
            return Ok(fields.stated(json).map(|value| {
                let line = on_one_line(&Bytes::copy_from_slice(value.get().as_bytes()));
                Self { bytes: line.clone(), line: Some(line), name: json }
            }));
        }
        let bytes: Bytes = STANDARD
            .decode(&*encoded)
            .map_err(|_| fields.must_be(base64, "base64 with its padding"))?
            .into();
        let line = is_json(&bytes).then(|| on_one_line(&bytes));
        Ok(Some(Self { bytes, line, name: base64 }))
    }

    /// Its size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The payload as a channel carries it: as it came where the namespace is binary, else as JSON
    /// on one line, since line breaks separate messages on the wire.
    pub(crate) fn carried_by(&self, options: &ChannelOptions) -> Result<Bytes, ApiError> {
        if options.binary {
            return Ok(self.bytes.clone());
        }
        self.line.clone().ok_or_else(|| {
            let name = self.name;
            ApiError::bad_request(format!("`{name}` must be JSON: the namespace is not binary"))
        })
    }

    /// The payload where it belongs to no channel: as JSON on one line.
    pub(crate) fn as_json(&self) -> Result<Bytes, ApiError> {
        let name = self.name;
        let line = self.line.clone();
        line.ok_or_else(|| ApiError::bad_request(format!("`{name}` must be JSON")))
    }
}

fn on_one_line(json: &Bytes) -> Bytes {
    match single_line(json) {
        Cow::Borrowed(_) => json.clone(),
        Cow::Owned(line) => line.into(),
    }
}
