//! The HTTP answers of the classic room, and what is read from its requests.

use super::root::ForeignPage;
use crate::any::NodeEndpoint;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use matches::classic::GameId;
use net::Answer;
use std::time::Duration;
use ws::head::RequestHead;

/// For a page that somebody else wrote: it may have its scripts and styles inside, and reach this server and nothing else.
const FOREIGN_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What `gameId` is in a query.
pub(super) fn game_in_query(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("gameId="))
}

/// The game that a request is about: in its query, or in that of the page it comes from, because the link of the course's
/// page names none. The answer, if there is no such game.
pub(super) fn named_game(head: &RequestHead) -> Result<GameId, Box<Answer<NodeEndpoint>>> {
    let page = head.header("referer").and_then(|url| url.split_once('?')).map(|(_, query)| query);
    let page = page.map(|query| query.split('#').next().unwrap_or_default());
    let Some(name) = game_in_query(head.query()).or_else(|| game_in_query(page)) else {
        return Err(Box::new(failed(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "name the game, as in ?gameId=game1",
        )));
    };
    GameId::named(name).ok_or_else(|| {
        let sentence = "there are game1, game2, game3 and game4";
        Box::new(failed(StatusCode::NOT_FOUND, "unknown_game", sentence))
    })
}

/// Whether somebody wants this request, as far as the browser tells: no other site caused it, and no guess about what
/// will be clicked next.
pub(super) fn is_meant(head: &RequestHead) -> bool {
    let site = head.header("sec-fetch-site").unwrap_or("none");
    let is_prefetch = ["sec-purpose", "purpose", "x-moz"]
        .into_iter()
        .filter_map(|name| head.header(name))
        .any(|value| value.contains("prefetch"));
    matches!(site, "none" | "same-origin") && !is_prefetch
}

pub(super) fn unknown_game<E>() -> Answer<E> {
    Answer::text(StatusCode::NOT_FOUND, "There is no such game. There are game1, game2, game3 and game4.\n")
}

pub(super) fn redirect<E>(to: &str) -> Answer<E> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer::Response(response)
}

pub(super) fn json<E>(status: StatusCode, body: String) -> Answer<E> {
    let mut answer = Answer::typed(status, "application/json", body);
    if let Answer::Response(response) = &mut answer {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    answer
}

/// In the form of the message `error`.
fn failed<E>(status: StatusCode, code: &str, message: &str) -> Answer<E> {
    json(status, format!(r#"{{"cmd":"error","code":"{code}","message":"{message}"}}"#))
}

pub(super) fn too_soon<E>(wait: Duration) -> Answer<E> {
    let mut answer =
        failed(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "this game was just reset; wait a little");
    if let Answer::Response(response) = &mut answer {
        let seconds = wait.as_secs() + 1;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Somebody else's page, for a game. Links from it tell the game that they come from, but to this server only.
pub(super) fn foreign<E>(page: &ForeignPage, game: GameId) -> Answer<E> {
    let mut answer = Answer::typed(StatusCode::OK, "text/html; charset=utf-8", page.of(game.name()));
    if let Answer::Response(response) = &mut answer {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FOREIGN_POLICY));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    }
    answer
}
