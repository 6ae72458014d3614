//! The bytes of one WebSocket, both ways: the end of one side ends the other, and so does its breaking.

use crate::Failure;
use crate::quic::CHUNK_BYTES;
use h3::{Code, RequestEvent, RequestStream};
use quinn::{RecvStream, SendStream, VarInt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream of HTTP/3 behind the heads of request and answer.
pub(crate) struct Tunnel {
    pub(crate) send: SendStream,
    pub(crate) receive: RecvStream,
    pub(crate) reader: RequestStream,
}

/// Copies until both sides have ended. `from_tunnel` and `from_tcp` came together with the heads.
pub(crate) async fn copy(mut tcp: TcpStream, from_tcp: &[u8], mut tunnel: Tunnel, from_tunnel: &[u8]) {
    let (read_tcp, write_tcp) = tcp.split();
    let Tunnel { send, receive, reader } = &mut tunnel;
    let both = tokio::try_join!(
        tcp_to_tunnel(read_tcp, from_tcp, send),
        tunnel_to_tcp(receive, reader, from_tunnel, write_tcp),
    );
    if both.is_err() {
        let code = VarInt::from_u64(Code::REQUEST_CANCELLED.0).unwrap_or(VarInt::MAX);
        let _ = tunnel.send.reset(code);
        let _ = tunnel.receive.stop(code);
        // Makes a reset of the end of TCP.
        let _ = socket2::SockRef::from(&tcp).set_linger(Some(std::time::Duration::ZERO));
    }
}

async fn tcp_to_tunnel(
    mut tcp: impl AsyncRead + Unpin,
    before: &[u8],
    send: &mut SendStream,
) -> Result<(), Failure> {
    if !before.is_empty() {
        write_data(send, before).await?;
    }
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match tcp.read(&mut buffer).await? {
            0 => return Ok(send.finish()?),
            length => write_data(send, &buffer[..length]).await?,
        }
    }
}

async fn write_data(send: &mut SendStream, data: &[u8]) -> Result<(), Failure> {
    send.write_all(&h3::data_frame_header(data.len())).await?;
    Ok(send.write_all(data).await?)
}

async fn tunnel_to_tcp(
    receive: &mut RecvStream,
    reader: &mut RequestStream,
    before: &[u8],
    mut tcp: impl AsyncWrite + Unpin,
) -> Result<(), Failure> {
    tcp.write_all(before).await?;
    while let Some(chunk) = receive.read_chunk(CHUNK_BYTES, true).await? {
        let mut input = &chunk.bytes[..];
        while let Some(event) = reader.receive(&mut input)? {
            if let RequestEvent::Data(data) = event {
                tcp.write_all(data).await?;
            }
        }
    }
    reader.finish()?;
    Ok(tcp.shutdown().await?)
}
