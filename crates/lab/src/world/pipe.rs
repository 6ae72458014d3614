//! One direction of a connection: bytes that arrive late, in other pieces than they were written, or not at all.

use crate::random::Random;
use std::collections::VecDeque;
use std::time::Duration;

/// What travels.
#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// What a reader finds.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) bytes: Vec<u8>,
    pub(super) end: bool,
}

/// A one-way byte stream.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    flying: VecDeque<Piece>,
    /// What has arrived and was not read.
    arrived: Arrived,
    /// Written and not read yet.
    unread_bytes: usize,
    /// When the newest piece arrives.
    last_at: Duration,
    /// What is written now goes nowhere.
    closed: bool,
}

impl Pipe {
    /// Cuts the bytes into pieces and sends them on their way. Returns when each piece arrives.
    pub(super) fn write(
        &mut self,
        now: Duration,
        mut bytes: Vec<u8>,
        latency: Duration,
        random: &mut Random,
    ) -> Vec<Duration> {
        let mut times = Vec::new();
        if self.closed || bytes.is_empty() {
            return times;
        }
        self.unread_bytes += bytes.len();
        while bytes.len() > 1 && times.len() < 4 && random.chance(250) {
            let rest = bytes.split_off(random.between(1, bytes.len() as u64 - 1) as usize);
            times.push(self.launch(now, Piece::Bytes(bytes), latency, random));
            bytes = rest;
        }
        times.push(self.launch(now, Piece::Bytes(bytes), latency, random));
        times
    }

    /// The writer closes the stream. Returns when the reader hears of it.
    pub(super) fn close(
        &mut self,
        now: Duration,
        latency: Duration,
        random: &mut Random,
    ) -> Option<Duration> {
        if std::mem::replace(&mut self.closed, true) {
            return None;
        }
        Some(self.launch(now, Piece::End, latency, random))
    }

    /// The stream breaks after some of the bytes that are on their way. Returns when the reader hears of it; never, if
    /// it is not to be told.
    pub(super) fn cut(
        &mut self,
        now: Duration,
        told: bool,
        latency: Duration,
        random: &mut Random,
    ) -> Option<Duration> {
        let flying: usize = self.flying.iter().map(Piece::len).sum();
        let mut kept = random.below(flying as u64 + 1) as usize;
        for piece in &mut self.flying {
            if let Piece::Bytes(bytes) = piece {
                let part = bytes.len().min(kept);
                self.unread_bytes -= bytes.len() - part;
                bytes.truncate(part);
                kept -= part;
            } else {
                *piece = Piece::Bytes(Vec::new());
            }
        }
        self.closed = true;
        told.then(|| self.launch(now, Piece::End, latency, random))
    }

    /// The next piece arrives.
    pub(super) fn arrive(&mut self) {
        match self.flying.pop_front() {
            Some(Piece::Bytes(bytes)) => self.arrived.bytes.extend(bytes),
            Some(Piece::End) => self.arrived.end = true,
            None => {}
        }
    }

    /// The reader takes all that has arrived.
    pub(super) fn read(&mut self) -> Arrived {
        self.unread_bytes = self.unread_bytes.saturating_sub(self.arrived.bytes.len());
        std::mem::take(&mut self.arrived)
    }

    /// Whether the reader would find something.
    pub(super) fn is_readable(&self) -> bool {
        self.arrived.end || !self.arrived.bytes.is_empty()
    }

    /// Written and not read yet.
    pub(super) fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    fn launch(&mut self, now: Duration, piece: Piece, latency: Duration, random: &mut Random) -> Duration {
        let delay = Duration::from_micros(random.below(latency.as_micros() as u64 + 1));
        self.last_at = self.last_at.max(now + delay);
        self.flying.push_back(piece);
        self.last_at
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::End => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(10);

    fn arrivals(pipe: &mut Pipe, count: usize) -> Arrived {
        (0..count).for_each(|_| pipe.arrive());
        pipe.read()
    }

    #[test]
    fn bytes_arrive_whole_and_in_order_however_they_are_cut_into_pieces() {
        for seed in 0..100 {
            let (mut pipe, mut random) = (Pipe::default(), Random::new(seed));
            let mut times = pipe.write(Duration::ZERO, b"hello, ".to_vec(), LATENCY, &mut random);
            times.extend(pipe.write(Duration::ZERO, b"world".to_vec(), LATENCY, &mut random));
            assert!(times.is_sorted());
            assert_eq!(pipe.unread_bytes(), 12);
            assert_eq!(arrivals(&mut pipe, times.len()).bytes, b"hello, world");
            assert_eq!(pipe.unread_bytes(), 0);
        }
    }

    #[test]
    fn a_cut_keeps_a_beginning_of_what_was_on_its_way_and_nothing_after() {
        let mut lengths = [false; 6];
        for seed in 0..200 {
            let (mut pipe, mut random) = (Pipe::default(), Random::new(seed));
            let pieces = pipe.write(Duration::ZERO, b"hello".to_vec(), LATENCY, &mut random).len();
            assert!(pipe.cut(Duration::ZERO, true, LATENCY, &mut random).is_some());
            assert!(pipe.write(Duration::ZERO, b"late".to_vec(), LATENCY, &mut random).is_empty());
            let arrived = arrivals(&mut pipe, pieces + 1);
            assert!(arrived.end && b"hello".starts_with(&arrived.bytes));
            lengths[arrived.bytes.len()] = true;
        }
        assert_eq!(lengths, [true; 6], "at any byte");
    }
}
