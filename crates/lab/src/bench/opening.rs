//! Opens the connections of a measurement on the HTTP version that was asked for, and starts what is to happen on them.

use super::bounce::{self, ReadBuffer};
use super::carrier::{Carrier, Lane, LetterBox, Part};
use super::h2;
use super::script::{Compression, Conversation, Payload, Script};
use super::tally::Tally;
use super::wire::{self, Dialer, Place, Wire};
use std::rc::Rc;
use std::time::Duration;

/// How long all connections together may take to open.
const OPEN_ALL_DEADLINE: Duration = Duration::from_secs(60);

/// Every so many connections there is one that looks at each compressed echo.
const WITNESS_EVERY: usize = 16;

/// The HTTP version below the WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// One WebSocket on each connection.
    One,
    /// So many WebSockets on each connection.
    Two(usize),
    /// So many WebSockets on each QUIC connection. Spoken by our own client, [`net::Carrier`].
    Three(usize),
}

/// The connections of a measurement.
#[derive(Clone, Debug)]
pub struct Connections {
    /// The server.
    pub place: Place,
    /// The HTTP version.
    pub http: Http,
    /// WebSockets in total.
    pub websockets: usize,
    /// What they send.
    pub payload: Payload,
    /// What is asked for about compression.
    pub compression: Compression,
}

/// What has been opened.
pub(crate) struct Opened {
    pub(crate) tally: Rc<Tally>,
    pub(crate) script: Rc<Script>,
    /// How to reach each WebSocket: its carrier's letter box, and its number on the carrier.
    pub(crate) addresses: Vec<(Rc<LetterBox>, usize)>,
}

impl Connections {
    pub(crate) fn dialer(&self) -> Result<Dialer, String> {
        let alpn = if self.http == Http::One { "http/1.1" } else { "h2" };
        if self.http != Http::One && self.compression != Compression::Off {
            return Err("compression is measured over HTTP/1.1".to_owned());
        }
        Dialer::new(&self.place, alpn, true, self.compression)
    }

    /// Opens everything; returns when all WebSockets are open. `part` says what each of them does. Must be called in a
    /// local task set.
    pub(crate) async fn open(&self, part: impl Fn(usize) -> Part) -> Result<Opened, String> {
        let batch_max = (0..self.websockets).map(|n| part(n).batch_max()).max().unwrap_or(1);
        let script = Script::new(self.payload, self.compression, batch_max);
        let tally = Rc::new(Tally::new());
        let mut opened = Opened { tally, script, addresses: Vec::with_capacity(self.websockets) };
        let dialer = self.dialer()?;
        match self.http {
            Http::One => self.open_http1(&dialer, &mut opened, part).await?,
            Http::Two(per_carrier) => self.open_http2(&dialer, &mut opened, part, per_carrier.max(1)).await?,
            Http::Three(per_carrier) => self.open_http3(&mut opened, part, per_carrier.max(1)).await?,
        }
        opened.tally.wait_open(self.websockets, OPEN_ALL_DEADLINE).await?;
        Ok(opened)
    }

    async fn open_http1(
        &self,
        dialer: &Dialer,
        opened: &mut Opened,
        part: impl Fn(usize) -> Part,
    ) -> Result<(), String> {
        let buffer = bounce::read_buffer();
        for number in 0..self.websockets {
            opened.start(dialer.websocket().await?, number, part(number), &buffer);
        }
        Ok(())
    }

    async fn open_http2(
        &self,
        dialer: &Dialer,
        opened: &mut Opened,
        part: impl Fn(usize) -> Part,
        per_carrier: usize,
    ) -> Result<(), String> {
        let request = h2::request(&self.place);
        for first in (0..self.websockets).step_by(per_carrier) {
            let numbers = first..(first + per_carrier).min(self.websockets);
            let letters = Rc::new(LetterBox::default());
            opened.addresses.extend(numbers.clone().map(|number| (Rc::clone(&letters), number - first)));
            let lanes =
                numbers.map(|n| Lane::new(Conversation::new(&opened.script, false), part(n))).collect();
            let carrier = Carrier::http2(lanes, request.clone(), &opened.tally, &letters);
            drop(tokio::task::spawn_local(carrier.run(dialer.connect().await?)));
        }
        Ok(())
    }

    async fn open_http3(
        &self,
        opened: &mut Opened,
        part: impl Fn(usize) -> Part,
        per_carrier: usize,
    ) -> Result<(), String> {
        let buffer = bounce::read_buffer();
        let options = wire::http3_options();
        for first in (0..self.websockets).step_by(per_carrier) {
            let carrier =
                net::Carrier::connect(&self.place.url(), &options).await.map_err(|e| e.to_string())?;
            for number in first..(first + per_carrier).min(self.websockets) {
                let dialed = carrier.open(&self.place.target, &options).await.map_err(|e| e.to_string())?;
                opened.start(Box::new(dialed.stream), number, part(number), &buffer);
            }
        }
        Ok(())
    }
}

impl Opened {
    /// Lets a WebSocket that is open do its part.
    fn start(&mut self, wire: Box<dyn Wire>, number: usize, part: Part, buffer: &ReadBuffer) {
        let letters = Rc::new(LetterBox::default());
        self.addresses.push((Rc::clone(&letters), 0));
        let conversation = Conversation::new(&self.script, number.is_multiple_of(WITNESS_EVERY));
        let tally = Rc::clone(&self.tally);
        drop(match part {
            Part::Bounce(in_flight) => {
                let bounce = bounce::bounce(wire, conversation, in_flight, tally, Rc::clone(buffer));
                tokio::task::spawn_local(bounce)
            }
            part => {
                let carrier = Carrier::bare(Lane::new(conversation, part), &tally, &letters);
                tokio::task::spawn_local(carrier.run(wire))
            }
        });
    }
}
