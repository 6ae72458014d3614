//! Checks a WebSocket server with our client, as the scripts in `tests/interop` do with clients that others wrote.
//!
//! usage: `interop_client PEER URL [--http 1|2|3] [--without CHECK]…`, with PEER the name to print. One line of JSON for
//! each check. The server echoes, agrees to the subprotocol `interop.v1`, and closes at `/close/CODE`; its certificate is
//! not verified, because those of tests are self-signed. Exit: 0 when all is well.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

use net::echo::{self, CLOSE_REASON, SUBPROTOCOL};
use net::{Carrier, DialOptions, Dialed, HttpVersion, OwnedMessage, Trust, WebSocket, dial};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use ws::deflate::{Mode, Policy, WorkLimits};
use ws::{CloseCode, End, Message, Side};

/// How long one check may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How many WebSockets share a carrier.
const MANY: usize = 100;
const MEBIBYTE: usize = 1 << 20;

/// What a check fails with: a sentence.
type Checked = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(run) = Run::parse(&arguments) else {
        eprintln!("usage: interop_client PEER URL [--http 1|2|3] [--without CHECK]…");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("interop_client: {error}");
            return ExitCode::FAILURE;
        }
    };
    if runtime.block_on(tokio::task::LocalSet::new().run_until(run.all())) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A server and how to talk to it.
struct Run {
    peer: String,
    /// Without a path.
    url: String,
    http: HttpVersion,
    without: Vec<String>,
}

