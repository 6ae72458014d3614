//! One request and its answer, whatever version of HTTP carries them: who is refused at once, what the site is asked, and
//! what every answer gets.

use crate::endpoint::Endpoint;
use crate::guests::Seat;
use crate::local::Local;
use crate::signal::Wake;
use crate::site::{Answer, Later, Request, Site};
use crate::taken::Taking;
use crate::tls::TlsFacts;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use ws::handshake::{Accepted, is_websocket_request};
use ws::head::{Framing, RequestHead};

/// Two years, as Mozilla's guideline has it: a browser that was here over TLS comes back only over TLS.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The answer to a handshake where there are only pages.
const NO_WEBSOCKET: &str = "There is no WebSocket here.";

/// The other end of a carrier, and what its handshake told. The same for every request on it.
pub(crate) struct Caller {
    pub(crate) peer: SocketAddr,
    /// The mark of the listener.
    pub(crate) listener: u32,
    /// See [`new_connection`].
    pub(crate) connection: u64,
    /// `None` for cleartext.
    pub(crate) tls: Option<TlsFacts>,
    /// The port of UDP to announce for HTTP/3, if there is one and the caller is not there already.
    pub(crate) http3_port: Option<u16>,
}

/// A number for a connection that no other of this process has.
pub(crate) fn new_connection() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What becomes of a request.
pub(crate) enum Outcome<E: Endpoint> {
    /// It was refused before the site was asked. A version of HTTP in which requests follow each other on one byte stream
    /// closes after it: the peer and we might not agree where the next one begins.
    Refused(Response<Bytes>),
    /// What the site said.
    Response(Response<Bytes>),
    /// What the site will say, within `answer_timeout`.
    Later(Later),
    /// The site takes it over.
    Exchange(Taking),
    /// It becomes a WebSocket.
    Upgrade(Upgrade<E>),
}

/// A WebSocket that the site has accepted.
pub(crate) struct Upgrade<E: Endpoint> {
    pub(crate) accepted: Accepted,
    pub(crate) endpoint: Making<E>,
    pub(crate) config: Arc<ws::Config>,
    pub(crate) unsent_bytes_max: Option<u32>,
    pub(crate) seat: Seat,
}

/// How, and where, the endpoint of a WebSocket is made.
pub(crate) enum Making<E: Endpoint> {
    /// On the worker that the request came to.
    Here(Box<dyn FnOnce(Wake) -> E>),
    /// On whichever worker, of which this one is wished for.
    On(u16, Box<dyn FnOnce(u16, Wake) -> E + Send>),
}

impl<E: Endpoint> Making<E> {
    /// Makes it on this worker.
    pub(crate) fn here(self, worker: u16) -> impl FnOnce(Wake) -> E {
        move |wake| match self {
            Self::Here(make) => make(wake),
            Self::On(_, make) => make(worker, wake),
        }
    }
}

/// Answers a request whose head was read and checked. `has_body` tells whether a body follows, or may follow.
pub(crate) fn answer<S: Site>(
    head: &RequestHead,
    has_body: bool,
    caller: &Caller,
    site: &S,
    local: &Rc<Local>,
) -> Outcome<S::Endpoint> {
    if let Err((status, sentence)) = screen(head, has_body, caller.tls.as_ref(), site, local) {
        return refuse(status, sentence, local);
    }
    let seat = is_websocket_request(head).then(|| seat(head, caller, local)).transpose();
    let seat = match seat {
        Ok(seat) => seat,
        Err((status, sentence)) => {
            local.counters.refused_websockets.add(1);
            return refuse(status, sentence, local);
        }
    };
    local.counters.requests.add(1);
    let peer_certificate = caller.tls.as_ref().and_then(|facts| facts.peer_certificate.as_deref());
    let request = Request {
        head,
        peer: caller.peer,
        listener: caller.listener,
        connection: caller.connection,
        secure: caller.tls.is_some(),
        server_name: caller.tls.as_ref().and_then(|facts| facts.server_name.as_deref()),
        alpn: caller.tls.as_ref().and_then(|facts| facts.alpn),
        peer_certificate,
    };
    let extras = Extras::new(head, caller);
    match (site.respond(&request), seat) {
        (Answer::Response(response), _) if extras.is_misleading(&response) => {
            refuse(StatusCode::NOT_FOUND, NO_WEBSOCKET, local)
        }
        (Answer::Response(response), _) => Outcome::Response(extras.added_to(response)),
        (Answer::Later(response), _) => Outcome::Later(in_time(response, extras, local)),
        (Answer::Exchange(take), seat) => {
            let alternative = extras.http3_port.and_then(alternative);
            Outcome::Exchange(Taking { take, seat, alternative })
        }
        (Answer::Upgrade { accepted, endpoint, config }, Some(seat)) => {
            let endpoint = Making::Here(endpoint);
            Outcome::Upgrade(Upgrade { accepted, endpoint, config, unsent_bytes_max: None, seat })
        }
        (Answer::UpgradeOn { worker, accepted, endpoint, config, unsent_bytes_max }, Some(seat)) => {
            let endpoint = Making::On(worker, endpoint);
            Outcome::Upgrade(Upgrade { accepted, endpoint, config, unsent_bytes_max, seat })
        }
        // There is no `Accepted` for what is no WebSocket, unless a site keeps one from an earlier request.
        (Answer::Upgrade { .. } | Answer::UpgradeOn { .. }, None) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "This request did not ask for a WebSocket.", local)
        }
    }
}

