//! Echo servers on other Rust WebSocket libraries, each tuned as its documentation advises.
//!
//! `peers NAME ADDRESS [--tls CERTIFICATE KEY] [--deflate no-takeover|takeover]`, where NAME is `fastwebsockets`,
//! `tungstenite`, `tokio-websockets`, `sockudo` or `yawc`. One thread, as the server that they are compared with; native
//! byte masking and UTF-8 checks where a library has them as features.

mod echo;
mod fast;
mod sockudo;
mod tls;
mod tokio_ws;
mod tungstenite;
mod yawc_echo;

use std::error::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// What a library's echo loop ends with. Nobody asks why: a connection that breaks is seen by the load generator.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

/// A connection below the WebSocket: TCP, or TLS on it.
trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Carrier for T {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    Fastwebsockets,
    Tungstenite,
    TokioWebsockets,
    Sockudo,
    Yawc,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deflate {
    Off,
    NoTakeover,
    Takeover,
}

struct Arguments {
    library: Library,
    address: String,
    tls: Option<(String, String)>,
    deflate: Deflate,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut arguments = std::env::args().skip(1);
        let mut next = |what: &str| arguments.next().ok_or(format!("{what} is missing"));
        let library = match next("the library's name")?.as_str() {
            "fastwebsockets" => Library::Fastwebsockets,
            "tungstenite" => Library::Tungstenite,
            "tokio-websockets" => Library::TokioWebsockets,
            "sockudo" => Library::Sockudo,
            "yawc" => Library::Yawc,
            other => return Err(format!("there is no peer {other}")),
        };
        let mut parsed = Self { library, address: next("the address")?, tls: None, deflate: Deflate::Off };
        while let Ok(flag) = next("") {
            match flag.as_str() {
                "--tls" => parsed.tls = Some((next("the certificate")?, next("the key")?)),
                "--deflate" => match next("the kind of compression")?.as_str() {
                    "no-takeover" => parsed.deflate = Deflate::NoTakeover,
                    "takeover" => parsed.deflate = Deflate::Takeover,
                    other => return Err(format!("{other} is neither no-takeover nor takeover")),
                },
                other => return Err(format!("unknown flag {other}")),
            }
        }
        let compresses = matches!(parsed.library, Library::Sockudo | Library::Yawc);
        if parsed.deflate != Deflate::Off && !compresses {
            return Err("this library does not compress".to_owned());
        }
        Ok(parsed)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let tls = arguments.tls.as_ref().map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&arguments.address).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (library, deflate) = (arguments.library, arguments.deflate);
            match &tls {
                None => drop(tokio::spawn(serve(library, deflate, stream))),
                Some(acceptor) => {
                    let handshake = acceptor.accept(stream);
                    drop(tokio::spawn(async move { serve(library, deflate, handshake.await?).await }));
                }
            }
        }
    })
}

async fn serve(library: Library, deflate: Deflate, stream: impl Carrier) -> Ended {
    match library {
        Library::Fastwebsockets => fast::serve(stream).await,
        Library::Tungstenite => tungstenite::serve(stream).await,
        Library::TokioWebsockets => tokio_ws::serve(stream).await,
        Library::Sockudo => sockudo::serve(stream, deflate).await,
        Library::Yawc => yawc_echo::serve(stream, deflate).await,
    }
}
