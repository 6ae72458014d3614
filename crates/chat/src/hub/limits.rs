//! The limits of a hub. Each has a default, and `docs/protocol.md` says what happens beyond it.

use crate::ids;
use crate::protocol::LimitsEntry;
use crate::rate::Rate;
use std::time::Duration;

/// Limits and intervals of a [`super::Hub`].
#[derive(Clone, Debug)]
pub struct HubLimits {
    /// Longest `body` of a `send`. Beyond: error `too_large`.
    pub body_bytes_max: usize,
    /// Longest WebSocket message, told to clients; the WebSocket engine enforces it with close 1009.
    pub message_bytes_max: usize,
    /// Most events in a `page`. A larger wish counts as this.
    pub history_events_max: u32,
    /// A `page` ends early when its events reach this.
    pub page_bytes_max: u32,
    /// Most members in one answer to `members`, and most people in `joined`.
    pub people_listed_max: u32,
    /// Rooms of a user, told to clients (the ledger enforces it), and rooms that one connection receives.
    pub rooms_per_user_max: u32,
    /// A user's sends on this worker. The ledger enforces the same over all workers. Beyond: `rate_limited`.
    pub sends: Rate,
    /// Other requests of one connection. Beyond: `rate_limited`.
    pub requests: Rate,
    /// So many refusals for the rate in a row close the connection with 4003.
    pub refusals_in_a_row_max: u16,
    /// Unanswered requests of one connection. Beyond: `overloaded`.
    pub requests_in_flight_max: u16,
    /// Unanswered `history` and `members` requests of one connection. Beyond: `overloaded`.
    pub queries_in_flight_max: u16,
    /// Connections of one user on this worker. Beyond: the new one is closed with 4409.
    pub connections_per_user_max: usize,
    /// Time until a valid `hello`. Beyond: close 4002.
    pub hello_timeout: Duration,
    /// Silence after which clients should `ping`.
    pub ping_interval: Duration,
    /// A user's `typing` in a room is passed on at most this often.
    pub typing_interval: Duration,
    /// Changes of presence are pushed at most this often.
    pub presence_interval: Duration,
    /// In rooms with more people online, presence is a count, and typing is not passed on.
    pub presence_users_max: u32,
    /// Ephemeral messages (typing, presence) that wait for one connection. Beyond: they are dropped and presence is
    /// told anew, in full, when the connection reads again.
    pub ephemeral_waiting_max: usize,
    /// Newest events of a room that a worker keeps for its receivers. Who is further behind is fed from the store.
    pub tail_events_max: usize,
    /// The same in bytes of bodies.
    pub tail_bytes_max: usize,
    /// Events that one read from the store brings to a connection that is behind.
    pub catch_up_events_max: u32,
    /// Pause before a read from the store that failed is tried again.
    pub catch_up_retry: Duration,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 8192,
            message_bytes_max: 65_536,
            history_events_max: 200,
            page_bytes_max: 256 * 1024,
            people_listed_max: 200,
            rooms_per_user_max: 1000,
            sends: Rate { per_second: 20, burst: 100 },
            requests: Rate { per_second: 50, burst: 200 },
            refusals_in_a_row_max: 1000,
            requests_in_flight_max: 256,
            queries_in_flight_max: 32,
            connections_per_user_max: 64,
            hello_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            typing_interval: Duration::from_secs(2),
            presence_interval: Duration::from_millis(100),
            presence_users_max: 1000,
            ephemeral_waiting_max: 64,
            tail_events_max: 512,
            tail_bytes_max: 256 * 1024,
            catch_up_events_max: 256,
            catch_up_retry: Duration::from_millis(500),
        }
    }
}

impl HubLimits {
    /// What clients are told in `welcome`.
    pub fn told(&self) -> LimitsEntry {
        LimitsEntry {
            body_bytes_max: self.body_bytes_max as u32,
            message_bytes_max: self.message_bytes_max as u32,
            history_events_max: self.history_events_max,
            rooms_per_user_max: self.rooms_per_user_max,
            name_bytes_max: ids::NAME_BYTES_MAX as u32,
            room_bytes_max: ids::ROOM_BYTES_MAX as u32,
            id_bytes_max: ids::ID_BYTES_MAX as u32,
            sends_per_second: self.sends.per_second,
            sends_burst: self.sends.burst,
            requests_per_second: self.requests.per_second,
            requests_burst: self.requests.burst,
            typing_interval_ms: self.typing_interval.as_millis() as u64,
            presence_users_max: self.presence_users_max,
        }
    }
}
