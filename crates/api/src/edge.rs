//! Where HTTP ends: paths, keys, bodies and the form of answers.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::timeout;
use trunkline_core::error::ClientError;
use trunkline_telemetry::{ApiMethod, ApiOutcome};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::{ApiState, endpoints, key};

/// How long a body may take to arrive: a full one at 1 Mbit/s.
const BODY_DEADLINE: Duration = Duration::from_secs(40);

/// What is wrong with a request before its method is even asked.
struct Refused(StatusCode, ApiError);

/// One request: `/api/{method}`.
pub(crate) async fn handle(
    State(state): State<ApiState>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let method = ApiMethod::named(&method);
    if method == ApiMethod::Unknown {
        return unknown_path().await;
    }
    let as_status = wants_status(request.headers());
    serve(&state, method, request, as_status).await
}

/// `/message`. Nobody asks it in the manner of Centrifugo: errors are statuses.
pub(crate) async fn handle_message(State(state): State<ApiState>, request: Request) -> Response {
    serve(&state, ApiMethod::Message, request, true).await
}

async fn serve(state: &ApiState, method: ApiMethod, request: Request, as_status: bool) -> Response {
    if request.method() != Method::POST {
        let error = ApiError::bad_request("the server API is asked with POST");
        let mut response = refuse(&Refused(StatusCode::METHOD_NOT_ALLOWED, error));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    // Before the body: nobody without a key makes the node read one.
    if !key::opens(&state.keys, request.headers()) {
        state.node.metrics.node.api_requests.count(method, ApiOutcome::Unauthorized);
        return refuse(&Refused(StatusCode::UNAUTHORIZED, ClientError::Unauthorized.into()));
    }
    match read_and_run(state, method, request).await {
        Ok(outcome) => respond(outcome, as_status),
        Err(refused) => {
            state.node.metrics.node.api_requests.count(method, ApiOutcome::BadRequest);
            refuse(&refused)
        }
    }
}

/// The answer for paths that are no method.
pub(crate) async fn unknown_path() -> Response {
    refuse(&Refused(StatusCode::NOT_FOUND, ClientError::MethodNotFound.into()))
}

async fn read_and_run(
    state: &ApiState,
    method: ApiMethod,
    request: Request,
) -> Result<endpoints::Outcome, Refused> {
    let body = read_body(request, state.node.limits.api_body_bytes).await?;
    let undecodable =
        |message: String| Refused(StatusCode::BAD_REQUEST, ApiError::bad_request(message));
    let text = std::str::from_utf8(&body)
        .map_err(|error| undecodable(format!("the body is not UTF-8: {error}")))?;
    let fields = match Fields::parse(text) {
        Ok(fields) => Ok(fields),
        Err(error) if error.is_data() => Err(ApiError::bad_request(format!("the body: {error}"))),
        Err(error) => return Err(undecodable(format!("the body is not JSON: {error}"))),
    };
    let outcome = match fields {
        Ok(fields) => endpoints::run(state, method, &fields).await,
        Err(error) => Err(error),
    };
    endpoints::count(state, method, &outcome);
    Ok(outcome)
}

async fn read_body(mut request: Request, most: usize) -> Result<Bytes, Refused> {
    DefaultBodyLimit::max(most).apply(&mut request);
    match timeout(BODY_DEADLINE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let error = ApiError::bad_request(format!("the body is longer than {most} bytes"));
            Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, error))
        }
        Ok(Err(_)) => {
            let error = ApiError::bad_request("the body could not be read to its end");
            Err(Refused(StatusCode::BAD_REQUEST, error))
        }
        Err(_) => {
            let error = ApiError::bad_request("the body did not arrive in time");
            Err(Refused(StatusCode::REQUEST_TIMEOUT, error))
        }
    }
}

/// Whether the caller wants errors as HTTP statuses.
fn wants_status(headers: &HeaderMap) -> bool {
    headers.get("x-centrifugo-error-mode").is_some_and(|mode| mode == "transport")
}

fn respond(outcome: endpoints::Outcome, as_status: bool) -> Response {
    match outcome {
        Ok(answer) => json(StatusCode::OK, answer),
        Err(error) if as_status => json(error.status(), error.to_json()),
        Err(error) => json(StatusCode::OK, error.envelope()),
    }
}

fn refuse(Refused(status, error): &Refused) -> Response {
    json(*status, error.envelope())
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [kind], Body::from(body)).into_response()
}
