//! What a run is to do. Made by the command line, sent to other processes as JSON.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Connections that one process holds at most. A process may open 20,000 files on common systems.
pub const CONNECTIONS_PER_PROCESS_MAX: u32 = 18_000;

/// Shortest body in which a message carries its intended time, in bytes.
pub const STAMP_BYTES: usize = 16;

/// Shortest echo message: it holds the sender and its counter. In bytes.
pub const ECHO_BYTES_MIN: usize = 8;

/// Most messages of one connection that may be in flight in a closed loop.
pub const IN_FLIGHT_MAX: u32 = 4096;

/// Who does what to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Every message comes back to its sender, unchanged and in order.
    Echo,
    /// Connections that do nothing.
    Idle,
    /// Few senders, many members: how long until everybody has a message.
    Fanout,
    /// Senders that want their acks.
    Chat,
}

impl Scenario {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Idle => "idle",
            Self::Fanout => "fanout",
            Self::Chat => "chat",
        }
    }

    /// Whether it speaks the chat protocol.
    pub fn is_chat(self) -> bool {
        matches!(self, Self::Fanout | Self::Chat)
    }
}

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Open loop: so many messages per second in total, at times that are fixed before the run.
    PerSecond(f64),
    /// Closed loop: so many messages in flight on each connection, always.
    InFlight(u32),
}

/// What to offer the server about compression (permessage-deflate, RFC 7692).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Nothing.
    #[default]
    Off,
    /// Each message is compressed by itself.
    NoTakeover,
    /// Messages refer to earlier ones, in windows of so many bits.
    Takeover(u8),
}

/// Everything that a run needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What to do.
    pub scenario: Scenario,
    /// The server, as a `ws://` or `wss://` URL.
    pub url: String,
    /// Believe any certificate.
    pub insecure: bool,
    /// Believe the certificates in this PEM file.
    pub ca: Option<String>,
    /// The version of HTTP: 1, 2 or 3.
    pub http: u8,
    /// WebSockets on each connection of HTTP/2 or HTTP/3.
    pub per_carrier: u32,
    /// What to offer about compression.
    pub compression: Compression,
    /// How many connections (WebSockets), over all processes.
    pub connections: u32,
    /// How many connections are being opened at the same time, per process.
    pub connecting_max: u32,
    /// How fast to send.
    pub pace: Pace,
    /// Measured time. The warm-up comes before it.
    pub seconds: f64,
    /// Time in which messages are sent and checked but not measured.
    pub warmup_seconds: f64,
    /// Payload of an echo message, or body of a chat message, in bytes.
    pub size: usize,
    /// How many rooms the connections are spread over. For idle connections 0: do not speak the chat protocol.
    pub rooms: u32,
    /// How many members of the rooms send, in total. 0: all.
    pub senders: u32,
    /// Names of rooms begin with this, so that two runs on one server do not meet.
    pub room_prefix: String,
    /// Threads per process.
    pub threads: u32,
    /// Processes.
    pub processes: u32,
    /// How long answers and deliveries may take after the last send; then they count as missing.
    pub patience_seconds: f64,
    /// The server's process, if it runs on this machine: for its memory and its share of CPU.
    pub server_pid: Option<u32>,
}

