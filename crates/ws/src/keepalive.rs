//! Is the peer alive: when to ask, when to give up, and how long answers take.

use std::time::Duration;

use crate::config::Config;

/// When the peer was last heard, and the latest question to it.
///
/// Hearing the peer is one store. No timer is moved: a deadline that came too early finds the later time and asks to be
/// called again.
#[derive(Debug)]
pub(crate) struct Keepalive {
    heard: Duration,
    /// When the first Ping was sent to which nothing, no frame at all, has answered. The peer lives if it was heard later.
    asked: Option<Duration>,
    /// When the latest Ping without a Pong left.
    measured: Option<Duration>,
    /// A fingerprint of the payload of that Ping.
    fingerprint: u32,
    /// The latest round trip in microseconds, or [`NO_RTT`]: a quarter of what an `Option<Duration>` takes, in every
    /// connection.
    rtt_micros: u32,
    pings_sent: u32,
}

/// No round trip was measured. As one it would be longer than an hour.
const NO_RTT: u32 = u32::MAX;

// A million idle connections are a million of these.
const _: () = assert!(size_of::<Keepalive>() <= 64);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    GiveUp,
}

impl Keepalive {
    pub(crate) fn new(now: Duration) -> Self {
        Self { heard: now, asked: None, measured: None, fingerprint: 0, rtt_micros: NO_RTT, pings_sent: 0 }
    }

    #[inline]
    pub(crate) fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// When the peer was last heard.
    pub(crate) fn last_heard(&self) -> Duration {
        self.heard
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        (self.rtt_micros != NO_RTT).then(|| Duration::from_micros(self.rtt_micros.into()))
    }

    /// A Ping leaves.
    pub(crate) fn ping_sent(&mut self, now: Duration, payload: &[u8]) {
        if self.unanswered_since().is_none() {
            self.asked = Some(now);
        }
        self.measured = Some(now);
        self.fingerprint = fingerprint(payload);
    }

    /// Payload for a Ping of our own: a number that was not used before on this connection.
    pub(crate) fn next_payload(&mut self) -> [u8; 4] {
        self.pings_sent = self.pings_sent.wrapping_add(1);
        self.pings_sent.to_be_bytes()
    }

    /// A Pong came. Gives the round trip if it answers the latest Ping (RFC 6455 section 5.5.3); a Pong that answers an
    /// older one, or none, measures nothing.
    pub(crate) fn pong_received(&mut self, now: Duration, payload: &[u8]) -> Option<Duration> {
        let sent = self.measured?;
        if self.fingerprint != fingerprint(payload) {
            return None;
        }
        self.measured = None;
        self.asked = None;
        let micros = now.saturating_sub(sent).as_micros();
        self.rtt_micros = u32::try_from(micros).unwrap_or(NO_RTT - 1).min(NO_RTT - 1);
        self.rtt()
    }

    /// The next time at which something may be due.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Duration> {
        match self.unanswered_since() {
            Some(asked) => Some(asked.saturating_add(config.pong_timeout)),
            None => config.ping_interval.map(|interval| self.heard.saturating_add(interval)),
        }
    }

    pub(crate) fn due(&self, now: Duration, config: &Config) -> Due {
        match self.deadline(config) {
            Some(deadline) if now >= deadline => {
                if self.unanswered_since().is_some() {
                    Due::GiveUp
                } else {
                    Due::Ping
                }
            }
            _ => Due::Nothing,
        }
    }

    fn unanswered_since(&self) -> Option<Duration> {
        self.asked.filter(|&asked| self.heard <= asked)
    }
}

/// FNV-1a. A peer that forges it would only fool us about its own round trip, which it can do anyway by waiting.
fn fingerprint(payload: &[u8]) -> u32 {
    payload.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
