//! HTTP/2 to backends: carriers with many streams.

use super::http1::request_failed;
use super::{
    Allowance, AnswerBody, Answered, Ask, Body, Failure, Opened, Reach, Shaken, handshake, in_time,
    unless_gone,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use net::{DialError, Exchange, Http2Exchange, Http2Upstream};
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;
use ws::head::ResponseHead;

/// A connection with streams on it.
#[derive(Debug)]
pub(super) struct Carrier {
    upstream: Http2Upstream,
    streams: Cell<u32>,
    /// The backend has said that it takes nothing more.
    is_going: Cell<bool>,
}

/// A stream's place on a carrier. Dropping it gives the place back.
#[derive(Debug)]
pub struct Place(Rc<Carrier>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get().saturating_sub(1));
    }
}

/// The body of an answer on a stream.
#[derive(Debug)]
pub struct Reading {
    exchange: Http2Exchange,
    _place: Place,
}

impl Reading {
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        poll_fn(|cx| self.exchange.poll_data(cx)).await.transpose()
    }
}

/// See [`Reach::ask`].
pub(super) async fn ask(
    reach: &Rc<Reach>,
    ask: &Ask,
    exchange: &mut Exchange,
    limit: Duration,
) -> Result<Answered, Failure> {
    let has_body = ask.body != Body::None;
    let beginning = Box::pin(begin(reach, || request(reach, ask, false), !has_body, limit));
    let (mut stream, place) = unless_gone(exchange, beginning).await?;
    if has_body && let Some(head) = send_body(&mut stream, exchange, ask, limit).await? {
        return Ok(answered(head, stream, place));
    }
    let reading = async { in_time(limit, poll_fn(|cx| stream.poll_head(cx))).await?.map_err(failed) };
    let head = unless_gone(exchange, reading).await?;
    Ok(answered(head, stream, place))
}

/// See [`Reach::open`].
pub(super) async fn open(reach: &Rc<Reach>, ask: &Ask, limit: Duration) -> Result<Shaken, Failure> {
    let (mut stream, place) = begin(reach, || request(reach, ask, true), false, limit).await?;
    let head = in_time(limit, poll_fn(|cx| stream.poll_head(cx))).await?.map_err(failed)?;
    // Any 2xx opens the stream (RFC 8441 section 5).
    if !(200..=299).contains(&head.status()) {
        return Ok(Shaken::Refused(answered(head, stream, place)));
    }
    handshake::check_agreed(&head, ask)?;
    let stream = stream.into_websocket().ok_or_else(|| Failure::Broken("no stream".to_owned()))?;
    Ok(Shaken::Open(Opened { stream, ahead: Vec::new(), head, place: Some(place) }))
}

fn answered(head: ResponseHead, exchange: Http2Exchange, place: Place) -> Answered {
    Answered { head, body: AnswerBody::Http2(Box::new(Reading { exchange, _place: place })) }
}

/// Sends a request's head, on another carrier if the first one is going away.
async fn begin(
    reach: &Rc<Reach>,
    request: impl Fn() -> Option<Request<()>>,
    ends: bool,
    limit: Duration,
) -> Result<(Http2Exchange, Place), Failure> {
    /// So many carriers may go away before it is the backend's fault.
    const CARRIERS_TRIED_MAX: u32 = 3;
    for _ in 0..CARRIERS_TRIED_MAX {
        let place = timeout(reach.connect.timeout, take_place(reach))
            .await
            .map_err(|_| Failure::Unreachable("connecting took too long".to_owned()))??;
        let request = request().ok_or(Failure::Unsuited)?;
        match timeout(limit, place.0.upstream.ask(request, ends)).await {
            Err(_) => return Err(Failure::Silent),
            Ok(Ok(stream)) => return Ok((stream, place)),
            Ok(Err(DialError::NoWebSockets(_))) => {
                return Err(Failure::Unreachable("it offers no WebSockets over HTTP/2".to_owned()));
            }
            // Nothing of it was looked at.
            Ok(Err(_)) => place.0.is_going.set(true),
        }
    }
    Err(Failure::Unreachable("its connections go away at once".to_owned()))
}

