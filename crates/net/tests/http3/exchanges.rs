//! Requests that a site takes over, on streams of HTTP/3: bodies both ways, flow control, resets, trailers.

use crate::peer::{Peer, Server, Stream, code, eventually};
use crate::rig::taker::{Seen, Taker};
use h3::{Code, Request};
use net::Limits;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn server(limits: Limits) -> (Server, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let taker = Taker(Arc::clone(&seen));
    (Server::with(1, limits, move |_| taker.clone()), seen)
}

async fn ask(peer: &Peer, method: &str, path: &str, fields: &[(&str, &str)]) -> Stream {
    peer.ask(&Request::https(method, "localhost", path), fields).await
}

/// The status and the body of an answer that ends in order.
async fn read_answer(stream: &mut Stream) -> (u16, String) {
    let status = stream.response().await.status();
    stream.read_to_end().await;
    (status, String::from_utf8(std::mem::take(&mut stream.body)).unwrap())
}

#[tokio::test]
async fn bodies_with_and_without_a_length_arrive_whole() {
    let (server, seen) = server(Limits::default());
    let peer = server.peer().await;
    for fields in [&[][..], &[("content-length", "8")]] {
        let mut stream = ask(&peer, "POST", "/whole", fields).await;
        stream.data(b"Hello").await;
        stream.data(b"you").await;
        stream.send.finish().unwrap();
        assert_eq!(read_answer(&mut stream).await, (200, "8 bytes".to_owned()));
    }
    let mut stream = ask(&peer, "PUT", "/echo", &[]).await;
    let big = vec![b'x'; 300_000];
    let (mut send, frame) = (stream.send, [&h3::data_frame_header(big.len())[..], &big].concat());
    let writing = tokio::spawn(async move {
        send.write_all(&frame).await.unwrap();
        send.finish().unwrap();
        send
    });
    // The rest of the peer's stream is still needed.
    let placeholder = peer.quic.open_uni().await.unwrap();
    stream.send = placeholder;
    let (status, body) = read_answer(&mut stream).await;
    assert_eq!((status, body.len()), (200, big.len()));
    drop(writing.await.unwrap());
    for (method, path, expected) in
        [("DELETE", "/whole", (200, "0 bytes")), ("HEAD", "/whole", (200, "")), ("GET", "/empty", (204, ""))]
    {
        let mut stream = ask(&peer, method, path, &[]).await;
        stream.send.finish().unwrap();
        assert_eq!(read_answer(&mut stream).await, (expected.0, expected.1.to_owned()), "{method} {path}");
    }
    assert_eq!((seen.bytes.load(Ordering::SeqCst), server.workers.totals().requests), (16, 6));
}

