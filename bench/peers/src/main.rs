//! Echo servers on other Rust WebSocket libraries, each written as its own example shows it.
//!
//! `peers fastwebsockets 127.0.0.1:9002` or `peers tungstenite 127.0.0.1:9003`. One thread, as the server that they are
//! compared with.

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use tokio::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, library, address] = &arguments[..] else {
        return Err("usage: peers fastwebsockets|tungstenite ADDRESS".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("{library} is listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match library.as_str() {
                "fastwebsockets" => drop(tokio::spawn(fastwebsockets_connection(stream))),
                "tungstenite" => drop(tokio::spawn(tungstenite_connection(stream))),
                _ => return Err(format!("unknown library {library}").into()),
            }
        }
    })
}

async fn fastwebsockets_connection(stream: TcpStream) {
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(fastwebsockets_upgrade))
        .with_upgrades();
    let _ = connection.await;
}

async fn fastwebsockets_upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, socket) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let mut socket = FragmentCollector::new(socket.await?);
        loop {
            let frame = socket.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok::<_, WebSocketError>(()),
                OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
                _ => {}
            }
        }
    });
    Ok(response)
}

async fn tungstenite_connection(stream: TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}