/// What every answer of a site gets, as far as its request decides that.
#[derive(Clone, Copy)]
struct Extras {
    is_extended_connect: bool,
    is_lasting: bool,
    http3_port: Option<u16>,
}

impl Extras {
    fn new(head: &RequestHead, caller: &Caller) -> Self {
        Self {
            is_extended_connect: head.protocol().is_some(),
            is_lasting: caller.tls.as_ref().is_some_and(|facts| facts.is_lasting),
            http3_port: caller.http3_port,
        }
    }

    /// In HTTP/2 and HTTP/3 any 2xx says that the WebSocket is open (RFC 8441 section 5), whatever the site meant by it.
    fn is_misleading(self, response: &Response<Bytes>) -> bool {
        self.is_extended_connect && response.status().is_success()
    }

    fn added_to(self, mut response: Response<Bytes>) -> Response<Bytes> {
        if self.is_lasting {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
        }
        if let Some(value) = self.http3_port.and_then(alternative) {
            response.headers_mut().insert(header::ALT_SVC, value);
        }
        response
    }
}

/// Waits for an answer as long as it may take.
fn in_time(response: Later, extras: Extras, local: &Rc<Local>) -> Later {
    let local = Rc::clone(local);
    Box::pin(async move {
        match tokio::time::timeout(local.limits.answer_timeout, response).await {
            Ok(response) if extras.is_misleading(&response) => refusal(StatusCode::NOT_FOUND, NO_WEBSOCKET),
            Ok(response) => extras.added_to(response),
            Err(_) => {
                local.counters.requests_late.add(1);
                refusal(StatusCode::SERVICE_UNAVAILABLE, "The answer took too long. Try again later.")
            }
        }
    })
}

/// Tells that the same is to be had over HTTP/3 on this port, today (RFC 7838 section 3).
fn alternative(port: u16) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("h3=\":{port}\"; ma=86400")).ok()
}

/// Counts a request that broke a rule, and says which.
pub(crate) fn refuse<E: Endpoint>(
    status: StatusCode,
    sentence: impl Into<Bytes>,
    local: &Local,
) -> Outcome<E> {
    local.counters.requests_bad.add(1);
    Outcome::Refused(refusal(status, sentence))
}

/// The answer to a request that broke a rule.
pub(crate) fn refusal(status: StatusCode, sentence: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(sentence.into());
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

type Refused = (StatusCode, &'static str);

/// What is refused whatever the site: bodies, other methods, a name that is not the one the handshake asked for.
fn screen<S: Site>(
    head: &RequestHead,
    has_body: bool,
    tls: Option<&TlsFacts>,
    site: &S,
    local: &Local,
) -> Result<(), Refused> {
    let takes_all = site.takes_requests(head);
    if matches!(head.framing(), Framing::Length(length) if takes_all && length > local.limits.request_body_bytes_max)
    {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too long."));
    }
    // What follows an extended CONNECT is the WebSocket.
    let is_extended_connect = head.protocol().is_some();
    if has_body && !is_extended_connect && !takes_all {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "Requests with a body are not served here."));
    }
    let is_taken = match head.method() {
        "GET" | "HEAD" => true,
        "POST" => site.takes_post(head),
        _ => is_extended_connect,
    };
    if !is_taken && !takes_all {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "This is not served here with this method."));
    }
    // RFC 9110 section 7.4: a connection that was made for another name must not be used for this one.
    if let Some(facts) = tls
        && !head.authority().map_or(facts.server_name.is_none(), |host| facts.covers(host_name(host)))
    {
        return Err((StatusCode::MISDIRECTED_REQUEST, "This connection was made for another host name."));
    }
    Ok(())
}

/// A seat for the WebSocket that is asked for, if there is one.
fn seat(head: &RequestHead, caller: &Caller, local: &Rc<Local>) -> Result<Seat, Refused> {
    // The socket of HTTP/1.1 was counted when it was accepted. On a carrier of many this is the first look.
    if head.version().is_multiplexed() && local.is_full() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "There are too many connections. Try again later."));
    }
    Seat::take(local, caller.peer.ip()).ok_or((
        StatusCode::TOO_MANY_REQUESTS,
        "There are too many WebSockets from this address. Close some, or try again later.",
    ))
}

/// A `Host` without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_the_host_without_its_port() {
        for (host, name) in
            [("a.b", "a.b"), ("a.b:80", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:", "a")]
        {
            assert_eq!(host_name(host), name, "{host}");
        }
    }
}
