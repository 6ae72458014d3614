//! HTTP/1.1 to backends.

use super::{
    Allowance, AnswerBody, Answered, Ask, Body, Failure, Opened, Reach, Shaken, handshake, in_time,
    unless_gone,
};
use bytes::{Bytes, BytesMut};
use net::{Exchange, Stream, body_fault, connect_http1};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::time::timeout;
use ws::head::{Framing, HeadLimits, ResponseHead, Version};
use ws::http1::{BodyEvent, BodyLimits, BodyReader, HeadReader};

/// How much of an answer is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Most interim answers (1xx) to one request.
const INTERIM_MAX: u32 = 16;

/// A connection that waits for its next request.
#[derive(Debug)]
pub(super) struct Idle {
    stream: Stream,
    since: Duration,
}

/// The body of an answer on a connection.
#[derive(Debug)]
pub struct Reading {
    input: ReadHalf<Stream>,
    output: WriteHalf<Stream>,
    reader: BodyReader,
    /// Read, and not looked at yet.
    ahead: BytesMut,
    is_complete: bool,
    /// Where the connection goes when the body is complete. None: nowhere.
    back_to: Option<Rc<Reach>>,
}

/// See [`Reach::ask`].
pub(super) async fn ask(
    reach: &Rc<Reach>,
    ask: &Ask,
    exchange: &mut Exchange,
    limit: Duration,
) -> Result<Answered, Failure> {
    if ask.body != Body::None {
        return with_body(reach, ask, exchange, limit).await;
    }
    let request = request(ask, &[]);
    if let Some(stream) = take_idle(reach).await {
        // The backend may close it at this very moment; then nothing was answered, and it is no fault of anybody.
        match without_body(reach, ask, &request, stream, exchange, limit).await {
            Err(Failure::Unanswered(_)) if is_repeatable(ask) => {}
            answered => return answered,
        }
    }
    let stream = unless_gone(exchange, connect(reach, ask)).await?;
    without_body(reach, ask, &request, stream, exchange, limit).await
}

/// See [`Reach::open`].
pub(super) async fn open(reach: &Rc<Reach>, ask: &Ask, limit: Duration) -> Result<Shaken, Failure> {
    let stream = connect(reach, ask).await?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| Failure::Unreachable(error.to_string()))?;
    let key = key_of(nonce);
    let accept = ws::handshake::accept_of(&key);
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", &key),
        ("Sec-WebSocket-Version", "13"),
    ];
    let get = Ask { method: "GET".to_owned(), ..ask.clone() };
    let (mut input, mut output) = split(stream);
    let mut ahead = BytesMut::new();
    let head = in_time(limit, async {
        write(&mut output, &request(&get, &headers)).await?;
        output.flush().await.map_err(unanswered)?;
        read_head(&mut input, &mut ahead, true).await
    })
    .await??;
    if head.status() != 101 {
        let reader = BodyReader::of_response(&head, "GET", BodyLimits::default());
        let reading = Reading { input, output, reader, ahead, is_complete: false, back_to: None };
        return Ok(Shaken::Refused(Answered { head, body: AnswerBody::Http1(Box::new(reading)) }));
    }
    handshake::check_upgrade(&head, &accept, ask)?;
    Ok(Shaken::Open(Opened { stream: input.unsplit(output), ahead: ahead.to_vec(), head, place: None }))
}

/// The base64 form of 16 bytes, which RFC 6455 wants as a key.
fn key_of(nonce: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut key = String::with_capacity(24);
    for group in nonce.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            key.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    key
}

async fn connect(reach: &Reach, ask: &Ask) -> Result<Stream, Failure> {
    let preface = reach.preface(Some(ask.addresses));
    let connecting = connect_http1(reach.backend.address, reach.tls.as_ref(), &preface);
    let stream = timeout(reach.connect.timeout, connecting)
        .await
        .map_err(|_| Failure::Unreachable("connecting took too long".to_owned()))??;
    reach.opened.set(reach.opened.get() + 1);
    Ok(stream)
}

/// A kept connection on which nothing has happened, the last used first.
async fn take_idle(reach: &Reach) -> Option<Stream> {
    let now = net::now();
    loop {
        let mut idle = reach.idle.borrow_mut().pop()?;
        if now.saturating_sub(idle.since) >= reach.connect.idle_timeout {
            // Those below are older still.
            reach.idle.borrow_mut().clear();
            return None;
        }
        let is_quiet = poll_fn(|cx| {
            let mut byte = [0; 1];
            let read = Pin::new(&mut idle.stream).poll_read(cx, &mut ReadBuf::new(&mut byte));
            Poll::Ready(read.is_pending())
        });
        // An end, or bytes that nobody asked for: an answer to the next request before it was made.
        if is_quiet.await {
            return Some(idle.stream);
        }
    }
}

