//! From clients of HTTP/3 to a server of HTTP/1.1.

use crate::Failure;
use crate::copy::{Tunnel, copy};
use crate::quic::{CHUNK_BYTES, Session, server};
use crate::up::NEGOTIATED;
use h3::{RequestEvent, RequestFields, Role};
use quinn::{RecvStream, SendStream};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws::head::{HeadLimits, ResponseHead};
use ws::http1::HeadReader;

/// The key of every opening handshake. A server makes its answer of it, and nobody here looks at that.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Accepts and bridges until it is ended.
pub(crate) async fn run(listen: SocketAddr, to: SocketAddr, files: (&Path, &Path)) -> Result<(), Failure> {
    let endpoint = server(listen, files)?;
    println!("bridging {listen} down to {to}");
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Err(error) = connection(incoming, to).await {
                eprintln!("bridge: {error}");
            }
        });
    }
    Ok(())
}

async fn connection(incoming: quinn::Incoming, to: SocketAddr) -> Result<(), Failure> {
    let session = Session::begin(incoming.await?, Role::Server).await?;
    while let Ok((send, receive)) = session.quic.accept_bi().await {
        let session = Arc::clone(&session);
        tokio::spawn(async move {
            if let Err(error) = bridge(&session, send, receive, to).await {
                eprintln!("bridge: {error}");
            }
        });
    }
    Ok(())
}

async fn bridge(
    session: &Session,
    mut send: SendStream,
    mut receive: RecvStream,
    to: SocketAddr,
) -> Result<(), Failure> {
    let mut reader = session.http().accept_request(receive.id().into())?;
    let mut request = None;
    let mut ahead = Vec::new();
    while request.is_none() {
        let chunk = receive.read_chunk(CHUNK_BYTES, true).await?.ok_or("there was no request")?;
        let mut input = &chunk.bytes[..];
        while let Some(event) = reader.receive(&mut input)? {
            match event {
                RequestEvent::Request(fields) => request = Some(fields),
                RequestEvent::Data(data) => ahead.extend_from_slice(data),
                _ => {}
            }
        }
    }
    let request = request.ok_or("there was no request")?;
    if request.protocol() != Some("websocket") {
        return Err("the request is not for a WebSocket".into());
    }
    let mut tcp = TcpStream::connect(to).await?;
    tcp.set_nodelay(true)?;
    let (answer, behind) = open(&mut tcp, &request).await?;
    let status = if answer.status() == 101 { 200 } else { answer.status() };
    let fields = NEGOTIATED.iter().filter_map(|name| Some((*name, answer.header(name)?)));
    let mut bytes = Vec::new();
    h3::write_response(status, fields, u64::MAX, &mut bytes)?;
    send.write_all(&bytes).await?;
    copy(tcp, &behind, Tunnel { send, receive, reader }, &ahead).await;
    Ok(())
}

/// Asks the server for a WebSocket. What came behind its answer is the last part.
async fn open(tcp: &mut TcpStream, request: &RequestFields) -> Result<(ResponseHead, Vec<u8>), Failure> {
    let path = request.path().unwrap_or("/");
    // The testsuite wants its own port in it.
    let host = tcp.peer_addr()?;
    let mut bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n").into_bytes();
    bytes.extend_from_slice(format!("Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n").as_bytes());
    for name in NEGOTIATED {
        if let Some(value) = request.field(name) {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes.extend_from_slice(b"\r\n");
    tcp.write_all(&bytes).await?;
    let mut heads = HeadReader::for_responses(HeadLimits::default());
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = tcp.read(&mut buffer).await?;
        if length == 0 {
            return Err("the server closed instead of answering".into());
        }
        if let Some(taken) = heads.push(&buffer[..length])? {
            return Ok((heads.take_response()?, buffer[taken..length].to_vec()));
        }
    }
}
