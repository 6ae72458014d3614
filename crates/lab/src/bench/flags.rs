//! The command line of measurements: `KIND URL [--flag value]…`.

use super::echo::Echo;
use super::handshakes::Handshakes;
use super::idle::Idle;
use super::million::Million;
use super::opening::{Connections, Http};
use super::pace::Pace;
use super::report::Report;
use super::script::{Compression, Payload};
use super::wire::Place;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// What there is to say about it.
pub const USAGE: &str = "\
ws_bench KIND URL[,URL…] [--flag value]…

KIND  echo        messages per second, and CPU time of the server for each
      pace        latency at a fixed rate; --stalled N of the WebSockets never read
      idle        memory of the server for each idle WebSocket
      handshakes  WebSockets opened per second
      million     many idle WebSockets over HTTP/2, which answer at the end
URL   ws://ADDRESS:PORT/PATH or wss://… (no certificate is checked)

--http 1|2|3        HTTP version [1]          --per-carrier N   WebSockets on an HTTP/2 or /3 connection [100]
--connections N     WebSockets [64]           --in-flight N     messages on their way on each [1]
--size BYTES|chat   what is sent [32]         --compression off|no-takeover|takeover [off]
--seconds S         measured time [3]         --warmup S        time before that [0.5]
--rate R            messages per second on each WebSocket, for pace [10]
--stalled N         WebSockets that never read, for pace [0]
--patience S        how long echoes may take, for pace [5]
--talk N            messages before the silence, for idle [0]
--resume yes|no     short TLS handshakes, for handshakes [no]
--at-once N         handshakes at the same time [16]
--carriers N        TCP connections, for million [10000]
--deadline S        for million [300]
--server PID        the server's process, for its memory and CPU time
--json yes|no       one JSON object instead of lines [no]
";

/// A measurement, and how to show its report.
#[derive(Clone, Debug)]
pub struct Command {
    kind: Kind,
    /// One JSON object instead of lines.
    pub json: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Echo(Echo),
    Pace(Pace),
    Idle(Idle),
    Handshakes(Handshakes),
    Million(Million),
}

impl Command {
    /// Reads a command line. `progress` is called while a long measurement runs.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn parse(arguments: impl Iterator<Item = String>, progress: fn(&str)) -> Result<Self, String> {
        let mut arguments = arguments.peekable();
        let kind = arguments.next().ok_or("say what to measure")?;
        let urls = arguments.next().ok_or("say where the server is")?;
        let places = urls.split(',').map(Place::parse).collect::<Result<Vec<_>, _>>()?;
        let mut flags = Flags::read(arguments)?;
        let json = flags.yes("--json")?;
        let kind = match kind.as_str() {
            "echo" => Kind::Echo(Echo {
                connections: flags.connections(&places)?,
                in_flight: flags.take("--in-flight", 1)?,
                seconds: flags.take("--seconds", 3.0)?,
                warmup: flags.take("--warmup", 0.5)?,
                server: flags.server()?,
            }),
            "pace" => Kind::Pace(Pace {
                connections: flags.connections(&places)?,
                stalled: flags.take("--stalled", 0)?,
                rate: flags.take("--rate", 10.0)?,
                seconds: flags.take("--seconds", 3.0)?,
                warmup: flags.take("--warmup", 0.5)?,
                patience: flags.take("--patience", 5.0)?,
                server: flags.server()?,
            }),
            "idle" => Kind::Idle(Idle {
                connections: flags.connections(&places)?,
                talk: flags.take("--talk", 0)?,
                server: flags.server()?.ok_or("--server is needed")?,
            }),
            "handshakes" => Kind::Handshakes(Handshakes {
                place: places[0].clone(),
                http: flags.http()?,
                resume: flags.yes("--resume")?,
                at_once: flags.take("--at-once", 16)?,
                seconds: flags.take("--seconds", 3.0)?,
                warmup: flags.take("--warmup", 0.5)?,
                server: flags.server()?,
            }),
            "million" => Kind::Million(Million {
                places,
                carriers: flags.take("--carriers", 10_000)?,
                per_carrier: flags.take("--per-carrier", 100)?,
                deadline: Duration::from_secs_f64(flags.take("--deadline", 300.0)?),
                server: flags.server()?.ok_or("--server is needed")?,
                progress,
            }),
            other => return Err(format!("{other:?} cannot be measured")),
        };
        flags.check_empty()?;
        Ok(Self { kind, json })
    }

    /// Measures. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence about why there is no report.
    pub async fn measure(&self) -> Result<Report, String> {
        match &self.kind {
            Kind::Echo(echo) => echo.measure().await,
            Kind::Pace(pace) => pace.measure().await,
            Kind::Idle(idle) => idle.measure().await,
            Kind::Handshakes(handshakes) => handshakes.measure().await,
            Kind::Million(million) => million.measure().await,
        }
    }
}

