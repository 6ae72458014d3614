//! How many WebSockets a server opens in a second, and what each costs it.

use super::h2::{self, Event};
use super::opening::{Connections, Http};
use super::report::Report;
use super::script::add_frame;
use super::tally::{Costs, Tally};
use super::wire::{self, Dialer, Place, Wire};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A measurement of handshakes.
#[derive(Clone, Debug)]
pub struct Handshakes {
    /// The server.
    pub place: Place,
    /// A connection for each WebSocket, or all on one HTTP/2 connection.
    pub http: Http,
    /// Whether TLS handshakes after the first may be short ones.
    pub resume: bool,
    /// How many are in progress at the same time.
    pub at_once: usize,
    /// Measured time.
    pub seconds: f64,
    /// Time before that, not measured.
    pub warmup: f64,
    /// The server's process, if it is on this machine.
    pub server: Option<u32>,
}

impl Handshakes {
    /// Measures. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence: the server cannot be reached, or refuses.
    pub async fn measure(&self) -> Result<Report, String> {
        let tally = Rc::new(Tally::new());
        let mut resumed = None;
        match self.http {
            Http::One => {
                let compression = super::script::Compression::Off;
                let dialer = Rc::new(Dialer::new(&self.place, "http/1.1", self.resume, compression)?);
                resumed = self.place.secure.then(|| Rc::clone(&dialer.resumed));
                for _ in 0..self.at_once {
                    drop(tokio::task::spawn_local(again_and_again(Rc::clone(&dialer), Rc::clone(&tally))));
                }
            }
            Http::Three(_) => {
                let options = wire::http3_options();
                let carrier = net::Carrier::connect(&self.place.url(), &options).await;
                let carrier = Rc::new(carrier.map_err(|error| error.to_string())?);
                for _ in 0..self.at_once {
                    let target = self.place.target.clone();
                    let streams = on_streams(Rc::clone(&carrier), target, options.clone(), Rc::clone(&tally));
                    drop(tokio::task::spawn_local(streams));
                }
            }
            Http::Two(_) => {
                let wire = self.connections().dialer()?.connect().await?;
                let request = h2::request(&self.place);
                drop(tokio::task::spawn_local(on_one_carrier(
                    wire,
                    request,
                    self.at_once,
                    Rc::clone(&tally),
                )));
            }
        }
        tokio::time::sleep(Duration::from_secs_f64(self.warmup)).await;
        let (costs, before) = (Costs::begin(self.server)?, tally.messages.get());
        tokio::time::sleep(Duration::from_secs_f64(self.seconds)).await;
        let (spent, handshakes) = (costs.spent()?, (tally.messages.get() - before) as f64);
        tally.check()?;
        if handshakes == 0.0 {
            return Err("no WebSocket was opened".to_owned());
        }
        let report = Report::default().with("handshakes_per_s", handshakes / spent.seconds);
        let report = match self.server {
            None => report,
            Some(_) => report
                .with("server_us_per_handshake", spent.server_nanos / handshakes / 1e3)
                .with("handshakes_per_server_s", handshakes / (spent.server_nanos / 1e9)),
        };
        let report = report.with("generator_us_per_handshake", spent.own_nanos / handshakes / 1e3);
        // The warm-up counts here, too: it is about whether the server resumes, not about how often.
        let share = |resumed: Rc<Cell<u64>>| resumed.get() as f64 / tally.messages.get() as f64;
        Ok(match resumed.map(share) {
            None => report,
            Some(share) => report.with("resumed_share", share.min(1.0)),
        })
    }

    fn connections(&self) -> Connections {
        Connections {
            place: self.place.clone(),
            http: self.http,
            websockets: self.at_once,
            payload: super::script::Payload::Bytes(0),
            compression: super::script::Compression::Off,
        }
    }
}

/// Opens a connection with a WebSocket and throws it away.
async fn again_and_again(dialer: Rc<Dialer>, tally: Rc<Tally>) {
    loop {
        match dialer.websocket().await {
            Ok(_) => tally.count(1),
            Err(why) => return tally.fail(why),
        }
    }
}

/// Opens WebSockets on one connection of our own client, one after the other.
async fn on_streams(carrier: Rc<net::Carrier>, target: String, options: net::DialOptions, tally: Rc<Tally>) {
    let again = async {
        loop {
            let dialed = carrier.open(&target, &options).await.map_err(|error| error.to_string())?;
            tally.count(1);
            end(dialed.stream).await.map_err(|error| format!("a stream broke: {error}"))?;
        }
        #[expect(unreachable_code, reason = "it says what the errors are")]
        Ok::<(), String>(())
    };
    if let Err(why) = again.await {
        tally.fail(why);
    }
}

/// Closes as RFC 6455 has it, and waits for the server to do the same.
async fn end(mut stream: net::Stream) -> std::io::Result<()> {
    stream.write_all(&close_frame()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn close_frame() -> Vec<u8> {
    let mut close = Vec::new();
    add_frame(&mut close, 0x88, &1000_u16.to_be_bytes(), Some([1, 2, 3, 4]));
    close
}

/// Opens WebSockets on one connection and closes each as RFC 6455 has it.
async fn on_one_carrier(mut wire: Box<dyn Wire>, request: Vec<u8>, at_once: usize, tally: Rc<Tally>) {
    let talk = async {
        let broken = |error: std::io::Error| format!("the connection broke: {error}");
        let close = close_frame();
        let mut output = Vec::new();
        let mut client = h2::Client::new(&mut output);
        let mut buffer = vec![0; 256 << 10];
        loop {
            wire.write_all(&output).await.map_err(broken)?;
            wire.flush().await.map_err(broken)?;
            output.clear();
            let size = wire.read(&mut buffer).await.map_err(broken)?;
            if size == 0 {
                return Err::<(), _>("the server closed the connection".to_owned());
            }
            client.receive(&buffer[..size], &mut output, |client, event, output| {
                match event {
                    Event::Ready => {
                        (0..at_once.min(client.streams_max as usize)).for_each(|_| {
                            client.open(&request, true, output);
                        });
                    }
                    Event::Opened(stream) => {
                        tally.count(1);
                        client.finish(stream, &close, output);
                    }
                    Event::Ended(_) => {
                        client.open(&request, true, output);
                    }
                    Event::Data(..) | Event::Room => {}
                }
                Ok(())
            })?;
        }
    };
    if let Err(why) = talk.await {
        tally.fail(why);
    }
}
