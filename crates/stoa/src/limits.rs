//! The limits of `docs/protocol.md` as flags of `stoa serve`.

use chat::hub::HubLimits;
use chat::rate::Rate;
use clap::Args;
use std::time::Duration;

/// A burst is this many seconds of the rate, if it is not said otherwise: 20 per second and 100 at once.
const BURST_SECONDS: u32 = 5;

/// Limits, each with the number that the protocol page gives.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Longest WebSocket message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1024..=16_777_216))]
    pub message_bytes_max: u32,
    /// Longest body of a message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub body_bytes_max: u32,
    /// Messages that a user may send per second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sends_per_second: u32,
    /// Messages that a user may send at once [default: 5 times --sends-per-second]
    #[arg(long, value_name = "N")]
    pub sends_burst: Option<u32>,
    /// Other requests of a connection per second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_second: u32,
    /// Other requests of a connection at once [default: 4 times --requests-per-second]
    #[arg(long, value_name = "N")]
    pub requests_burst: Option<u32>,
    /// Requests of a connection that may wait for an answer
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub requests_in_flight_max: u16,
    /// Events in one answer to `history`
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub history_events_max: u32,
    /// Rooms of which a user may be a member
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rooms_per_user_max: u32,
    /// Connections of a user, on each worker
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_user_max: u32,
    /// How often `typing` is passed on, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    pub typing_interval_ms: u64,
    /// With more people online in a room, only their number is pushed
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub presence_users_max: u32,
    /// Time until the first message must have come, in seconds
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub hello_seconds: u64,
    /// Time that a connection may refuse to read, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub write_seconds: u64,
    /// Connections, on each worker
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_max: u32,
    /// Connections from one address that are not yet WebSockets, on each worker
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub pre_auth_connections_per_ip_max: u32,
    /// WebSockets from one address, on each worker
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub websockets_per_ip_max: u32,
    /// Streams at a time on one connection of HTTP/2 or HTTP/3
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub streams_per_carrier_max: u32,
}

impl LimitArgs {
    /// A user's sends.
    pub(crate) fn sends(&self) -> Rate {
        let burst = self.sends_burst.unwrap_or_else(|| self.sends_per_second.saturating_mul(BURST_SECONDS));
        Rate { per_second: self.sends_per_second, burst: burst.max(1) }
    }

    /// A connection's other requests.
    fn requests(&self) -> Rate {
        let burst = self.requests_burst.unwrap_or_else(|| self.requests_per_second.saturating_mul(4));
        Rate { per_second: self.requests_per_second, burst: burst.max(1) }
    }

    /// The limits of the chat.
    pub(crate) fn chat(&self) -> HubLimits {
        HubLimits {
            body_bytes_max: self.body_bytes_max as usize,
            message_bytes_max: self.message_bytes_max as usize,
            history_events_max: self.history_events_max,
            rooms_per_user_max: self.rooms_per_user_max,
            sends: self.sends(),
            requests: self.requests(),
            requests_in_flight_max: self.requests_in_flight_max,
            connections_per_user_max: self.connections_per_user_max as usize,
            hello_timeout: Duration::from_secs(self.hello_seconds),
            typing_interval: Duration::from_millis(self.typing_interval_ms),
            presence_users_max: self.presence_users_max,
            ..HubLimits::default()
        }
    }

    /// The limits of the network side.
    pub(crate) fn net(&self) -> net::Limits {
        net::Limits {
            connections_max: self.connections_max as usize,
            pre_auth_connections_per_ip_max: self.pre_auth_connections_per_ip_max,
            websockets_per_ip_max: self.websockets_per_ip_max,
            streams_per_carrier_max: self.streams_per_carrier_max,
            write_timeout: Duration::from_secs(self.write_seconds),
            ..net::Limits::default()
        }
    }

    /// The limits of each WebSocket.
    pub(crate) fn websocket(&self, compression: ws::deflate::Policy) -> ws::Config {
        let limits = ws::Limits {
            frame_bytes_max: self.message_bytes_max.into(),
            message_bytes_max: self.message_bytes_max as usize,
            ..ws::Limits::default()
        };
        ws::Config { limits, compression, ..ws::Config::default() }
    }
}
