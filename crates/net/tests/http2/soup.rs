//! Frames in any order and of any kind, from a seed each: whatever they come to, it is one carrier's end and nobody else's.

use crate::raw::{self, DATA, END_HEADERS, END_STREAM, GET, HEADERS, Raw, WEBSOCKET, block, frame};
use crate::rig;
use crate::serving::server;
use net::{Http2Limits, Limits};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Numbers that look like chance and are the same in each run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn bytes(&mut self, limit: usize) -> Vec<u8> {
        (0..self.below(limit)).map(|_| self.below(256) as u8).collect()
    }

    /// A frame that is right more often than not, or else bytes would be refused before anything interesting happens.
    fn frame(&mut self, next: &mut u32) -> Vec<u8> {
        // One that was opened, mostly.
        let stream = (self.below(*next as usize / 2 + 1) * 2 + 1) as u32;
        let kind = if *next == 0 { 0 } else { self.below(40) };
        match kind {
            0..=6 => {
                // The first is 1.
                *next += if *next == 0 { 1 } else { 2 };
                let flags = match self.below(30) {
                    0 => 0,
                    1..=4 => END_HEADERS | END_STREAM,
                    _ => END_HEADERS,
                };
                frame(HEADERS, flags, *next, &block([WEBSOCKET, WEBSOCKET, GET][self.below(3)]))
            }
            7..=24 => {
                let message = rig::masked([0x81, 0x82, 0x88, 0x89, 0x01, 0x80][self.below(6)], b"words");
                let cut = self.below(message.len() + 1);
                frame(DATA, 0, stream, &message[..cut.max(1)])
            }
            25 => frame(DATA, [0, END_STREAM, raw::PADDED][self.below(3)], stream, &self.bytes(300)),
            26 => frame(raw::RST_STREAM, 0, stream, &(self.below(14) as u32).to_be_bytes()),
            27..=29 => {
                let increment = [1, 1000, 1 << 30, 0x7fff_ffff][self.below(4)] as u32;
                frame(raw::WINDOW_UPDATE, 0, [0, stream][self.below(2)], &increment.to_be_bytes())
            }
            30 | 31 => {
                let value = [0, 1, 65_535, 1 << 20, 0x7fff_ffff][self.below(5)] as u32;
                let mut payload = [0, [1, 3, 4, 6][self.below(4)], 0, 0, 0, 0];
                payload[2..].copy_from_slice(&value.to_be_bytes());
                frame(raw::SETTINGS, 0, 0, &payload)
            }
            32 => frame(raw::PING, self.below(2) as u8, 0, &[7; 8]),
            33 | 34 => frame(raw::PRIORITY, 0, stream, &[0, 0, 0, self.below(9) as u8, 16]),
            35 => frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[("trailer", "x")])),
            36 | 37 => frame(0x0b + self.below(200) as u8, self.below(256) as u8, stream, &self.bytes(100)),
            38 => frame(raw::CONTINUATION, END_HEADERS, *next, &block(&[("x", "y")])),
            _ => frame(self.below(10) as u8, self.below(256) as u8, self.below(20) as u32, &self.bytes(40)),
        }
    }
}

/// A connection, and what is to be sent on it, in pieces.
fn stranger(address: SocketAddr, seed: u64, frames: usize) -> (TcpStream, std::vec::IntoIter<Vec<u8>>) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = raw::PREFACE.to_vec();
    bytes.extend(frame(raw::SETTINGS, 0, 0, &[]));
    let mut next = 0;
    for _ in 0..frames {
        bytes.extend(dice.frame(&mut next));
    }
    let size = 1 + dice.below(600);
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    (rig::connect(address), pieces.into_iter())
}

#[test]
fn whatever_frames_come_the_worker_and_other_carriers_live_on() {
    const SEEDS: u64 = 300;
    const FRAMES: usize = 60;
    let http2 = Http2Limits { faulty_streams_max: 10, ..Http2Limits::default() };
    let limits = Limits {
        http2,
        linger_timeout: Duration::from_millis(50),
        write_timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let (workers, address) = server(limits);
    let mut witness = Raw::connect(address);
    let seen = witness.websocket();
    let mut strangers: Vec<_> = (1..=SEEDS).map(|seed| stranger(address, seed, FRAMES)).collect();
    let mut rounds = 0;
    while !strangers.is_empty() {
        // Each sends one piece, so that the server sees some of it before the rest.
        strangers.retain_mut(|(stream, pieces)| {
            pieces.next().is_some_and(|piece| stream.write_all(&piece).is_ok())
        });
        rounds += 1;
        witness.echo(seen, &format!("{rounds}"));
    }
    rig::eventually("nothing of it is left", || {
        let totals = workers.totals();
        (totals.websockets_open, totals.carriers_open, totals.requesting) == (1, 1, 0)
    });
    assert!(workers.are_running());
    let totals = workers.totals();
    assert!(totals.websockets_opened > 20 && totals.messages_in > 20, "some of it was good: {totals:?}");
    witness.echo(seen, "the last word");
}
