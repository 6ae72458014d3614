//! Numbers that a worker keeps about its connections, for metrics and for the curious.
//!
//! Each worker writes its own set and nobody else does, so adding is a plain load and store. Any thread may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number. Only the worker that owns it adds to it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. Lost updates are impossible because there is one writer.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes one away.
    pub(crate) fn subtract_one(&self) {
        self.0.store(self.get().wrapping_sub(1), Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares [`Counters`] and [`Totals`] from one list, so that neither can forget a number.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What one worker counts. See [`Totals`] for plain numbers.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: Count,)+ }

        /// The numbers of one worker, or of several added up, at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            /// Reads all numbers. Each is exact; together they may be a few operations apart.
            pub fn totals(&self) -> Totals {
                Totals { $($name: self.$name.get(),)+ }
            }
        }

        impl Totals {
            /// Every number with its name, in a fixed order. The first `GAUGES` of them can fall, the others only rise.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }

        impl std::ops::Add for Totals {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name.wrapping_add(other.$name),)+ }
            }
        }
    };
}

/// How many of the numbers in [`Totals::named`], from the first, are gauges.
pub const GAUGES: usize = 3;

counters! {
    /// WebSockets that are open now.
    websockets_open,
    /// Sockets that have not become a WebSocket: in a TLS handshake, sending a request, or kept alive.
    requesting,
    /// Carriers of HTTP/2 and HTTP/3 that are open now, whether they carry WebSockets or not.
    carriers_open,
    /// Sockets accepted.
    accepted,
    /// WebSockets opened.
    websockets_opened,
    /// Sockets closed at once because their address has too many that are not yet WebSockets.
    refused_address,
    /// Sockets closed at once because the worker has `connections_max`.
    refused_full,
    /// Handshakes refused because there are `connections_max`, or `websockets_per_ip_max` from one address.
    refused_websockets,
    /// Sockets handed over to the worker that their WebSocket belongs to.
    handed_over,
    /// Handshakes refused because the worker that the WebSocket belongs to did not take it, or not in time.
    hand_overs_refused,
    /// Carriers of HTTP/2 and HTTP/3 opened.
    carriers_opened,
    /// Carriers closed because the peer sent floods of frames that carry nothing, or broke the protocol.
    carriers_refused,
    /// Carriers cut because the peer took no byte for `write_timeout`.
    carriers_slow,
    /// Times that the process ran out of file descriptors or the kernel out of memory while accepting.
    accept_failures,
    /// TLS handshakes that failed or took too long.
    tls_failed,
    /// QUIC connections whose client was asked to show that it receives at its address.
    quic_retries,
    /// QUIC connections refused because the worker had too many handshakes or connections, or was draining.
    quic_refused,
    /// QUIC handshakes that failed or took too long.
    quic_failed,
    /// QUIC connections closed because the client broke HTTP/3 or QPACK.
    http3_violations,
    /// Packets of unknown versions of QUIC that got no answer, because there were too many in that second.
    quic_version_answers_withheld,
    /// Datagrams that came to the wrong worker, and were handed over to the right one.
    datagrams_handed_over,
    /// Datagrams lost because a worker did not take what was handed over to it.
    datagrams_lost,
    /// Requests that got an answer from the site.
    requests,
    /// Requests refused because they broke the rules of HTTP or a limit.
    requests_bad,
    /// Requests or idle waits that took longer than allowed.
    requests_late,
    /// Bytes read from WebSockets, frames included.
    bytes_in,
    /// Bytes written to WebSockets, frames included.
    bytes_out,
    /// Messages received.
    messages_in,
    /// Messages sent.
    messages_out,
    /// WebSockets cut because the peer took no byte for `write_timeout`.
    cut_slow,
    /// WebSockets cut because more than `pending_bytes_max` waited for the peer.
    cut_overflow,
    /// WebSockets cut because the peer kept the transport open past `linger_timeout`, or a drain's deadline came.
    cut_late,
    /// WebSockets that were asked to leave by a drain.
    drained,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_carry_every_number_and_add_up() {
        let counters = Counters::default();
        counters.accepted.add(3);
        counters.websockets_open.add(2);
        counters.websockets_open.subtract_one();
        let totals = counters.totals() + counters.totals();
        assert_eq!((totals.accepted, totals.websockets_open, totals.drained), (6, 2, 0));
        assert_eq!(
            totals.named()[..GAUGES].iter().map(|n| n.0).collect::<Vec<_>>(),
            ["websockets_open", "requesting", "carriers_open"]
        );
    }
}
