//! What a client is answered: here, or with what a backend said.

use super::{Desk, Outcome, RESPONSE_IDLE_TIMEOUT, Record, Step, TunnelFacts};
use crate::relay::Way;
use crate::routing::{Refusal, Route};
use crate::tunnel::failure::Failure;
use crate::tunnel::frames::Live;
use crate::tunnel::headers;
use crate::tunnel::upstream::{AnswerBody, Answered};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use net::{BodyLength, Exchange, ResponseBody};
use std::future::poll_fn;
use std::time::Duration;
use ws::head::{Framing, ResponseHead};

impl<D: Desk> Step<D> {
    /// Answers here.
    pub(super) async fn refuse(&self, exchange: Exchange, refusal: Refusal, outcome: Outcome) -> Box<Record> {
        let mut response = Response::new(Bytes::from_static(refusal.sentence.as_bytes()));
        *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Some(seconds) = refusal.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if refusal.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        put(headers, "x-request-id", &self.request_id);
        let _ = exchange.answer(response).await;
        self.record(None, outcome)
    }

    pub(super) async fn refuse_at_once(&self, exchange: Exchange, refusal: Refusal) -> Box<Record> {
        self.refuse(exchange, refusal, Outcome::Refused(refusal.status, refusal.sentence)).await
    }

    pub(super) async fn screened(&self, exchange: Exchange, refusal: &ws::handshake::Refusal) -> Box<Record> {
        let mut response = Response::new(Bytes::from_static(refusal.sentence.as_bytes()));
        *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        for &(name, value) in refusal.headers {
            put(response.headers_mut(), name, value);
        }
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        let _ = exchange.answer(response).await;
        self.record(None, Outcome::Refused(refusal.status, refusal.sentence))
    }

    /// The head of an answer for the client.
    pub(super) fn head_for_client(&self, head: &ResponseHead, set_cookie: Option<&str>) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(head.status()).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in headers::for_client(head, &self.request_id, set_cookie) {
            put(response.headers_mut(), &name, &value);
        }
        response
    }

    /// Passes a response on.
    pub(super) async fn respond(
        &self,
        exchange: Exchange,
        route: &Route,
        answered: Answered,
        set_cookie: Option<&str>,
        facts: &TunnelFacts,
    ) -> Outcome {
        let Answered { head, mut body } = answered;
        let status = head.status();
        let cut = Outcome::Responded { status, is_complete: false };
        // In HTTP/2 and HTTP/3 a success would open a WebSocket that the backend has not agreed to.
        if self.head.protocol().is_some() && (200..=299).contains(&status) {
            let failure = Failure::Broken("a success that opens no WebSocket".to_owned());
            let refusal = failure.refusal();
            self.refuse(exchange, refusal, Outcome::ClientLeft).await;
            return Outcome::Failed(failure);
        }
        let length = match head.framing() {
            Framing::Length(length) => BodyLength::Known(length),
            Framing::None => BodyLength::Known(0),
            Framing::Chunked | Framing::UntilEnd => BodyLength::Unknown,
        };
        let is_head = self.head.method() == "HEAD";
        let Ok(mut sending) = exchange.respond(self.head_for_client(&head, set_cookie), length).await else {
            return cut;
        };
        let idle = route.config.timeouts.idle.unwrap_or(RESPONSE_IDLE_TIMEOUT);
        if is_head {
            // There is nothing to wait for: on HTTP/1.1 the head was the whole answer, and asking for its end lets the connection be
            // used again; on HTTP/2 the stream is let go.
            if matches!(body, AnswerBody::Http1(_)) {
                let _ = body.piece().await;
            }
        } else if !pass_on(&mut body, &mut sending, idle, &facts.live).await {
            // Dropping it tells the client that something is missing.
            return cut;
        }
        let is_complete = sending.finish().await.is_ok();
        body.give_back();
        Outcome::Responded { status, is_complete }
    }
}

/// Passes the body of a response on. False if something is missing at the end, or the client is gone.
async fn pass_on(body: &mut AnswerBody, sending: &mut ResponseBody, idle: Duration, live: &Live) -> bool {
    loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(idle, body.piece()) => piece,
            // Nobody waits for the rest, so the backend need not go on with it.
            () = poll_fn(|cx| sending.poll_gone(cx)) => return false,
        };
        match piece {
            Ok(Ok(Some(piece))) => {
                live.control.add(Way::ToClient, piece.len());
                if sending.send(piece).await.is_err() {
                    return false;
                }
            }
            Ok(Ok(None)) => return true,
            Ok(Err(_)) | Err(_) => return false,
        }
    }
}

/// Adds a header that was checked when it was read.
fn put(headers: &mut http::HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.append(name, value);
    }
}