#[tokio::test]
async fn trailers_behind_a_body_are_given_and_come_back() {
    let (server, _) = server(Limits::default());
    let peer = server.peer().await;
    let mut trailers = Vec::new();
    h3::write_trailers([("x-sum", "7")], u64::MAX, &mut trailers).unwrap();
    // In one packet with the head, and behind it.
    for is_later in [false, true] {
        let mut stream = ask(&peer, "POST", "/whole", &[]).await;
        if is_later {
            eventually("it is asked", || server.workers.totals().requests == 2).await;
            stream.data(b"Hello").await;
        }
        stream.send.write_all(&trailers).await.unwrap();
        stream.send.finish().unwrap();
        let response = stream.response().await;
        assert_eq!(response.field("x-sum"), Some(&b"7"[..]), "later: {is_later}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_kept_is_a_message_error_and_the_siblings_live() {
    let (server, seen) = server(Limits::default());
    let peer = server.peer().await;
    for body in [&b"Hell"[..], b"Hello you"] {
        let mut stream = ask(&peer, "POST", "/whole", &[("content-length", "5")]).await;
        stream.data(body).await;
        let _ = stream.send.finish();
        assert_eq!(stream.reset().await, Code::MESSAGE_ERROR);
    }
    eventually("the site hears of it", || seen.broken.load(Ordering::SeqCst) == 2).await;
    assert_eq!(peer.fetch("GET", "/whole").await.0.status(), 200);
}

#[tokio::test]
async fn q06_a_site_that_takes_nothing_makes_the_client_wait_and_the_siblings_live() {
    let (server, _) = server(Limits::default());
    let peer = server.peer().await;
    let mut deaf = ask(&peer, "POST", "/deaf", &[]).await;
    let bytes = [&h3::data_frame_header(1 << 20)[..], &vec![0; 1 << 20]].concat();
    let mut sent = 0;
    while let Ok(size) =
        tokio::time::timeout(Duration::from_millis(300), deaf.send.write(&bytes[sent..])).await
    {
        sent += size.unwrap();
        assert!(sent <= 256 << 10, "the window and the site's piece");
    }
    assert_eq!(peer.fetch("GET", "/early").await.1, b"early");
}

#[tokio::test]
async fn q13_a_client_that_takes_its_request_back_is_noticed_wherever_the_request_is() {
    let (server, seen) = server(Limits::default());
    let peer = server.peer().await;
    let mut waiting = ask(&peer, "GET", "/wait", &[]).await;
    waiting.send.finish().unwrap();
    let mut sending = ask(&peer, "POST", "/whole", &[]).await;
    // A reset takes everything with it that was not read.
    eventually("both are asked", || server.workers.totals().requests == 2).await;
    waiting.receive.stop(code(Code::REQUEST_CANCELLED)).unwrap();
    sending.send.reset(code(Code::REQUEST_CANCELLED)).unwrap();
    let mut flooded = ask(&peer, "GET", "/flood", &[]).await;
    assert_eq!(flooded.response().await.status(), 200);
    flooded.receive.stop(code(Code::REQUEST_CANCELLED)).unwrap();
    eventually("all are noticed", || {
        [&seen.gone, &seen.broken, &seen.unsent].map(|count| count.load(Ordering::SeqCst)) == [1, 1, 1]
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_cut_is_a_reset_and_one_that_is_missing_is_500() {
    let (server, _) = server(Limits::default());
    let peer = server.peer().await;
    let mut cut = ask(&peer, "GET", "/cut", &[]).await;
    cut.send.finish().unwrap();
    assert_eq!(cut.reset().await, Code::INTERNAL_ERROR);
    assert_eq!(peer.fetch("GET", "/nothing").await.0.status(), 500);
    let mut early = ask(&peer, "POST", "/early", &[]).await;
    assert_eq!(read_answer(&mut early).await, (200, "early".to_owned()));
    assert_eq!(early.send.stopped().await.unwrap(), Some(code(Code::NO_ERROR)));
}

#[tokio::test]
async fn a13_a_body_that_stops_is_408() {
    let (server, _) = server(Limits { body_piece_timeout: Duration::from_millis(100), ..Limits::default() });
    let peer = server.peer().await;
    let mut stream = ask(&peer, "POST", "/whole", &[]).await;
    stream.data(b"He").await;
    assert_eq!(stream.response().await.status(), 408);
}

#[tokio::test]
async fn a_websocket_is_bytes_both_ways_and_counts_as_one() {
    let (server, _) = server(Limits::default());
    let peer = server.peer().await;
    let request = Request::websocket("localhost", "/websocket");
    let mut stream = peer.ask(&request, &[("sec-websocket-version", "13")]).await;
    let response = stream.response().await;
    assert_eq!((response.status(), response.field("sec-websocket-protocol")), (200, Some(&b"chat"[..])));
    stream.data(b"Hello").await;
    assert_eq!(stream.take(5).await, b"Hello");
    let totals = server.workers.totals();
    assert_eq!((totals.websockets_open, totals.requesting), (1, 0));
    stream.send.finish().unwrap();
    stream.read_to_end().await;
    assert_eq!(stream.body, b"bye");
    eventually("it is gone", || server.workers.totals().websockets_open == 0).await;
    let mut stream =
        peer.ask(&Request::websocket("localhost", "/early"), &[("sec-websocket-version", "13")]).await;
    assert_eq!(stream.response().await.status(), 500, "a 2xx would open what nobody serves");
}

#[tokio::test]
async fn the_site_knows_the_name_and_the_protocol_of_the_handshake() {
    let (server, _) = server(Limits::default());
    let (response, body) = server.peer().await.fetch("GET", "/facts").await;
    let body = String::from_utf8(body).unwrap();
    assert!(response.status() == 200 && body.starts_with("localhost Some(Http3) true "), "{body}");
}
