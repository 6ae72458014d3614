//! One request of HTTP/3, from its first byte to its answer or its WebSocket.

use super::carrier::Busy;
use super::exchange::{Http3Way, Parts};
use super::session::{abandon, is_of_stream};
use super::stream::{Http3Stream, code};
use crate::clock;
use crate::driver::Driver;
use crate::exchange::{self, Outcome, Upgrade};
use crate::limits::STREAM_WINDOW_BYTES;
use crate::response;
use crate::site::Site;
use bytes::Bytes;
use h3::{Code, FieldSection, RequestEvent, RequestFields, RequestStream};
use http::{Response, StatusCode};
use quinn::{RecvStream, SendStream};
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use ws::head::{Framing, HeadError, HeadLimits, Pseudo, RequestHead, Version};
use ws::{Connection, Role};

/// What came of reading a request's head.
struct Asked {
    fields: RequestFields,
    /// What came behind the head already.
    ahead: Vec<u8>,
    trailers: Option<FieldSection>,
}

/// Why there is no request.
enum Unasked {
    /// The peer is gone, or its stream.
    Gone,
    Broken(h3::Error),
}

/// A stream with a request on it.
struct Exchange<S: Site> {
    busy: Busy<S>,
    send: SendStream,
    receive: RecvStream,
    reader: RequestStream,
}

/// Serves one stream.
pub(super) async fn serve<S: Site>(busy: Busy<S>, mut send: SendStream, mut receive: RecvStream) {
    let accepted = busy.0.session.http().accept_request(receive.id().into());
    let reader = match accepted {
        Ok(reader) => reader,
        Err(error) => return abandon(&mut send, &mut receive, error.code),
    };
    Exchange { busy, send, receive, reader }.run().await;
}

impl<S: Site> Exchange<S> {
    async fn run(mut self) {
        let limit = self.busy.0.local.limits.request_head_timeout;
        let asked = timeout(limit, self.read_head()).await;
        match asked {
            Ok(Ok(asked)) => self.answer(asked).await,
            Ok(Err(Unasked::Gone)) => self.busy.0.charge(1),
            Ok(Err(Unasked::Broken(error))) => self.fail(error).await,
            Err(_) => {
                self.busy.0.local.counters.requests_late.add(1);
                let sentence = "The request took too long to arrive.";
                self.respond(exchange::refusal(StatusCode::REQUEST_TIMEOUT, sentence), false).await;
            }
        }
    }

    async fn read_head(&mut self) -> Result<Asked, Unasked> {
        loop {
            let chunk = match self.receive.read_chunk(STREAM_WINDOW_BYTES as usize, true).await {
                Ok(Some(chunk)) => chunk.bytes,
                Ok(None) => match self.reader.finish() {
                    Ok(()) => return Err(Unasked::Gone),
                    Err(error) => return Err(Unasked::Broken(error)),
                },
                Err(_) => return Err(Unasked::Gone),
            };
            let mut input = &chunk[..];
            // Nothing else comes before the request.
            if let Some(RequestEvent::Request(fields)) =
                self.reader.receive(&mut input).map_err(Unasked::Broken)?
            {
                let mut asked = Asked { fields, ahead: Vec::new(), trailers: None };
                while let Some(event) = self.reader.receive(&mut input).map_err(Unasked::Broken)? {
                    match event {
                        RequestEvent::Data(bytes) => asked.ahead.extend_from_slice(bytes),
                        RequestEvent::Trailers(fields) => asked.trailers = Some(fields),
                        RequestEvent::Request(_) | RequestEvent::Response(_) => {}
                    }
                }
                return Ok(asked);
            }
        }
    }

    /// The client broke HTTP/3.
    async fn fail(mut self, error: h3::Error) {
        let carrier = &self.busy.0;
        if !is_of_stream(&error) {
            carrier.violated();
            return carrier.session.close(error.code, error.reason);
        }
        carrier.local.counters.requests_bad.add(1);
        carrier.charge(1);
        if error.code == Code::EXCESSIVE_LOAD {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return self.respond(exchange::refusal(status, error.reason), false).await;
        }
        abandon(&mut self.send, &mut self.receive, error.code);
    }