fn is_repeatable(ask: &Ask) -> bool {
    ["GET", "HEAD", "OPTIONS"].contains(&ask.method.as_str())
}

async fn without_body(
    reach: &Rc<Reach>,
    ask: &Ask,
    request: &[u8],
    stream: Stream,
    exchange: &mut Exchange,
    limit: Duration,
) -> Result<Answered, Failure> {
    let (mut input, mut output) = split(stream);
    let mut ahead = BytesMut::new();
    let asking = in_time(limit, async {
        write(&mut output, request).await?;
        output.flush().await.map_err(unanswered)?;
        read_head(&mut input, &mut ahead, false).await
    });
    let head = unless_gone(exchange, async { asking.await? }).await?;
    let reader = BodyReader::of_response(&head, &ask.method, BodyLimits::default());
    let keeps = reach.proxy.is_none() && keeps_alive(&head) && head.framing() != Framing::UntilEnd;
    let back_to = keeps.then(|| Rc::clone(reach));
    let reading = Reading { input, output, reader, ahead, is_complete: false, back_to };
    Ok(Answered { head, body: AnswerBody::Http1(Box::new(reading)) })
}

/// A request with a body has a connection of its own: a backend that does not read it would take it for the next request.
async fn with_body(
    reach: &Rc<Reach>,
    ask: &Ask,
    exchange: &mut Exchange,
    limit: Duration,
) -> Result<Answered, Failure> {
    let (mut input, mut output) = split(unless_gone(exchange, connect(reach, ask)).await?);
    in_time(limit, write(&mut output, &request(ask, &[("Connection", "close")]))).await??;
    let mut ahead = BytesMut::new();
    let head = {
        let reading = read_head(&mut input, &mut ahead, false);
        tokio::pin!(reading);
        let sent = tokio::select! {
            biased;
            // It may answer before it has all, for example that it wants no more. Then the rest is not sent.
            head = &mut reading => Err(head?),
            sent = send_body(exchange, &mut output, ask, limit) => Ok(sent),
        };
        match sent {
            Err(head) => head,
            Ok(Err(failure @ (Failure::Request(..) | Failure::Silent))) => return Err(failure),
            // If it takes no more, it may have said why.
            Ok(Ok(()) | Err(_)) => unless_gone(exchange, async { in_time(limit, reading).await? }).await?,
        }
    };
    let reader = BodyReader::of_response(&head, &ask.method, BodyLimits::default());
    let reading = Reading { input, output, reader, ahead, is_complete: false, back_to: None };
    Ok(Answered { head, body: AnswerBody::Http1(Box::new(reading)) })
}

