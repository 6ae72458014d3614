//! Asks one backend once whether it is well: by a connection, a request, or a WebSocket with a ping.

use crate::config::{Probe, WebSocketProbe};
use net::{DialOptions, Trust, WebSocket};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws::CloseCode;

/// Bytes of an answer that are read while its status line is looked for.
const ANSWER_BYTES_MAX: usize = 4096;

/// Asks, and says in a few words what was wrong. Ends within `limit`.
pub(crate) async fn ask(
    probe: &Probe,
    is_tls: bool,
    limit: Duration,
    address: SocketAddr,
) -> Result<(), String> {
    let asked = async {
        match probe {
            Probe::None => Ok(()),
            Probe::Tcp => connect(address).await.map(drop),
            Probe::Http(probe) => {
                let host = probe.host.clone().unwrap_or_else(|| address.to_string());
                let status = if is_tls {
                    // A WebSocket's dialer knows TLS; the status of what it is refused with is what is asked for.
                    over_tls(address, &probe.path, limit).await?
                } else {
                    get(address, &host, &probe.path).await?
                };
                let is_good = probe.status.map_or((200..300).contains(&status), |good| good == status);
                if is_good { Ok(()) } else { Err(format!("it answered {status}")) }
            }
            Probe::Websocket(probe) => websocket(is_tls, address, probe, limit).await,
        }
    };
    match tokio::time::timeout(limit, asked).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| error.to_string())
}

/// The status of the answer to a GET.
async fn get(address: SocketAddr, host: &str, path: &str) -> Result<u16, String> {
    let mut stream = connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stoa-gateway\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let failed = |error: io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < ANSWER_BYTES_MAX {
        if stream.read_buf(&mut answer).await.map_err(failed)? == 0 {
            break;
        }
    }
    status(&answer).ok_or_else(|| "its answer is not HTTP".to_owned())
}

/// The status in a status line.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\n').next()?;
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let digits = std::str::from_utf8(rest.get(..3)?).ok()?;
    digits.parse().ok().filter(|status| (100..600).contains(status))
}

async fn over_tls(address: SocketAddr, path: &str, limit: Duration) -> Result<u16, String> {
    match WebSocket::connect(&url(true, address, path), &options(limit)).await {
        Ok(websocket) => {
            websocket.close(CloseCode::NORMAL, "").await;
            Ok(200)
        }
        Err(net::DialError::Refused { status, .. }) => Ok(status),
        Err(error) => Err(error.to_string()),
    }
}

async fn websocket(
    is_tls: bool,
    address: SocketAddr,
    probe: &WebSocketProbe,
    limit: Duration,
) -> Result<(), String> {
    let mut options = options(limit);
    options.subprotocols.extend(probe.subprotocol.clone());
    // A ping at once; its answer is looked for until the timeout of the whole probe.
    let config = ws::Config { ping_interval: Some(Duration::from_millis(1)), ..ws::Config::default() };
    options.config = Arc::new(config);
    let url = url(is_tls, address, &probe.path);
    let mut websocket = WebSocket::connect(&url, &options).await.map_err(|error| error.to_string())?;
    while websocket.rtt().is_none() {
        let wait = tokio::time::timeout(Duration::from_millis(20), websocket.receive()).await;
        if let Ok(None) = wait {
            return Err("it closed the WebSocket before it answered a ping".to_owned());
        }
    }
    drop(tokio::time::timeout(Duration::from_millis(200), websocket.close(CloseCode::NORMAL, "")).await);
    Ok(())
}

fn url(is_tls: bool, address: SocketAddr, path: &str) -> String {
    let scheme = if is_tls { "wss" } else { "ws" };
    format!("{scheme}://{address}{path}")
}

/// Whether a backend is who it should be is checked by each connection that carries something; a probe carries nothing, and
/// asks only whether it is well.
fn options(limit: Duration) -> DialOptions {
    DialOptions { trust: Trust::Anybody, timeout: limit, ..DialOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_a_status_line_and_from_nothing_else() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 503"), Some(503));
        for wrong in [
            &b"HTTP/2 200\r\n"[..],
            b"HTTP/1.1 99x\r\n",
            b"HTTP/1.1 2",
            b"SSH-2.0-x\r\n",
            b"",
            b"HTTP/1.1 700 ",
        ] {
            assert_eq!(status(wrong), None);
        }
    }
}
