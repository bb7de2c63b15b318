//! Errors of the server API, in one place.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde::Serialize;
use trunkline_core::application::Objection;
use trunkline_core::backend::BackendError;
use trunkline_core::error::ClientError;
use trunkline_protocol::codes::error_code;

/// The code of a conflict, as Centrifugo has it. Clients never see it.
const CONFLICT: u32 = 113;

/// Why a method could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ApiError {
    code: u32,
    message: Cow<'static, str>,
}

impl ApiError {
    /// The request makes no sense, and `message` names the part that does not.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: error_code(&ClientError::BadRequest).0, message: message.into() }
    }

    /// The request makes sense, and this node does not do it.
    pub(crate) fn not_available(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: error_code(&ClientError::NotAvailable).0, message: message.into() }
    }

    /// The request makes sense, and things are not as it takes them to be.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: CONFLICT, message: message.into() }
    }

    /// Whether the fault is in the request itself.
    pub(crate) fn is_bad_request(&self) -> bool {
        self.code == error_code(&ClientError::BadRequest).0
    }

    /// `{"code":…,"message":…}`.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `{"error":{"code":…,"message":…}}`.
    pub(crate) fn envelope(&self) -> Vec<u8> {
        [b"{\"error\":", &*self.to_json(), b"}"].concat()
    }

    /// The status for callers that want errors as such. The numbers are Centrifugo's, those it
    /// does not have are the nearest in meaning.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            100 => StatusCode::INTERNAL_SERVER_ERROR,
            101 => StatusCode::UNAUTHORIZED,
            102 | 104 => StatusCode::NOT_FOUND,
            CONFLICT => StatusCode::CONFLICT,
            111 => StatusCode::TOO_MANY_REQUESTS,
            112 => StatusCode::RANGE_NOT_SATISFIABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        Self { code: error_code(&error).0, message: error.to_string().into() }
    }
}

impl From<BackendError> for ApiError {
    fn from(error: BackendError) -> Self {
        ClientError::from(error).into()
    }
}

impl From<ApiError> for Objection {
    /// What a client is told whose call of a method fails for it.
    fn from(error: ApiError) -> Self {
        Self::Error { code: error.code, message: error.message.into(), temporary: false }
    }
}
