//! Carries WebSockets between HTTP/1.1 and HTTP/3 byte by byte, so that tools that only know HTTP/1.1, such as the Autobahn
//! testsuite, can test what speaks HTTP/3: the frames of a WebSocket are the same bytes on both.
//!
//! ```text
//! bridge up   127.0.0.1:9001 127.0.0.1:9443 CERTIFICATE        HTTP/1.1 clients → here → a server of HTTP/3
//! bridge down 127.0.0.1:9443 127.0.0.1:9001 CERTIFICATE KEY    HTTP/3 clients → here → a server of HTTP/1.1
//! ```
//!
//! The first address is listened on, the second is where to go. It uses QUIC and HTTP/3 directly and nothing of what
//! `net` makes of them, understands no frame, and passes what the handshake negotiates (`Sec-WebSocket-Protocol`,
//! `Sec-WebSocket-Extensions`) as it is. For HTTP/2, nghttpx does the same.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

mod copy;
mod down;
mod quic;
mod up;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// Whatever went wrong.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bridge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match *words {
        ["up", listen, to, certificate] => {
            runtime.block_on(up::run(address(listen)?, address(to)?, Path::new(certificate)))
        }
        ["down", listen, to, certificate, key] => {
            let files = (Path::new(certificate), Path::new(key));
            runtime.block_on(down::run(address(listen)?, address(to)?, files))
        }
        _ => Err("usage: bridge up LISTEN TO CERTIFICATE | bridge down LISTEN TO CERTIFICATE KEY".into()),
    }
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse().map_err(|error| format!("{text:?}: {error}").into())
}
