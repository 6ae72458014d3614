//! From clients of HTTP/1.1 to a server of HTTP/3.

use crate::Failure;
use crate::copy::{Tunnel, copy};
use crate::quic::{CHUNK_BYTES, Session, client};
use h3::{Request, RequestEvent, ResponseFields, Role};
use quinn::Endpoint;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ws::handshake::{ServerOffer, accept};
use ws::head::{HeadLimits, RequestHead};
use ws::http1::HeadReader;

/// What the two sides negotiate, and the bridge passes on.
pub(crate) const NEGOTIATED: [&str; 3] =
    ["sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions"];

/// Accepts and bridges until it is ended. All WebSockets share one connection of HTTP/3; when the server closes it because
/// nobody used it, the next WebSocket gets a new one.
pub(crate) async fn run(listen: SocketAddr, to: SocketAddr, certificate: &Path) -> Result<(), Failure> {
    let endpoint = client(certificate)?;
    let mut session = begin(&endpoint, to).await?;
    let listener = TcpListener::bind(listen).await?;
    println!("bridging {listen} up to {to}");
    loop {
        let (tcp, _) = listener.accept().await?;
        if session.quic.close_reason().is_some() {
            session = begin(&endpoint, to).await?;
        }
        let session = Arc::clone(&session);
        tokio::spawn(async move {
            if let Err(error) = bridge(tcp, &session).await {
                eprintln!("bridge: {error}");
            }
        });
    }
}

async fn begin(endpoint: &Endpoint, to: SocketAddr) -> Result<Arc<Session>, Failure> {
    let session = Session::begin(endpoint.connect(to, "localhost")?.await?, Role::Client).await?;
    session.ready().await?;
    Ok(session)
}

async fn bridge(mut tcp: TcpStream, session: &Session) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    let mut heads = HeadReader::for_requests(HeadLimits::default());
    let mut buffer = vec![0; CHUNK_BYTES];
    let (head, behind) = loop {
        let length = tcp.read(&mut buffer).await?;
        if length == 0 {
            // Whoever looks whether somebody listens here.
            return Ok(());
        }
        if let Some(taken) = heads.push(&buffer[..length])? {
            break (heads.take_request()?, &buffer[taken..length]);
        }
    };
    let accepted = accept(&head, &ServerOffer::default()).map_err(|refusal| refusal.sentence)?;
    let (tunnel, answer, ahead) = open(&head, session).await?;
    let mut response = Vec::new();
    accepted.write_response(&[], &mut response)?;
    // The head without the empty line at its end, then what the server said of subprotocol and extensions.
    response.truncate(response.len() - 2);
    for name in NEGOTIATED {
        if let Some(value) = answer.field(name) {
            response.extend_from_slice(format!("{name}: ").as_bytes());
            response.extend_from_slice(value);
            response.extend_from_slice(b"\r\n");
        }
    }
    response.extend_from_slice(b"\r\n");
    tcp.write_all(&response).await?;
    copy(tcp, behind, tunnel, &ahead).await;
    Ok(())
}

/// Asks the server for a WebSocket. What came behind its answer is the last part.
async fn open(head: &RequestHead, session: &Session) -> Result<(Tunnel, ResponseFields, Vec<u8>), Failure> {
    let fields: Vec<(&str, &str)> =
        NEGOTIATED.iter().filter_map(|name| Some((*name, head.header(name)?))).collect();
    let request = Request::websocket(head.authority().unwrap_or("localhost"), head.target());
    let mut bytes = Vec::new();
    let mut reader = session.http().open_request(&request, fields, &mut bytes)?;
    let (mut send, mut receive) = session.quic.open_bi().await?;
    send.write_all(&bytes).await?;
    let mut answer = None;
    let mut ahead = Vec::new();
    while answer.is_none() {
        let chunk = receive.read_chunk(CHUNK_BYTES, true).await?.ok_or("there was no answer")?;
        let mut input = &chunk.bytes[..];
        while let Some(event) = reader.receive(&mut input)? {
            match event {
                RequestEvent::Response(response) if !response.is_interim() => answer = Some(response),
                RequestEvent::Data(data) => ahead.extend_from_slice(data),
                _ => {}
            }
        }
    }
    let answer = answer.filter(ResponseFields::is_success).ok_or("the server refused")?;
    Ok((Tunnel { send, receive, reader }, answer, ahead))
}