async fn send_body(
    exchange: &mut Exchange,
    output: &mut WriteHalf<Stream>,
    ask: &Ask,
    limit: Duration,
) -> Result<(), Failure> {
    let is_chunked = ask.body == Body::Unknown;
    let mut allowance = Allowance::of(ask);
    loop {
        let piece = exchange.body().await.map_err(|error| request_failed(&error))?;
        let Some(piece) = piece else { break };
        allowance.take(&piece)?;
        in_time(limit, async {
            if is_chunked {
                write(output, format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            }
            write(output, &piece).await?;
            if is_chunked { write(output, b"\r\n").await } else { Ok(()) }
        })
        .await??;
    }
    in_time(limit, async {
        if is_chunked {
            write(output, b"0\r\n\r\n").await?;
        }
        output.flush().await.map_err(unanswered)
    })
    .await?
}

async fn write(output: &mut WriteHalf<Stream>, bytes: &[u8]) -> Result<(), Failure> {
    output.write_all(bytes).await.map_err(unanswered)
}

pub(super) fn request_failed(error: &io::Error) -> Failure {
    let status = body_fault(error).map_or(400, |(status, _)| status.as_u16());
    Failure::Request(status, error.to_string())
}

fn unanswered(error: io::Error) -> Failure {
    Failure::Unanswered(error.to_string())
}

/// The head of a request, with `more` in front of its other headers.
fn request(ask: &Ask, more: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", ask.method, ask.target, ask.authority);
    let fields = ask.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in more.iter().copied().chain(fields) {
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    match ask.body {
        Body::Length(length) => text.push_str(&format!("Content-Length: {length}\r\n")),
        Body::Unknown => text.push_str("Transfer-Encoding: chunked\r\n"),
        // "A user agent SHOULD send Content-Length when the method defines a meaning for enclosed content".
        Body::None if ["POST", "PUT", "PATCH"].contains(&ask.method.as_str()) => {
            text.push_str("Content-Length: 0\r\n");
        }
        Body::None => {}
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Reads the head of the answer, past interim ones. What came behind it is left in `ahead`.
async fn read_head(
    input: &mut ReadHalf<Stream>,
    ahead: &mut BytesMut,
    may_switch: bool,
) -> Result<ResponseHead, Failure> {
    let mut reader = HeadReader::for_responses(HeadLimits::default());
    let mut has_begun = false;
    let mut interim = 0;
    loop {
        if ahead.is_empty() {
            ahead.reserve(READ_BYTES);
            match input.read_buf(ahead).await {
                Ok(0) if !has_begun => return Err(Failure::Unanswered("the connection ended".to_owned())),
                Ok(0) => return Err(Failure::Broken("the head is incomplete".to_owned())),
                Ok(_) => has_begun = true,
                Err(error) if !has_begun => return Err(unanswered(error)),
                Err(error) => return Err(Failure::Broken(error.to_string())),
            }
        }
        let broken = |error: ws::head::HeadError| Failure::Broken(error.to_string());
        let Some(size) = reader.push(ahead).map_err(broken)? else {
            ahead.clear();
            continue;
        };
        let _ = ahead.split_to(size);
        let head = reader.take_response().map_err(broken)?;
        match head.status() {
            101 if may_switch => return Ok(head),
            101 => return Err(Failure::Broken("a 101 that nobody asked for".to_owned())),
            100..=199 => interim += 1,
            _ => return Ok(head),
        }
        if interim > INTERIM_MAX {
            return Err(Failure::Broken("too many interim answers".to_owned()));
        }
    }
}

fn keeps_alive(head: &ResponseHead) -> bool {
    let closes = head
        .header_all("connection")
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("close"));
    head.version() == Version::Http11 && !closes
}

impl Reading {
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let mut piece = Vec::new();
            let mut input = &self.ahead[..];
            while let Some(event) = self.reader.receive(&mut input).map_err(io::Error::other)? {
                match event {
                    BodyEvent::Data(data) => piece.extend_from_slice(data),
                    BodyEvent::End(_) => {
                        self.is_complete = true;
                        break;
                    }
                }
            }
            let left = input.len();
            let taken = self.ahead.len() - left;
            let _ = self.ahead.split_to(taken);
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
            if self.is_complete {
                return Ok(None);
            }
            self.ahead.reserve(READ_BYTES);
            if self.input.read_buf(&mut self.ahead).await? == 0 {
                self.reader.finish().map_err(|error| io::Error::new(io::ErrorKind::UnexpectedEof, error))?;
                self.back_to = None;
                self.is_complete = true;
            }
        }
    }

    /// Gives the connection back, if it can carry another request.
    pub(super) fn give_back(self) {
        let Some(reach) = self.back_to.filter(|_| self.is_complete && self.ahead.is_empty()) else { return };
        let mut idle = reach.idle.borrow_mut();
        if idle.len() < reach.connect.idle_connections_max as usize {
            idle.push(Idle { stream: self.input.unsplit(self.output), since: net::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::proxy_protocol::Addresses;

    #[test]
    fn a_key_is_base64_of_16_bytes() {
        assert_eq!(key_of(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(key_of([0xff; 16]), "/////////////////////w==");
    }

    #[test]
    fn a_request_has_one_framing_and_what_it_was_given() {
        let fields = vec![("Cookie".to_owned(), "a=1".to_owned())];
        let ask = |method: &str, body| Ask {
            method: method.to_owned(),
            target: "/x?y".to_owned(),
            authority: "a:1".to_owned(),
            fields: fields.clone(),
            body,
            body_bytes_max: u64::MAX,
            addresses: Addresses {
                source: ([192, 0, 2, 1], 1).into(),
                destination: ([192, 0, 2, 2], 2).into(),
            },
        };
        let text = |ask: &Ask| String::from_utf8(request(ask, &[])).unwrap();
        assert_eq!(text(&ask("GET", Body::None)), "GET /x?y HTTP/1.1\r\nHost: a:1\r\nCookie: a=1\r\n\r\n");
        assert!(text(&ask("POST", Body::None)).ends_with("Content-Length: 0\r\n\r\n"));
        assert!(text(&ask("PUT", Body::Length(7))).ends_with("Content-Length: 7\r\n\r\n"));
        assert!(text(&ask("PUT", Body::Unknown)).ends_with("Transfer-Encoding: chunked\r\n\r\n"));
    }
}