    async fn answer(self, asked: Asked) {
        let Asked { fields, ahead, trailers } = asked;
        let head_only = fields.method() == "HEAD";
        let carrier = &self.busy.0;
        let head = head_of(&fields);
        let outcome = match &head {
            Ok(head) => {
                let has_body = matches!(head.framing(), Framing::Length(1..)) || !ahead.is_empty();
                exchange::answer(head, has_body, &carrier.caller, &*carrier.site, &carrier.local)
            }
            Err(error) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                exchange::refuse(status, error.to_string(), &carrier.local)
            }
        };
        match outcome {
            Outcome::Refused(response) | Outcome::Response(response) => {
                self.respond(response, head_only).await
            }
            Outcome::Later(response) => {
                let response = response.await;
                self.respond(response, head_only).await;
            }
            Outcome::Exchange(taking) => {
                // There is no such outcome without a head.
                let Ok(head) = head else { return };
                let Self { busy, send, receive, reader } = self;
                let local = std::rc::Rc::clone(&busy.0.local);
                let parts = Parts { busy, send, receive, reader };
                let way = Http3Way::new(parts, &head, ahead, trailers);
                taking.begin(head, way, &local).await;
            }
            Outcome::Upgrade(upgrade) => self.upgrade(upgrade, ahead).await,
        }
    }

    /// Sends an ordinary response, and waits for a while until the client has all of it.
    async fn respond(mut self, response: Response<Bytes>, head_only: bool) {
        let (response, body) = response::for_stream(response, head_only);
        let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let mut head = Vec::new();
        if !self.write_head(response.status(), headers, &mut head) {
            return abandon(&mut self.send, &mut self.receive, Code::INTERNAL_ERROR);
        }
        if !body.is_empty() {
            head.extend_from_slice(&h3::data_frame_header(body.len()));
        }
        let limits = &self.busy.0.local.limits;
        let mut chunks = [head.into(), body];
        let chunks = if chunks[1].is_empty() { &mut chunks[..1] } else { &mut chunks[..] };
        // "When the server does not need to receive the remainder of the request, it MAY abort reading the request stream,
        // send a complete response, and cleanly close the sending part of the stream" (RFC 9114 section 4.1).
        let _ = self.receive.stop(code(Code::NO_ERROR));
        if write_all(&mut self.send, chunks, limits.write_timeout).await.is_err() {
            let _ = self.send.reset(code(Code::REQUEST_CANCELLED));
            return self.busy.0.charge(1);
        }
        if self.send.finish().is_ok() {
            // Until then the stream counts, so that a drain does not end with the answer still on its way.
            let _ = timeout(limits.linger_timeout, self.send.stopped()).await;
        }
    }

    async fn upgrade(mut self, upgrade: Upgrade<S::Endpoint>, ahead: Vec<u8>) {
        let Upgrade { accepted, endpoint, config, seat, .. } = upgrade;
        let mut head = Vec::new();
        if !self.write_head(StatusCode::OK, accepted.fields(), &mut head) {
            return abandon(&mut self.send, &mut self.receive, Code::INTERNAL_ERROR);
        }
        let Self { busy, mut send, receive, reader } = self;
        let local = std::rc::Rc::clone(&busy.0.local);
        if write_all(&mut send, &mut [head.into()], local.limits.write_timeout).await.is_err() {
            return busy.0.charge(1);
        }
        *busy.0.visit.borrow_mut() = None;
        let stream = Http3Stream::new(busy.0.session.quic.clone(), send, receive, reader);
        let connection = Connection::new(Role::Server, config, clock::now(), [0; 2])
            .with_compression(accepted.compression);
        let endpoint = endpoint.here(local.worker);
        let driver = Driver::new(local, stream, connection, ahead, endpoint);
        drop(tokio::task::spawn_local(busy.with(seat.occupy(driver))));
    }

    /// Encodes the head of an answer. It fails if the client does not want so many fields, or the site made some that
    /// HTTP/3 has no room for.
    fn write_head<V: AsRef<[u8]>>(
        &self,
        status: StatusCode,
        fields: impl IntoIterator<Item = (impl AsRef<[u8]>, V)>,
        head: &mut Vec<u8>,
    ) -> bool {
        let max = self.busy.0.session.http().peer_field_section_bytes_max();
        let written = h3::write_response(status.as_u16(), fields, max, head);
        if let Err(error) = &written {
            tracing::debug!(%error, "an answer cannot be sent over HTTP/3");
        }
        written.is_ok()
    }
}

/// The head of a request, by the same rules as in every other version of HTTP.
fn head_of(fields: &RequestFields) -> Result<RequestHead, HeadError> {
    let pseudo = Pseudo {
        method: fields.method(),
        scheme: fields.scheme(),
        authority: fields.authority(),
        path: fields.path(),
        protocol: fields.protocol(),
    };
    RequestHead::from_fields(Version::Http3, pseudo, fields.fields(), HeadLimits::default())
}

/// Writes everything, or fails when the peer takes nothing for `limit`.
async fn write_all(send: &mut SendStream, mut chunks: &mut [Bytes], limit: Duration) -> io::Result<()> {
    while !chunks.is_empty() {
        let written = timeout(limit, send.write_chunks(chunks)).await??;
        chunks = &mut chunks[written.chunks..];
    }
    Ok(())
}