/// Why a plan cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl Plan {
    /// Checks that the numbers go together.
    ///
    /// # Errors
    ///
    /// A sentence that says which do not, and what to do.
    pub fn check(&self) -> Result<(), Unfit> {
        let unfit = |text: String| Err(Unfit(text));
        if self.connections == 0 {
            return unfit("--connections must be at least 1".into());
        }
        if self.processes == 0 || self.threads == 0 {
            return unfit("--processes and --threads must be at least 1".into());
        }
        if !(1..=3).contains(&self.http) || self.per_carrier == 0 {
            return unfit("--http must be 1, 2 or 3, and --per-carrier at least 1".into());
        }
        let per_process = self.connections.div_ceil(self.processes).div_ceil(self.websockets_per_socket());
        if per_process > CONNECTIONS_PER_PROCESS_MAX {
            let sockets = self.connections.div_ceil(self.websockets_per_socket());
            let needed = sockets.div_ceil(CONNECTIONS_PER_PROCESS_MAX);
            return unfit(format!(
                "{per_process} connections in one process are more than {CONNECTIONS_PER_PROCESS_MAX}, which a limit of 20,000 open files allows; use --processes {needed}"
            ));
        }
        if self.connections < self.parties() {
            return unfit("--connections must be at least --processes times --threads".into());
        }
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return unfit("--seconds must be above 0".into());
        }
        if self.scenario.is_chat() && self.size < STAMP_BYTES {
            return unfit(format!(
                "--size must be at least {STAMP_BYTES}: a body carries the time it was due"
            ));
        }
        if self.scenario == Scenario::Echo && self.size < ECHO_BYTES_MIN {
            return unfit(format!("--size must be at least {ECHO_BYTES_MIN}: a message carries its number"));
        }
        if self.scenario.is_chat() && (self.rooms == 0 || self.rooms > self.connections) {
            return unfit("--rooms must be between 1 and --connections".into());
        }
        match self.pace {
            Pace::PerSecond(rate) if !(rate > 0.0 && rate <= 1e8) => {
                unfit("--rate must be above 0 and at most 100,000,000 per second".into())
            }
            Pace::InFlight(count) if !(1..=IN_FLIGHT_MAX).contains(&count) => {
                unfit(format!("--in-flight must be between 1 and {IN_FLIGHT_MAX}"))
            }
            _ => Ok(()),
        }
    }

    /// How many WebSockets share a socket.
    pub fn websockets_per_socket(&self) -> u32 {
        if self.http == 1 { 1 } else { self.per_carrier }
    }

    /// Threads over all processes.
    pub fn parties(&self) -> u32 {
        self.processes.saturating_mul(self.threads)
    }

    /// Which connections a party opens, by number over the whole run. Parties differ by at most one connection, except that
    /// the first has the senders and nobody else if they have a party of their own.
    pub fn share(&self, party: u32) -> std::ops::Range<u32> {
        let apart = self.senders_apart();
        if apart > 0 && party == 0 {
            return 0..apart;
        }
        let (party, parties) =
            if apart > 0 { (party - 1, self.parties() - 1) } else { (party, self.parties()) };
        let all = u64::from(self.connections - apart);
        let start = |party: u64| apart + (all * party / u64::from(parties)) as u32;
        start(party.into())..start(u64::from(party) + 1)
    }

    /// How many senders have a party of their own, so that they are on time while others are busy with receiving: all of a
    /// fan-out with few senders and several parties, else none.
    fn senders_apart(&self) -> u32 {
        let few = self.senders > 0 && self.senders <= self.connections.saturating_sub(self.parties());
        if self.scenario == Scenario::Fanout && few && self.parties() > 1 { self.senders } else { 0 }
    }

    /// The room of a connection, by number.
    pub fn room_of(&self, connection: u32) -> u32 {
        connection % self.rooms.max(1)
    }

    /// Whether a connection sends. Senders are spread evenly over the connections, so that threads share the work.
    pub fn sends(&self, connection: u32) -> bool {
        let (all, senders) = (u64::from(self.connections), u64::from(self.senders));
        if senders == 0 || senders >= all {
            return true;
        }
        if self.senders_apart() > 0 {
            return connection < self.senders;
        }
        let before = |connection: u64| connection * senders / all;
        before(u64::from(connection) + 1) > before(connection.into())
    }

    /// The whole time of sending.
    pub fn sending(&self) -> Duration {
        Duration::from_secs_f64(self.seconds + self.warmup_seconds)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan() -> Plan {
        Plan {
            scenario: Scenario::Chat,
            url: "ws://127.0.0.1:1/v1/chat".into(),
            insecure: false,
            ca: None,
            http: 1,
            per_carrier: 100,
            compression: Compression::Off,
            connections: 10,
            connecting_max: 8,
            pace: Pace::PerSecond(100.0),
            seconds: 1.0,
            warmup_seconds: 0.0,
            size: 32,
            rooms: 2,
            senders: 0,
            room_prefix: "load".into(),
            threads: 1,
            processes: 1,
            patience_seconds: 5.0,
            server_pid: None,
        }
    }

    #[test]
    fn parties_share_all_connections_evenly() {
        let plan = Plan { connections: 11, threads: 2, processes: 2, ..plan() };
        let shares: Vec<_> = (0..plan.parties()).map(|party| plan.share(party)).collect();
        assert_eq!(shares, [0..2, 2..5, 5..8, 8..11]);
    }

    #[test]
    fn few_senders_of_a_fan_out_have_a_party_of_their_own() {
        let plan = Plan { scenario: Scenario::Fanout, connections: 100, senders: 8, threads: 3, ..plan() };
        let shares: Vec<_> = (0..plan.parties()).map(|party| plan.share(party)).collect();
        assert_eq!(shares, [0..8, 8..54, 54..100]);
        assert_eq!((0..100).filter(|c| plan.sends(*c)).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        let alone = Plan { threads: 1, ..plan };
        assert_eq!((alone.share(0), (0..100).filter(|c| alone.sends(*c)).count()), (0..100, 8));
    }

    #[test]
    fn exactly_as_many_connections_send_as_were_asked_for_and_they_are_spread() {
        let plan = Plan { connections: 1000, senders: 64, ..plan() };
        let senders: Vec<_> = (0..1000).filter(|c| plan.sends(*c)).collect();
        assert_eq!(senders.len(), 64);
        assert!(senders.windows(2).all(|pair| pair[1] - pair[0] <= 16));
        let everybody = Plan { senders: 0, ..plan };
        assert!((0..1000).all(|c| everybody.sends(c)));
    }

    #[test]
    fn numbers_that_do_not_go_together_are_refused_with_a_sentence() {
        assert_eq!(plan().check(), Ok(()));
        let many = Plan { connections: 40_000, ..plan() };
        assert!(many.check().unwrap_err().0.contains("--processes 3"));
        assert_eq!(Plan { http: 2, ..many.clone() }.check(), Ok(()));
        assert_eq!(Plan { processes: 3, ..many }.check(), Ok(()));
        for (bad, word) in [
            (Plan { connections: 0, ..plan() }, "--connections"),
            (Plan { http: 4, ..plan() }, "--http"),
            (Plan { per_carrier: 0, ..plan() }, "--per-carrier"),
            (Plan { seconds: 0.0, ..plan() }, "--seconds"),
            (Plan { size: 15, ..plan() }, "--size"),
            (Plan { scenario: Scenario::Echo, size: 7, ..plan() }, "--size"),
            (Plan { rooms: 11, ..plan() }, "--rooms"),
            (Plan { pace: Pace::PerSecond(0.0), ..plan() }, "--rate"),
            (Plan { pace: Pace::PerSecond(f64::NAN), ..plan() }, "--rate"),
            (Plan { pace: Pace::InFlight(0), ..plan() }, "--in-flight"),
            (Plan { threads: 20, ..plan() }, "--threads"),
        ] {
            assert!(bad.check().unwrap_err().0.contains(word), "{word}");
        }
    }
}
