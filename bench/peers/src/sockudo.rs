//! sockudo-ws: its stream with write coalescing; compression at its fastest level, as for chat.

use crate::{Carrier, Deflate, Ended, echo};
use bytes::{Bytes, BytesMut};
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request, server_handshake};
use sockudo_ws::{CompressedWebSocketStream, Config, DeflateConfig, Error, Message, Role, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub async fn serve(mut stream: impl Carrier, deflate: Deflate) -> Ended {
    let is_data = |message: &Message| matches!(message, Message::Text(_) | Message::Binary(_));
    if deflate == Deflate::Off {
        let leftover = server_handshake(&mut stream).await?.leftover;
        let config = Config::default();
        let socket = WebSocketStream::from_raw_with_leftover(stream, Role::Server, config, leftover);
        return echo::batched(socket, is_data).await;
    }
    let (stream, agreed, leftover) = open_compressed(stream, deflate).await?;
    let socket =
        CompressedWebSocketStream::server_with_leftover(stream, Config::default(), agreed, Some(leftover));
    echo::batched(socket, is_data).await
}

/// The opening handshake by hand: the library's own does not answer offers of compression.
async fn open_compressed<S: Carrier>(
    mut stream: S,
    deflate: Deflate,
) -> Result<(S, DeflateConfig, Bytes), Error> {
    let policy = DeflateConfig {
        server_no_context_takeover: deflate == Deflate::NoTakeover,
        client_no_context_takeover: deflate == Deflate::NoTakeover,
        compression_level: 1,
        ..DeflateConfig::default()
    };
    let mut read = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        let Some((request, taken)) = parse_request(&read)? else { continue };
        let agreed = request.extensions.and_then(|offers| negotiate_server_deflate(offers, &policy));
        let agreed = agreed.ok_or(Error::HandshakeFailed("the client offers no compression"))?;
        let answer = agreed.to_response_header();
        stream.write_all(&build_response(&generate_accept_key(request.key), None, Some(&answer))).await?;
        stream.flush().await?;
        return Ok((stream, agreed.config, read.split_off(taken).freeze()));
    }
}
