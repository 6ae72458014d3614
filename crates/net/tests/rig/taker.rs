//! A site that takes every request over, and does with it what the path says.

use bytes::Bytes;
use http::{Response, StatusCode};
use net::{Answer, BodyLength, Exchange, NoEndpoint, Request, Site, body_fault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ws::head::RequestHead;

/// What the site has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bytes of bodies that were taken.
    pub(crate) bytes: AtomicU64,
    /// Clients that went away while they were waited for.
    pub(crate) gone: AtomicU64,
    /// Bodies that did not come to their end.
    pub(crate) broken: AtomicU64,
    /// Responses that could not be sent.
    pub(crate) unsent: AtomicU64,
}

/// The site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taker(pub(crate) Arc<Seen>);

impl Site for Taker {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        if request.head.path() == "/facts" {
            let name = request.server_name.unwrap_or("-");
            let text = format!("{name} {:?} {} {}", request.alpn, request.secure, request.connection);
            return Answer::text(StatusCode::OK, text);
        }
        let seen = Arc::clone(&self.0);
        Answer::Exchange(Box::new(move |exchange| Box::pin(serve(exchange, seen))))
    }

    fn takes_requests(&self, _: &RequestHead) -> bool {
        true
    }
}

async fn serve(mut exchange: Exchange, seen: Arc<Seen>) {
    match exchange.head().path().to_owned().as_str() {
        "/echo" => echo(exchange, &seen).await,
        "/whole" => whole(exchange, &seen).await,
        "/websocket" => websocket(exchange).await,
        "/early" => drop(exchange.answer(text("early")).await),
        "/nothing" => drop(exchange),
        "/empty" => {
            let response = Response::builder().status(204).body(()).unwrap();
            exchange.respond(response, BodyLength::Unknown).await.unwrap().finish().await.unwrap();
        }
        "/cut" => {
            let mut body = exchange.respond(Response::new(()), BodyLength::Known(10)).await.unwrap();
            body.send(Bytes::from_static(b"Hello")).await.unwrap();
            assert!(body.send(Bytes::from_static(b"too long")).await.is_err());
            assert!(body.finish().await.is_err(), "less than was promised");
        }
        "/hints" => {
            let hint = Response::builder().status(103).header("link", "</a>; rel=preload").body(()).unwrap();
            exchange.inform(hint).await.unwrap();
            assert!(exchange.inform(Response::new(())).await.is_err());
            exchange.answer(text("hinted")).await.unwrap();
        }
        "/wait" => {
            while let Ok(Some(_)) = exchange.body().await {}
            exchange.gone().await;
            seen.gone.fetch_add(1, Ordering::SeqCst);
        }
        "/flood" => {
            let mut body = exchange.respond(Response::new(()), BodyLength::Unknown).await.unwrap();
            while body.send(Bytes::from_static(&[b'x'; 100_000])).await.is_ok() {
                seen.bytes.fetch_add(100_000, Ordering::SeqCst);
            }
            seen.unsent.fetch_add(1, Ordering::SeqCst);
        }
        // Nothing is read until the test is over.
        "/deaf" => std::future::pending().await,
        _ => drop(exchange.answer(text("")).await),
    }
}

/// Answers with what comes, as it comes, with its trailers behind it.
async fn echo(mut exchange: Exchange, seen: &Seen) {
    let first = match exchange.body().await {
        Ok(first) => first,
        Err(error) => return refuse(exchange, &error, seen).await,
    };
    let mut response = Response::new(());
    response.headers_mut().insert("x-method", exchange.head().method().parse().unwrap());
    let trailers = exchange.trailers();
    let mut body =
        exchange.respond_with(response, BodyLength::Unknown, first.unwrap_or_default()).await.unwrap();
    loop {
        match body.body().await {
            Ok(Some(piece)) => body.send(piece).await.unwrap(),
            Ok(None) => break,
            Err(_) => {
                seen.broken.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
    let _ = body.finish_with(trailers).await;
}

/// Answers with how long the body was, and with its trailers.
async fn whole(mut exchange: Exchange, seen: &Seen) {
    let mut size = 0;
    loop {
        // Waits that are given up lose nothing, and count.
        let piece = loop {
            let wait = tokio::time::timeout(std::time::Duration::from_millis(20), exchange.body());
            if let Ok(piece) = wait.await {
                break piece;
            }
        };
        match piece {
            Ok(Some(piece)) => {
                assert!(!piece.is_empty() && piece.len() <= net::limits::BODY_PIECE_BYTES_MAX);
                size += piece.len();
                seen.bytes.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
            Ok(None) => break,
            Err(error) => return refuse(exchange, &error, seen).await,
        }
    }
    assert!(exchange.is_body_complete());
    let mut response = text(&format!("{size} bytes"));
    for (name, value) in &exchange.trailers().unwrap_or_default() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    let _ = exchange.answer(response).await;
}

async fn refuse(mut exchange: Exchange, error: &std::io::Error, seen: &Seen) {
    assert!(exchange.body().await.is_err(), "there is nothing behind an error");
    seen.broken.fetch_add(1, Ordering::SeqCst);
    if let Some((status, sentence)) = body_fault(error) {
        let mut response = text(&sentence);
        *response.status_mut() = status;
        let _ = exchange.answer(response).await;
    }
}

/// Answers each byte with itself, and says goodbye after the end.
async fn websocket(exchange: Exchange) {
    let headers = Response::builder().header("sec-websocket-protocol", "chat").header("connection", "close");
    let Ok(opened) = exchange.upgrade(headers.body(()).unwrap()).await else { return };
    let mut stream = opened.stream;
    stream.write_all(&opened.ahead).await.unwrap();
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break,
            Ok(size) => stream.write_all(&buffer[..size]).await.unwrap(),
            Err(_) => return,
        }
    }
    stream.write_all(b"bye").await.unwrap();
    let _ = stream.shutdown().await;
}

fn text(text: &str) -> Response<Bytes> {
    Response::new(Bytes::copy_from_slice(text.as_bytes()))
}