impl Run {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [peer, url, flags @ ..] = arguments else { return None };
        let url = url.trim_end_matches('/').to_owned();
        let mut run = Self { peer: peer.clone(), url, http: HttpVersion::Http1, without: Vec::new() };
        for flag in flags.chunks(2) {
            match flag {
                [name, version] if name == "--http" => run.http = version_of(version)?,
                [name, check] if name == "--without" => run.without.push(check.clone()),
                _ => return None,
            }
        }
        Some(run)
    }

    /// Runs the checks, in the order of the table in `docs/conformance.md`.
    async fn all(&self) -> bool {
        let mut good = self.report("subprotocol", subprotocol).await;
        good &= self.report("text", text).await;
        good &= self.report("binary", binary).await;
        good &= self.report("mebibyte", mebibyte).await;
        good &= self.report("fragments", fragments).await;
        good &= self.report("ping", ping).await;
        good &= self.report("close", close).await;
        good &= self.report("closed", closed).await;
        good &= self.report("compression", compression).await;
        if self.http != HttpVersion::Http1 {
            good &= self.report("many", many).await;
        }
        good
    }

    /// Runs one check on a carrier of its own, and prints its line.
    async fn report(&self, name: &str, check: impl AsyncFn(&Peer) -> Checked) -> bool {
        if self.without.iter().any(|without| without == name) {
            return true;
        }
        // Boxed, because dialing is large, whatever the check.
        let checked = Box::pin(async { check(&Peer::reach(self).await?).await });
        let outcome = match tokio::time::timeout(DEADLINE, checked).await {
            Ok(outcome) => outcome,
            Err(_) => Err("it took too long".to_owned()),
        };
        let version = match self.http {
            HttpVersion::Http1 => "1.1",
            HttpVersion::Http2 => "2",
            HttpVersion::Http3 => "3",
        };
        let head =
            format!(r#""peer":"{}","http":"{version}","tls":{}"#, self.peer, self.url.starts_with("wss:"));
        match &outcome {
            Ok(()) => println!(r#"{{{head},"check":"{name}","ok":true}}"#),
            // What would need escapes in JSON is shown as something else that people read as well.
            Err(why) => {
                let why = why.replace('\\', "/").replace('"', "'").replace(char::is_control, " ");
                println!(r#"{{{head},"check":"{name}","ok":false,"why":"{why}"}}"#);
            }
        }
        outcome.is_ok()
    }
}

fn version_of(number: &str) -> Option<HttpVersion> {
    match number {
        "1" => Some(HttpVersion::Http1),
        "2" => Some(HttpVersion::Http2),
        "3" => Some(HttpVersion::Http3),
        _ => None,
    }
}

/// The server, through one carrier where the version of HTTP has such a thing.
struct Peer {
    url: String,
    options: DialOptions,
    carrier: Option<Carrier>,
}

impl Peer {
    async fn reach(run: &Run) -> Result<Self, String> {
        let options = DialOptions {
            http: run.http,
            trust: Trust::Anybody,
            config: Arc::new(echo::roomy_config()),
            ..DialOptions::default()
        };
        let carrier = match run.http {
            HttpVersion::Http1 => None,
            HttpVersion::Http2 | HttpVersion::Http3 => {
                Some(Carrier::connect(&run.url, &options).await.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self { url: run.url.clone(), options, carrier })
    }

    async fn open(&self, path: &str) -> Result<WebSocket, String> {
        self.open_with(path, &self.options).await
    }

    async fn open_with(&self, path: &str, options: &DialOptions) -> Result<WebSocket, String> {
        Ok(WebSocket::new(self.dial(path, options).await?))
    }

    async fn dial(&self, path: &str, options: &DialOptions) -> Result<Dialed, String> {
        let dialed = match &self.carrier {
            Some(carrier) => carrier.open(path, options).await,
            None => dial(&format!("{}{path}", self.url), options).await,
        };
        dialed.map_err(|error| format!("{path}: {error}"))
    }
}

/// One message there and back.
async fn echo(socket: &mut WebSocket, message: &OwnedMessage) -> Checked {
    socket.send(message.as_message()).await.map_err(|error| error.to_string())?;
    receive(socket, message).await
}

/// The next message is this one.
async fn receive(socket: &mut WebSocket, wanted: &OwnedMessage) -> Checked {
    match socket.receive().await {
        Some(got) if got == *wanted => Ok(()),
        Some(got) => Err(format!("{} bytes came back as {}", length(wanted), length(&got))),
        None => Err(format!("it ended: {:?}", socket.end())),
    }
}

fn length(message: &OwnedMessage) -> usize {
    match message.as_message() {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    }
}

/// The closing handshake, begun by us, with a code that the server repeats.
async fn finish(socket: WebSocket, code: u16, reason: &str) -> Checked {
    let code = CloseCode::new(code).ok_or("not a code")?;
    match socket.close(code, reason).await {
        End::Handshake { started_by: Side::Us, received, .. } if received.code == code => Ok(()),
        end => Err(format!("the closing handshake ended with {end:?}")),
    }
}

/// Texts around each border of the frame header's length forms, and of UTF-8's.
fn texts() -> [String; 7] {
    let short = ["", "a", "grüße, 世界 👋"].map(str::to_owned);
    let [empty, one, many] = short;
    [empty, one, many, "x".repeat(125), "y".repeat(126), "z".repeat(65535), "ö".repeat(32768)]
}

/// Bytes that do not compress, the same in each run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn subprotocol(peer: &Peer) -> Checked {
    let offered = vec!["interop.v9".to_owned(), SUBPROTOCOL.to_owned()];
    let options = DialOptions { subprotocols: offered, ..peer.options.clone() };
    let socket = peer.open_with("/", &options).await?;
    if socket.subprotocol() != Some(SUBPROTOCOL) {
        return Err(format!("the subprotocol is {:?}", socket.subprotocol()));
    }
    finish(socket, 1000, "").await?;
    let socket = peer.open("/").await?;
    if socket.subprotocol().is_some() {
        return Err(format!("the subprotocol is {:?}, and none was offered", socket.subprotocol()));
    }
    finish(socket, 1000, "").await
}

async fn text(peer: &Peer) -> Checked {
    let mut socket = peer.open("/").await?;
    for text in texts() {
        echo(&mut socket, &OwnedMessage::Text(text)).await?;
    }
    finish(socket, 1000, "").await
}

async fn binary(peer: &Peer) -> Checked {
    let mut socket = peer.open("/").await?;
    for text in texts() {
        echo(&mut socket, &OwnedMessage::Binary(text.into_bytes())).await?;
    }
    finish(socket, 1000, "").await
}

async fn mebibyte(peer: &Peer) -> Checked {
    let mut socket = peer.open("/").await?;
    echo(&mut socket, &OwnedMessage::Binary(noise(MEBIBYTE))).await?;
    echo(&mut socket, &OwnedMessage::Text("m".repeat(MEBIBYTE))).await?;
    finish(socket, 1000, "").await
}

async fn fragments(peer: &Peer) -> Checked {
    let mut socket = peer.open("/").await?;
    let mut message = socket.send_in_pieces().await;
    for piece in ["one, ", "", "two, ", "three"] {
        message.send(Message::Text(piece)).await.map_err(|error| error.to_string())?;
    }
    message.finish().await.map_err(|error| error.to_string())?;
    receive(&mut socket, &"one, two, three".into()).await?;
    finish(socket, 1000, "").await
}

/// Our pings are answered, and messages still come back between them.
async fn ping(peer: &Peer) -> Checked {
    let config = ws::Config { ping_interval: Some(Duration::from_millis(20)), ..echo::roomy_config() };
    let options = DialOptions { config: Arc::new(config), ..peer.options.clone() };
    let mut socket = peer.open_with("/", &options).await?;
    while socket.rtt().is_none() {
        // It is silence that makes us ping; receiving is what lets time pass.
        let silence = tokio::time::timeout(Duration::from_millis(50), socket.receive()).await;
        if silence.is_ok() {
            return Err(format!("it ended, or sent what nobody asked for: {:?}", socket.end()));
        }
    }
    echo(&mut socket, &"after the pings".into()).await?;
    finish(socket, 1000, "").await
}

async fn close(peer: &Peer) -> Checked {
    for (code, reason) in [(1000, String::new()), (4001, "bye for now".to_owned()), (1001, "r".repeat(123))] {
        let mut socket = peer.open("/").await?;
        echo(&mut socket, &"before the close".into()).await?;
        finish(socket, code, &reason).await?;
    }
    Ok(())
}

async fn closed(peer: &Peer) -> Checked {
    let mut socket = peer.open("/close/4002").await?;
    let message = socket.receive().await;
    match socket.end() {
        Some(End::Handshake { started_by: Side::Peer, received, .. })
            if received.code.get() == 4002 && &*received.reason == CLOSE_REASON =>
        {
            Ok(())
        }
        end => Err(format!("instead of a close, {message:?} and {end:?}")),
    }
}

async fn compression(peer: &Peer) -> Checked {
    let line = "a line that says much the same as the line before it, ";
    for mode in
        [Mode::NoTakeover, Mode::Takeover { window_bits_max: 15 }, Mode::Takeover { window_bits_max: 10 }]
    {
        let unlimited = WorkLimits::UNLIMITED;
        let policy = Policy { compress: unlimited, inflate: unlimited, ..Policy::with_mode(mode) };
        let config = ws::Config { compression: policy, ..echo::roomy_config() };
        let options = DialOptions { config: Arc::new(config), ..peer.options.clone() };
        let dialed = peer.dial("/", &options).await?;
        let mut fields = dialed.facts.fields.iter();
        if !fields.any(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-extensions") && value.starts_with("permessage-deflate")
        }) {
            return Err(format!("with {mode:?} the server agreed to no compression"));
        }
        let mut socket = WebSocket::new(dialed);
        for number in 0..5 {
            echo(&mut socket, &OwnedMessage::Text(format!("{}{number}", line.repeat(20)))).await?;
        }
        echo(&mut socket, &OwnedMessage::Text(line.repeat(20_000))).await?;
        echo(&mut socket, &OwnedMessage::Binary(noise(70_000))).await?;
        finish(socket, 1000, "").await?;
    }
    Ok(())
}

async fn many(peer: &Peer) -> Checked {
    let mut sockets = Vec::new();
    for _ in 0..MANY {
        sockets.push(peer.open("/").await?);
    }
    for turn in 0..3 {
        for (number, socket) in sockets.iter_mut().enumerate() {
            let message = format!("{turn} of {number}");
            socket.send(Message::Text(&message)).await.map_err(|error| error.to_string())?;
        }
        for (number, socket) in sockets.iter_mut().enumerate() {
            receive(socket, &OwnedMessage::Text(format!("{turn} of {number}"))).await?;
        }
    }
    for socket in sockets {
        finish(socket, 1000, "").await?;
    }
    Ok(())
}
