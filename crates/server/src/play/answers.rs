//! Answers of the lobby, as HTTP: JSON, with an error that programs and people can read.

use super::wish::NotOrdered;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use matches::host::CreateError;
use matches::ids::MatchId;
use matches::lobby::Refusal;
use net::Answer;
use serde_json::{Value, json};

/// When to try again, in seconds, after the node was busy.
const RETRY_SECONDS: u64 = 5;

pub(super) fn json<E>(status: StatusCode, body: &Value) -> Answer<E> {
    Answer::Response(json_response(status, body))
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn failed<E>(status: StatusCode, word: &str, sentence: &str) -> Answer<E> {
    Answer::Response(failed_response(status, word, sentence))
}

pub(super) fn failed_response(status: StatusCode, word: &str, sentence: &str) -> Response<Bytes> {
    json_response(status, &json!({ "error": word, "message": sentence }))
}

pub(super) fn busy(sentence: &str) -> Response<Bytes> {
    retry_after(failed_response(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence), RETRY_SECONDS)
}

fn retry_after(mut response: Response<Bytes>, seconds: u64) -> Response<Bytes> {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// The lobby says no.
pub(super) fn refused(refusal: &Refusal) -> Response<Bytes> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let response = failed_response(status, refusal.code(), &refusal.to_string());
    match refusal {
        Refusal::Busy { retry_after: wait } => retry_after(response, wait.as_secs()),
        _ => response,
    }
}

/// A match is not even ordered.
pub(super) fn not_ordered(why: NotOrdered) -> Response<Bytes> {
    match why {
        NotOrdered::No(error) => not_created(error),
        NotOrdered::TooMany => {
            let sentence = "too many matches that you made have nobody in them; enter one first";
            failed_response(StatusCode::TOO_MANY_REQUESTS, "too_many_matches", sentence)
        }
    }
}

/// A worker says no to a match.
pub(super) fn not_created(error: CreateError) -> Response<Bytes> {
    let (status, word) = match error {
        CreateError::UnknownGame => (StatusCode::NOT_FOUND, "unknown_game"),
        CreateError::BadSetup => (StatusCode::BAD_REQUEST, "bad_request"),
        CreateError::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "broken"),
        CreateError::Taken | CreateError::Full | CreateError::Overloaded => return busy(&error.to_string()),
    };
    failed_response(status, word, &error.to_string())
}

pub(super) fn foreign_origin<E>() -> Answer<E> {
    Answer::text(StatusCode::FORBIDDEN, "Pages of this origin may not connect. See --allow-origin.\n")
}

pub(super) fn method_not_allowed<E>() -> Answer<E> {
    let sentence = "Ask for a match with POST.";
    let mut response = failed_response(StatusCode::METHOD_NOT_ALLOWED, "method", sentence);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    Answer::Response(response)
}

pub(super) fn upgrade_required<E>() -> Answer<E> {
    let what =
        "This is a WebSocket endpoint for the subprotocol stoa.match.v1. See docs/match-protocol.md.\n";
    let mut answer = Answer::text(StatusCode::UPGRADE_REQUIRED, what);
    if let Answer::Response(response) = &mut answer {
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    answer
}

/// A file that never changes.
pub(super) fn recording(id: &MatchId, bytes: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.replay\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
