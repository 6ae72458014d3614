//! What a lobby allows, and what it promises to those who wait. Each limit has a default and a documented answer.

use std::time::Duration;

/// Limits of a [`Lobby`](super::Lobby), for all its queues together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyLimits {
    /// Tickets that wait or were placed a moment ago. Beyond: [`Refusal::Busy`](super::Refusal::Busy). Default 10,000.
    pub tickets_max: usize,
    /// Tickets of one user. Beyond: [`Refusal::TooManyTickets`](super::Refusal::TooManyTickets). Default 1.
    pub tickets_per_user_max: usize,
    /// Users who come with one ticket. Beyond: [`Refusal::BadParty`](super::Refusal::BadParty). Default 8.
    pub party_users_max: usize,
    /// Matches that are known, those that end included. Beyond: [`Refusal::Busy`](super::Refusal::Busy) for who hosts one,
    /// and who has a ticket waits, up to [`ticket_age_max`](Self::ticket_age_max). Default 1,024.
    pub matches_max: usize,
    /// Private matches of one user that run. Beyond: [`Refusal::TooManyMatches`](super::Refusal::TooManyMatches). Default 2.
    pub private_per_user_max: usize,
    /// Seats that one user has reserved and not taken. Beyond:
    /// [`Refusal::TooManySeats`](super::Refusal::TooManySeats). Default 2.
    pub reservations_per_user_max: usize,
    /// A reserved seat that nobody took is free again after this time. Default 15 s.
    pub reservation: Duration,
    /// A match that the node was asked for and that does not run after this time has failed; its people wait again,
    /// before all others. Default 5 s.
    pub creation_max: Duration,
    /// A match with neither people nor spectators for so long is closed. Default 20 s.
    pub empty_max: Duration,
    /// A ticket that waited so long, because the node had no room for another match, is dropped with
    /// [`Refusal::Busy`](super::Refusal::Busy). Default 60 s.
    pub ticket_age_max: Duration,
    /// How often those who wait are looked at together. Default 250 ms.
    pub round: Duration,
    /// A result that the store has not confirmed is given out again after this time. Default 5 s.
    pub record_retry: Duration,
    /// What a client is told to wait after [`Refusal::Busy`](super::Refusal::Busy). Default 5 s.
    pub retry_after: Duration,
    /// Matches in one listing. Default 100.
    pub listing_max: usize,
}

impl Default for LobbyLimits {
    fn default() -> Self {
        Self {
            tickets_max: 10_000,
            tickets_per_user_max: 1,
            party_users_max: 8,
            matches_max: 1024,
            private_per_user_max: 2,
            reservations_per_user_max: 2,
            reservation: Duration::from_secs(15),
            creation_max: Duration::from_secs(5),
            empty_max: Duration::from_secs(20),
            ticket_age_max: Duration::from_secs(60),
            round: Duration::from_millis(250),
            record_retry: Duration::from_secs(5),
            retry_after: Duration::from_secs(5),
            listing_max: 100,
        }
    }
}

/// What a queue promises: how its matches look, and how long anybody waits for one.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Places for people in a match, 1 to 256. Bots give theirs up for people.
    pub seats: u16,
    /// A match begins as soon as so many people wait who are near in rating. At least 1.
    pub people_min: u16,
    /// Bots fill a match up to so many places, people included.
    pub fill: u16,
    /// Who waited so long gets a match, if need be with bots alone. Counts as at most half of
    /// [`LobbyLimits::ticket_age_max`].
    pub wait_max: Duration,
    /// How far two ratings may be apart at first, in points of [`Rating::mean`](super::Rating::mean).
    pub window: f64,
    /// By how much that grows in each second of waiting.
    pub window_growth: f64,
    /// Up to what it grows. Who waited [`wait_max`](Self::wait_max) accepts this much at once.
    pub window_max: f64,
    /// Tickets fill a running match only while it is younger than this.
    pub backfill_age_max: Duration,
    /// How long a match lasts. Who came in its second half is not rated by it.
    pub length: Duration,
    /// Whether results change ratings. Private matches never do.
    pub rated: bool,
}

impl Default for Terms {
    /// For an arena that people join at any time: a match is found in two seconds, and filled while it is young.
    fn default() -> Self {
        Self {
            seats: 256,
            people_min: 16,
            fill: 24,
            wait_max: Duration::from_secs(2),
            window: 4.0,
            window_growth: 4.0,
            window_max: 25.0,
            backfill_age_max: Duration::from_secs(150),
            length: Duration::from_secs(300),
            rated: true,
        }
    }
}

impl Terms {
    /// How far the rating of another may be away from that of somebody who waited so long.
    pub(super) fn window_after(&self, waited: Duration) -> f64 {
        if waited >= self.wait_max {
            return self.window_max;
        }
        (self.window + self.window_growth * waited.as_secs_f64()).min(self.window_max)
    }

    /// The same with everything in range: a queue must not promise a match without seats.
    pub(super) fn checked(mut self) -> Self {
        self.seats = self.seats.clamp(1, 256);
        self.people_min = self.people_min.clamp(1, self.seats);
        self.fill = self.fill.min(self.seats);
        for points in [&mut self.window, &mut self.window_growth, &mut self.window_max] {
            *points = if points.is_finite() { points.clamp(0.0, 1e6) } else { 1e6 };
        }
        self
    }
}