/// A place on a carrier, on a new one if all are full.
async fn take_place(reach: &Rc<Reach>) -> Result<Place, Failure> {
    if let Some(place) = free_place(reach) {
        return Ok(place);
    }
    let _only_one = reach.opening.lock().await;
    if let Some(place) = free_place(reach) {
        return Ok(place);
    }
    let upstream =
        Http2Upstream::connect(reach.backend.address, reach.tls.as_ref(), &reach.preface(None)).await?;
    reach.opened.set(reach.opened.get() + 1);
    let carrier = Rc::new(Carrier { upstream, streams: Cell::new(1), is_going: Cell::new(false) });
    reach.carriers.borrow_mut().push(Rc::clone(&carrier));
    Ok(Place(carrier))
}

fn free_place(reach: &Reach) -> Option<Place> {
    let mut carriers = reach.carriers.borrow_mut();
    carriers.retain(|carrier| !carrier.upstream.is_over() && !carrier.is_going.get());
    let has_room = |carrier: &&Rc<Carrier>| {
        let max = reach.connect.http2_streams_max.min(carrier.upstream.streams_max());
        carrier.streams.get() < max.max(1)
    };
    let carrier = carriers.iter().find(has_room)?;
    carrier.streams.set(carrier.streams.get() + 1);
    Some(Place(Rc::clone(carrier)))
}

/// Sends a request's body. Gives the head of the answer if it comes before the body is complete.
async fn send_body(
    stream: &mut Http2Exchange,
    exchange: &mut Exchange,
    ask: &Ask,
    limit: Duration,
) -> Result<Option<ResponseHead>, Failure> {
    enum Next {
        Head(Result<ResponseHead, DialError>),
        Sent(io::Result<()>),
    }
    let mut allowance = Allowance::of(ask);
    loop {
        let piece = tokio::select! {
            biased;
            head = poll_fn(|cx| stream.poll_head(cx)) => return head.map(Some).map_err(failed),
            piece = exchange.body() => piece.map_err(|error| request_failed(&error))?,
        };
        let Some(mut piece) = piece else {
            // If it takes no more, it may have said why.
            let _ = stream.finish(exchange.trailers());
            return Ok(None);
        };
        allowance.take(&piece)?;
        let next = poll_fn(|cx| {
            if let Poll::Ready(head) = stream.poll_head(cx) {
                return Poll::Ready(Next::Head(head));
            }
            stream.poll_send(cx, &mut piece).map(Next::Sent)
        });
        match in_time(limit, next).await? {
            Next::Head(head) => return head.map(Some).map_err(failed),
            Next::Sent(Ok(())) => {}
            Next::Sent(Err(_)) => return Ok(None),
        }
    }
}

fn request(reach: &Reach, ask: &Ask, is_websocket: bool) -> Option<Request<()>> {
    let uri = Uri::builder()
        .scheme(reach.scheme())
        .authority(ask.authority.as_str())
        .path_and_query(ask.target.as_str())
        .build()
        .ok()?;
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    *request.method_mut() =
        if is_websocket { Method::CONNECT } else { Method::from_bytes(ask.method.as_bytes()).ok()? };
    let headers = request.headers_mut();
    for (name, value) in &ask.fields {
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    if let Body::Length(length) = ask.body {
        headers.insert(http::header::CONTENT_LENGTH, length.into());
    }
    if is_websocket {
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        Http2Upstream::mark_websocket(&mut request);
    }
    Some(request)
}

/// Why no head came.
fn failed(error: DialError) -> Failure {
    match error {
        DialError::Answer(error) => Failure::Broken(error.to_string()),
        // It has certainly not looked at the request.
        DialError::GoingAway => Failure::GoingAway,
        error => Failure::Unanswered(error.to_string()),
    }
}