/// Flags that nobody has asked for yet.
pub(super) struct Flags(BTreeMap<String, String>);

impl Flags {
    pub(super) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut flags = BTreeMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            flags.insert(name, value);
        }
        Ok(Self(flags))
    }

    pub(super) fn take<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        let Some(value) = self.0.remove(name) else { return Ok(default) };
        value.parse().map_err(|_| format!("{value:?} makes no sense for {name}"))
    }

    fn yes(&mut self, name: &str) -> Result<bool, String> {
        Ok(self.take(name, "no".to_owned())? == "yes")
    }

    pub(super) fn server(&mut self) -> Result<Option<u32>, String> {
        Ok(Some(self.take("--server", 0)?).filter(|pid| *pid > 0))
    }

    fn http(&mut self) -> Result<Http, String> {
        let per_carrier = self.take("--per-carrier", 100)?;
        match self.take("--http", 1)? {
            1 => Ok(Http::One),
            2 => Ok(Http::Two(per_carrier)),
            3 => Ok(Http::Three(per_carrier)),
            other => Err(format!("HTTP/{other} is not measured")),
        }
    }

    fn connections(&mut self, places: &[Place]) -> Result<Connections, String> {
        let size = self.take("--size", "32".to_owned())?;
        let payload = match size.as_str() {
            "chat" => Payload::Chat,
            bytes => Payload::Bytes(bytes.parse().map_err(|_| format!("{bytes:?} is no size"))?),
        };
        let compression = match self.take("--compression", "off".to_owned())?.as_str() {
            "off" => Compression::Off,
            "no-takeover" => Compression::NoTakeover,
            "takeover" => Compression::Takeover,
            other => return Err(format!("{other:?} is no kind of compression")),
        };
        let websockets = self.take("--connections", 64)?;
        Ok(Connections { place: places[0].clone(), http: self.http()?, websockets, payload, compression })
    }

    pub(super) fn check_empty(&self) -> Result<(), String> {
        self.0.keys().next().map_or(Ok(()), |name| Err(format!("{name} means nothing here")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split(' ').map(str::to_owned), |_| {})
    }

    #[test]
    fn a_command_line_becomes_a_measurement() {
        let line =
            "echo ws://127.0.0.1:9001/ --http 2 --per-carrier 50 --size chat --in-flight 16 --json yes";
        let Command { kind: Kind::Echo(echo), json: true } = parse(line).unwrap() else { panic!("no echo") };
        assert_eq!((echo.connections.http, echo.in_flight, echo.server), (Http::Two(50), 16, None));
        assert_eq!(echo.connections.payload, Payload::Chat);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (line, word) in [
            ("", "cannot be measured"),
            ("echo", "where the server is"),
            ("echo ws://127.0.0.1:1/ --size", "needs a value"),
            ("echo ws://127.0.0.1:1/ --stalled 1", "--stalled means nothing here"),
            ("echo ws://127.0.0.1:1/ --http 4", "HTTP/4"),
            ("idle ws://127.0.0.1:1/", "--server is needed"),
        ] {
            let why = parse(line).map(|_| ()).unwrap_err();
            assert!(why.contains(word) || line.is_empty(), "{line}: {why}");
        }
    }
}
