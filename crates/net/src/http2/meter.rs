//! Counts the frames that a peer of HTTP/2 sends, and says when those that carry nothing become a flood.
//!
//! h2 answers each PING and each SETTINGS before it reads on, so such a flood (CVE-2019-9512, -9513, -9515) costs no memory,
//! but it costs as much work as real traffic and nothing in h2 ends it. This reads no more than the nine bytes in front of
//! each frame.

use crate::limits::Limits;
use std::time::Duration;

/// The connection preface that stands before the first frame (RFC 9113 section 3.4).
const PREFACE_BYTES: u32 = 24;
/// RFC 9113 section 4.1.
const HEADER_BYTES: usize = 9;
/// A receiver may give new room for each DATA frame, on the stream and on the connection; the smallest has 10 bytes.
const SENT_BYTES_PER_WINDOW_UPDATE: u64 = 4;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const WINDOW_UPDATE: u8 = 8;
}

/// Where in the peer's bytes we are, and how much patience is left.
pub(super) struct Meter {
    header: [u8; HEADER_BYTES],
    header_filled: u8,
    /// Bytes of the current payload that are still to come.
    payload_left: u32,
    /// Frames that may still come at once.
    patience: u32,
    patience_max: u32,
    per_second: u32,
    /// Up to when patience has grown.
    grown_at: Duration,
    /// WINDOW_UPDATE frames that what we sent has paid for.
    updates_paid: u64,
    sent_rest: u64,
}

impl Meter {
    pub(super) fn new(limits: &Limits, now: Duration) -> Self {
        Self {
            header: [0; HEADER_BYTES],
            header_filled: 0,
            payload_left: PREFACE_BYTES,
            patience: limits.http2.idle_frames_burst_max,
            patience_max: limits.http2.idle_frames_burst_max,
            per_second: limits.http2.idle_frames_per_second_max,
            grown_at: now,
            updates_paid: 0,
            sent_rest: 0,
        }
    }

    /// We sent so many bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent_rest += bytes as u64;
        self.updates_paid += self.sent_rest / SENT_BYTES_PER_WINDOW_UPDATE;
        self.sent_rest %= SENT_BYTES_PER_WINDOW_UPDATE;
    }

    /// Looks at bytes of the peer. False when it floods.
    #[must_use]
    pub(super) fn see(&mut self, mut bytes: &[u8], now: Duration) -> bool {
        let mut calm = true;
        while !bytes.is_empty() {
            let skipped = bytes.len().min(self.payload_left as usize);
            self.payload_left -= skipped as u32;
            bytes = &bytes[skipped..];
            let wanted = HEADER_BYTES - usize::from(self.header_filled);
            let (part, rest) = bytes.split_at(bytes.len().min(wanted));
            let start = usize::from(self.header_filled);
            self.header[start..start + part.len()].copy_from_slice(part);
            self.header_filled += part.len() as u8;
            bytes = rest;
            if usize::from(self.header_filled) == HEADER_BYTES {
                self.header_filled = 0;
                let [a, b, c, kind, ..] = self.header;
                self.payload_left = u32::from_be_bytes([0, a, b, c]);
                calm &= self.allow(kind, now);
            }
        }
        calm
    }

    fn allow(&mut self, kind: u8, now: Duration) -> bool {
        match kind {
            // These have limits of their own: windows, streams, the site's.
            kind::DATA | kind::HEADERS => return true,
            kind::WINDOW_UPDATE if self.updates_paid > 0 => {
                self.updates_paid -= 1;
                return true;
            }
            _ => {}
        }
        self.grow(now);
        let Some(left) = self.patience.checked_sub(1) else { return false };
        self.patience = left;
        true
    }

    fn grow(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.grown_at);
        let grown = elapsed.as_nanos() * u128::from(self.per_second) / Duration::from_secs(1).as_nanos();
        if grown > 0 {
            let grown = u32::try_from(grown).unwrap_or(u32::MAX);
            self.patience = self.patience.saturating_add(grown).min(self.patience_max);
            self.grown_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Http2Limits;

    const PING: u8 = 6;

    fn meter(burst: u32, per_second: u32) -> Meter {
        let http2 = Http2Limits {
            idle_frames_burst_max: burst,
            idle_frames_per_second_max: per_second,
            ..Http2Limits::default()
        };
        let mut meter = Meter::new(&Limits { http2, ..Limits::default() }, Duration::ZERO);
        assert!(meter.see(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Duration::ZERO));
        meter
    }

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let [_, a, b, c] = (payload as u32).to_be_bytes();
        let mut bytes = vec![a, b, c, kind, 0, 0, 0, 0, 0];
        bytes.resize(HEADER_BYTES + payload, 0xff);
        bytes
    }

    /// How many frames of a kind are let through.
    fn let_through(meter: &mut Meter, kind: u8, now: Duration) -> usize {
        (0..1000).take_while(|_| meter.see(&frame(kind, 8), now)).count()
    }

    #[test]
    fn frames_that_carry_nothing_are_a_burst_and_then_so_many_per_second() {
        let mut meter = meter(10, 4);
        assert_eq!(let_through(&mut meter, PING, Duration::ZERO), 10);
        assert_eq!(let_through(&mut meter, PING, Duration::from_millis(900)), 3);
        assert_eq!(let_through(&mut meter, PING, Duration::from_secs(60)), 10, "patience has a maximum");
    }

    #[test]
    fn data_and_requests_are_free_and_window_updates_are_paid_by_what_we_send() {
        let mut meter = meter(10, 0);
        assert_eq!(let_through(&mut meter, kind::DATA, Duration::ZERO), 1000);
        assert_eq!(let_through(&mut meter, kind::HEADERS, Duration::ZERO), 1000);
        meter.sent(3);
        meter.sent(17);
        assert_eq!(let_through(&mut meter, kind::WINDOW_UPDATE, Duration::ZERO), 5 + 10);
    }

    #[test]
    fn it_finds_the_frames_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for (kind, size) in
            [(kind::DATA, 300), (PING, 8), (kind::DATA, 0), (PING, 0), (kind::HEADERS, 17), (PING, 8)]
        {
            bytes.extend(frame(kind, size));
        }
        for cut in 1..bytes.len() {
            let mut meter = meter(3, 0);
            assert!(bytes.chunks(cut).all(|chunk| meter.see(chunk, Duration::ZERO)), "{cut}");
            assert_eq!(meter.patience, 0, "{cut}");
            assert!(!meter.see(&frame(PING, 8), Duration::ZERO));
        }
    }
}
